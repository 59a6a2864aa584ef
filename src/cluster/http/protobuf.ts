/**
 * Reads messages in protobuf's binary encoding (https://protobuf.dev/programming-guides/encoding/): the fields that a
 * table names, into the shape that the same object has as JSON. All other fields are skipped unread, which is what
 * makes it cheap.
 */

/** The bytes are not a message of this type, or are cut off. */
export class MalformedMessage extends Error {
  override readonly name = "MalformedMessage";
}

/**
 * How one field is read. `read` is given the bytes `from`-`to` of a length-delimited field, or a varint's value as
 * `from`, and what the field's earlier occurrences in the message gave. It gives undefined for what JSON leaves out.
 */
export interface Field<V> {
  readonly number: number;
  readonly wire: 0 | 2;
  read(bytes: Buffer, from: number, to: number, before: V | undefined): V | undefined;
}

/** A field that JSON never leaves out. */
export interface AlwaysField<V> extends Field<V> {
  zero(): V;
}

/** A property that is left out of the objects on purpose. */
export const unread = "unread";

/** A field for every property of `T`, so that none is forgotten; those that `T` always has are `always` there. */
export type Message<T> = {
  readonly [K in keyof T]-?: Partial<Pick<T, K>> extends Pick<T, K>
    ? Field<NonNullable<T[K]>> | typeof unread
    : AlwaysField<T[K]>;
};

export type Read<T> = (bytes: Buffer, from: number, to: number) => T;

/** Reads one message; the reader throws `MalformedMessage`. */
export function reader<T extends object>(message: Message<T>): Read<T> {
  const fields: ({ readonly key: string; readonly field: Field<unknown> } | undefined)[] = [];
  const zeros: (readonly [key: string, zero: () => unknown])[] = [];
  for (const [key, field] of Object.entries<Field<unknown> | typeof unread>(message)) {
    if (field === unread) continue;
    fields[field.number] = { key, field };
    if ("zero" in field) zeros.push([key, (field as AlwaysField<unknown>).zero]);
  }
  return (bytes, from, to) => {
    const object: Record<string, unknown> = {};
    for (let at = from; at < to; ) {
      const tag = varint(bytes, at, to);
      const known = fields[tag >>> 3];
      const wire = tag & 7;
      const start = end;
      const size = wire === 0 || wire === 2 ? varint(bytes, start, to) : (fixed.get(wire) ?? -1);
      const content = wire === 0 || wire === 2 ? end : start;
      at = wire === 0 ? content : content + size;
      if (size < 0 && wire !== 0) throw new MalformedMessage("a field of no known type");
      if (at > to) throw new MalformedMessage("it breaks off");
      if (known === undefined) continue;
      if (known.field.wire !== wire) throw new MalformedMessage("a field of another type than expected");
      const value = known.field.read(bytes, wire === 0 ? size : content, at, object[known.key]);
      if (value !== undefined) object[known.key] = value;
    }
    for (const [key, zero] of zeros) object[key] ??= zero();
    return object as T;
  };
}

/** Bytes of the types of fixed size. */
const fixed: ReadonlyMap<number, number> = new Map([
  [1, 8],
  [5, 4],
]);

/** Where the varint that was read last ends. */
let end = 0;

/** An integer of up to 64 bits, negative ones in two's complement; beyond 53 bits it is not exact. */
function varint(bytes: Buffer, from: number, to: number): number {
  const first = bytes[from];
  if (first !== undefined && first < 128 && from < to) {
    end = from + 1;
    return first;
  }
  let low = 0;
  let high = 0;
  let at = from;
  for (let shift = 0; shift < 70; shift += 7) {
    const byte = bytes[at++];
    if (byte === undefined || at > to) throw new MalformedMessage("it breaks off");
    if (shift < 28) low |= (byte & 127) << shift;
    else if (shift === 28) {
      low |= (byte & 15) << 28;
      high = (byte & 127) >> 4;
    } else if (shift < 63) high |= (byte & 127) << (shift - 32);
    else high |= (byte & 1) << 31;
    if (byte < 128) {
      end = at;
      return high === 0 ? low >>> 0 : high * 2 ** 32 + (low >>> 0);
    }
  }
  throw new MalformedMessage("an integer without an end");
}

