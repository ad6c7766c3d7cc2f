const SVG = "http://www.w3.org/2000/svg";
const DRAWN = new Set(["svg", "g", "path", "rect", "text", "title"]);

// Texts become text nodes, so nothing that people wrote is read as HTML.
const element = (tag, attributes = {}, ...children) => {
  const made = DRAWN.has(tag) ? document.createElementNS(SVG, tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children.flat().filter((child) => child !== "" && child != null && child !== false));
  return made;
};
