"use strict";
// Lists the paths of openapi.json with their examples, and sends the request that the form shows.
const part = (id) => document.getElementById(id);
let paths = [];

// The token is in the field alone: neither in a cookie nor in the browser's storage.
function headers(more) {
  const token = part("token").value.trim();
  return token ? { ...more, authorization: `Bearer ${token}` } : more;
}

function choose() {
  const chosen = paths[part("path").selectedIndex];
  part("summary").textContent = chosen.summary;
  part("body").hidden = chosen.method !== "POST";
  part("body").value = JSON.stringify(chosen.example ?? {}, null, 2);
}

async function send(event) {
  event.preventDefault();
  const chosen = paths[part("path").selectedIndex];
  if (!chosen) return list();
  const started = performance.now();
  const options = { method: chosen.method, headers: headers({ accept: "application/json" }) };
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

// What a caller may see depends on its token, so the paths are listed again for another one.
async function list() {
  let answer;
  try {
    answer = await fetch("openapi.json", { headers: headers({}) });
  } catch (error) {
    part("status").textContent = String(error);
    return;
  }
  if (!answer.ok) {
    part("status").textContent = answer.status === 401 ? "Give a token." : `${answer.status}`;
    return;
  }
  const described = await answer.json();
  part("status").textContent = "";
  part("title").textContent = described.info.title;
  part("path").replaceChildren();
  paths = [];
  for (const [path, methods] of Object.entries(described.paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      const example = operation.requestBody?.content["application/json"].example;
      const named = operation.parameters?.[0]?.example ?? "";
      const url = path.slice(1).replace(/{.*?}/, encodeURIComponent(named));
      paths.push({ url, method: method.toUpperCase(), summary: operation.summary, example });
      part("path").add(new Option(`${method.toUpperCase()} /${url}`));
    }
  }
  choose();
}

part("path").addEventListener("change", choose);
part("form").addEventListener("submit", send);
part("token").addEventListener("change", list);
list();
