import type { KubeObject } from "../../mesh/kubernetes.ts";
import { type ApiRequest, malformed, type Whereabouts } from "./api-failure.ts";
import { listReader } from "./messages.ts";
import { MalformedMessage, type Message } from "./protobuf.ts";
import { checkItems, checkPage, type Expected, type Page } from "./shape.ts";

/** Half the bytes of the JSON, half the server's work to write it, and what is not needed is not even read. */
export const protobuf = "application/vnd.kubernetes.protobuf";

/**
 * A page of a list in protobuf. Each item is read only when it is its turn, so that of a page no more than its bytes is
 * kept in memory. Throws `ClusterError` (malformed) for what is none.
 */
export function binaryPage<T extends KubeObject>(
  body: Buffer,
  message: Message<T>,
  expected: Expected,
  wish: ApiRequest,
  where: Whereabouts,
): Page {
  const sound = <V>(read: () => V): V => {
    try {
      return read();
    } catch (cause) {
      if (!(cause instanceof MalformedMessage)) throw cause;
      throw malformed(wish, `protobuf that is damaged: ${cause.message}`, where);
    }
  };
  const { items, ...list } = sound(() => listReader(message)(body));
  return {
    ...checkPage({ ...list, items: [] }, expected, wish, where),
    *items() {
      for (const item of items) yield* checkItems([sound(item)], wish, where);
    },
  };
}
