// The modules picked while browsing. Without this file, "Add to compose" opens the compose page with that one module.
(() => {
  "use strict";
  const KEY = "compose-basket", MOST = 64;
  const bar = document.querySelector("[data-basket-bar]");
  if (!bar) return;
  const read = () => {
    try {
      const names = JSON.parse(localStorage.getItem(KEY) || "[]");
      return Array.isArray(names) ? names.filter((name) => typeof name === "string").slice(0, MOST) : [];
    } catch { return []; }
  };
  const write = (names) => { try { localStorage.setItem(KEY, JSON.stringify(names)); } catch { /* not kept */ } };

  function show() {
    const names = read();
    for (const link of document.querySelectorAll("[data-basket]")) {
      const picked = names.includes(link.dataset.basket);
      link.setAttribute("role", "button");
      link.setAttribute("aria-pressed", String(picked));
      link.querySelector("span").textContent = picked ? "Picked" : "Add to compose";
    }
    bar.hidden = names.length === 0;
    bar.querySelector("[data-basket-count]").textContent = names.length;
    bar.querySelector("[data-basket-names]").textContent = names.join(", ");
    bar.querySelector("[data-basket-go]").href = "/compose/?" + names.map((name) => "module=" + encodeURIComponent(name)).join("&");
  }
  document.addEventListener("click", (event) => {
    const link = event.target.closest("[data-basket]");
    if (link && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
      event.preventDefault();
      const names = read(), name = link.dataset.basket;
      write(names.includes(name) ? names.filter((other) => other !== name) : [...names, name].slice(-MOST));
      show();
    } else if (event.target.closest("[data-basket-clear]")) {
      write([]);
      show();
    }
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === " " && event.target.matches("[data-basket]")) { event.preventDefault(); event.target.click(); }
  });
  document.addEventListener("htmx:afterSwap", show);
  window.addEventListener("storage", show);
  show();
})();
