/** Proxies as each istiod lists them, seen without a line of ours: through kubectl's port-forward. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import type { HeldProxy } from "../contract/mesh-under-test.ts";
import type { Api, Json } from "./mesh/api.ts";
import { fileOf } from "./mesh/programs.ts";

/**
 * Every proxy that any istiod holds, by `POD.NAMESPACE`; asked of each running istiod pod, or of those of the revisions
 * given.
 */
export async function heldProxies(
  api: Api,
  kubeconfig: string,
  revisions?: readonly string[],
): Promise<ReadonlyMap<string, readonly HeldProxy[]>> {
  const answers = await askIstiods(api, kubeconfig, "/debug/syncz", revisions);
  const held = answers.flatMap(({ revision, answer }) =>
    answer.map(({ proxy, cluster_sent, cluster_acked, listener_sent, listener_acked }) => ({
      proxy: proxy as string,
      held: {
        revision,
        cds: isAcknowledged(cluster_sent, cluster_acked),
        lds: isAcknowledged(listener_sent, listener_acked),
      },
    })),
  );
  return new Map(
    [...Map.groupBy(held, ({ proxy }) => proxy)].map(([proxy, each]) => [proxy, each.map(({ held }) => held)]),
  );
}

/** What each running istiod pod, or each of the revisions given, answers on its debug port: a list in JSON. */
export async function askIstiods(
  api: Api,
  kubeconfig: string,
  where: string,
  revisions?: readonly string[],
): Promise<readonly { readonly revision: string; readonly answer: readonly Json[] }[]> {
  const of = revisions === undefined ? "" : `,istio.io/rev in (${revisions.join()})`;
  const { items } = await api.get(
    `/api/v1/namespaces/istio-system/pods?labelSelector=${encodeURIComponent(`app=istiod${of}`)}`,
  );
  return Promise.all(
    (items as readonly Json[])
      .filter(({ metadata, status }) => metadata.deletionTimestamp === undefined && status.phase === "Running")
      .map(async ({ metadata }) => ({
        revision: metadata.labels["istio.io/rev"] as string,
        answer: JSON.parse(await askIstiod(kubeconfig, metadata.name, where)) as readonly Json[],
      })),
  );
}

/** What was last sent was acknowledged, and something was sent. */
const isAcknowledged = (sent: string | undefined, acked: string | undefined): boolean =>
  sent !== undefined && sent !== "" && sent === acked;

/** GET of an istiod's debug port through `kubectl port-forward`. */
async function askIstiod(kubeconfig: string, pod: string, where: string): Promise<string> {
  const args = ["--kubeconfig", kubeconfig, "port-forward", "-n", "istio-system", `pod/${pod}`, ":15014"];
  const forward = spawn(fileOf("kubernetes", "bin/kubectl"), args, { stdio: ["ignore", "pipe", "inherit"] });
  try {
    const line = await new Promise((resolve) =>
      forward.stdout.once("data", resolve).once("end", () => resolve("nothing")),
    );
    forward.stdout.resume();
    const local = /127\.0\.0\.1:(\d+)/.exec(String(line))?.[1];
    assert.ok(local, `kubectl port-forward said: ${line}`);
    return await (await fetch(`http://127.0.0.1:${local}${where}`)).text();
  } finally {
    forward.kill();
  }
}
