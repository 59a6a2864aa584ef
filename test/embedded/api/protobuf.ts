/**
 * Protobuf's binary encoding (https://protobuf.dev/programming-guides/encoding/) of objects in the shape that they have
 * as JSON, both ways. Apart from src/cluster/http/protobuf.ts on purpose: what one misunderstands the other shows.
 */
import type { Json } from "../object.ts";

/**
 * What a field holds. `count` and `flag` are left out of JSON where they are zero, `number` and `choice` are not.
 * `time`: RFC 3339, whole seconds.
 * `json`: any object, as JSON. `bytes`: a Buffer. `map`, `quantities`: from text to text, to a Quantity. A shape is a
 * message; what is in brackets is repeated.
 */
export type As =
  | "text"
  | "count"
  | "number"
  | "flag"
  | "choice"
  | "time"
  | "quantity"
  | "json"
  | "bytes"
  | "map"
  | "quantities"
  | Shape
  | readonly [As];

/**
 * A message's fields, by their names in JSON; a message by the name of `inlined` has its fields in the JSON of the
 * message around it.
 */
export interface Shape {
  readonly [field: string]: readonly [number: number, as: As];
}
export const inlined = "";

/** The object has something that the shape has not, or not so. */
export class Unencodable extends Error {
  override readonly name = "Unencodable";
}

const wrapped: Readonly<Record<string, Shape>> = {
  time: { seconds: [1, "number"] },
  quantity: { string: [1, "text"] },
  json: { raw: [1, "text"] },
  map: { key: [1, "text"], value: [2, "text"] },
  quantities: { key: [1, "text"], value: [2, "quantity"] },
};

/** Throws `Unencodable`: nothing is left out. */
export function encode(shape: Shape, object: Json): Buffer {
  const rest = { ...object };
  const parts: Buffer[] = [];
  for (const [name, [number, as]] of Object.entries(shape)) {
    if (name === inlined) {
      const inner = as as Shape;
      const own = Object.keys(inner).filter((field) => Object.hasOwn(rest, field));
      parts.push(field(number, inner, Object.fromEntries(own.map((each) => [each, rest[each]]))));
      for (const each of own) delete rest[each];
    } else if (Object.hasOwn(rest, name)) {
      if (rest[name] !== undefined && rest[name] !== null) parts.push(field(number, as, rest[name]));
      delete rest[name];
    }
  }
  const [unknown] = Object.keys(rest);
  if (unknown !== undefined) throw new Unencodable(unknown);
  return Buffer.concat(parts);
}

function field(number: number, as: As, value: Json): Buffer {
  if (as === "map" || as === "quantities") {
    const shape = wrapped[as] as Shape;
    return Buffer.concat(
      Object.entries(value).map(([key, each]) => sized(number, encode(shape, { key, value: each }))),
    );
  }
  if (Array.isArray(as)) return Buffer.concat(value.map((each: Json) => field(number, as[0], each)));
  if (typeof as === "object") return sized(number, encode(as as Shape, value));
  if (as === "text" || as === "bytes") return sized(number, Buffer.from(value));
  if (as === "time") return sized(number, encode(wrapped.time as Shape, { seconds: Date.parse(value) / 1000 }));
  if (as === "quantity") return sized(number, encode(wrapped.quantity as Shape, { string: value }));
  if (as === "json") return sized(number, encode(wrapped.json as Shape, { raw: JSON.stringify(value) }));
  if (!Number.isSafeInteger(Number(value)) || Number(value) < 0) throw new Unencodable(String(value));
  return Buffer.concat([varint(number * 8), varint(Number(value))]);
}

const sized = (number: number, content: Buffer): Buffer =>
  Buffer.concat([varint(number * 8 + 2), varint(content.length), content]);

function varint(value: number): Buffer {
  const bytes: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return Buffer.from([...bytes, rest]);
    bytes.push((rest % 128) + 128);
  }
}

/** What the shape does not have is left out. Throws an Error for bytes that are no message. */
export function decode(shape: Shape, bytes: Buffer): Json {
  const fields = new Map(Object.entries(shape).map(([name, [number, as]]) => [number, { name, as }]));
  const object: Json = {};
  for (const { number, value } of fieldsOf(bytes)) {
    const { name, as } = fields.get(number) ?? {};
    if (name === undefined || as === undefined) continue;
    if (name === inlined) Object.assign(object, decode(as as Shape, value as Buffer));
    else if (as === "map" || as === "quantities") {
      const entry = decode(wrapped[as] as Shape, value as Buffer);
      object[name] = Object.fromEntries([...Object.entries(object[name] ?? {}), [entry.key ?? "", entry.value ?? ""]]);
    } else if (Array.isArray(as)) object[name] = [...(object[name] ?? []), readValue(as[0], value) ?? ""];
    else object[name] = readValue(as, value);
    if (object[name] === undefined) delete object[name];
  }
  return object;
}

function readValue(as: As, value: number | Buffer): Json {
  if (as === "count" || as === "number") return as === "number" ? value : value || undefined;
  if (as === "flag" || as === "choice") return as === "choice" ? value !== 0 : value !== 0 || undefined;
  const bytes = value as Buffer;
  if (as === "text" || as === "bytes") return as === "bytes" ? bytes : bytes.toString() || undefined;
  if (typeof as === "object") return decode(as as Shape, bytes);
  const inner = decode(wrapped[as] as Shape, bytes);
  if (as === "time")
    return inner.seconds === undefined ? undefined : new Date(inner.seconds * 1000).toISOString().replace(".000Z", "Z");
  return as === "json" ? JSON.parse(inner.raw) : (inner.string ?? "0");
}

function* fieldsOf(bytes: Buffer): Generator<{ readonly number: number; readonly value: number | Buffer }> {
  let at = 0;
  const next = (): number => {
    for (let value = 0, unit = 1; ; unit *= 128) {
      const byte = bytes[at++];
      if (byte === undefined) throw new Error("unexpected EOF");
      value += (byte & 127) * unit;
      if (byte < 128) return value;
    }
  };
  while (at < bytes.length) {
    const tag = next();
    const wire = tag % 8;
    if (wire !== 0 && wire !== 2) throw new Error(`proto: illegal wireType ${wire}`);
    const value = next();
    if (wire === 2) at += value;
    if (at > bytes.length) throw new Error("unexpected EOF");
    yield { number: Math.floor(tag / 8), value: wire === 2 ? bytes.subarray(at - value, at) : value };
  }
}
