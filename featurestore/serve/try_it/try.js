"use strict";
// Lists the paths of openapi.json with their examples, and sends the request that the form shows.
const part = (id) => document.getElementById(id);
let paths = [];

function choose() {
  const chosen = paths[part("path").selectedIndex];
  part("summary").textContent = chosen.summary;
  part("body").hidden = chosen.method !== "POST";
  part("body").value = JSON.stringify(chosen.example ?? {}, null, 2);
}

async function send(event) {
  event.preventDefault();
  const chosen = paths[part("path").selectedIndex];
  const started = performance.now();
  const options = { method: chosen.method, headers: { accept: "application/json" } };
  if (chosen.method === "POST") {
    options.headers["content-type"] = "application/json";
    options.body = part("body").value;
  }
  try {
    const answer = await fetch(chosen.url, options);
    const text = await answer.text();
    part("status").textContent = `${answer.status} in ${Math.round(performance.now() - started)} ms`;
    // Indented as text, since JavaScript's numbers would round integers beyond 2^53.
    part("answer").textContent = text.replace(/,"/g, ',\n"');
  } catch (error) {
    part("status").textContent = String(error);
  }
}

fetch("openapi.json").then((answer) => answer.json()).then((described) => {
  part("title").textContent = described.info.title;
  for (const [path, methods] of Object.entries(described.paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      const example = operation.requestBody?.content["application/json"].example;
      const named = operation.parameters?.[0]?.example ?? "";
      const url = path.slice(1).replace(/{.*?}/, encodeURIComponent(named));
      paths.push({ url, method: method.toUpperCase(), summary: operation.summary, example });
      part("path").add(new Option(`${method.toUpperCase()} /${url}`));
    }
  }
  part("path").addEventListener("change", choose);
  part("form").addEventListener("submit", send);
  choose();
});
