"use strict";
(() => {
  const rows = [...document.querySelectorAll(".feature")];
  const views = [...document.querySelectorAll(".view:not(.services)")];
  const form = document.getElementById("bar");
  const filters = [...form.querySelectorAll("[data-filter]")];
  const search = form.elements.q;
  const byReference = new Map(rows.map((row) => [row.dataset.reference, row]));
  let view = "";
  let feature = "";

  // The page's whole state is its address, so that any view of it can be sent to a colleague.
  const read = () => {
    const state = new URLSearchParams(location.hash.slice(1));
    search.value = state.get("q") || "";
    for (const filter of filters) {
      const wanted = state.get(filter.name) || "";
      filter.value = [...filter.options].some((option) => option.value === wanted) ? wanted : "";
    }
    view = state.get("view") || "";
    feature = state.get("feature") || "";
  };

  const write = () => {
    const state = new URLSearchParams();
    if (search.value.trim()) state.set("q", search.value.trim());
    for (const filter of filters) if (filter.value) state.set(filter.name, filter.value);
    if (view) state.set("view", view);
    if (feature) state.set("feature", feature);
    const hash = state.toString().replaceAll("%3A", ":");
    history.replaceState(null, "", hash ? `#${hash}` : location.pathname + location.search);
  };

  const matches = (row, words) =>
    words.every((word) => row.dataset.words.includes(word)) &&
    filters.every((filter) => !filter.value || row.dataset[filter.name].split("\n").includes(filter.value)) &&
    (!view || row.dataset.view === view);

  const apply = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of rows) {
      row.hidden = !matches(row, words) && row.dataset.reference !== feature;
      shown += row.hidden ? 0 : 1;
    }
    for (const section of views) {
      section.hidden = !section.querySelector(".feature:not([hidden])") && (words.length > 0 || rows.length !== shown);
    }
    const chosen = filters.filter((filter) => filter.value);
    for (const filter of filters) filter.classList.toggle("on", Boolean(filter.value));
    const narrowed = words.length > 0 || chosen.length > 0 || view !== "";
    document.getElementById("count").textContent =
      `${narrowed ? `${shown} of ` : ""}${rows.length} feature${rows.length === 1 ? "" : "s"}${view ? ` · only ${view}` : ""}`;
    document.getElementById("active").textContent = chosen.length ? `(${chosen.length})` : "";
    document.getElementById("none").hidden = shown > 0 || rows.length === 0;
    document.getElementById("clear").hidden = !narrowed;
  };

  const reveal = () => {
    const row = byReference.get(feature);
    if (!row) return;
    row.open = true;
    row.scrollIntoView({ block: "start" });
  };

  const clear = () => {
    form.reset();
    view = feature = "";
    write();
    apply();
    search.focus();
  };

  const copy = async (button) => {
    const code = button.parentElement.querySelector("code");
    const text = button.dataset.copy || code.textContent;
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      // A page opened from a file may not reach the clipboard: the old way still works there.
      const area = document.body.appendChild(document.createElement("textarea"));
      area.value = text;
      area.select();
      document.execCommand("copy");
      area.remove();
    }
    button.textContent = "Copied";
    button.classList.add("done");
    setTimeout(() => { button.textContent = "Copy"; button.classList.remove("done"); }, 1500);
  };

  form.addEventListener("input", () => { feature = ""; write(); apply(); });
  document.getElementById("clear").addEventListener("click", clear);
  document.getElementById("clear2").addEventListener("click", clear);
  for (const row of rows) {
    row.querySelector("summary").addEventListener("click", () => {
      feature = row.open ? "" : row.dataset.reference;
      write();
    });
  }
  document.addEventListener("click", (event) => {
    if (event.target.matches(".copy")) copy(event.target);
  });
  document.addEventListener("keydown", (event) => {
    const typing = event.target.matches("input, select, textarea");
    if (event.key === "/" && !typing) { event.preventDefault(); search.focus(); search.select(); }
    if (event.key === "Escape" && event.target === search) clear();
  });
  window.addEventListener("hashchange", () => { read(); apply(); reveal(); });
  if (matchMedia("(max-width: 40rem)").matches) document.getElementById("filters").open = false;
  read();
  apply();
  reveal();
})();
