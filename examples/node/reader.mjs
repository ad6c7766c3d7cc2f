// Reads rows of the online store, as docs/reference/online-format.md describes them.
// It needs Node 18 or newer, and no package.
import * as zlib from "node:zlib";

const SOUND = 0x2144df1c; // the CRC-32 of a key and a whole row, checksum included
const UNITS = { s: 1_000_000n, ms: 1_000n, us: 1n };
const NO_CREATED = -(2n ** 63n);
const NO_END = 2n ** 63n - 1n;

// Node has CRC-32 since 20.15; the table is for older ones.
const TABLE = Array.from({ length: 256 }, (_, byte) => {
  for (let bit = 0; bit < 8; bit++) byte = byte & 1 ? (byte >>> 1) ^ 0xedb88320 : byte >>> 1;
  return byte;
});
export const byTable = (bytes, before = 0) =>
  ~Buffer.from(bytes).reduce((crc, byte) => TABLE[(crc ^ byte) & 255] ^ (crc >>> 8), ~before) >>> 0;
export const crc32 = zlib.crc32 ?? byTable;

/** Returns microseconds since 1970 as ISO 8601 with six digits; a Date has three. */
export function isoText(micros, zone = "Z") {
  const fraction = ((micros % 1_000_000n) + 1_000_000n) % 1_000_000n;
  const seconds = new Date(Number((micros - fraction) / 1000n)).toISOString();
  const digits = String(fraction).padStart(6, "0");
  return seconds.replace(/^([+-]\d\d)?(\d{4})/, "$2").slice(0, 19) + `.${digits}${zone}`;
}

const decimal = (raw, at, scale) => {
  const unscaled = (raw.readBigInt64LE(at + 8) << 64n) | raw.readBigUInt64LE(at);
  const digits = String(unscaled < 0n ? -unscaled : unscaled).padStart(scale + 1, "0");
  const text = scale > 0 ? `${digits.slice(0, -scale)}.${digits.slice(-scale)}` : digits + "0".repeat(-scale);
  return (unscaled < 0n ? "-" : "") + text;
};

// The types of a fixed width: their bytes, and how a value is read from a place.
const FIXED = {
  bool: [1, (raw, at) => raw[at] === 1],
  int8: [1, (raw, at) => raw.readInt8(at)],
  uint8: [1, (raw, at) => raw.readUInt8(at)],
  int16: [2, (raw, at) => raw.readInt16LE(at)],
  uint16: [2, (raw, at) => raw.readUInt16LE(at)],
  int32: [4, (raw, at) => raw.readInt32LE(at)],
  uint32: [4, (raw, at) => raw.readUInt32LE(at)],
  int64: [8, (raw, at) => raw.readBigInt64LE(at)], // a BigInt: a number has 53 bits
  uint64: [8, (raw, at) => raw.readBigUInt64LE(at)],
  float32: [4, (raw, at) => raw.readFloatLE(at)],
  float64: [8, (raw, at) => raw.readDoubleLE(at)],
  date: [4, (raw, at) => isoText(BigInt(raw.readInt32LE(at)) * 86_400_000_000n).slice(0, 10)],
  time: [8, (raw, at) => isoText(raw.readBigInt64LE(at), "").slice(11)],
};

/** Returns [bytes, read] of a type of a fixed width; undefined if its length varies. */
function fixed(type) {
  const [, name, unit] = /^(timestamptz|timestamp)\[(\w+)\]$/.exec(type) ?? [];
  if (name) return [8, (raw, at) => isoText(raw.readBigInt64LE(at) * UNITS[unit], name === "timestamp" ? "" : "Z")];
  const [, scale] = /^decimal\(\d+,(-?\d+)\)$/.exec(type) ?? [];
  return scale ? [16, (raw, at) => decimal(raw, at, Number(scale))] : FIXED[type];
}

/** Returns the length at a place, and where its bytes begin. */
const lengthAt = (raw, at) => (raw[at] < 255 ? [raw[at], at + 1] : [raw.readUInt32LE(at + 1), at + 5]);
const isSet = (bits, index) => (bits[index >> 3] >> (index & 7)) & 1;

