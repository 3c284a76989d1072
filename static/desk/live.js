// How old the Desk is, and its charts. Old numbers are greyed, never blanked.
"use strict";

(function () {
  const CHART_EVERY_MS = 15000;
  const charts = [];
  let answeredAt = Date.now();

  function clock(time) {
    return new Date(time).toISOString().slice(11, 19);
  }

  function showAge() {
    const desk = document.querySelector("[data-live]");
    const state = desk && desk.querySelector("[data-live-state]");
    if (!state) return;
    const age = Math.round((Date.now() - answeredAt) / 1000);
    const late = age >= Number(desk.dataset.lateAfter);
    const dead = age >= Number(desk.dataset.deadAfter);
    const text = dead ? `Not live: no answer since ${clock(answeredAt)} UTC` : `Updated ${age} s ago`;
    if (state.textContent !== text) state.textContent = text;
    state.parentElement.className = "live-line" + (dead ? " dead" : late ? " late" : "");
    desk.classList.toggle("dead", dead);
  }

  function colour(name) {
    return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  }

  function options(stacked) {
    const grid = { color: colour("--desk-line") };
    const ticks = { color: colour("--desk-quiet"), maxTicksLimit: 8, maxRotation: 0 };
    return {
      animation: false,
      responsive: true,
      maintainAspectRatio: false,
      interaction: { mode: "index", intersect: false },
      plugins: { legend: { position: "top", align: "end", labels: { color: colour("--desk-text"), boxWidth: 10, boxHeight: 10 } } },
      elements: { point: { radius: 0 }, line: { borderWidth: 2 } },
      scales: {
        x: { stacked, grid: { display: false }, ticks: { ...ticks, autoSkip: true } },
        y: { stacked, beginAtZero: true, grid, ticks: { ...ticks, maxTicksLimit: 5, precision: 0 } },
      },
    };
  }

  function draw(canvas, type, data) {
    const chart = new Chart(canvas.getContext("2d"), { type, data, options: options(type === "bar") });
    charts.push(chart);
    return chart;
  }

  async function refreshBars(canvas, chart) {
    if (document.visibilityState !== "visible") return;
    const answer = await fetch(canvas.dataset.bars, { headers: { "HX-Request": "true" } });
    if (answer.status !== 200) return;
    chart.data = await answer.json();
    chart.update();
  }

  function startBars(canvas) {
    const chart = draw(canvas, "bar", { labels: [], datasets: [] });
    const refresh = () => refreshBars(canvas, chart).catch(() => {}); // the Desk's own line says when nobody answers
    refresh();
    window.setInterval(refresh, CHART_EVERY_MS);
  }

  function recolour() {
    charts.forEach((chart) => { chart.options = options(chart.config.type === "bar"); chart.update(); });
  }

  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.target.matches("[data-live]")) { answeredAt = Date.now(); showAge(); }
  });
  document.addEventListener("DOMContentLoaded", () => {
    showAge();
    window.setInterval(showAge, 1000);
    document.querySelectorAll("canvas[data-bars]").forEach(startBars);
    document.querySelectorAll("canvas[data-lines]").forEach((canvas) => draw(canvas, "line", JSON.parse(canvas.dataset.lines)));
    new MutationObserver(recolour).observe(document.documentElement, { attributes: true, attributeFilter: ["class"] });
  });
})();
