// Small conveniences; every page works without them.
(() => {
  "use strict";
  const root = document.documentElement;
  const isDark = () => root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;

  // Theme toggle: kept in localStorage; choosing the system's theme again forgets the choice.
  for (const button of document.querySelectorAll("[data-theme-toggle]")) {
    button.hidden = false;
    const name = () => {
      button.setAttribute("aria-label", isDark() ? "Switch to light theme" : "Switch to dark theme");
      button.title = button.getAttribute("aria-label");
    };
    name();
    button.addEventListener("click", () => {
      const next = isDark() ? "light" : "dark";
      root.dataset.theme = next;
      try { localStorage.setItem("theme", next); } catch { /* not kept */ }
      name();
    });
  }

  // Copy buttons: on every .code block, and on [data-copy="text"].
  const announce = document.querySelector("#announce");
  async function copy(button, text) {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      const area = document.createElement("textarea");
      area.value = text;
      document.body.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
    }
    const label = button.querySelector("span") || button;
    const before = label.textContent;
    label.textContent = "Copied";
    if (announce) announce.textContent = "Copied";
    setTimeout(() => { label.textContent = before; if (announce) announce.textContent = ""; }, 1600);
  }
  function addCopyButtons(scope) {
    for (const block of scope.querySelectorAll(".code:not([data-ready])")) {
      block.dataset.ready = "";
      const button = document.createElement("button");
      button.type = "button";
      button.className = "copy";
      const label = document.createElement("span");
      label.textContent = "Copy";
      button.append(label);
      button.addEventListener("click", () => copy(button, block.querySelector("pre, .secret").textContent.trim()));
      block.append(button);
    }
  }
  addCopyButtons(document);
  document.addEventListener("htmx:afterSwap", (event) => addCopyButtons(event.target));
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-copy]");
    if (button) copy(button, button.dataset.copy);
  });

  // A question before something that cannot be undone: <form data-confirm="Revoke this token?">
  document.addEventListener("submit", (event) => {
    const question = event.target.dataset.confirm;
    if (question && !window.confirm(question)) event.preventDefault();
  });

  // Menus close on Escape and on a click elsewhere.
  document.addEventListener("click", (event) => {
    for (const menu of document.querySelectorAll("details.menu[open]")) if (!menu.contains(event.target)) menu.open = false;
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const menu of document.querySelectorAll("details.menu[open]")) {
      menu.open = false;
      menu.querySelector("summary").focus();
    }
  });

  // "/" jumps to the search box.
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("input, textarea, select, [contenteditable]")) return;
    const box = document.querySelector("#site-search");
    if (box) { event.preventDefault(); box.focus(); box.select(); }
  });
})();
