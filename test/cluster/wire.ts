/** Writes protobuf as the API server does, for the tests of what reads it. */

/** A varint; negative numbers in the two's complement of 64 bits. */
export function varint(value: number): Buffer {
  let rest = BigInt.asUintN(64, BigInt(value));
  const bytes: number[] = [];
  do {
    bytes.push(Number(rest & 127n) | (rest > 127n ? 128 : 0));
    rest >>= 7n;
  } while (rest > 0n);
  return Buffer.from(bytes);
}

/** A number, flag, text or message as a field. */
export function field(number: number, value: number | boolean | string | Buffer): Buffer {
  if (typeof value === "number" || typeof value === "boolean") return Buffer.concat([varint(number * 8), varint(Number(value))]);
  const bytes = Buffer.from(value as string);
  return Buffer.concat([varint(number * 8 + 2), varint(bytes.length), bytes]);
}

export const message = (...fields: readonly Buffer[]): Buffer => Buffer.concat(fields);

/** An object as it stands in an answer. */
export const envelope = (apiVersion: string, kind: string, content: Buffer): Buffer =>
  message(Buffer.from("k8s\0"), field(1, message(field(1, apiVersion), field(2, kind))), field(2, content), field(3, ""), field(4, ""));

/** A list as it stands in an answer, `token` for the next page. */
export const listBody = (apiVersion: string, kind: string, items: readonly Buffer[], token = ""): Buffer =>
  envelope(
    apiVersion,
    kind,
    message(field(1, message(field(1, ""), field(2, "100"), field(3, token))), ...items.map((item) => field(2, item))),
  );

/** A pod of which little is known. */
export const podNamed = (name: string): Buffer =>
  message(field(1, message(field(1, name), field(3, "x"), field(5, `uid-${name}`))), field(2, message()), field(3, message()));
