// The halt dialog on every page, and what Unfold's own dialogs lack: a role, the focus, and an answer to errors.
"use strict";

(function () {
  let opener = null;

  function openHalt(address) {
    const dialog = document.getElementById("halt-dialog");
    const body = document.getElementById("halt-body");
    const waiting = document.getElementById("halt-waiting");
    body.replaceChildren();
    waiting.hidden = false;
    if (!dialog.open) dialog.showModal();
    htmx.ajax("GET", address, { target: body, swap: "innerHTML" }).then(() => {
      waiting.hidden = body.childElementCount > 0;
    });
  }

  function suggest() {
    const kind = document.getElementById("id_kind");
    const target = document.getElementById("id_target");
    if (!kind || !target) return;
    const lists = { strategy: "known-strategies", user: "known-users" };
    const set = () => target.setAttribute("list", lists[kind.value] || "");
    kind.addEventListener("change", set);
    set();
  }

  function onClick(event) {
    const link = event.target.closest("a[data-halt]");
    if (link && document.getElementById("halt-dialog") && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      openHalt(link.href);
      return;
    }
    const close = event.target.closest("[data-close]");
    if (close) close.closest("dialog").close();
  }

  function focusFirst(root) {
    const wanted = ["[autofocus]", "textarea, input:not([type=hidden]), select", "button"];
    const first = wanted.map((selector) => root.querySelector(selector)).find(Boolean);
    if (first) first.focus();
  }

  function onSettle(event) {
    if (event.target.id === "halt-body") { suggest(); focusFirst(event.target); }
    const modal = document.getElementById("modal-content");
    if (modal && modal.contains(event.target)) focusFirst(modal);
  }

  function prepareModal() {
    const modal = document.getElementById("modal-content");
    const overlay = document.getElementById("modal-overlay");
    if (!modal || !overlay) return;
    modal.setAttribute("role", "dialog");
    modal.setAttribute("aria-modal", "true");
    modal.setAttribute("aria-label", "Dialog");
    modal.addEventListener("keydown", (event) => keepFocus(event, modal));
    new MutationObserver(() => {
      if (overlay.style.display === "none" && opener) giveFocusBack();
    }).observe(overlay, { attributes: true, attributeFilter: ["style"] });
  }

  // A part that refreshes itself may have replaced the button meanwhile: then its successor has the same id.
  function giveFocusBack() {
    const button = opener.isConnected ? opener : document.getElementById(opener.id);
    if (button) button.focus();
    opener = null;
  }

  function keepFocus(event, modal) {
    if (event.key !== "Tab") return;
    const all = [...modal.querySelectorAll("a[href], button, input:not([type=hidden]), select, textarea")];
    const [first, last] = [all[0], all[all.length - 1]];
    if (event.shiftKey && document.activeElement === first) { event.preventDefault(); last.focus(); }
    else if (!event.shiftKey && document.activeElement === last) { event.preventDefault(); first.focus(); }
  }

  function toast(text) {
    const box = document.getElementById("toasts");
    if (!box) return;
    const note = document.createElement("p");
    note.className = "toast";
    note.textContent = text;
    box.append(note);
    window.setTimeout(() => note.remove(), 8000);
  }

  function isPoll(event) {
    return event.detail.elt && event.detail.elt.matches("[data-poll]");
  }

  document.addEventListener("click", onClick);
  document.addEventListener("htmx:afterSettle", onSettle);
  document.addEventListener("htmx:beforeRequest", (event) => {
    if (event.detail.target && event.detail.target.id === "modal-content") opener = event.detail.elt;
  });
  document.addEventListener("htmx:responseError", (event) => {
    if (isPoll(event)) return;
    const status = event.detail.xhr.status;
    toast(status === 403 ? "Your role may not do this. Nothing was changed." : `The server answered ${status}. Nothing was changed.`);
  });
  document.addEventListener("htmx:sendError", (event) => {
    if (!isPoll(event)) toast("The server does not answer. Nothing was changed.");
  });
  document.addEventListener("DOMContentLoaded", () => { prepareModal(); suggest(); });
})();
