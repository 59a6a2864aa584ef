/** An API server of a small mesh, on loopback: the build and the measurements run the executables on it. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { protobuf } from "../src/cluster/http/binary-page.ts";
import { kinds } from "../src/cluster/kinds.ts";
import type { PodObject } from "../src/mesh/kubernetes.ts";
import { matchesSelector } from "../src/mesh/labels.ts";
import { parseSelector } from "../src/mesh/selector-text.ts";
import { listBody, metadataBytes, podBytes } from "../test/cluster/wire.ts";
import { warmMesh } from "./warm-mesh.ts";

const keyByPlural = new Map(Object.entries(kinds).map(([key, { plural }]) => [plural, key as keyof typeof kinds]));

/** The answer of the server. It allows everything and writes nothing. Undefined: not found. */
const answer = (method: string, { pathname, searchParams }: URL, accept: string): object | Buffer | undefined => {
  if (pathname === "/version") return { major: "1", minor: "36", gitVersion: "v1.36.0" };
  if (pathname === "/apis") return { kind: "APIGroupList", apiVersion: "v1", groups: [] };
  if (method === "POST" && pathname.endsWith("/selfsubjectaccessreviews"))
    return {
      kind: "SelfSubjectAccessReview",
      apiVersion: "authorization.k8s.io/v1",
      spec: {},
      status: { allowed: true },
    };
  const { namespace, plural, name } = resourceOf(pathname);
  const key = keyByPlural.get(plural);
  if ((method !== "GET" && method !== "PATCH") || key === undefined) return undefined;
  const { group, version, kind } = kinds[key];
  const apiVersion = group === "" ? version : `${group}/${version}`;
  const selector = parseSelector(searchParams.get("labelSelector") ?? "");
  const items = warmMesh(key).filter(
    ({ metadata }) =>
      (namespace === undefined || metadata.namespace === namespace) &&
      !("malformed" in selector) &&
      matchesSelector(selector, metadata.labels),
  );
  if (name === undefined && accept.includes("PartialObjectMetadataList"))
    return listBody("meta.k8s.io/v1", "PartialObjectMetadataList", items.map(metadataBytes));
  if (name === undefined && key === "pods")
    return listBody(
      apiVersion,
      "PodList",
      items.map((pod) => podBytes(pod as PodObject)),
    );
  if (name === undefined) return { kind: `${kind}List`, apiVersion, metadata: { resourceVersion: "1" }, items };
  const found = items.find(({ metadata }) => metadata.name === name);
  return found && { kind, apiVersion, ...found };
};

/** `/api/v1/namespaces/NAMESPACE/pods/NAME`, `/apis/GROUP/VERSION/…`. */
const resourceOf = (
  path: string,
): { readonly namespace: string | undefined; readonly plural: string; readonly name: string | undefined } => {
  const parts = path.replace(/^\/api\/v1\/|^\/apis\/[^/]+\/[^/]+\//, "").split("/");
  const [namespace, plural = "", name, ...below] =
    parts[0] === "namespaces" && parts.length > 2 ? parts.slice(1) : [undefined, ...parts];
  return { namespace, plural: below.length === 0 ? plural : "", name };
};

/** The `details` of a NotFound status, as the API server writes them. */
const detailsOf = (path: string): object => {
  const [name, plural] = path.split("/").reverse();
  return { name, kind: plural, group: path.startsWith("/apis/") ? path.split("/")[2] : undefined };
};

/** Serves requests until `close`. */
export const warmServer = async (): Promise<{ readonly url: string; readonly close: () => void }> => {
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? "/", "http://localhost");
    const found = answer(request.method ?? "GET", url, request.headers.accept ?? "");
    if (Buffer.isBuffer(found)) return response.writeHead(200, { "content-type": protobuf }).end(found);
    response.writeHead(found ? 200 : 404, { "content-type": "application/json" });
    return response.end(
      JSON.stringify(
        found ?? {
          kind: "Status",
          apiVersion: "v1",
          status: "Failure",
          reason: "NotFound",
          code: 404,
          message: `${url.pathname} not found`,
          details: detailsOf(url.pathname),
        },
      ),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
};