/** The Kubernetes API writes empty strings, zeros and false where JSON leaves the field out. */
export const text = (number: number): Field<string> => ({
  number,
  wire: 2,
  read: (bytes, from, to) => (from === to ? undefined : bytes.toString("utf8", from, to)),
});

export const count = (number: number): Field<number> => ({ number, wire: 0, read: (_, value) => value || undefined });

export const flag = (number: number): Field<boolean> => ({
  number,
  wire: 0,
  read: (_, value) => value !== 0 || undefined,
});

/** A flag that the API leaves out when nobody set it: false is false. */
export const setFlag = (number: number): Field<boolean> => ({ number, wire: 0, read: (_, value) => value !== 0 });

export const within = <T extends object>(number: number, message: NoInfer<Message<T>>): Field<T> => {
  const read = reader<T>(message);
  return { number, wire: 2, read: (bytes, from, to) => read(bytes, from, to) };
};

/** A field of a message that JSON has inlined into the one around it. */
export const inlined = <V>(number: number, field: Field<V>): Field<V> => {
  const read = reader<{ readonly inner?: V }>({ inner: field } as unknown as Message<{ readonly inner?: V }>);
  return { number, wire: 2, read: (bytes, from, to) => read(bytes, from, to).inner };
};

export const texts = (number: number): Field<readonly string[]> => ({
  number,
  wire: 2,
  read: (bytes, from, to, before) => added(before, bytes.toString("utf8", from, to)),
});

export const listOf = <T extends object>(number: number, message: NoInfer<Message<T>>): Field<readonly T[]> => {
  const read = reader<T>(message);
  return { number, wire: 2, read: (bytes, from, to, before) => added(before, read(bytes, from, to)) };
};

/** The same; each item is decoded only when it is asked for. */
export const laterListOf = <T extends object>(
  number: number,
  message: NoInfer<Message<T>>,
): Field<readonly (() => T)[]> => {
  const read = reader<T>(message);
  return { number, wire: 2, read: (bytes, from, to, before) => added(before, () => read(bytes, from, to)) };
};

/** The list is made here, so that it may be changed here. */
const added = <T>(before: readonly T[] | undefined, item: T): readonly T[] => {
  if (before === undefined) return [item];
  (before as T[]).push(item);
  return before;
};

/** A map from text to text, or to what `value` (field 2 of each entry) reads as text. */
export const mapOf = (number: number, value: Field<string> = text(2)): Field<Readonly<Record<string, string>>> => {
  const read = reader<{ readonly key?: string; readonly value?: string }>({ key: text(1), value });
  return {
    number,
    wire: 2,
    read(bytes, from, to, before) {
      const map = (before ?? {}) as Record<string, string>;
      const entry = read(bytes, from, to);
      if (entry.key !== "__proto__") map[entry.key ?? ""] = entry.value ?? "";
      // An assignment to `__proto__` would make no property.
      else
        Object.defineProperty(map, entry.key, {
          value: entry.value ?? "",
          enumerable: true,
          configurable: true,
          writable: true,
        });
      return map;
    },
  };
};

/** Go's Time in whole seconds → RFC 3339. */
export const time = (number: number): Field<string> => {
  const read = reader<{ readonly seconds?: number }>({ seconds: count(1) });
  return { number, wire: 2, read: (bytes, from, to) => timeText(read(bytes, from, to).seconds) };
};

let latest = { seconds: 0, text: "" };

/** Objects that follow each other often have the same second. */
const timeText = (seconds: number | undefined): string | undefined => {
  if (seconds === undefined) return undefined;
  if (seconds !== latest.seconds)
    latest = { seconds, text: new Date(seconds * 1000).toISOString().replace(".000Z", "Z") };
  return latest.text;
};

/** The field with a value for where it is not on the wire, or is zero there. */
export const always = <V>(field: Field<V>, zero: V & (string | number | boolean)): AlwaysField<V> => ({
  ...field,
  zero: () => zero,
});

/** A list or message that JSON always has. */
export const alwaysList = <T>(field: Field<readonly T[]>): AlwaysField<readonly T[]> => ({ ...field, zero: () => [] });
export const alwaysMessage = <T extends object>(field: Field<T>): AlwaysField<T> => ({
  ...field,
  zero() {
    throw new MalformedMessage("a part is missing");
  },
});
