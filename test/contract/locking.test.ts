/** Two people at once: who is refused and what is said then, and what becomes of a lock that nobody gave back. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { deployment } from "../fixtures/workload-objects.ts";
import type { MeshUnderTest, RunOptions } from "./mesh-under-test.ts";
import { enabled, migrate, neverFell, once, settled, writesTo } from "./migrations.ts";
import { openMesh } from "./open-mesh.ts";
import { assertNoStack, findingsIn, stateOf } from "./refusal.ts";
import { assertArrived, labelsOf, templatesOf } from "./verify-result.ts";

let mesh: MeshUnderTest;
before(async () => {
  mesh = await openMesh({ revisions: { default: "1.19.0", "1-20": "1.20.0" } });
});
after(() => mesh?.[Symbol.asyncDispose]());

const leasesIn = (namespace: string): string => `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases`;
const leaseOf = (namespace: string) => mesh.api.get(`${leasesIn(namespace)}/kubectl-mesh`);

/** Somebody else's Lease. Its times are of a clock that is years ahead. */
const hold = (namespace: string, verb: string) =>
  mesh.api.post(leasesIn(namespace), {
    apiVersion: "coordination.k8s.io/v1",
    kind: "Lease",
    metadata: { name: "kubectl-mesh", annotations: { "kubectl-mesh/run": "b0b", "kubectl-mesh/verb": verb } },
    spec: {
      ...{ holderIdentity: "bob@desk", leaseDurationSeconds: 15 },
      ...{ acquireTime: "2031-01-01T00:00:00.000000Z", renewTime: "2031-01-01T00:00:00.000000Z" },
    },
  });

/** Its holder gives one sign of life once it is waited for. */
const alive = (namespace: string): RunOptions & { readonly done: () => Promise<void> } =>
  once(/for a sign of life/, () =>
    mesh.api.merge(`${leasesIn(namespace)}/kubectl-mesh`, { spec: { renewTime: "2031-01-01T00:00:05.000000Z" } }),
  );

const web = (namespace: string) => [deployment({ namespace, name: "web", replicas: 2 })];
const slow = (namespace: string) => [deployment({ namespace, name: "web", replicas: 2, readyAfter: [8_000, 9_000] })];

/** The one reason of a refusal, with nothing said that a person could not use. */
function reasonIn(stderr: string) {
  const blockers = findingsIn(stderr).filter(({ severity }) => severity === "blocker");
  assert.equal(blockers.length, 1, stderr);
  assert.match(stderr, /^error: refused; nothing was changed$/m);
  assertNoStack({ stdout: "", stderr });
  const [reason] = blockers;
  assert.ok(reason);
  return reason;
}

