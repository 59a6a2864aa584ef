/**
 * `npm run bench:rollback [-- NAMESPACES PAIRS]`: how long the way back of a whole mesh takes beside the way there.
 * Every namespace is moved by `mesh-migrate -A`, then put back by `mesh-rollback -A`, and again. After each way back:
 * labels byte for byte as before, every proxy injected by, connected to and in sync with the old revision, and no
 * workload ever below its own bound. Last, which requests each way makes of the API server.
 */
import assert from "node:assert/strict";
import { assertArrived } from "../../contract/verify-result.ts";
import { deployment } from "../../fixtures/workload-objects.ts";
import { type Json, type Mesh, type Result, upMesh } from "../kit.ts";
import { median } from "./measure.ts";

const namespaceCount = Number(process.argv[2] ?? 100);
const pairs = Number(process.argv[3] ?? 3);
const readyAfter = [1_000, 3_000] as const;

/** One Deployment in every other namespace, two in the rest, of two replicas. */
async function seed(mesh: Mesh): Promise<readonly string[]> {
  const names = Array.from({ length: namespaceCount }, (_, index) => `team-${index}`);
  for (const [index, namespace] of names.entries()) {
    await mesh.createNamespace({ "istio-injection": "enabled", team: `t${index}` }, namespace);
    const workloads = ["web", "api"].slice(0, 1 + (index % 2));
    await mesh.apply(workloads.map((name) => deployment({ namespace, name, replicas: 2, readyAfter })));
  }
  for (const name of names) await mesh.waitReady(name, 300);
  return names;
}

async function labelsOfAll(mesh: Mesh, namespaces: readonly string[]): Promise<string> {
  const { items } = await mesh.api.get("/api/v1/namespaces");
  const known = new Map(
    items.map(({ metadata }: Json): [string, string] => [metadata.name, JSON.stringify(metadata.labels)]),
  );
  return namespaces.map((name) => `${name} ${known.get(name)}`).join("\n");
}

/** From the audit log: how many requests of each kind, and how many writes. */
async function showRequests(mesh: Mesh, program: string, since: Date): Promise<void> {
  const requests = (await mesh.audit(since)).filter(({ userAgent }) => userAgent.startsWith(program));
  const kinds = Map.groupBy(requests, ({ verb, resource, subresource }) =>
    [verb, resource, subresource].filter((part) => part !== "").join(" "),
  );
  console.log(`${program}: ${requests.length} requests`);
  for (const [kind, same] of [...kinds].toSorted((a, b) => b[1].length - a[1].length).slice(0, 20))
    console.log(`${String(same.length).padStart(6)}  ${kind}`);
}

const done = (program: string, { code, ms, stdout, stderr }: Result): number => {
  assert.equal(code, 0, `${program} ended with ${code}:\n${stdout}${stderr}`);
  return ms;
};

const inSeconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;

await using mesh = await upMesh({ revisions: { default: "1.19.0", "1-20": "1.20.0" } });
const namespaces = await seed(mesh);
const pods = (await mesh.api.get("/api/v1/pods")).items.filter((pod: Json) =>
  namespaces.includes(pod.metadata.namespace),
).length;
console.log(`${namespaces.length} namespaces, ${pods} pods`);
const before = await labelsOfAll(mesh, namespaces);
const [there, back]: [number[], number[]] = [[], []];
using recorder = await mesh.recorder();
for (let pair = 1; pair <= pairs; pair++) {
  const began = mesh.now();
  const moved = done("mesh-migrate", await mesh.run("mesh-migrate", ["-A", "--to", "1-20"], { timeout: 1_800_000 }));
  const turned = mesh.now();
  const restored = done("mesh-rollback", await mesh.run("mesh-rollback", ["-A"], { timeout: 1_800_000 }));
  there.push(moved);
  back.push(restored);
  assert.equal(await labelsOfAll(mesh, namespaces), before, "labels byte for byte as before");
  const held = await mesh.heldProxies();
  for (const namespace of namespaces)
    await assertArrived({ pods: mesh.pods, heldProxies: async () => held }, namespace, "default");
  const rows = recorder.report().filter(({ workload }) => workload.startsWith("team-"));
  const fell = rows.filter(({ ok }) => !ok);
  assert.deepEqual(fell, []);
  console.log(
    `pair ${pair}: there ${inSeconds(moved)}, back ${inSeconds(restored)}, ratio ${(restored / moved).toFixed(2)}; ` +
      `labels as before, ${pods} proxies on default, 0 of ${rows.length} workloads below their bound`,
  );
  if (pair < pairs) continue;
  await showRequests(mesh, "mesh-migrate", began);
  await showRequests(mesh, "mesh-rollback", turned);
}
console.log(
  `median: there ${inSeconds(median(there))}, back ${inSeconds(median(back))}, ` +
    `ratio ${(median(back) / median(there)).toFixed(2)} (at most 1)`,
);
