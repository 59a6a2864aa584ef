/** What the sweeps found (sweep*.test.ts), each held by a plan of its own. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { assertArrived, documentOf, labelsOf } from "../contract/verify-result.ts";
import { deployment, statefulSet } from "../fixtures/workload-objects.ts";
import type { Asked } from "./api/request.ts";
import { carryOut, type FaultPlan } from "./fault-plan.ts";
import { faults, isWrite } from "./faults.ts";
import { interferences } from "./interference.ts";
import type { EmbeddedMesh } from "./mesh.ts";
import { outages } from "./outages.ts";
import { type KillPoint, startProgram, untilEnd } from "./program.ts";
import { openSweepMesh, type SweepMesh } from "./sweep-mesh.ts";
import { migrating, rollingBack, sweptRevisions, type Verb } from "./verbs.ts";
import { relabelNamespace, remove } from "./writes.ts";

let sweep: SweepMesh;
let mesh: EmbeddedMesh;
before(async () => {
  sweep = await openSweepMesh({ revisions: sweptRevisions });
  ({ mesh } = sweep);
});
after(() => sweep?.[Symbol.asyncDispose]());

const namespaceOfTwo = () =>
  sweep.settled((namespace) => [
    deployment({ namespace, name: "web", replicas: 2, readyAfter: 1_000 }),
    statefulSet({ namespace, name: "db", replicas: 2, readyAfter: 1_000 }),
  ]);

const args = ["--to", "1-20", "--workload-timeout", "60s", "-o", "json"];
const migrate = async (namespace: string) => documentOf(await mesh.run("mesh-migrate", ["-n", namespace, ...args]));

async function migrateAmid(namespace: string, plan: FaultPlan, more: readonly string[] = []) {
  const script = carryOut({ mesh, namespace, blame: () => {} }, plan);
  const result = await mesh.run("mesh-migrate", ["-n", namespace, ...args, ...more], { onStderr: script.onStderr });
  assert.equal(script.begun(), plan.length, "the whole plan was met");
  return { document: documentOf(result), end: () => mesh.clock.during(script.end()) };
}

const act = (name: string) => {
  const found = outages[name] ?? interferences[name];
  assert.ok(found, name);
  return { act: found };
};

test("labels that a policy rewrites in the last write are no success", async () => {
  const namespace = await namespaceOfTwo();
  const { document, end } = await migrateAmid(namespace, [
    { when: { request: isWrite, nth: 3 }, what: act("a policy rewrites labels") },
  ]);
  await end();
  assert.deepEqual(await labelsOf(mesh, namespace), { "istio-injection": "enabled" });
  assert.deepEqual([document.state, document.exitCode], ["partial", 4]);
  assert.match(document.failure?.reason ?? "", /labels of namespace .* istio-injection=enabled/);
  assert.deepEqual((await migrate(namespace)).state, "done");
  await assertArrived(mesh, namespace, "1-20");
});

test("a workload that is not proven when the time is over is named as an object, and no more", async () => {
  const namespace = await namespaceOfTwo();
  const plan: FaultPlan = [{ when: { request: isWrite, nth: 2 }, what: act("new pods take 45 s") }];
  const { document, end } = await migrateAmid(namespace, plan, ["--timeout", "10s"]);
  await end();
  assert.deepEqual(
    [document.exitCode, document.failure?.object.kind, Object.keys(document.failure?.object ?? {}).length],
    [4, "StatefulSet", 3],
  );
});

test("pods that came up without a sidecar, by a restart of ours, are not left so by the next run", async () => {
  const namespace = await namespaceOfTwo();
  const { document, end } = await migrateAmid(namespace, [
    { when: { request: isWrite, nth: 2 }, what: act("the target's injector deleted") },
  ]);
  await end();
  assert.deepEqual([document.exitCode, document.state], [4, "partial"]);
  await mesh.waitReady(namespace);
  const again = await migrate(namespace);
  assert.equal(again.state, "done");
  await assertArrived(mesh, namespace, "1-20");
});

test("a write of which nothing more can be learned is not called nothing", async () => {
  const namespace = await namespaceOfTwo();
  const meets = faults["a login page, applied"];
  assert.ok(meets);
  const { document, end } = await migrateAmid(namespace, [
    { when: { request: isWrite }, what: { meets }, lasts: 10_000 },
  ]);
  await end();
  assert.deepEqual(await labelsOf(mesh, namespace), { "istio.io/rev": "1-20" });
  assert.deepEqual([document.exitCode, document.state], [4, "partial"]);
  assert.match(document.goOn ?? "", /mesh-migrate/);
  assert.match(document.goBackKubectl ?? "", /istio-injection=enabled/);
  assert.deepEqual((await migrate(namespace)).state, "done");
  await assertArrived(mesh, namespace, "1-20");
});

test("a write that was not done, and of which nothing more can be learned for a while", async () => {
  const namespace = await namespaceOfTwo();
  const meets = faults["a login page"];
  assert.ok(meets);
  const { document, end } = await migrateAmid(namespace, [
    { when: { request: isWrite }, what: { meets }, lasts: 10_000 },
  ]);
  await end();
  assert.deepEqual(await labelsOf(mesh, namespace), { "istio-injection": "enabled" });
  assert.deepEqual([document.exitCode, document.state], [4, "partial"]);
  assert.deepEqual((await migrate(namespace)).state, "done");
});

const stampOf = (namespace: string): string =>
  mesh.store.get(mesh.resources.named("deployments"), namespace, "web")?.spec.template.metadata.annotations?.[
    "kubectl.kubernetes.io/restartedAt"
  ] ?? "";

/** Runs a verb on a machine of its own; it succeeds, or is killed where that is said. */
async function runs(verb: Verb, namespace: string, at?: KillPoint): Promise<void> {
  await using program = startProgram(mesh, verb, [namespace], at);
  const result = await untilEnd(mesh, program);
  assert.equal(result?.code, at ? undefined : 0, `${result?.stdout}${result?.stderr}`);
}

