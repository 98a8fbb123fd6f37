"use strict";
// Sorts, filters and opens what the page already holds. Nothing is loaded, and without it nothing is missing.
(() => {
  const FACETS = ["suite", "backend", "family", "model"];
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const one = (selector, within = document) => within.querySelector(selector);
  const make = (tag, properties, ...children) => {
    const node = Object.assign(document.createElement(tag), properties);
    node.append(...children);
    return node;
  };

  // ------------------------ state, kept in the address
  // #anchor&q=words&backend=hf&min=1&sort=key.2.d&open=id: an anchor first, as in any link, then what was chosen

  const runs = JSON.parse(one("#facets").textContent);
  const tables = new Map();
  const folds = all("details[id]");
  const values = Object.fromEntries(FACETS.map((name) => [name, new Set(runs.map((run) => run[name]))]));
  const nothing = () => ({ anchor: "", q: "", min: "", max: "", sort: new Map(), chosen: {} });
  let state = nothing();

  function parse(hash) {
    const found = nothing();
    const parts = hash.replace(/^#/, "").split("&");
    if (!parts[0].includes("=")) {
      const anchor = parts.shift();
      try {
        found.anchor = decodeURIComponent(anchor);
      } catch {
        found.anchor = anchor; // no text at all: it names nothing
      }
      if (!document.getElementById(found.anchor)) found.anchor = "";
    }
    const pairs = new URLSearchParams(parts.join("&"));
    found.q = (pairs.get("q") || "").slice(0, 200);
    for (const end of ["min", "max"]) {
      if (/^\d{1,9}$/.test(pairs.get(end) || "")) found[end] = pairs.get(end);
    }
    for (const name of FACETS) {
      found.chosen[name] = new Set(pairs.getAll(name).filter((value) => values[name].has(value)));
    }
    for (const text of pairs.getAll("sort")) {
      const [, key, column, way] = /^(.+)\.(\d+)\.([ad])$/.exec(text) || [];
      if (tables.has(key) && Number(column) < tables.get(key).heads.length) {
        found.sort.set(key, { column: Number(column), way });
      }
    }
    found.open = pairs.get("open") === "all" ? new Set(folds.map((fold) => fold.id)) : new Set(pairs.getAll("open"));
    return found;
  }

  function written() {
    const pairs = new URLSearchParams();
    if (state.q.trim()) pairs.set("q", state.q);
    for (const name of FACETS) for (const value of state.chosen[name]) pairs.append(name, value);
    for (const end of ["min", "max"]) if (state[end]) pairs.set(end, state[end]);
    for (const [key, { column, way }] of state.sort) pairs.append("sort", `${key}.${column}.${way}`);
    const target = document.getElementById(state.anchor);
    const open = folds.filter((fold) => fold.open);
    if (open.length && open.length === folds.length) pairs.set("open", "all");
    else for (const fold of open) if (!fold.contains(target)) pairs.append("open", fold.id);
    return [state.anchor && encodeURIComponent(state.anchor), pairs.toString()].filter(Boolean).join("&");
  }

  let waiting = 0;

  function save(push = false) {
    clearTimeout(waiting);
    waiting = 0;
    const hash = written();
    if (hash === location.hash.replace(/^#/, "")) return;
    const address = hash ? `#${hash}` : location.href.split("#")[0];
    try {
      history[push ? "pushState" : "replaceState"](null, "", address);
    } catch {} // a frame that may not write its address still sorts and filters
  }

  const saveSoon = () => {
    waiting = waiting || setTimeout(save);
  };

  function restore(hash, { jump }) {
    const before = state.anchor;
    state = parse(hash);
    for (const fold of folds) fold.open = state.open.has(fold.id);
    for (const [key, table] of tables) sort(table, state.sort.get(key));
    show();
    filter();
    if (state.anchor && (jump || state.anchor !== before)) go(state.anchor);
    else reveal(document.getElementById(state.anchor));
  }

  // ------------------------ anchors

  function reveal(target) {
    for (let node = target; node; node = node.parentElement) {
      if (node.tagName === "DETAILS") node.open = true;
      if (node.hidden && node.dataset.run) node.hidden = false; // whoever follows a link wants to see where it leads
    }
  }

  function go(anchor) {
    const target = document.getElementById(anchor);
    if (!target) return;
    reveal(target);
    for (const node of all(".here")) node.classList.remove("here");
    target.classList.add("here");
    const focus = target.tagName === "DETAILS" ? one("summary", target) : target;
    if (focus === target && !target.hasAttribute("tabindex")) target.tabIndex = -1;
    focus.focus({ preventScroll: true });
    target.scrollIntoView();
    requestAnimationFrame(() => target.scrollIntoView()); // parts above may have got their real height only now
  }

  document.addEventListener("click", (event) => {
    const link = event.target.closest('a[href^="#"]');
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    if (waiting) save();
    state.anchor = decodeURIComponent(link.hash.slice(1));
    reveal(document.getElementById(state.anchor));
    save(true);
    go(state.anchor);
  });

  addEventListener("hashchange", () => restore(location.hash, { jump: false }));

  // ------------------------ sorting

  const NUMBER = /[-+\u2212]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:e[-+]?\d+)?/i;
  const STARTS = new RegExp(`^${NUMBER.source}(?![\\w.:-])`, "i"); // no date, version or name that begins with a digit
  const LONG = 150; // a table with more rows shows the first of them until a reader wants all:
  const FIRST = 100; // to lay out thousands again after each click would take too long
  const words = new Intl.Collator("en", { numeric: true });

  const number = (text) => {
    const found = NUMBER.exec(text);
    return found ? Number(found[0].replace(/,/g, "").replace("\u2212", "-")) : NaN;
  };

  function keys(table, column) {
    const cells = table.rows.map((row) => row.cells[column]);
    const texts = cells.map((cell) => cell.textContent.trim());
    const gone = cells.map((cell, at) => cell.classList.contains("missing") || !texts[at]);
    const numeric =
      table.heads[column].classList.contains("num") ||
      cells.every((cell, at) => gone[at] || cell.dataset.v !== undefined || STARTS.test(texts[at]));
    return cells.map((cell, at) => {
      const value = cell.dataset.v !== undefined ? Number(cell.dataset.v) : numeric ? number(texts[at]) : NaN;
      return { row: table.rows[at], text: texts[at], value, rank: gone[at] ? 2 : Number.isNaN(value) ? 1 : 0 };
    });
  }

  function cut(table) {
    if (!table.more) return;
    let count = 0;
    for (const row of table.body.rows) row.classList.toggle("later", !row.hidden && ++count > FIRST && !table.whole);
    table.more.hidden = table.whole || count <= FIRST;
    table.more.textContent = `Show all ${count} rows`;
  }

  function sort(table, wanted) {
    const was = table.sorted;
    if (was?.column === wanted?.column && was?.way === wanted?.way) return;
    table.sorted = wanted;
    table.heads.forEach((head, at) => {
      if (wanted?.column === at) head.setAttribute("aria-sort", wanted.way === "a" ? "ascending" : "descending");
      else head.removeAttribute("aria-sort");
    });
    if (!wanted) {
      table.body.append(...table.rows);
      cut(table);
      return;
    }
    const sign = wanted.way === "a" ? 1 : -1;
    const found = keys(table, wanted.column).sort(
      (a, b) => a.rank - b.rank || sign * (a.rank ? words.compare(a.text, b.text) : a.value - b.value),
    );
    table.body.append(...found.map((key) => key.row));
    cut(table);
  }

  function clicked(key, column) {
    const table = tables.get(key);
    const { sorted } = table;
    const way = sorted?.column !== column ? "a" : sorted.way === "a" ? "d" : "";
    if (way) state.sort.set(key, { column, way });
    else state.sort.delete(key);
    sort(table, state.sort.get(key));
    save(true);
  }

  for (const node of all("table[data-key]")) {
    const body = node.tBodies[0];
    const table = { node, body, rows: [...body.rows], heads: [...node.tHead.rows[0].cells], note: null };
    tables.set(node.dataset.key, table);
    if (table.rows.length > LONG) {
      table.more = make("button", { type: "button", className: "rest" });
      table.more.addEventListener("click", () => {
        table.whole = true;
        cut(table);
        one(".sort, a", node).focus();
      });
      node.after(table.more);
    }
    if (table.rows.length < 2 || "ordered" in node.dataset) continue;
    table.heads.forEach((head, column) => {
      const button = make("button", { type: "button", className: "sort" }, ...head.childNodes);
      button.addEventListener("click", () => clicked(node.dataset.key, column));
      head.append(button);
    });
  }

  // ------------------------ choosing runs

  const bar = one("form.bar");
  const marked = all("[data-run]").map((node) => ({
    node,
    runs: node.dataset.run.split(" "),
    drawn: node instanceof SVGElement,
  }));

  function fits() {
    const terms = state.q.toLowerCase().split(/\s+/).filter(Boolean);
    const bounded = state.min || state.max;
    return runs.filter(
      (run) =>
        FACETS.every((name) => !state.chosen[name].size || state.chosen[name].has(run[name])) &&
        terms.every((term) => run.text.includes(term)) &&
        (!bounded || (run.ids !== null && run.ids >= Number(state.min || 0) && run.ids <= Number(state.max || Infinity))),
    );
  }

  function filter() {
    const found = fits();
    const whole = found.length === runs.length;
    const chosen = new Set(found.map((run) => run.anchor));
    for (const { node, runs: of, drawn } of marked) {
      const hidden = !whole && !of.some((run) => chosen.has(run));
      if (drawn) node.classList.toggle("off", hidden);
      else node.hidden = hidden;
    }
    for (const table of tables.values()) {
      cut(table);
      const shown = table.rows.filter((row) => !row.hidden).length;
      if (!table.note && shown === table.rows.length) continue;
      table.note = table.note || one("caption", table.node).appendChild(make("span", { className: "soft count" }));
      const few = shown < table.rows.length;
      table.note.textContent = !few ? "" : shown ? ` ${shown} of ${table.rows.length} rows` : " no row is of a run that is chosen";
    }
    one("p.none").hidden = found.length > 0 || !runs.length;
    one(".shown", bar).textContent = `${found.length} of ${runs.length} run${runs.length === 1 ? "" : "s"}`;
    bar.classList.toggle("active", !whole);
  }

  function show() {
    for (const input of all("input", bar)) {
      if (input.type === "checkbox") input.checked = state.chosen[input.name].has(input.value);
      else if (input.value !== state[input.name]) input.value = state[input.name];
    }
    for (const menu of all(".menu", bar)) {
      const count = all(":checked", menu).length;
      one(".picked", menu).textContent = count || "";
    }
  }

  let typing = "";

  function chose(input) {
    if (input.type === "checkbox") state.chosen[input.name][input.checked ? "add" : "delete"](input.value);
    else state[input.name] = input.name === "q" ? input.value : /^\d{1,9}$/.test(input.value) ? input.value : "";
    show();
    filter();
    save(input.type === "checkbox" || typing !== input.name); // one step back takes a whole word away
    typing = input.type === "checkbox" ? "" : input.name;
  }

  const acts = {
    reset() {
      state = { ...nothing(), anchor: state.anchor, sort: state.sort, chosen: parse("").chosen };
      show();
      filter();
      save(true);
    },
    open: () => folds.forEach((fold) => (fold.open = true)),
    close: () => folds.forEach((fold) => (fold.open = false)),
  };

  bar.addEventListener("submit", (event) => event.preventDefault());
  bar.addEventListener("input", (event) => chose(event.target));
  bar.addEventListener("focusout", () => (typing = ""));
  bar.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    if (button.className !== "fold") acts[button.dataset.do]();
    else button.setAttribute("aria-expanded", bar.classList.toggle("unfolded"));
  });
  bar.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    const menu = event.target.closest(".menu[open]");
    if (menu) {
      menu.open = false;
      one("summary", menu).focus();
    } else if (event.target.name === "q" && event.target.value) {
      event.preventDefault();
      event.target.value = "";
      chose(event.target);
    }
  });
  document.addEventListener("click", (event) => {
    for (const menu of all(".menu[open]", bar)) if (!menu.contains(event.target)) menu.open = false;
  });
  document.addEventListener("toggle", (event) => event.target.id && saveSoon(), true);

  // ------------------------ small things

  for (const pre of all("pre.command")) {
    const button = make("button", { type: "button", className: "copy", textContent: "Copy" });
    button.setAttribute("aria-label", "Copy the command");
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(pre.textContent);
        button.textContent = "Copied";
      } catch {
        getSelection().selectAllChildren(pre); // ready for the keys of the reader
        button.textContent = "Selected";
      }
    });
    const line = make("div", { className: "line" });
    pre.before(line);
    line.append(pre, button);
  }

  for (const figure of all(".picture")) {
    const button = make("button", { type: "button", textContent: "Ids" });
    button.setAttribute("aria-pressed", "false");
    button.addEventListener("click", () => button.setAttribute("aria-pressed", figure.classList.toggle("ids")));
    one("figcaption", figure).append(" ", button);
  }

  const contents = one(".contents");
  contents.open = matchMedia("(min-width: 75rem)").matches;

  const links = new Map(all(".contents a").map((link) => [link.hash.slice(1), link]));
  const seen = new IntersectionObserver(
    (entries) => {
      for (const { target, isIntersecting } of entries) {
        if (!isIntersecting) continue;
        for (const link of all("[aria-current]", contents)) link.removeAttribute("aria-current");
        links.get(target.id).setAttribute("aria-current", "true");
      }
    },
    { rootMargin: "0px 0px -75% 0px" },
  );
  for (const id of links.keys()) seen.observe(document.getElementById(id));

  bar.hidden = false;
  new ResizeObserver(() => {
    document.documentElement.style.scrollPaddingTop = `${bar.offsetHeight + 10}px`; // what a link leads to is not below the bar
  }).observe(bar);
  const [visit] = performance.getEntriesByType("navigation");
  restore(location.hash, { jump: !visit || visit.type === "navigate" });
})();
