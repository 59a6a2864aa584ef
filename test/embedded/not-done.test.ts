/** What looks like the end and is none: never `done`, never exit code 0. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { deployment } from "../fixtures/workload-objects.ts";
import { bootMesh, type EmbeddedMesh } from "./mesh.ts";

let mesh: EmbeddedMesh;
before(async () => {
  mesh = await bootMesh({ revisions: { default: "1.19.0", "1-20": "1.20.0" } });
});
after(() => mesh?.down());

const settled = async (workloads: (namespace: string) => readonly object[]): Promise<string> => {
  const namespace = await mesh.createNamespace({ "istio-injection": "enabled" });
  await mesh.apply(workloads(namespace) as Parameters<EmbeddedMesh["apply"]>[0]);
  await mesh.waitReady(namespace, 600);
  return namespace;
};
const migrate = async (namespaces: string, flags: readonly string[]) => {
  const { code, stdout, stderr } = await mesh.run("mesh-migrate", [
    "-n",
    namespaces,
    "--to",
    "1-20",
    "-o",
    "json",
    ...flags,
  ]);
  return { code, stderr, ...JSON.parse(stdout) };
};

test("the time is over while the canary's other pods come up: what was begun is not proven", async () => {
  const spec = { strategy: { rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } } };
  const namespace = await settled((namespace) => [
    deployment({ namespace, name: "slow", replicas: 4, readyAfter: 20_000, spec }),
    deployment({ namespace, name: "slow-too", replicas: 4, readyAfter: 20_000, spec }),
  ]);
  const { code, state, workloads, failure, goOn } = await migrate(namespace, ["--timeout", "30s"]);
  assert.deepEqual([code, state], [4, "unknown"], JSON.stringify(workloads));
  assert.deepEqual(
    workloads.map(({ outcome }: { outcome: string }) => outcome),
    ["unproven", "unproven"],
  );
  assert.match(failure.reason, /--timeout/);
  assert.match(goOn, /^kubectl mesh-migrate/);
  assert.deepEqual((await migrate(namespace, [])).state, "done");
});

test("the time is over before a namespace's turn has come", async () => {
  const first = await settled((namespace) => [
    deployment({ namespace, name: "slow", replicas: 2, readyAfter: 20_000 }),
  ]);
  const second = await settled((namespace) => [deployment({ namespace, name: "waits", replicas: 3 })]);
  const { code, state, namespaces } = await migrate(`${first},${second}`, [
    "--timeout",
    "30s",
    "--parallel-namespaces",
    "1",
  ]);
  assert.equal(code, 4, state);
  assert.ok(namespaces.some(({ labels }: { labels: string }) => labels === "not-started"));
  assert.deepEqual((await migrate(`${first},${second}`, [])).state, "done");
});

test("the target's istiod freezes when the last proxy has connected, and before its pod is ready: what it said is no proof", async () => {
  const namespace = await settled((namespace) => [
    deployment({ namespace, name: "web", replicas: 1, readyAfter: 6_000 }),
  ]);
  const isHeld = () =>
    mesh.planes
      .held()
      .some(
        ({ revision, connection: { proxy, lds } }) =>
          revision === "1-20" && proxy.endsWith(namespace) && lds.state === "acked",
      );
  const frozen = mesh
    .eventually("the new proxy to be connected", isHeld)
    .then(() => mesh.pass(3_000))
    .then(() => mesh.stopIstiod("1-20", "frozen"));
  const { code, failure } = await migrate(namespace, ["--workload-timeout", "20s"]);
  await frozen;
  assert.equal(code, 4);
  assert.match(failure.reason, /istiod/);
  await mesh.startIstiod("1-20");
});

test("a workload that somebody makes just before the labels are written: it stands on the old revision, and the next run moves it", async () => {
  const namespace = await settled((namespace) => [deployment({ namespace, name: "web", replicas: 2 })]);
  const isWrite = ({ method, url, dryRun }: { method: string; url: URL; dryRun: boolean }) =>
    method === "PATCH" && !dryRun && url.pathname === `/api/v1/namespaces/${namespace}`;
  let made: Promise<void> | undefined;
  const stop = mesh.onRequest((asked) => {
    if (made || !isWrite(asked)) return undefined;
    made = mesh.apply([deployment({ namespace, name: "newcomer", replicas: 2 })] as Parameters<
      EmbeddedMesh["apply"]
    >[0]);
    return { delay: 5_000 };
  });
  const { code, state, workloads, failure } = await migrate(namespace, []);
  stop();
  await made;
  const outcomes = Object.fromEntries(
    workloads.map(({ name, outcome }: { name: string; outcome: string }) => [name, outcome]),
  );
  assert.deepEqual([code, state, outcomes], [4, "partial", { web: "moved", newcomer: "not-started" }]);
  assert.deepEqual(
    [failure.object.name, failure.reason],
    ["newcomer", "2 pods on default that came up while the run was on"],
  );
  const again = await migrate(namespace, []);
  assert.deepEqual([again.code, again.state], [0, "done"]);
});
