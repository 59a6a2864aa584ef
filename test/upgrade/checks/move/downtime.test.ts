import assert from "node:assert/strict";
import test from "node:test";
import { strategyFrom } from "../../../../src/mesh/from/strategy.ts";
import type { Strategy } from "../../../../src/mesh/model.ts";
import type { Claim } from "../../../../src/upgrade/evidence/cluster-evidence.ts";
import type { WorkloadWords } from "../../../fixtures/mesh.ts";
import { mission, planOf, restarted, said, stopping } from "../../../fixtures/plan.ts";

const rolling = (maxSurge: number, maxUnavailable: number): Strategy => ({
  type: "RollingUpdate",
  maxSurge,
  maxUnavailable,
  partition: 0,
});
const words = (
  kind: WorkloadWords["kind"],
  count: number,
  strategy: Strategy,
  change: Partial<WorkloadWords> = {},
): WorkloadWords => {
  const status = {
    desired: count,
    observedGeneration: 1,
    replicas: count,
    updated: count,
    ready: count,
    available: count,
    currentRevision: undefined,
    updateRevision: undefined,
    phase: "Healthy",
    restartedAt: undefined,
    conditions: [],
  };
  return {
    namespace: "production",
    name: "web",
    kind: kind ?? "Deployment",
    runs: Array.from({ length: count }, () => "default"),
    strategy,
    status,
    ...change,
  };
};
const usual = (count: number): Strategy => strategyFrom("Deployment", {}, count);

const down: readonly (readonly [what: string, workload: WorkloadWords, reason: RegExp | undefined])[] = [
  ["a Deployment of one, by default", words("Deployment", 1, usual(1)), undefined],
  ["a Deployment of three, by default", words("Deployment", 3, usual(3)), undefined],
  ["a Deployment of one without a surge", words("Deployment", 1, rolling(0, 1)), /its only pod is stopped before the new one starts \(maxUnavailable 1\)/],
  ["a Deployment of one with a surge that may be missing too", words("Deployment", 1, rolling(1, 1)), /its only pod is stopped/],
  ["a Deployment of three that may all be missing", words("Deployment", 3, rolling(1, 3)), /lets all 3 pods be missing at once/],
  ["a Deployment of two, one at a time", words("Deployment", 2, rolling(0, 1)), undefined],
  ["a Recreate Deployment of one", words("Deployment", 1, { type: "Recreate" }), /strategy Recreate stops its only pod/],
  ["a Recreate Deployment of three", words("Deployment", 3, { type: "Recreate" }), /strategy Recreate stops all 3 pods/],
  ["a StatefulSet of one", words("StatefulSet", 1, rolling(0, 1)), /its only pod is stopped before the new one starts$/],
  ["a StatefulSet of two", words("StatefulSet", 2, rolling(0, 1)), undefined],
  ["a StatefulSet of two that may both be missing", words("StatefulSet", 2, rolling(0, 2)), /lets all 2 pods be missing/],
  ["a DaemonSet on one node", words("DaemonSet", 1, rolling(0, 1)), undefined],
  ["a DaemonSet that may be missing everywhere", words("DaemonSet", 3, rolling(0, 3)), undefined],
  ["an Argo Rollout of one", words("Rollout", 1, strategyFrom("Rollout", {}, 1)), /its only pod is stopped/],
  ["scaled to zero, its last pod not gone yet", words("Deployment", 0, rolling(0, 1), { runs: ["default"] }), undefined],
  ["an Argo Rollout of two", words("Rollout", 2, strategyFrom("Rollout", {}, 2)), undefined],
]; // biome-ignore format: a table

for (const [what, workload, reason] of down) {
  test(`downtime: ${what}`, () => {
    const plan = planOf(mission({ workloads: [workload] }));
    assert.deepEqual(
      stopping(plan).map(({ check, severity }) => [check, severity]),
      reason === undefined ? [] : [["downtime", "blocker"]],
    );
    if (reason === undefined) return;
    assert.match(stopping(plan)[0]?.message ?? "", reason);
    assert.match(
      stopping(plan)[0]?.remedy ?? "",
      workload.kind === "Deployment" ? /^let it make a new pod first/ : /^run two or more replicas/,
    );
    assert.deepEqual(stopping(plan)[0]?.accept, {
      flag: "--allow-downtime",
      value: `production/${workload.kind?.toLowerCase()}/web`,
    });
    const named = planOf(mission({ workloads: [workload] }), { allowDowntime: [`${workload.kind}/web`] });
    assert.deepEqual([stopping(named), restarted(named).length], [[], 1]);
    assert.deepEqual(said(named, "downtime"), [`downtime warning production/${workload.kind}/web`]);
  });
}

