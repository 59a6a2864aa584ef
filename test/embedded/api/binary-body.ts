/** Bodies in Kubernetes' protobuf, which kubectl's typed clients send for a few verbs (create namespace, auth can-i): those kinds alone. */
import { type Message, mapOf, reader, text, within } from "../../../src/cluster/protobuf.ts";
import type { Json } from "../object.ts";

const magic = Buffer.from("k8s\0");

export const isBinary = (bytes: Buffer): boolean => bytes.subarray(0, magic.length).equals(magic);

interface Meta {
  readonly name?: string;
  readonly generateName?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}
interface Attributes {
  readonly namespace?: string;
  readonly verb?: string;
  readonly group?: string;
  readonly resource?: string;
  readonly subresource?: string;
  readonly name?: string;
}

const meta: Message<Meta> = { name: text(1), generateName: text(2), labels: mapOf(11), annotations: mapOf(12) };
const attributes: Message<Attributes> = {
  ...{ namespace: text(1), verb: text(2), group: text(3) },
  ...{ resource: text(5), subresource: text(6), name: text(7) },
};
const path: Message<{ readonly path?: string }> = { path: text(1) };
const metadata = within<Meta>(1, meta);

const kinds: Readonly<Record<string, Message<Json>>> = {
  Namespace: { metadata },
  ServiceAccount: { metadata },
  SelfSubjectAccessReview: {
    metadata,
    spec: within<Json>(2, { resourceAttributes: within<Attributes>(1, attributes), nonResourceAttributes: within(2, path) }),
  },
};

const typeMeta = reader<{ readonly apiVersion?: string; readonly kind?: string }>({ apiVersion: text(1), kind: text(2) });

/** The object as it would be in JSON. Throws an Error for a kind that is not known here. */
export function binaryBody(bytes: Buffer): Json {
  const parts = new Map<number, readonly [from: number, to: number]>();
  for (let at = magic.length; at < bytes.length; ) {
    const field = (bytes[at] ?? 0) >> 3;
    let [size, shift] = [0, 0];
    for (at++; ; at++, shift += 7) {
      size |= ((bytes[at] ?? 0) & 127) << shift;
      if ((bytes[at] ?? 0) < 128) break;
    }
    parts.set(field, [at + 1, at + 1 + size]);
    at += 1 + size;
  }
  const type = typeMeta(bytes, ...(parts.get(1) ?? ([0, 0] as const)));
  const message = Object.hasOwn(kinds, type.kind ?? "") ? kinds[type.kind ?? ""] : undefined;
  if (!message) throw new Error(`${type.kind} is not read as protobuf here`);
  return { ...type, ...reader<Json>(message)(bytes, ...(parts.get(2) ?? ([0, 0] as const))) };
}
