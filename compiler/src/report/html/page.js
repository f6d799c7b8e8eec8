"use strict";
// Filters, the panel with details, and the keyboard. Everything it shows stands in the page already; it makes no markup
// from text and loads nothing.
(() => {
  const get = (id) => document.getElementById(id);
  const root = document.documentElement;
  const grid = get("grid");
  const rows = [...grid.tBodies[0].rows];
  const operations = [...document.querySelectorAll("details.op")];
  for (const part of document.querySelectorAll("[data-script]")) part.hidden = false;

  get("theme").addEventListener("click", () => {
    const dark = root.dataset.theme
      ? root.dataset.theme === "dark"
      : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
  });

  // What a row or a section is found by: its own words, the rules behind them, and what was found about it.
  const words = new Map();
  const wordsOf = (element) => {
    if (!words.has(element)) {
      const titles = [...element.querySelectorAll("[title]")].map((part) => part.title);
      words.set(element, [element.textContent, ...titles].join("\n").toLowerCase());
    }
    return words.get(element);
  };
  const profiles = [...grid.tHead.rows[0].cells].map((cell) => cell.textContent.toLowerCase());
  const reached = (row, text) =>
    profiles.some((name, at) => at > 0 && name.includes(text) && row.cells[at].querySelector(".e"));
  const value = (id) => get(id)?.value ?? "";

  const filter = () => {
    const text = value("filter-text").trim().toLowerCase();
    const tool = value("filter-tool");
    const kind = value("filter-class");
    const changed = get("filter-changed")?.checked ?? false;
    const named = new Set();
    for (const section of operations) {
      const { dataset } = section;
      const fits = (!tool || dataset.tool === tool) && (!kind || dataset.class === kind)
        && (!text || wordsOf(section).includes(text));
      section.hidden = !fits;
      if (text && fits) named.add(dataset.name);
    }
    let shown = 0;
    for (const row of rows) {
      const { dataset } = row;
      const fits = (!tool || dataset.tool === tool) && (!kind || dataset.class === kind)
        && (!changed || dataset.class || row.querySelector("del"))
        && (!text || wordsOf(row).includes(text) || named.has(dataset.name) || reached(row, text));
      row.hidden = !fits;
      if (fits) shown += 1;
    }
    get("shown").textContent = `${shown} of ${rows.length} operations`;
    const at = grid.querySelector("tbody [tabindex='0']");
    if (!at || at.parentElement.hidden) stand(first(), false);
  };

  // One cell of the grid is in the tab order; arrows move it.
  grid.setAttribute("role", "grid");
  grid.setAttribute("aria-readonly", "true");
  for (const row of rows) for (const cell of row.cells) cell.tabIndex = -1;
  for (const link of grid.querySelectorAll("a")) link.tabIndex = -1;
  const visible = () => rows.filter((row) => !row.hidden);
  const first = () => visible()[0]?.cells[0];
  const stand = (cell, focus = true) => {
    for (const old of grid.querySelectorAll("tbody [tabindex='0']")) old.tabIndex = -1;
    if (!cell) return;
    cell.tabIndex = 0;
    if (focus) {
      cell.focus({ preventScroll: true });
      cell.scrollIntoView({ block: "nearest", inline: "nearest" });
    }
  };
  const move = (cell, down, right) => {
    const all = visible();
    const row = all.indexOf(cell.parentElement);
    const within = (number, length) => Math.max(0, Math.min(length - 1, number));
    const target = all[within(row + down, all.length)];
    return target?.cells[within(cell.cellIndex + right, target.cells.length)];
  };
  grid.addEventListener("keydown", (event) => {
    const cell = event.target.closest("tbody td, tbody th");
    if (!cell || event.altKey || event.metaKey) return;
    const far = event.ctrlKey ? Infinity : 0;
    const steps = {
      ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1],
      PageUp: [-10, 0], PageDown: [10, 0], Home: [-far, -Infinity], End: [far, Infinity],
    };
    if (event.key === "Enter" || event.key === " ") open(cell);
    else if (event.key in steps) stand(move(cell, ...steps[event.key]));
    else return;
    event.preventDefault();
  });
  grid.addEventListener("click", (event) => {
    const cell = event.target.closest("tbody td, tbody th");
    if (!cell || String(getSelection())) return;
    event.preventDefault();
    stand(cell);
    open(cell);
  });

  // The panel shows copies of what stands in the page.
  const panel = get("panel");
  let opener = null;
  const add = (parent, name, text, kind) => {
    const element = document.createElement(name);
    if (text) element.textContent = text;
    if (kind) element.className = kind;
    parent.append(element);
    return element;
  };
  const copy = (body, original) => {
    const clone = original.cloneNode(true);
    clone.hidden = false;
    for (const part of [clone, ...clone.querySelectorAll("[id]")]) part.removeAttribute("id");
    for (const part of [clone, ...clone.querySelectorAll("details")]) {
      if (part.localName === "details") part.open = true;
    }
    body.append(clone);
  };
  const rules = (body, title, from) => {
    const entries = [...from].filter((entry) => entry.matches(".e"));
    if (entries.length === 0) return;
    add(body, "h3", title);
    const items = add(body, "ul", "", "rules");
    for (const entry of entries) {
      const item = add(items, "li");
      add(item, "span", entry.textContent, entry.className);
      add(item, "code", ` ${entry.title}`);
    }
  };
  const open = (cell) => {
    const name = cell.parentElement.dataset.name;
    const column = grid.tHead.rows[0].cells[cell.cellIndex].textContent;
    get("panel-title").textContent = cell.cellIndex === 0 ? name : `${name} · ${column}`;
    const body = get("panel-body");
    body.replaceChildren();
    const of = cell.cellIndex === 0 ? cell.parentElement : cell;
    for (const id of (of.dataset.findings ?? "").split(" ").filter(Boolean)) {
      const original = get(id);
      if (original) copy(body, original);
    }
    if (cell.cellIndex > 0) {
      const was = cell.querySelector("del");
      if (was) rules(body, "rules before", was.children);
      rules(body, was ? "rules now" : "rules", cell.children);
    }
    if (!body.hasChildNodes()) {
      add(body, "p", cell.cellIndex === 0 ? "Nothing changes here." : "No rule reaches this pair: always rejected.");
    }
    opener?.removeAttribute("aria-selected");
    opener = cell;
    cell.setAttribute("aria-selected", "true");
    panel.hidden = false;
    panel.scrollTop = 0;
    panel.focus();
  };
  const close = () => {
    if (panel.hidden) return;
    panel.hidden = true;
    opener?.removeAttribute("aria-selected");
    opener?.focus();
    opener = null;
  };
  get("close").addEventListener("click", close);
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") close();
  });

  get("filters").addEventListener("input", filter);
  get("filters").addEventListener("submit", (event) => event.preventDefault());
  filter();
})();
