/** Lists in Kubernetes' protobuf, as our own plugins read them. */
import type { Json, KubeJson } from "../object.ts";
import { enveloped } from "./binary-body.ts";
import { encode, type Shape, Unencodable } from "./protobuf.ts";
import { listMeta, partialObject, pod } from "./shapes.ts";

export const protobuf = "application/vnd.kubernetes.protobuf";

/**
 * A list of whole pods, or of any objects' metadata; `undefined` where an object has something that is not written
 * here: then JSON is what is left.
 */
export function binaryList(
  type: { readonly apiVersion: string; readonly kind: string },
  metadata: Json,
  items: readonly KubeJson[],
): Buffer | undefined {
  const shape = type.kind === "PodList" ? pod : partialObject;
  try {
    const content = encode(
      { metadata: [1, listMeta], items: [2, ["bytes"]] },
      { metadata, items: items.map((item) => bytesOf(shape, item)) },
    );
    return enveloped(type, content);
  } catch (error) {
    if (error instanceof Unencodable) return undefined;
    throw error;
  }
}

const written = new Map<Shape, WeakMap<KubeJson, Buffer>>([pod, partialObject].map((shape) => [shape, new WeakMap()]));

/** Objects are values: once written, they stay so. */
function bytesOf(shape: Shape, item: KubeJson): Buffer {
  const known = written.get(shape)?.get(item);
  if (known) return known;
  const { kind, apiVersion, ...object } = item;
  const bytes = encode(shape, shape === pod ? object : { metadata: object.metadata });
  written.get(shape)?.set(item, bytes);
  return bytes;
}
