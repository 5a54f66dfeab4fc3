// What is wrong with this page, as a list of sentences: the rules of every page, checked by conftest.py.
() => {
  const wrong = [];
  const shown = (node) => node.checkVisibility({visibilityProperty: true});
  const start = (node) => node.outerHTML.slice(0, 120);
  if (document.querySelectorAll("h1").length !== 1) wrong.push("not exactly one h1");
  if (!document.title.trim()) wrong.push("no title");
  if (!document.documentElement.lang) wrong.push("no language");
  for (const field of document.querySelectorAll("input:not([type=hidden]), select, textarea"))
    if (shown(field) && !field.labels?.length && !field.ariaLabel && !field.getAttribute("aria-labelledby"))
      wrong.push("no label: " + start(field));
  for (const node of document.querySelectorAll("button, a[href], summary"))
    if (shown(node) && !(node.textContent.trim() || node.ariaLabel || node.title || node.querySelector("[aria-label], title")))
      wrong.push("no name: " + start(node));
  for (const image of document.querySelectorAll("img:not([alt])")) wrong.push("no alternative text: " + image.src);
  const ids = [...document.querySelectorAll("[id]")].map((node) => node.id);
  for (const id of new Set(ids))
    if (ids.filter((other) => other === id).length > 1) wrong.push("doubled id: " + id);
  for (const name of ["aria-describedby", "aria-labelledby", "aria-controls"])
    for (const node of document.querySelectorAll(`[${name}]`))
      for (const id of node.getAttribute(name).split(" "))
        if (id && !document.getElementById(id)) wrong.push(`${name} points to nothing: ${id}`);
  return wrong;
}
