/** From when the soak counts, what is left of it, and which annotations keep it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type SoakFacts, soakFactsOf, soakMarks, soakOf } from "../../../src/upgrade/cleanup/soak.ts";
import { cleanupFacts } from "../../fixtures/cleanup.ts";
import { plane } from "../../fixtures/mesh.ts";
import { pod } from "../../fixtures/pods.ts";
import { runJournal, runRecord } from "../../fixtures/runs.ts";
import { dead } from "../../fixtures/sound-mesh.ts";

const hour = 3_600_000;
const day = 24 * hour;
const facts = (change: Partial<SoakFacts> = {}): SoakFacts => ({
  now: "2026-11-03T12:00:00.500Z",
  evidence: [],
  unusedSince: undefined,
  hasIstiod: true,
  ...change,
});
const at = (time: string, what = "seen") => ({ at: time, what });

test("it counts from the latest evidence, whatever its order", () => {
  const evidence = [
    at("2026-11-01T00:00:00Z", "a"),
    at("2026-11-03T09:00:00.500Z", "b"),
    at("2026-11-02T00:00:00Z", "c"),
  ];
  assert.deepEqual(soakOf(facts({ evidence }), day), {
    ...{ state: "not over", leftMs: 21 * hour, since: "2026-11-03T09:00:00.500Z", why: "b" },
  });
  assert.deepEqual(soakOf(facts({ evidence }), 3 * hour), {
    ...{ state: "over", since: "2026-11-03T09:00:00.500Z", why: "b" },
  });
});

test("without evidence it counts from the first proof, and without one from now", () => {
  const left = (unusedSince: string | undefined) => {
    const soak = soakOf(facts({ unusedSince }), day);
    return soak.state === "over" ? 0 : soak.leftMs;
  };
  assert.equal(left("2026-11-03T10:00:00.500Z"), 22 * hour);
  assert.equal(left("2026-11-01T10:00:00Z"), 0);
  assert.equal(left(undefined), day);
  assert.equal(soakOf(facts(), 0).state, "over");
});

test("a time that lies ahead is now", () => {
  const soak = soakOf(facts({ evidence: [at("2027-01-01T00:00:00Z")] }), day);
  assert.equal(soak.state === "not over" && soak.leftMs, day);
});

test("without an istiod there is nothing to wait for", () => {
  const evidence = [at("2026-11-03T12:00:00Z")];
  assert.equal(soakOf(facts({ evidence, hasIstiod: false }), day).state, "over");
});

test("evidence is read from journals, from the annotation and from pods", () => {
  const clean = cleanupFacts();
  const runs = [
    runRecord({ run: "a", from: "1-19", to: "1-20", state: "done", stoppedAt: "2026-11-02T05:00:00Z" }),
    runRecord({ run: "b", from: "1-18", to: "1-17", state: "done", stoppedAt: "2026-11-02T06:00:00Z" }),
  ];
  const journal = runJournal(runs, { namespaceUid: "n", clusterUid: "c" });
  const byNamespace = new Map([["production", { kind: "journal", journal } as const]]);
  const found = soakFactsOf({
    ...clean,
    history: {
      takenAt: clean.mesh.takenAt,
      namespaces: [{ name: "production", uid: "n", labels: {}, annotations: {} }],
      journals: { clusterUid: "c", byNamespace },
      locks: new Map(),
    },
    mesh: {
      ...clean.mesh,
      pods: [pod("plain", "job", "1-19", { phase: "Succeeded", createdAt: "2026-11-02T07:00:00Z" })],
      workloads: clean.mesh.workloads.map((each) =>
        each.name === "istiod-1-19"
          ? {
              ...each,
              annotations: { "kubectl-mesh/last-used": "2026-11-02T08:00:00Z", "kubectl-mesh/unused-since": "soon" },
            }
          : each,
      ),
    },
  });
  assert.deepEqual(
    found.evidence.map((each) => `${each.at} ${each.what}`),
    [
      "2026-11-02T05:00:00Z the migrate a of namespace production ended",
      "2026-11-02T08:00:00Z mesh-cleanup saw it in use",
      "2026-11-02T07:00:00Z pod plain/job was created on it",
    ],
  );
  assert.deepEqual([found.unusedSince, found.hasIstiod, found.now], [undefined, true, clean.mesh.takenAt]);
});

test("a revision whose Deployment and pods are gone has no istiod", () => {
  const { hasIstiod } = soakFactsOf(cleanupFacts({ mesh: { controlPlanes: [plane("1-19", dead), plane("1-20")] } }));
  assert.equal(hasIstiod, false);
});

test("use is marked, the first proof without evidence is marked once, and what cannot be told is not", () => {
  const takenAt = "2026-11-03T12:00:00Z";
  const [evidence, unusedSince] = [[at(takenAt)], takenAt];
  const marks = (state: "in use" | "unused" | "unknown", known: Partial<SoakFacts> = {}) =>
    soakMarks({ state, takenAt }, facts(known));
  assert.deepEqual(marks("in use", { unusedSince }), {
    "kubectl-mesh/last-used": takenAt,
    "kubectl-mesh/unused-since": null,
  });
  assert.deepEqual(marks("unused"), { "kubectl-mesh/unused-since": takenAt });
  assert.equal(marks("unused", { unusedSince }), undefined);
  assert.equal(marks("unused", { evidence }), undefined);
  assert.equal(marks("unknown"), undefined);
});
