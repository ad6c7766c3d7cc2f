(() => {
  const AT_ONCE = 500; // Rows that are drawn before the reader scrolls to them.
  const ROW_HEIGHT = "2.9rem";
  const form = document.getElementById("bar");
  const filters = [...form.querySelectorAll("[data-filter]")];
  const search = form.elements.q;
  let view = "";
  let feature = "";

  const described = (own, shared) => {
    const found = { tags: [], services: [], ...own, view: shared, reference: `${shared.name}:${own.name}` };
    found.tags = [...new Set([...shared.tags, ...found.tags])];
    const { reference, about = "", tags } = found;
    found.words = [reference.replaceAll("_", " "), reference, about, ...tags].join(" ").toLowerCase();
    return found;
  };

  const views = [...document.querySelectorAll(".view:not(.services)")].map((section) => {
    const shared = JSON.parse(section.querySelector(".data").textContent);
    return { section, list: section.querySelector(".rows"), features: shared.features.map((own) => described(own, shared)), shown: [] };
  });
  const total = views.reduce((sum, { features }) => sum + features.length, 0);
  const bySection = new Map(views.map((one) => [one.section, one]));
  const byReference = new Map(views.flatMap((one) => one.features.map((own) => [own.reference, [one, own]])));

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

  const VALUES = {
    entity: (own) => own.view.entity,
    owner: (own) => [own.view.owner],
    tag: (own) => own.tags,
    service: (own) => own.services,
    freshness: (own) => [own.view.freshness],
    data: (own) => [own.personal ? "personal" : "not personal"],
  };

  const matches = (own, words, chosen) =>
    words.every((word) => own.words.includes(word)) &&
    chosen.every((filter) => VALUES[filter.name](own).includes(filter.value)) &&
    (!view || own.view.name === view);

  const rowOf = (own) => {
    if (!own.row) {
      own.row = featureRow(own);
      own.row.querySelector("summary").addEventListener("click", () => {
        feature = own.row.open ? "" : own.reference;
        write();
      });
    }
    return own.row;
  };

  const fill = (one) => {
    near.unobserve(one.section);
    one.list.style.minHeight = "";
    one.list.replaceChildren(...one.shown.map(rowOf));
  };

  const near = new IntersectionObserver((entries) => {
    for (const entry of entries) if (entry.isIntersecting) fill(bySection.get(entry.target));
  }, { rootMargin: "1000px" });

  // The rows of a view are drawn when the reader comes near it: a large catalog has too many for one page.
  const show = () => {
    let drawn = 0;
    for (const one of views) {
      drawn += one.shown.length;
      if (drawn <= AT_ONCE) { fill(one); continue; }
      one.list.replaceChildren();
      one.list.style.minHeight = `calc(${one.shown.length} * ${ROW_HEIGHT})`;
      near.unobserve(one.section);
      near.observe(one.section);
    }
  };

  const apply = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const chosen = filters.filter((filter) => filter.value);
    for (const one of views) {
      one.shown = one.features.filter((own) => matches(own, words, chosen) || own.reference === feature);
    }
    const shown = views.reduce((sum, one) => sum + one.shown.length, 0);
    for (const one of views) {
      one.section.hidden = one.shown.length === 0 && (words.length > 0 || total !== shown);
    }
    show();
    for (const filter of filters) filter.classList.toggle("on", Boolean(filter.value));
    const narrowed = words.length > 0 || chosen.length > 0 || view !== "";
    document.getElementById("count").textContent =
      `${narrowed ? `${shown} of ` : ""}${total} feature${total === 1 ? "" : "s"}${view ? ` · only ${view}` : ""}`;
    document.getElementById("active").textContent = chosen.length ? `(${chosen.length})` : "";
    document.getElementById("none").hidden = shown > 0 || total === 0;
    document.getElementById("clear").hidden = !narrowed;
  };

  const reveal = () => {
    const [one, own] = byReference.get(feature) ?? [];
    if (!own) return;
    fill(one);
    own.row.open = true;
    own.row.scrollIntoView({ block: "start" });
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
  document.addEventListener("click", (event) => {
    if (event.target.matches(".copy")) copy(event.target);
  });
  document.addEventListener("keydown", (event) => {
    const typing = event.target.matches("input, select, textarea");
    if (event.key === "/" && !typing) { event.preventDefault(); search.focus(); search.select(); }
    if (event.key === "Escape" && event.target === search) clear();
  });
  window.addEventListener("hashchange", () => { read(); apply(); reveal(); });
  window.addEventListener("beforeprint", () => views.forEach(fill));
  if (matchMedia("(max-width: 40rem)").matches) document.getElementById("filters").open = false;
  read();
  apply();
  reveal();
})();
