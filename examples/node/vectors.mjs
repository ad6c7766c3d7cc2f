// Prints what the reader makes of test vectors, one JSON text per line from standard input.
import { createInterface } from "node:readline";
import { decodeRow, entityKey, readSchemas } from "./reader.mjs";

const shown = (value) => {
  if (typeof value === "bigint") return `${value}`;
  if (Buffer.isBuffer(value)) return value.toString("hex");
  if (Array.isArray(value)) return value.map(shown);
  if (typeof value === "number" && (!Number.isFinite(value) || Object.is(value, -0))) return Object.is(value, -0) ? "-0" : `${value}`;
  return value;
};

for await (const line of createInterface({ input: process.stdin })) {
  const vector = JSON.parse(line);
  const schemas = readSchemas({ [vector.fingerprint]: vector.schema, current: vector.fingerprint });
  const key = entityKey(vector.project, vector.view, schemas.current, vector.keys);
  const row = decodeRow(schemas, key, Buffer.from(vector.row, "hex"));
  console.log(JSON.stringify({ key, event: shown(row.event), created: shown(row.created), end: shown(row.end), values: shown(row.values) }));
}
