/** Migrations in virtual time: the run that all of this is for, a slow one, one that is broken off. As test/real/migrate-mission.test.ts. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { cronJob, daemonSet, deployment, job, statefulSet } from "../real/workloads.ts";
import type { EmbeddedMesh } from "./mesh.ts";
import type { Json } from "./object.ts";
import { revisionOf } from "./pods/life.ts";
import { interrupt } from "./run.ts";
import { openScene, type Scene } from "./scene.ts";
import { assertArrived, labelsOf, once, recordOf, templatesOf, uidsOf } from "./witness.ts";

let scene: Scene;
let mesh: EmbeddedMesh;
before(async () => {
  scene = await openScene({ revisions: { default: "1.19.0", "1-20": "1.20.0" } });
  ({ mesh } = scene);
});
after(() => scene?.[Symbol.asyncDispose]());

test("production moves: 10 Deployments, a StatefulSet, a DaemonSet, one scaled to 0, one opted out; the second time there is nothing to do", async () => {
  const names = Array.from({ length: 10 }, (_, index) => `web-${index}`);
  const readyAfter = [1000, 5000] as const;
  const namespace = await scene.settled(
    (namespace) => [
      ...names.map((name) => deployment({ namespace, name, readyAfter })),
      statefulSet({ namespace, name: "db", readyAfter }),
      daemonSet({ namespace, name: "agent", readyAfter }),
      deployment({ namespace, name: "idle", replicas: 0 }),
      deployment({ namespace, name: "plain", replicas: 2, labels: { "sidecar.istio.io/inject": "false" } }),
    ],
    "production",
  );
  const isPlain = (pod: Json) => pod.metadata.labels.app === "plain";
  const plain = await uidsOf(mesh, namespace, isPlain);
  const log = (await mesh.audit()).length;

  const { code, stdout, stderr } = await mesh.run("mesh-migrate", ["-n", namespace, "--to", "1-20"]);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /^moved 12 workloads \(37 pods\) of production to revision 1-20: /m);
  const moved = await assertArrived(mesh, namespace, "1-20", (pod) => !isPlain(pod));
  assert.deepEqual([moved.length, labelsOf(mesh, namespace)], [37, { "istio.io/rev": "1-20" }]);
  assert.deepEqual(await uidsOf(mesh, namespace, isPlain), plain);
  scene.neverFell(namespace);
  const lowest = scene.lowest(namespace);
  assert.deepEqual([lowest.get("production/StatefulSet/db"), lowest.get("production/DaemonSet/agent")], [2, 3]);
  assert.deepEqual(templatesOf(mesh, namespace), {
    ...{ "DaemonSet/agent": 2, "Deployment/idle": 1, "Deployment/plain": 1, "StatefulSet/db": 2 },
    ...Object.fromEntries(names.map((name) => [`Deployment/${name}`, 2])),
  });
  const restarts = [...names.map((name) => `patch deployments/${name}`), "patch statefulsets/db", "patch daemonsets/agent"];
  assert.deepEqual(
    (await scene.writesSince(log)).map(({ verb, resource, name }) => `${verb} ${resource}/${name}`).toSorted(),
    [...restarts, "patch namespaces/production", "patch namespaces/production"].toSorted(),
  );

  const [again, version] = [(await mesh.audit()).length, mesh.store.version()];
  const second = await mesh.run("mesh-migrate", ["-n", namespace, "--to", "1-20"]);
  assert.equal(second.code, 0, second.stderr);
  assert.match(second.stdout, /^nothing to do: .* is on revision 1-20 already$/m);
  assert.deepEqual([await scene.writesSince(again), mesh.store.version()], [[], version]);
});

test("a rollout of ten minutes is waited for, and takes no time", async () => {
  const namespace = await scene.settled((namespace) => [
    deployment({
      namespace,
      name: "slow",
      replicas: 4,
      readyAfter: 120_000,
      spec: { strategy: { rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } } },
    }),
  ]);
  const { code, stderr, ms } = await mesh.run("mesh-migrate", ["-n", namespace, "--to", "1-20"]);
  assert.equal(code, 0, stderr);
  assert.ok(ms > 480_000, `${ms}`);
  await assertArrived(mesh, namespace, "1-20");
  scene.neverFell(namespace);
});

test("running Jobs stay and are listed, and CronJobs come up on the target", async () => {
  const namespace = await scene.settled((namespace) => [
    deployment({ namespace, name: "web" }),
    job({ namespace, name: "import", life: "long" }),
    cronJob({ namespace, name: "nightly", spec: { schedule: "*/5 * * * *" } }),
  ]);
  await mesh.eventually("the Job to run", async () =>
    (await mesh.pods(namespace)).some(({ metadata, status }) => /^import-/.test(metadata.name) && status.phase === "Running"),
  );
  const { code, stdout, stderr } = await mesh.run("mesh-migrate", ["-n", namespace, "--to", "1-20"]);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /job\/import .* job *$/m);
  await mesh.pass(400_000);
  const nightly = (await mesh.pods(namespace)).filter(({ metadata }) => /^nightly-/.test(metadata.name));
  assert.deepEqual([...new Set(nightly.map((pod) => `${revisionOf(pod)} ${pod.status.phase}`))], ["1-20 Succeeded"]);
});

test("interrupted in the midst: 130, and the next run finishes, each workload restarted once", async () => {
  const namespace = await scene.settled((namespace) => [
    deployment({ namespace, name: "first", replicas: 2, readyAfter: [1000, 2000] }),
    deployment({ namespace, name: "second", readyAfter: [1000, 2000] }),
    statefulSet({ namespace, name: "db", readyAfter: [1000, 2000] }),
  ]);
  const stop = new AbortController();
  const rest = once(/Deployment\/second: /, () => stop.abort(interrupt));
  const result = await mesh.run("mesh-migrate", ["-n", namespace, "--to", "1-20"], { ...rest, signal: stop.signal });
  assert.equal(result.code, 130, result.stderr);
  assert.equal(recordOf(mesh, namespace).state, "open");
  assert.deepEqual((await scene.migrate(namespace, "1-20")).state, "done");
  await assertArrived(mesh, namespace, "1-20");
  assert.deepEqual(templatesOf(mesh, namespace), { "Deployment/first": 2, "Deployment/second": 2, "StatefulSet/db": 2 });
  assert.equal(recordOf(mesh, namespace).state, "done");
  scene.neverFell(namespace);
});
