/** What a rollout cannot reach is told apart from what it can, and the rest is proven without it. */
import assert from "node:assert/strict";
import test from "node:test";
import type { Pod, Workload } from "../../../src/mesh/model.ts";
import type { WorkloadKind } from "../../../src/mesh/workload-kinds.ts";
import { outOfReachText } from "../../../src/upgrade/proof/reach.ts";
import { type RestartGoal, workloadProof } from "../../../src/upgrade/proof/workload-proof.ts";
import { before, stamp } from "../../fixtures/instants.ts";
import { answered, connection, webPod } from "../../fixtures/pods.ts";
import { workload } from "../../fixtures/workload.ts";

const goal: RestartGoal = { revision: "1-20", oldRevisions: ["default"], uid: "uid-of-web", stamp, generation: 2 };
const lostly = { ready: false, conditions: [{ type: "Ready", status: "False", reason: "", message: "" }] };
const fresh = (index: number, change: Parameters<typeof webPod>[1] = {}) =>
  webPod(`web-${index}`, { node: `n${index}`, ...change });
const old = (index: number, change: Parameters<typeof webPod>[1] = {}) =>
  webPod(`old-${index}`, { node: `n${index}`, createdAt: before, ...change, proxy: { revision: "default" } });
const gone = { ...lostly, terminating: true };

const answersOf = (pods: readonly Pod[]) => [
  answered(
    "1-20",
    pods.filter(({ ready, proxy }) => ready && proxy?.revision === "1-20").map(({ name }) => connection(name)),
  ),
  answered("default"),
];
const proofOf = (kind: WorkloadKind, pods: readonly Pod[], status: Partial<Workload["status"]>) =>
  workloadProof(workload({ kind, pods, status }), goal, answersOf(pods), new Map(), 0);

const onlyLost =
  /^waiting: every pod that can be reached is proven; 1 old pod \(old-3\) on node n3, which does not answer: kubectl describe node n3; once /;
const cases: readonly (readonly [what: string, kind: WorkloadKind, pods: readonly Pod[], status: Partial<Workload["status"]>, verdict: RegExp, onlyLost: boolean])[] = [
  ["a DaemonSet whose other pods are proven", "DaemonSet", [fresh(1), fresh(2), old(3, gone)], { updated: 2, available: 2 }, onlyLost, true],
  ["the same with a surge, whose new pod never starts", "DaemonSet", [fresh(1), fresh(2), old(3, lostly), fresh(3, { phase: "Pending", ready: false })], { updated: 2, available: 2 }, onlyLost, true],
  ["a DaemonSet that is not through", "DaemonSet", [fresh(1), old(2), old(3, gone)], { updated: 1, available: 2 }, /^waiting: 1 of 2 updated of those that can be reached; old-3 is on node n3/, false],
  ["a DaemonSet with a new pod that is not connected", "DaemonSet", [fresh(1), fresh(2, { ready: false }), old(3, gone)], { updated: 2, available: 2 }, /^waiting: web-2: proxy not connected yet$/, false],
  ["a DaemonSet that lost a node with a new pod: that one is not proven", "DaemonSet", [fresh(1), fresh(2), fresh(3, lostly)], { updated: 3, available: 2 }, /^waiting: 2 of 3 available; web-3: proxy not connected yet$/, false],
  ["a Deployment with an old pod beside its successor", "Deployment", [fresh(1), fresh(2), fresh(4), old(3, gone)], {}, onlyLost, true],
  ["a Deployment whose pod has no successor yet", "Deployment", [fresh(1), fresh(2), old(3, lostly)], { updated: 2, replicas: 3, available: 2 }, /^waiting: 2 of 3 updated$/, false],
  ["a Deployment with an old pod that its kubelet ends", "Deployment", [fresh(1), fresh(2), fresh(4), old(3, { terminating: true })], {}, /^waiting: 1 old pod still terminating$/, true],
  ["a Deployment with one of each: that which ends is awaited first", "Deployment", [fresh(1), fresh(2), fresh(4), old(3, gone), old(5, { terminating: true })], {}, /^waiting: 1 old pod still terminating$/, true],
]; // biome-ignore format: a table

for (const [what, kind, pods, status, verdict, allNewProven] of cases)
  test(`out of reach: ${what}`, () => {
    const proof = proofOf(kind, pods, status);
    assert.match("reason" in proof.verdict ? `${proof.verdict.kind}: ${proof.verdict.reason}` : "done", verdict);
    assert.equal(proof.allNewProven, allNewProven);
  });

test("out of reach: a pod on the target that was scaled down on a lost node holds nothing up", () =>
  assert.equal(proofOf("Deployment", [fresh(1), fresh(2), fresh(4), fresh(3, gone)], {}).verdict.kind, "done"));

test("out of reach: pods and nodes are counted apart", () =>
  assert.match(
    outOfReachText([old(1), old(2), old(2)]),
    /; 3 old pods \(old-1, old-2 and old-2\) on nodes n1 and n2, which do not answer: kubectl describe node n1;/,
  ));