const claim = (...accessModes: readonly string[]): readonly Claim[] => [
  { namespace: "production", name: "data", accessModes },
  { namespace: "shop", name: "data", accessModes: ["ReadWriteMany"] },
];
const mounting = (kind: WorkloadWords["kind"], strategy: Strategy): WorkloadWords =>
  words(kind, 3, strategy, { claims: ["data"] });

const volumes: readonly (readonly [what: string, workload: WorkloadWords, claims: readonly Claim[], severity: string | undefined])[] = [
  ["a surge beside a ReadWriteOnce volume", mounting("Deployment", rolling(1, 0)), claim("ReadWriteOnce"), "blocker"],
  ["a surge beside a ReadWriteOncePod volume", mounting("Deployment", rolling(1, 0)), claim("ReadWriteOncePod"), "blocker"],
  ["a surge beside a ReadWriteMany volume", mounting("Deployment", rolling(1, 0)), claim("ReadWriteMany"), undefined],
  ["a surge beside a volume of many modes", mounting("Deployment", rolling(1, 0)), claim("ReadWriteOnce", "ReadWriteMany"), undefined],
  ["a surge beside a volume that many may read", mounting("Deployment", rolling(1, 0)), claim("ReadOnlyMany"), undefined],
  ["a surge beside a volume that could not be read", mounting("Deployment", rolling(1, 0)), [], "unknown"],
  ["no surge", mounting("Deployment", rolling(0, 1)), claim("ReadWriteOnce"), undefined],
  ["a StatefulSet", mounting("StatefulSet", rolling(0, 1)), claim("ReadWriteOnce"), undefined],
  ["a surging DaemonSet, whose pods stay on their nodes", mounting("DaemonSet", rolling(1, 0)), claim("ReadWriteOnce"), undefined],
  ["a surging DaemonSet with a volume for one pod", mounting("DaemonSet", rolling(1, 0)), claim("ReadWriteOncePod"), "blocker"],
]; // biome-ignore format: a table

for (const [what, workload, claims, severity] of volumes) {
  test(`volumes: ${what}`, () => {
    const plan = planOf(mission({ workloads: [workload] }), { surroundings: { claims } });
    assert.deepEqual(
      stopping(plan).map((finding) => [finding.check, finding.severity]),
      severity === undefined ? [] : [["volumes", severity]],
    );
    if (severity === undefined) return;
    assert.deepEqual(
      stopping(
        planOf(mission({ workloads: [workload] }), {
          surroundings: { claims },
          allowDowntime: [`*/${workload.kind}/web`],
        }),
      ),
      [],
    );
  });
}

test("volumes: the claims and how they may be mounted are told", () => {
  const told = (...names: readonly string[]) => {
    const claims = names.map((name) => ({ namespace: "production", name, accessModes: ["ReadWriteOnce"] }));
    return stopping(planOf(mission({ workloads: [words("Deployment", 3, rolling(1, 0), { claims: names })] }), { surroundings: { claims } }))[0]?.message;
  };
  assert.match(told("data") ?? "", /has to mount data beside the old one, which it allows on one node or in one pod only \(ReadWriteOnce\)/);
  assert.match(told("data", "logs") ?? "", /has to mount data and logs beside the old one, which they allow on one node .*\(ReadWriteOnce\)/);
}); // biome-ignore format: one line of words

const ports: readonly (readonly [what: string, strategy: Strategy, hostPorts: readonly number[], refused: boolean])[] = [
  ["a surge and nothing that may be missing", rolling(1, 0), [8080], true],
  ["a surge and one that may be missing", rolling(1, 1), [8080], false],
  ["no surge", rolling(0, 1), [8080], false],
  ["no host port", rolling(1, 0), [], false],
]; // biome-ignore format: a table

for (const [what, strategy, hostPorts, refused] of ports) {
  test(`host-ports: ${what}`, () => {
    const plan = planOf(mission({ workloads: [words("Deployment", 3, strategy, { hostPorts })] }));
    assert.deepEqual(said(plan, "host-ports"), refused ? ["host-ports blocker production/Deployment/web"] : []);
    if (refused)
      assert.match(stopping(plan)[0]?.message ?? "", /a new pod needs host port 8080 while the old ones hold it/);
  });
}