describe("somebody else is at work", () => {
  test("in one namespace of -A: none is touched", async () => {
    const [free, taken] = [await settled(mesh, web), await settled(mesh, web)];
    const lease = await hold(taken, "rollback");
    const [states, since] = [[await stateOf(mesh, free), await stateOf(mesh, taken)], mesh.now()];
    const holder = alive(taken);
    const { code, stdout, stderr } = await mesh.run("mesh-migrate", ["-A", "--to", "1-20"], holder);
    await holder.done();
    assert.deepEqual([code, stdout], [3, ""], stderr);
    const { object, message, check, remedy } = reasonIn(stderr);
    assert.deepEqual(
      [object, check, message],
      [
        `namespace/${taken}`,
        "lock-free",
        "it is being changed by bob@desk (kubectl mesh-rollback, run b0b, since 2031-01-01T00:00:00.000000Z)",
      ],
    );
    assert.match(remedy ?? "", new RegExp(`kubectl mesh-rollback --list -n ${taken}$`));
    assert.deepEqual([await stateOf(mesh, free), await stateOf(mesh, taken)], states);
    assert.deepEqual([await writesTo(mesh, free, since), await writesTo(mesh, taken, since)], [[], []]);
    const { metadata, spec } = await leaseOf(taken);
    assert.deepEqual([metadata.uid, spec.holderIdentity], [lease.metadata.uid, "bob@desk"]);
    assert.equal((await leaseOf(free)).spec.holderIdentity ?? "", "", "what was locked was given back");
    for (const namespace of [free, taken]) await mesh.api.delete(`/api/v1/namespaces/${namespace}`);
  });

  test("in the same namespace, by the same command: one moves it, the other is refused and names the one", async () => {
    const namespace = await settled(mesh, slow);
    const since = mesh.now();
    const runs = await Promise.all([migrate(mesh, namespace, "1-20"), migrate(mesh, namespace, "1-20")]);
    const [winner, loser] = runs.toSorted((a, b) => (a.code ?? 9) - (b.code ?? 9));
    assert.deepEqual([winner?.code, loser?.code], [0, 3], runs.map(({ stderr }) => stderr).join("\n---\n"));
    const { object, message, remedy } = reasonIn(loser?.stderr ?? "");
    assert.equal(object, `namespace/${namespace}`);
    assert.match(
      message,
      /^it is being changed by \S+@\S+ \(kubectl mesh-migrate, run [0-9a-f]{12}, since \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z\)$/,
    );
    assert.match(remedy ?? "", new RegExp(`kubectl mesh-rollback --list -n ${namespace}$`));
    neverFell(mesh, namespace);
    await assertArrived(mesh, namespace, "1-20");
    assert.deepEqual(await templatesOf(mesh, namespace), { "Deployment/web": 2 });
    assert.deepEqual(await writesTo(mesh, namespace, since), [
      `patch namespaces/${namespace}`,
      "patch deployments/web",
      `patch namespaces/${namespace}`,
    ]);
    assert.equal((await leaseOf(namespace)).spec.holderIdentity ?? "", "");
  });

  test("in the same two namespaces, named the other way round: one moves them, never none", async () => {
    const names = [await settled(mesh, slow), await settled(mesh, slow)];
    const both = (namespaces: readonly string[]) =>
      mesh.run("mesh-migrate", ["-n", namespaces.join(","), "--to", "1-20"]);
    const runs = await Promise.all([both(names), both(names.toReversed())]);
    const codes = runs.map(({ code }) => code ?? 9).toSorted((a, b) => a - b);
    assert.deepEqual(codes, [0, 3], runs.map(({ stderr }) => stderr).join("\n---\n"));
    for (const namespace of names) await assertArrived(mesh, namespace, "1-20");
  });

  test("in another namespace: both are moved", async () => {
    const namespaces = [await settled(mesh, slow), await settled(mesh, slow)];
    const runs = await Promise.all(namespaces.map((namespace) => migrate(mesh, namespace, "1-20")));
    for (const { code, stderr } of runs) {
      assert.equal(code, 0, stderr);
      assert.doesNotMatch(stderr, /lock/);
    }
    for (const namespace of namespaces) await assertArrived(mesh, namespace, "1-20");
  });

  test("on the whole mesh, as a cleanup is: refused", async () => {
    const namespace = await settled(mesh, web);
    await hold("istio-system", "cleanup");
    try {
      const [state, since] = [await stateOf(mesh, namespace), mesh.now()];
      const holder = alive("istio-system");
      const { code, stderr } = await migrate(mesh, namespace, "1-20", [], holder);
      await holder.done();
      assert.equal(code, 3, stderr);
      const { object, message } = reasonIn(stderr);
      assert.equal(object, "namespace/istio-system");
      assert.match(
        message,
        /^the whole mesh is being changed by bob@desk \(kubectl mesh-cleanup, run b0b, since 2031-/,
      );
      assert.deepEqual(await stateOf(mesh, namespace), state);
      assert.deepEqual(await writesTo(mesh, namespace, since), []);
      assert.deepEqual(await labelsOf(mesh, namespace), enabled);
      assert.equal((await leaseOf(namespace)).spec.holderIdentity ?? "", "");
    } finally {
      await mesh.api.delete(`${leasesIn("istio-system")}/kubectl-mesh`);
    }
  });
});

test("a lock whose holder was killed is waited for, taken over and given back", async () => {
  const namespace = await settled(mesh, web);
  await hold(namespace, "migrate");
  const { code, stderr, ms } = await migrate(mesh, namespace, "1-20");
  assert.equal(code, 0, stderr);
  assert.match(
    stderr,
    new RegExp(
      `^warning: the lock of namespace ${namespace} is held by bob@desk \\(kubectl mesh-migrate, run b0b, since 2031-01-01T00:00:00\\.000000Z\\): waiting up to 15 s for a sign of life of that run; without one its lock is taken over$`,
      "m",
    ),
  );
  assert.ok(ms >= 15_000, `${ms} ms`);
  await assertArrived(mesh, namespace, "1-20");
  const { metadata, spec } = await leaseOf(namespace);
  assert.deepEqual([spec.holderIdentity ?? "", metadata.annotations ?? {}], ["", {}]);
});
