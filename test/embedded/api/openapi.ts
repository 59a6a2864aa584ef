/**
 * So much of OpenAPI that kubectl sees that the server checks fields itself (cli-runtime
 * pkg/resource/query_param_verifier_v3.go), and asks for no schema.
 */
import type { Json } from "../object.ts";
import { encode } from "./protobuf.ts";
import { apiVersionOf, type Resource, type Resources } from "./resources.ts";

/** The answer to a path of OpenAPI; `undefined` where it is none. */
export function openapi(resources: Resources, pathname: string): Json | undefined {
  if (pathname !== "/openapi/v3" && !pathname.startsWith("/openapi/v3/")) return undefined;
  const groups = Map.groupBy(resources.all(), pathOf);
  const asked = pathname.slice("/openapi/v3/".length);
  if (asked === "")
    return {
      paths: Object.fromEntries([...groups.keys()].map((path) => [path, { serverRelativeURL: `/openapi/v3/${path}` }])),
    };
  const inside = groups.get(asked);
  return (
    inside && {
      openapi: "3.0.0",
      info: { title: "Kubernetes", version: "v1.36.3" },
      paths: Object.fromEntries(inside.map(entryOf)),
    }
  );
}

const pathOf = (resource: Resource): string => `${resource.group === "" ? "api" : "apis"}/${apiVersionOf(resource)}`;

const entryOf = (resource: Resource): readonly [string, Json] => [
  `/${pathOf(resource)}/${resource.namespaced ? "namespaces/{namespace}/" : ""}${resource.plural}/{name}`,
  {
    patch: {
      parameters: ["dryRun", "fieldManager", "fieldValidation"].map((name) => ({
        name,
        in: "query",
        schema: { type: "string" },
      })),
      responses: { "200": { description: "OK" } },
      "x-kubernetes-group-version-kind": { group: resource.group, version: resource.version, kind: resource.kind },
    },
  },
];

/**
 * The other OpenAPI, which kubectl asks for lists (`kind: List`) and for what it does not know: no schema of anything,
 * which it takes for "all is well".
 */
export const emptySchema = {
  type: "application/com.github.proto-openapi.spec.v2.v1.0+protobuf",
  bytes: encode(
    { swagger: [1, "text"], info: [2, { title: [1, "text"], version: [2, "text"] }] },
    { swagger: "2.0", info: { title: "Kubernetes", version: "v1.36.3" } },
  ),
};
