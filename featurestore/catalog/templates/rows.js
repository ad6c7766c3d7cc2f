// Draws the row of one feature, and the details below it once they are opened.
const featureRow = (() => {
  const WIDTH = 96, HEIGHT = 24, DIGITS = 36, GAP = 1, LEAST = 0.6;
  const PERSONAL = "Personal data: not published, and in no training set, unless allowed";

  const bars = (heights) => {
    const width = WIDTH / heights.length;
    return [...heights].map((digit, number) => {
      const height = Math.max((parseInt(digit, DIGITS) / (DIGITS - 1)) * HEIGHT, LEAST);
      return element("rect", { x: (number * width).toFixed(1), y: (HEIGHT - height).toFixed(1), width: Math.max(width - GAP, 1).toFixed(1), height: height.toFixed(1) });
    });
  };

  const parts = (share) => {
    const box = { y: HEIGHT / 4, height: HEIGHT / 2 }, width = (share * WIDTH).toFixed(1);
    return [element("rect", { x: 0, width, ...box }), element("rect", { class: "rest", x: width, width: (WIDTH - width).toFixed(1), ...box })];
  };

  const chart = (feature) => {
    if (!feature.bars && feature.true === undefined) return "";
    const said = feature.bars ? "distribution of the values" : `true in ${Math.round(feature.true * 100)}% of rows`;
    return element("svg", { class: "spark", role: "img", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none" },
      element("title", {}, said), feature.bars ? bars(feature.bars) : parts(feature.true));
  };

  const counted = (count) => [element("b", {}, String(count)), ` service${count === 1 ? "" : "s"}`];
  const fact = (term, ...value) => element("div", {}, element("dt", {}, term), element("dd", {}, ...value));
  const button = (attributes = {}) => element("button", { type: "button", class: "copy", ...attributes }, "Copy");
  const quoted = (name) => name.replace(/[\\"]/g, "\\$&");

  const used = (services) => services.length === 0 ? ["no service"] : services.flatMap((name, number) =>
    [number ? ", " : "", element("a", { href: `#service=${encodeURIComponent(name)}` }, name)]);

  const facts = (feature) => [
    fact("Reference", element("code", {}, feature.reference), " ", button({ "data-copy": feature.reference })),
    fact("Type", feature.type || "unknown"),
    feature.null && fact("Null", feature.null),
    feature.distinct !== undefined && fact("Different values", `about ${feature.distinct.toLocaleString("en")}`),
    feature.range && fact("Range", feature.range.join(" to ")),
    fact("Ttl", feature.view.ttl),
    feature.default && fact("Default", feature.default),
    feature.view.owner && fact("Owner", feature.view.owner),
    feature.tags.length > 0 && fact("Tags", feature.tags.join(", ")),
    fact("Used by", ...used(feature.services)),
  ];

  const pictured = (feature) => {
    const found = lineage(feature.view.table, feature.name, feature.services);
    const all = `featurestore lineage '${feature.reference}'`;
    return [
      found.doubt && element("p", { class: "failure" }, `Not all of it could be traced: ${found.doubt}`),
      found.drawn < found.tables && element("p", { class: "cut" },
        `The nearest ${found.drawn} of ${found.tables} tables. All of them: `, element("code", {}, all)),
      element("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": `Lineage of ${feature.reference}` }, found.picture),
    ];
  };

  // Inputs lie at the left, so a wide or tall picture starts far from the feature itself.
  const showFocus = (scroll) => {
    const mark = scroll.querySelector(".focus");
    scroll.scrollTo(scroll.scrollWidth, mark ? mark.getAttribute("y") - scroll.clientHeight / 2 : 0);
  };

  const code = (title, text) => element("div", {}, element("h3", {}, title), button(),
    element("pre", { tabindex: 0 }, element("code", {}, text)));

  const details = (feature) => {
    const python = feature.personal ? feature.view.personal_python : feature.view.python;
    const picture = chart(feature);
    return element("div", { class: "more" },
      feature.about && element("p", { class: "about" }, feature.about),
      element("dl", {}, facts(feature)),
      picture && element("figure", { class: "large" }, picture,
        element("figcaption", {}, feature.ends.map((end) => element("span", {}, end)))),
      element("h3", {}, "Lineage"), pictured(feature),
      element("div", { class: "snippets" },
        code("Python", python.replaceAll("\0", () => quoted(feature.name))),
        code("SQL", feature.view.sql.replaceAll("\0", () => feature.sql ?? feature.name))));
  };

  const summary = (feature) => element("summary", {},
    element("span", { class: "name" }, feature.name,
      feature.personal && [" ", element("b", { class: "pii", title: PERSONAL }, "personal")]),
    element("span", { class: "text" }, feature.about ?? ""),
    element("span", { class: "type" }, feature.type ?? ""),
    element("span", { class: "picture" }, chart(feature)),
    element("span", { class: "null" }, feature.null && [element("b", {}, feature.null), " null"]),
    element("span", { class: "used" }, feature.services.length > 0 && counted(feature.services.length)));

  return (feature) => {
    const row = element("details", { class: "feature", "data-reference": feature.reference, "data-view": feature.view.name }, summary(feature));
    row.addEventListener("toggle", () => {
      if (!row.open || row.children.length > 1) return;
      row.append(details(feature));
      showFocus(row.querySelector(".scroll"));
    });
    return row;
  };
})();