test("a rollback that was killed while its rollouts go on is turned round", async () => {
  const namespace = await sweep.settled((namespace) => [
    deployment({ namespace, name: "fast", replicas: 2, readyAfter: 500 }),
    deployment({ namespace, name: "slow", replicas: 3, readyAfter: 2_000 }),
  ]);
  await runs(migrating, namespace);
  const firstEvent: KillPoint = { effect: 0, when: "before", of: ({ url }) => url.pathname.endsWith("/events") };
  await runs(rollingBack, namespace, firstEvent);
  await runs(migrating, namespace);
  await assertArrived(mesh, namespace, "1-20");
});

test("a migration that was killed between its first entry in the journal and its labels has nothing to be put back", async () => {
  const namespace = await namespaceOfTwo();
  const labels: KillPoint = { effect: 0, when: "before", of: ({ route }) => route?.resource.plural === "namespaces" };
  await runs(migrating, namespace, labels);
  await runs(rollingBack, namespace);
  await assertArrived(mesh, namespace, "default");
  assert.deepEqual(await labelsOf(mesh, namespace), { "istio-injection": "enabled" });
});

test("a migration that was killed after it restarted a workload a second time goes on", async () => {
  const namespace = await sweep.settled((namespace) => [
    deployment({ namespace, name: "web", replicas: 3, readyAfter: 3_000 }),
  ]);
  const stage = { mesh, namespace, blame: () => {} };
  const isRestart = ({ route, url }: Asked): boolean =>
    route?.verb === "patch" && url.pathname.endsWith("/deployments/web");
  // Somebody takes the label away for a moment, so that the first new pod comes up on the old revision.
  let isFirst = true;
  const stop = mesh.onRequest((asked) => {
    if (!isFirst || !isRestart(asked) || asked.dryRun) return undefined;
    isFirst = false;
    void relabelNamespace(stage, { "istio-injection": "enabled", "istio.io/rev": undefined });
    mesh.clock.after(60, () => void relabelNamespace(stage, { "istio-injection": undefined, "istio.io/rev": "1-20" }));
    return undefined;
  });
  await runs(migrating, namespace, { effect: 1, when: "after", of: isRestart });
  stop();
  assert.match(stampOf(namespace), /^2026/);
  await runs(migrating, namespace);
  await assertArrived(mesh, namespace, "1-20");
});

test("a pod of a StatefulSet that is ready again when it would be deleted stays", async () => {
  const namespace = await sweep.settled((namespace) => [
    statefulSet({ namespace, name: "db", replicas: 2, readyAfter: 3_000 }),
  ]);
  await runs(migrating, namespace);
  const pod = mesh.store.get(mesh.resources.named("pods"), namespace, "db-0");
  assert.ok(pod);
  const stage = { mesh, namespace, blame: () => {} };
  await mesh.clock.during(remove(stage, pod));
  await mesh.pass(500);
  // Planned while the new db-0 starts, and carried out when it is ready.
  const stop = mesh.onRequest(({ route, dryRun }) =>
    route?.resource.plural === "statefulsets" && route.verb === "patch" && !dryRun ? { delay: 4_000 } : undefined,
  );
  await runs(rollingBack, namespace);
  stop();
  const deleted = (await mesh.audit()).filter((entry) => entry.resource === "pods" && entry.verb === "delete");
  assert.deepEqual(
    deleted.filter((entry) => entry.namespace === namespace),
    [],
  );
});
