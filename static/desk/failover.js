// The failover editor: ↑ ↓ buttons, positions that follow the order on the screen, and what the router would answer.
"use strict";

(function () {
  const EVERY_MS = 5000;

  function rows(table) {
    return [...table.querySelectorAll("tbody.form-group:not(.empty-form)")];
  }

  function isRemoved(row) {
    const box = row.querySelector("input[type=checkbox][name$=-DELETE]");
    return Boolean(box && box.checked);
  }

  function position(row) {
    return row.querySelector("input[name$=-position]");
  }

  function number(table) {
    rows(table).forEach((row, index) => { position(row).value = index; });
  }

  // After an error the server shows the stored order with the positions that were sent: put them together again.
  function sortByPosition(table) {
    const before = table.querySelector("tbody.empty-form") || table.querySelector("tfoot");
    rows(table)
      .map((row, index) => [position(row).value === "" ? Infinity : Number(position(row).value), index, row])
      .sort((a, b) => a[0] - b[0] || a[1] - b[1])
      .forEach(([, , row]) => table.insertBefore(row, before));
    number(table);
  }

  function move(table, row, direction) {
    const all = rows(table);
    const other = all[all.indexOf(row) + (direction === "up" ? -1 : 1)];
    if (!other) return;
    if (direction === "up") table.insertBefore(row, other);
    else table.insertBefore(other, row);
    number(table);
    row.querySelector(`[data-move=${direction}]`).focus();
    position(row).dispatchEvent(new Event("input", { bubbles: true }));
  }

  async function ask(table, box) {
    const primary = box.dataset.primary || (document.getElementById("id_primary") || {}).value || "";
    const steps = rows(table).filter((row) => !isRemoved(row)).map((row) => row.querySelector("select[name$=-exchange], input[name$=-exchange]")).map((select) => (select ? select.value : ""));
    const chosen = (name) => (document.getElementById(name) || {}).value || "";
    const query = new URLSearchParams({ primary, steps: steps.filter(Boolean).join(","), ordering: chosen("id_ordering"), region: chosen("id_region") });
    const answer = await fetch(`${box.dataset.preview}?${query}`, { headers: { "HX-Request": "true" } });
    if (answer.status !== 200) return;
    show(table, box, await answer.json());
  }

  function show(table, box, data) {
    // The HTML comes from our own templates, with every value escaped there.
    const line = box.querySelector(".chain-answer-line");
    const text = data.answer || "Choose the primary exchange and the order.";
    if (line.innerHTML !== text) line.innerHTML = text;
    const problem = box.querySelector(".chain-problem");
    problem.hidden = !data.problem;
    problem.textContent = data.problem;
    rows(table).forEach((row) => {
      const select = row.querySelector("select[name$=-exchange]");
      const cells = data.steps[select ? select.value : ""] || { state: "", fate: "" };
      row.querySelectorAll("[data-step]").forEach((cell) => { cell.innerHTML = cells[cell.dataset.step]; });
    });
  }

  function start() {
    const table = document.getElementById("steps-data");
    const box = document.getElementById("chain-answer");
    if (!table || !box) return;
    const refresh = () => ask(table, box).catch(() => {});
    sortByPosition(table);
    table.addEventListener("click", (event) => {
      const button = event.target.closest("[data-move]");
      if (button) { move(table, button.closest("tbody"), button.dataset.move); refresh(); }
    });
    table.addEventListener("change", refresh);
    document.addEventListener("formsetGroup:added", () => { number(table); refresh(); });
    document.addEventListener("formset:removed", () => { number(table); refresh(); });
    for (const name of ["id_primary", "id_ordering", "id_region"]) {
      const field = document.getElementById(name);
      if (field) field.addEventListener("change", refresh);
    }
    // Dragging moves whole rows; this also sees what Unfold's own script moved.
    new MutationObserver(() => { number(table); refresh(); }).observe(table, { childList: true });
    window.setInterval(() => { if (document.visibilityState === "visible") refresh(); }, EVERY_MS);
    refresh();
  }

  document.addEventListener("DOMContentLoaded", start);
})();
