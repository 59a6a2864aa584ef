/** Makes the past too old to be asked for: what five minutes and etcd's compaction do. */
import fs from "node:fs";
import path from "node:path";
import type { MeshUnderTest } from "./mesh-under-test.ts";
import type { EmbeddedUnderTest } from "./open-embedded.ts";

/**
 * From now on lists as of an earlier version are refused, where the API server has no cache that knows more: of events
 * for one.
 */
export async function forgetHistory(mesh: MeshUnderTest): Promise<void> {
  if (mesh.kind === "embedded") return (mesh as EmbeddedUnderTest).embedded.store.compact();
  const log = fs.readFileSync(path.join(path.dirname(mesh.kubeconfig), "etcd.log"), "utf8");
  const [, etcd] = /"--listen-client-urls","([^"]+)"/.exec(log) ?? [];
  // https://etcd.io/docs/v3.6/dev-guide/api_grpc_gateway/
  const ask = async (what: string, body: object): Promise<{ readonly header?: { readonly revision: string } }> => {
    const response = await fetch(`${etcd}/v3/${what}`, { method: "POST", body: JSON.stringify(body) });
    if (!response.ok) throw new Error(`etcd answered ${response.status} to ${what}: ${await response.text()}`);
    return response.json() as Promise<{ header?: { revision: string } }>;
  };
  const { header } = await ask("maintenance/status", {});
  await ask("kv/compaction", { revision: header?.revision, physical: true });
}
