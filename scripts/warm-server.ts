/** An API server of an empty cluster, on loopback: what the executables are run against while they are built, to warm their code. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { kinds } from "../src/cluster/kinds.ts";

const kindByPlural = new Map(Object.values(kinds).map((kind) => [kind.plural, kind]));

/** What a cluster says that has nothing and allows everything. */
const answer = (method: string, path: string): object | undefined => {
  const parts = path.split("/").filter((part) => part !== "");
  if (path === "/version") return { major: "1", minor: "36", gitVersion: "v1.36.0" };
  const last = parts.at(-1) ?? "";
  if (method === "POST" && last.endsWith("accessreviews"))
    return { kind: "SelfSubjectAccessReview", apiVersion: "authorization.k8s.io/v1", spec: {}, status: { allowed: true } };
  const kind = kindByPlural.get(last);
  if (method !== "GET" || kind === undefined) return undefined;
  const apiVersion = kind.group === "" ? kind.version : `${kind.group}/${kind.version}`;
  return { kind: `${kind.kind}List`, apiVersion, metadata: { resourceVersion: "1" }, items: [] };
};

/** As the API server names what it did not find. */
const detailsOf = (path: string): object => {
  const [name, plural] = path.split("/").reverse();
  return { name, kind: plural, group: kindByPlural.get(plural ?? "")?.group };
};

/** Serves until `close`. */
export const warmServer = async (): Promise<{ readonly url: string; readonly close: () => void }> => {
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://localhost");
    const found = answer(request.method ?? "GET", pathname);
    response.writeHead(found ? 200 : 404, { "content-type": "application/json" });
    response.end(
      JSON.stringify(
        found ?? {
          kind: "Status",
          apiVersion: "v1",
          status: "Failure",
          reason: "NotFound",
          code: 404,
          message: `${pathname} not found`,
          details: detailsOf(pathname),
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
