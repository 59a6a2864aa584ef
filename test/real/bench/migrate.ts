/**
 * How long a migration takes, ours beside the steps of the published canary-upgrade page
 * (https://istio.io/latest/docs/setup/upgrade/canary/#data-plane): both labels in two writes, `rollout restart
 * deployment`, `rollout status` one after the other, namespace by namespace. Both in one run, on namespaces of the same
 * shape: 4 Deployments and 1 StatefulSet of 3 replicas, pods ready after 4 to 10 s.
 */

import { deployment, statefulSet } from "../../fixtures/workload-objects.ts";
import { type Json, type Mesh, upMesh } from "../kit.ts";

const namespaceCount = Number(process.argv[2] ?? 6);
const readyAfter = [4_000, 10_000] as const;

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;

async function seed(mesh: Mesh, prefix: string): Promise<readonly string[]> {
  const names = Array.from({ length: namespaceCount }, (_, index) => `${prefix}-${index}`);
  for (const name of names) await mesh.createNamespace({ "istio-injection": "enabled" }, name);
  const workloads = names.flatMap((namespace) => [
    ...Array.from({ length: 4 }, (_, index) => deployment({ namespace, name: `web-${index}`, readyAfter })),
    statefulSet({ namespace, name: "db", readyAfter }),
  ]);
  await mesh.apply(workloads);
  for (const name of names) await mesh.waitReady(name);
  return names;
}

/** The published steps; gives back milliseconds. */
async function publishedScript(mesh: Mesh, namespaces: readonly string[]): Promise<number> {
  const began = performance.now();
  for (const namespace of namespaces) {
    await mesh.kubectl(["label", "namespace", namespace, "istio-injection-"]);
    await mesh.kubectl(["label", "namespace", namespace, "istio.io/rev=1-20"]);
    await mesh.kubectl(["rollout", "restart", "deployment", "-n", namespace]);
    for (let index = 0; index < 4; index++)
      await mesh.kubectl(["rollout", "status", "-n", namespace, `deployment/web-${index}`]);
  }
  return performance.now() - began;
}

const revisionOf = (pod: Json): string => pod.metadata.annotations?.["istio.io/rev"] ?? "none";
const readyAt = (pod: Json): number =>
  Date.parse(pod.status.conditions.find((each: Json) => each.type === "Ready").lastTransitionTime);

/**
 * From the pods themselves: the earliest time to a ready new pod, and the longest that one workload took from its first
 * new pod to its last.
 */
async function ownTimes(
  mesh: Mesh,
  namespaces: readonly string[],
): Promise<{ readonly canary: number; readonly slowest: number }> {
  const pods = (await Promise.all(namespaces.map((namespace) => mesh.pods(namespace)))).flat();
  const byWorkload = Map.groupBy(pods, (pod) => `${pod.metadata.namespace}/${pod.metadata.labels.app}`);
  const spans = [...byWorkload.values()].map(
    (each) =>
      Math.max(...each.map(readyAt)) - Math.min(...each.map((pod) => Date.parse(pod.metadata.creationTimestamp))),
  );
  const first = pods.toSorted(
    (a, b) => Date.parse(a.metadata.creationTimestamp) - Date.parse(b.metadata.creationTimestamp),
  )[0];
  return { canary: readyAt(first) - Date.parse(first.metadata.creationTimestamp), slowest: Math.max(...spans) };
}

async function stayed(mesh: Mesh, namespaces: readonly string[]): Promise<string> {
  const pods = (await Promise.all(namespaces.map((namespace) => mesh.pods(namespace)))).flat();
  return `${pods.filter((pod) => revisionOf(pod) !== "1-20").length} of ${pods.length} pods stayed on the old revision`;
}

await using mesh = await upMesh({ revisions: { default: "1.19.0", "1-20": "1.20.0" } });
const theirs = await seed(mesh, "script");
const script = await publishedScript(mesh, theirs);
console.log(`published script: ${seconds(script)}; ${await stayed(mesh, theirs)}`);
const ours = await seed(mesh, "ours");
const { code, ms, stderr } = await mesh.run("mesh-migrate", ["-n", ours.join(","), "--to", "1-20"]);
if (code !== 0) throw new Error(`mesh-migrate ended with ${code}:\n${stderr}`);
const { canary, slowest } = await ownTimes(mesh, ours);
console.log(`mesh-migrate:     ${seconds(ms)}; ${await stayed(mesh, ours)}`);
console.log(
  `ratio ${(ms / script).toFixed(2)} (at most 0.35); canary's first pod ${seconds(canary)} + slowest rollout ${seconds(slowest)}, ours ${(ms / (canary + slowest)).toFixed(2)} times that (at most 1.15)`,
);
