/** As much of OpenAPI as `kubectl apply` cannot do without. */
import { encode } from "./protobuf.ts";

/** A document (v2) without a schema of anything: then kubectl takes every object for valid. */
export const emptySchema = {
  type: "application/com.github.proto-openapi.spec.v2.v1.0+protobuf",
  bytes: encode(
    { swagger: [1, "text"], info: [2, { title: [1, "text"], version: [2, "text"] }] },
    { swagger: "2.0", info: { title: "Kubernetes", version: "v1.36.3" } },
  ),
};
