/** The version that a catch-up demands of every pod. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { podProof } from "../../../src/upgrade/proof/pod-proof.ts";
import { firstNewPodProof, provenVersions, workloadProof } from "../../../src/upgrade/proof/workload-proof.ts";
import { after } from "../../fixtures/instants.ts";
import { answered, connection, webPod } from "../../fixtures/pods.ts";
import { workload } from "../../fixtures/workload.ts";

const goal = { revision: "1-20", oldRevisions: [], version: "1.20.8" };
const of = (version: string | undefined) => webPod("web-1", { proxy: { version } });
const reporting = (version: string | undefined) => [answered("1-20", [connection("web-1", { version })])];

for (const [what, running, reported, kind] of [
  ["the version demanded", "1.20.8", "1.20.8", "done"],
  ["a newer one", "1.20.9", "1.20.9", "done"],
  ["an older one", "1.20.0", "1.20.0", "wrong-revision"],
  ["a digest, and it reports the version", undefined, "1.20.8", "done"],
  ["a digest, and it reports an older one", undefined, "1.20.0", "wrong-revision"],
  ["a digest, and it reports nothing", undefined, undefined, "unknown"],
] as const)
  test(`a pod that runs ${what} is ${kind}`, () =>
    assert.equal(podProof(of(running), goal, reporting(reported)).kind, kind));

test("without a version any proxy is proven", () =>
  assert.equal(podProof(of("1.20.0"), { revision: "1-20", oldRevisions: [] }, reporting("1.20.0")).kind, "done"));

const restart = { ...goal, uid: "uid-of-web", stamp: after, generation: 0 };
const holding = (...versions: readonly string[]) => {
  const pods = versions.map((version, at) => webPod(`web-${at}`, { proxy: { version } }));
  const answers = [
    answered(
      "1-20",
      versions.map((version, at) => connection(`web-${at}`, { version })),
    ),
  ];
  return { web: workload({ uid: restart.uid, pods, status: { desired: pods.length } }), answers };
};

test("a workload with one older proxy left is not done", () => {
  const { web, answers } = holding("1.20.8", "1.20.0");
  const proof = workloadProof(web, restart, answers, new Map(), 0);
  assert.equal(proof.verdict.kind, "waiting");
  assert.deepEqual([proof.proven, proof.wrongRevision.map(({ name }) => name)], [1, ["web-1"]]);
  assert.deepEqual(provenVersions(proof, answers), { "1.20.8": 1 });
});

test("a pod of the second of the restart is no new one because its revision is the target", () => {
  const { web, answers } = holding("1.20.0");
  const second = { ...restart, stamp: web.pods[0]?.createdAt ?? "" };
  assert.deepEqual(firstNewPodProof(web, second, answers).pods, []);
});
