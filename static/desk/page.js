// Small things every page needs: clock, copy buttons, keys, rows that open, icons that are not read aloud.
"use strict";

(function () {
  const startedAt = Date.now();
  let serverStartedAt = null;

  function tick() {
    const clock = document.querySelector("[data-clock]");
    if (!clock) return;
    if (serverStartedAt === null) serverStartedAt = Number(clock.dataset.clock) * 1000;
    const now = new Date(serverStartedAt + Date.now() - startedAt);
    clock.textContent = now.toISOString().slice(11, 19) + " UTC";
  }

  async function copy(button) {
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
    } catch {
      // Without HTTPS there is no clipboard: select the text by hand as a last resort.
      window.prompt("Copy:", button.dataset.copy);
    }
    button.classList.add("copied");
    window.setTimeout(() => button.classList.remove("copied"), 1200);
  }

  function isTyping(target) {
    return target.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(target.tagName);
  }

  function onKey(event) {
    if (isTyping(event.target) || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "H") {
      const halt = document.querySelector(".button-halt");
      if (halt) { event.preventDefault(); halt.click(); }
    } else if (event.key === "?") {
      const keys = document.getElementById("keys-dialog");
      if (keys && !keys.open) { event.preventDefault(); keys.showModal(); }
    }
  }

  function onClick(event) {
    const button = event.target.closest("[data-copy]");
    if (button) { event.preventDefault(); event.stopPropagation(); copy(button); return; }
    if (event.target.closest("a, button, input, select, label, .field-actions_holder")) return;
    const row = event.target.closest("#result_list tr.opens");
    if (row && !window.getSelection().toString()) row.querySelector("a").click();
  }

  // Icons are words drawn as pictures; read aloud they would say "dashboard Desk".
  function hideIcons() {
    document.querySelectorAll(".material-symbols-outlined:not([aria-hidden])").forEach((icon) => {
      icon.setAttribute("aria-hidden", "true");
    });
  }

  function markRows() {
    document.querySelectorAll("#result_list tr.data-row").forEach((row) => {
      if (row.querySelector("th a[href]")) row.classList.add("opens");
    });
  }

  function goToFirstError() {
    const input = document.querySelector("#content .errors :is(input:not([type=hidden]), select, textarea)");
    const note = document.querySelector("#content .errornote");
    if (input) { input.scrollIntoView({ block: "center" }); input.focus({ preventScroll: true }); }
    else if (note) note.scrollIntoView({ block: "center" });
  }

  // Before its font is there an icon is as wide as its word, and SimpleBar measured a list that did not fit.
  function measureAgain() {
    document.querySelectorAll("[data-simplebar]").forEach((box) => {
      const bar = SimpleBar.instances.get(box);
      if (bar) bar.recalculate();
    });
  }

  window.addEventListener("load", () => document.fonts.ready.then(measureAgain));
  document.addEventListener("click", onClick, true);
  document.addEventListener("keydown", onKey);
  document.addEventListener("htmx:afterSettle", hideIcons);
  document.addEventListener("DOMContentLoaded", () => {
    tick();
    window.setInterval(tick, 1000);
    hideIcons();
    markRows();
    goToFirstError();
  });
})();
