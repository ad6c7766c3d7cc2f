// Prints the newest values of entities: one HGETALL for each view, then one MGET for all.
//
//   node examples/node/online.mjs '{"project": "flights", "views": ["plane_features"], "keys": [["N14228"]]}'
//
// The answer is a line of JSON for each view and entity. REDIS_PORT names the server on this machine.
import { connect } from "node:net";
import { decodeRow, encoded, entityKey, isoText, readSchemas } from "./reader.mjs";

/** Returns [value, end] of the answer (RESP 2) at a place; undefined if it has not arrived whole. */
function answerAt(data, at) {
  const line = data.indexOf("\r\n", at);
  if (line < 0) return undefined;
  const [kind, text, next] = [data.toString("latin1", at, at + 1), data.toString("utf8", at + 1, line), line + 2];
  if (kind === "-") return [new Error(text), next];
  if (kind !== "$" && kind !== "*") return [text, next];
  const size = Number(text);
  if (size < 0) return [null, next];
  if (kind === "$") return data.length < next + size + 2 ? undefined : [data.subarray(next, next + size), next + size + 2];
  const items = [];
  for (let place = next; ; ) {
    if (items.length === size) return [items, place];
    const item = answerAt(data, place);
    if (!item) return undefined;
    items.push(item[0]);
    place = item[1];
  }
}

/** Returns a function that sends a command and returns its answer, in order. */
function client(port) {
  const socket = connect({ host: "127.0.0.1", port });
  const waiting = [];
  let data = Buffer.alloc(0);
  socket.on("error", (error) => waiting.splice(0).forEach(({ reject }) => reject(error)));
  socket.on("data", (more) => {
    data = Buffer.concat([data, more]);
    for (let found; (found = answerAt(data, 0)); data = data.subarray(found[1])) {
      const { resolve, reject } = waiting.shift();
      found[0] instanceof Error ? reject(found[0]) : resolve(found[0]);
    }
  });
  const send = (...words) =>
    new Promise((resolve, reject) => {
      waiting.push({ resolve, reject });
      socket.write(`*${words.length}\r\n${words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join("")}`);
    });
  return { send, close: () => socket.end() };
}

const { project, views, keys } = JSON.parse(process.argv[2]);
const redis = client(Number(process.env.REDIS_PORT ?? 6379));
const asked = [];
for (const view of views) {
  const fields = await redis.send("HGETALL", `fs-meta:{${encoded(project)}}:schema:${encoded(view)}`);
  const pairs = fields.flatMap((name, index) => (index % 2 ? [] : [[String(name), String(fields[index + 1])]]));
  const schemas = readSchemas(Object.fromEntries(pairs));
  if (!schemas.current) throw new Error(`the view '${view}' is not published`);
  for (const entity of keys) asked.push({ view, entity, schemas, key: entityKey(project, view, schemas.current, entity) });
}
const rows = await redis.send("MGET", ...asked.map(({ key }) => key));
redis.close();
const json = (_, value) => (typeof value === "bigint" ? String(value) : value);
asked.forEach(({ view, entity, schemas, key }, index) => {
  const row = rows[index] && decodeRow(schemas, key, rows[index]);
  const values = row && Object.fromEntries(row.schema.features.map(([name], place) => [name, row.values[place]]));
  console.log(JSON.stringify({ view, entity, event: row && isoText(row.event), values }, json));
});
