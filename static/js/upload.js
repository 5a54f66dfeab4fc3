// Drag and drop, what was read from the files, and a progress bar that keeps the files when something is wrong.
// Without this file the form is an ordinary one: the same service checks the same things.
(() => {
  "use strict";
  const form = document.querySelector("form[data-upload]");
  if (!form) return;
  const drop = form.querySelector("[data-drop]");
  const list = form.querySelector("[data-files]");
  const found = form.querySelector("[data-found]");
  const inputs = [...form.querySelectorAll("input[type=file]")];
  const submit = form.querySelector("button[type=submit]");
  const progress = form.querySelector("[data-progress]");
  const status = form.querySelector("[data-status]");
  const summary = form.querySelector("[data-upload-errors]");
  const PICKLES = /\.(bin|pt|pth|pkl|pickle|ckpt|joblib|npy|npz)$/i;
  const KEPT = /(\.(json|md|txt|csv|jsonl|ya?ml|png|jpe?g|webp|svg|jinja|model)|^LICENSE|^NOTICE|^adapter_model\.safetensors)$/;
  let chosen = new Map();
  form.querySelector(".only-script").hidden = false;
  drop.classList.add("is-scripted"); // the list below says what was chosen

  const size = (bytes) => bytes >= 1e6 ? (bytes / 1e6).toFixed(1) + " MB" : bytes >= 1e3 ? Math.round(bytes / 1e3) + " kB" : bytes + " bytes";

  function choose(files) {
    // Of a folder only its top: checkpoints below it are other adapters.
    const depth = (file) => (file.path || file.webkitRelativePath || file.name).split("/").length;
    const top = Math.min(...files.map(depth));
    for (const file of files.filter((file) => depth(file) === top)) {
      const left = PICKLES.test(file.name) ? "left out: may be a pickle" : KEPT.test(file.name) ? "" : "left out: not part of a module";
      chosen.set(file.name, { file, left: file.name === "adapter_model.bin" ? "" : left });
    }
    for (const input of inputs) input.value = "";
    show();
    suggest();
  }

  function show() {
    list.hidden = chosen.size === 0;
    list.replaceChildren(...[...chosen.values()].sort((a, b) => a.file.name.localeCompare(b.file.name)).map(({ file, left }) => {
      const row = document.createElement("li");
      const name = document.createElement("span");
      name.textContent = file.name;
      if (left) name.className = "is-left-out";
      const note = document.createElement("span");
      note.className = "muted small push nowrap";
      note.textContent = left || size(file.size);
      const remove = document.createElement("button");
      remove.type = "button";
      remove.className = "link-button small";
      remove.textContent = "Remove";
      remove.setAttribute("aria-label", "Remove " + file.name);
      remove.addEventListener("click", () => { chosen.delete(file.name); show(); });
      row.append(name, note, remove);
      return row;
    }));
  }

  // Suggestions: only into fields that are still empty.
  const fill = (name, value) => {
    const field = form.elements[name];
    if (field && !field.value && value) field.value = value;
  };
  async function suggest() {
    const said = [];
    const text = async (name) => chosen.has(name) && chosen.get(name).file.size < 2e6 ? chosen.get(name).file.text() : "";
    try {
      const config = JSON.parse(await text("adapter_config.json") || "{}");
      if (config.peft_type) said.push(`${config.peft_type}${config.r ? " of rank " + config.r : ""}`);
      if (Array.isArray(config.target_modules)) said.push("on " + config.target_modules.slice(0, 8).join(", "));
      if (/^[\w.-]+(\/[\w.-]+)?$/.test(config.base_model_name_or_path || "")) {
        said.push("for " + config.base_model_name_or_path);
        fill("base_model", config.base_model_name_or_path);
      }
    } catch { said.push("adapter_config.json is not valid JSON"); }
    const card = (await text("README.md")).match(/^---\r?\n([\s\S]*?)\r?\n---/);
    if (card) {
      const value = (key) => ((card[1].match(new RegExp(`^${key}:[ \\t]*(.+)$`, "m")) || [])[1] || "").replace(/^["'\[]+|["'\]]+$/g, "").trim();
      const items = (key) => (card[1].match(new RegExp(`^${key}:[ \\t]*\\r?\\n((?:[ \\t]*- .+\\r?\\n?)+)`, "m")) || ["", ""])[1].split(/\r?\n/).map((line) => line.replace(/^\s*-\s*/, "").replace(/^["']|["']$/g, "").trim()).filter(Boolean);
      const either = (key) => items(key).join(", ") || value(key);
      fill("license", value("license"));
      fill("task", value("task") || value("pipeline_tag"));
      fill("summary", value("summary") || value("description"));
      // PEFT writes the base model into the tags; the hub knows it already.
      fill("tags", either("tags").split(/,\s*/).filter((tag) => !tag.startsWith("base_model:") && tag.length <= 40).join(", "));
      fill("languages", either("language"));
      fill("dataset", either("datasets"));
    }
    found.hidden = said.length === 0;
    found.textContent = said.length ? "Found: " + said.join(" ") + "." : "";
  }

  async function entries(items) {
    const files = [];
    async function walk(entry, path) {
      if (entry.isFile) {
        const file = await new Promise((yes, no) => entry.file(yes, no));
        file.path = path + file.name;
        files.push(file);
      } else if (path.split("/").length < 3) {
        const reader = entry.createReader();
        for (;;) {
          const part = await new Promise((yes, no) => reader.readEntries(yes, no));
          if (!part.length) break;
          for (const child of part) await walk(child, path + entry.name + "/");
        }
      }
    }
    for (const item of items) await walk(item, "");
    return files;
  }
  for (const input of inputs) input.addEventListener("change", () => { if (input.files.length) choose([...input.files]); });
  drop.addEventListener("dragover", (event) => { event.preventDefault(); drop.classList.add("is-over"); });
  drop.addEventListener("dragleave", () => drop.classList.remove("is-over"));
  drop.addEventListener("drop", async (event) => {
    event.preventDefault();
    drop.classList.remove("is-over");
    const items = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry && item.webkitGetAsEntry()).filter(Boolean);
    const plain = [...event.dataTransfer.files];
    const files = items.length ? await entries(items) : plain;
    if (files.length) choose(files);
  });

  function clearErrors() {
    summary.replaceChildren();
    for (const note of form.querySelectorAll(".field > .error")) note.remove();
    for (const field of form.querySelectorAll(".has-error")) field.classList.remove("has-error");
  }
  function showErrors(answer) {
    clearErrors();
    const box = document.createElement("div");
    box.className = "form-errors";
    box.setAttribute("role", "alert");
    const title = document.createElement("p");
    const strong = document.createElement("strong");
    strong.textContent = "Nothing was published.";
    title.append(strong);
    box.append(title);
    const fields = answer.fields && Object.keys(answer.fields).length ? answer.fields : { "": [answer.detail] };
    for (const [name, sentences] of Object.entries(fields)) {
      const holder = form.querySelector(`[data-field="${CSS.escape(name)}"]`);
      const field = holder && (holder.matches(".field") ? holder : holder.querySelector(".field"));
      if (!field) {
        for (const sentence of sentences) { const p = document.createElement("p"); p.textContent = sentence; box.append(p); }
        continue;
      }
      field.classList.add("has-error");
      const note = document.createElement("ul");
      note.className = "error";
      for (const sentence of sentences) { const li = document.createElement("li"); li.textContent = sentence; note.append(li); }
      field.append(note);
    }
    if (box.children.length === 1) title.append(" Please change what is marked.");
    summary.append(box);
    summary.scrollIntoView({ block: "center" });
  }

  form.addEventListener("submit", (event) => {
    if (chosen.size === 0) return; // the plain form says what is missing
    event.preventDefault();
    clearErrors();
    const data = new FormData(form);
    data.delete("files");
    for (const { file, left } of chosen.values()) if (!left) data.append("files", file, file.name);
    const request = new XMLHttpRequest();
    request.open("POST", form.getAttribute("data-upload")); // form.dataset is the field named "dataset"
    request.setRequestHeader("X-CSRFToken", form.elements.csrfmiddlewaretoken.value);
    request.setRequestHeader("Accept", "application/json");
    request.responseType = "json";
    submit.disabled = true;
    progress.hidden = false;
    request.upload.addEventListener("progress", (step) => {
      progress.value = step.lengthComputable ? step.loaded / step.total : 0;
      status.textContent = step.loaded < step.total ? `${size(step.loaded)} of ${size(step.total)}` : "Checking the files";
    });
    const done = () => { submit.disabled = false; progress.hidden = true; status.textContent = ""; };
    request.addEventListener("load", () => {
      if (request.status === 201 && request.response) { location.assign(request.response.url); return; }
      done();
      showErrors(request.response || { detail: `The hub answered ${request.status}. Try again.` });
    });
    request.addEventListener("error", () => { done(); showErrors({ detail: "The connection was lost. Nothing was published; try again." }); });
    request.send(data);
  });
})();
