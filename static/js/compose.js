// The compose form: filter the modules, count what is picked, add rows. The form works without it.
(() => {
  "use strict";
  const form = document.querySelector("[data-compose]");
  if (!form) return;

  const picks = form.querySelector("[data-picks]");
  const filter = form.querySelector("[data-pick-filter]");
  const base = form.querySelector("[name=base_model]");
  const items = picks ? [...picks.querySelectorAll("li[data-base]")] : [];
  function show() {
    const words = filter ? filter.value.toLowerCase().split(/\s+/).filter(Boolean) : [];
    let seen = 0;
    for (const item of items) {
      const fits = item.dataset.base === base.value;
      const wanted = fits && words.every((word) => item.dataset.text.includes(word));
      const box = item.querySelector("input");
      if (!fits) box.checked = false;
      item.hidden = !wanted;
      if (wanted) seen += 1;
    }
    const none = form.querySelector("[data-pick-none]");
    if (none) none.hidden = seen > 0;
    count();
  }
  function count() {
    const label = form.querySelector("[data-pick-count]");
    const picked = form.querySelectorAll("[name=modules]:checked").length;
    if (label) label.textContent = picked ? `${picked} picked` : "none picked yet";
  }
  if (filter) {
    filter.hidden = false;
    filter.addEventListener("input", (event) => { event.stopPropagation(); show(); });
    filter.addEventListener("change", (event) => event.stopPropagation());
    filter.addEventListener("keydown", (event) => { if (event.key === "Enter") event.preventDefault(); });
  }
  if (base) base.addEventListener("change", show);
  form.addEventListener("change", count);
  show();

  const add = form.querySelector("[data-add-row]");
  if (add) {
    add.hidden = false;
    add.addEventListener("click", () => {
      const body = form.querySelector("[data-rows] tbody");
      const row = body.rows[body.rows.length - 1].cloneNode(true);
      for (const input of row.querySelectorAll("input")) {
        input.value = "";
        input.setAttribute("aria-label", input.getAttribute("aria-label").replace(/\d+/, body.rows.length + 1));
      }
      body.append(row);
      row.querySelector("input").focus();
    });
  }

  // After a refused form: to the list of what has to change.
  const problems = document.querySelector("#problems");
  if (problems) problems.focus();
})();
