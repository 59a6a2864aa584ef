/**
 * Kubernetes' protobuf around an object (k8s.io/apimachinery pkg/runtime/serializer/protobuf), and what kubectl's typed
 * clients send so.
 */
import type { Json } from "../object.ts";
import { decode, encode, type Shape } from "./protobuf.ts";
import { bodies, typeMeta } from "./shapes.ts";

const magic = Buffer.from("k8s\0");
const envelope: Shape = { type: [1, typeMeta], content: [2, "bytes"] };

/** An object's content with its type before it. */
export const enveloped = (type: { readonly apiVersion: string; readonly kind: string }, content: Buffer): Buffer =>
  Buffer.concat([magic, encode(envelope, { type, content })]);

export const isBinary = (bytes: Buffer): boolean => bytes.subarray(0, magic.length).equals(magic);

/** The object as it would be in JSON. Throws an Error for a kind that is not known here. */
export function binaryBody(bytes: Buffer): Json {
  const { type, content } = decode(envelope, bytes.subarray(magic.length));
  const shape = Object.hasOwn(bodies, type.kind) ? bodies[type.kind] : undefined;
  if (!shape) throw new Error(`${type.kind} is not read as protobuf here`);
  return { ...type, ...decode(shape, content) };
}