/** Returns the value that a slice of bytes holds. */
function varying(type, raw) {
  if (type === "string") return raw.toString("utf8");
  if (type === "bytes") return raw;
  if (!type.startsWith("list<")) {
    const [width, read] = fixed(type.replace(/\[\d+\]$/, ""));
    return Array.from({ length: raw.length / width }, (_, index) => read(raw, index * width));
  }
  const element = type.slice(5, -1);
  const [width, read] = fixed(element) ?? [];
  const [count, bitsAt] = lengthAt(raw, 0);
  let at = bitsAt + ((count + 7) >> 3);
  return Array.from({ length: count }, (_, index) => {
    if (!isSet(raw.subarray(bitsAt), index)) return null; // it takes no bytes
    if (read) return read(raw, (at += width) - width);
    const [size, start] = lengthAt(raw, at);
    at = start + size;
    return varying(element, raw.subarray(start, at));
  });
}

/** Returns the schemas of a view, by fingerprint and as `current`, from the fields of its hash. */
export function readSchemas(fields) {
  const found = {};
  for (const [name, text] of Object.entries(fields)) if (/^[0-9a-f]{8}$/.test(name)) found[name] = JSON.parse(text);
  return { ...found, current: found[fields.current] };
}

/** Percent-encodes a part of a key as in RFC 3986; encodeURIComponent leaves five signs alone. */
export const encoded = (text) =>
  encodeURIComponent(text).replace(/[!'()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`);
const isoMicros = (text) => {
  const [, start, fraction = ""] = /^(.*?\d\d:\d\d:\d\d)(?:\.(\d+))?/.exec(text);
  return BigInt(Date.parse(`${start}Z`)) * 1000n + BigInt(fraction.padEnd(6, "0").slice(0, 6));
};
const keyText = (type, value) => {
  if (type.startsWith("timestamp")) return String(isoMicros(value)); // ISO 8601 in UTC
  if (type.startsWith("decimal")) return String(value).replace(/(\.\d*?)0+$/, "$1").replace(/\.$/, "").replace(/^-0$/, "0");
  return type === "uuid" ? String(value).toLowerCase() : String(value);
};

/** Returns the key of an entity; `keys` has a value for each join key of the schema. */
export function entityKey(project, view, schema, keys) {
  const tag = schema.keys.map(([, type], index) => encoded(keyText(type, keys[index])));
  return `fs:${encoded(project)}:${encoded(view)}:{${tag.join(",")}}`;
}

/**
 * Decodes a row.
 *
 * Returns { schema, event, created, end, values }, with microseconds as BigInt; null if the row's
 * schema is unknown: read the schemas again. A damaged row throws.
 */
export function decodeRow(schemas, key, raw) {
  if (raw[0] >> 4 !== 3 || raw[0] & 8) throw new Error(`${key}: a row of a format that this reader does not know`);
  if (raw.length < 17 || crc32(raw, crc32(key)) !== SOUND) throw new Error(`${key}: a damaged row`);
  const schema = schemas[raw.toString("hex", 1, 5)];
  if (!schema) return null;
  let at = 5;
  const stamp = () => raw.readBigInt64BE((at += 8) - 8);
  const event = stamp();
  const created = raw[0] & 1 ? stamp() : NO_CREATED;
  const end = raw[0] & 4 ? stamp() : NO_END;
  const bits = raw[0] & 2 ? raw.subarray(at, (at += (schema.features.length + 7) >> 3)) : null;
  const present = (index) => !bits || isSet(bits, index);
  const values = new Array(schema.features.length).fill(null);
  schema.features.forEach(([, type], index) => {
    const [width, read] = fixed(type) ?? [0];
    if (read && present(index)) values[index] = read(raw, at);
    at += width;
  });
  schema.features.forEach(([, type], index) => {
    if (fixed(type)) return;
    const [size, start] = lengthAt(raw, at);
    at = start + size;
    if (present(index)) values[index] = varying(type, raw.subarray(start, at));
  });
  return { schema, event, created: created === NO_CREATED ? null : created, end: end === NO_END ? null : end, values };
}
