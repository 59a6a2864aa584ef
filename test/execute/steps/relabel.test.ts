import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { ClusterError } from "../../../src/cluster/cluster-error.ts";
import { kinds } from "../../../src/cluster/kinds.ts";
import { type Relabel, relabel } from "../../../src/execute/steps/relabel.ts";
import type { NamespaceObject } from "../../../src/mesh/kubernetes.ts";
import { undoAnnotation } from "../../../src/mesh/model.ts";
import { type RevisionLabels, revisionLabelsOf } from "../../../src/mesh/revision-labels.ts";
import type { UndoRecord } from "../../../src/upgrade/record/undo-record.ts";
import { type FakeCluster, type Fault, fakeCluster, type Json } from "../../fixtures/fake-cluster.ts";

const labels = (injection: string | null, revision: string | null): RevisionLabels => ({
  "istio-injection": injection,
  "istio.io/rev": revision,
});
const enabled = labels("enabled", null);
const moved = labels(null, "1-20");
const record: UndoRecord = {
  version: 1,
  run: "a",
  target: { label: "1-20", revision: "1-20", tag: undefined },
  stamp: "2026-11-03T04:05:06Z",
  namespaceUid: "uid-1",
  before: enabled,
  from: { revision: "default", deploymentUid: "d-1" },
  state: "open",
};
const production: NamespaceObject = {
  metadata: {
    name: "production",
    uid: "uid-1",
    resourceVersion: "7",
    labels: { team: "shop", "istio-injection": "enabled" },
  },
};
const change: Relabel = { namespace: "production", uid: "uid-1", expected: enabled, labels: moved, record };
const write = { dryRun: false };

/** A cluster with this namespace; the patches come to `faults` in their order. */
const clusterWith = (
  namespace: NamespaceObject,
  faults: readonly Fault[] = [],
  admission?: (object: Json) => void,
): FakeCluster => {
  const cluster = fakeCluster();
  cluster.put(kinds.namespaces, namespace);
  cluster.next({ verb: "patch" }, ...faults);
  if (admission) cluster.admit(kinds.namespaces, admission);
  return cluster;
};
const stored = (cluster: FakeCluster): Json => cluster.object(kinds.namespaces, "production");
const byOthers = (cluster: FakeCluster, by: (object: Json) => void): void =>
  cluster.change(kinds.namespaces, { name: "production" }, by);

describe("relabel", () => {
  test("both labels and the record in one patch, on the version that was read; nothing else is touched", async () => {
    const cluster = clusterWith(production);
    assert.equal((await relabel(cluster, change, write)).kind, "written");
    assert.deepEqual(
      cluster.writes.map(({ body }) => body),
      [
        {
          metadata: {
            uid: "uid-1",
            resourceVersion: "7",
            labels: { "istio-injection": null, "istio.io/rev": "1-20" },
            annotations: { [undoAnnotation]: JSON.stringify(record) },
          },
        },
      ],
    );
    assert.deepEqual(stored(cluster).metadata.labels, { team: "shop", "istio.io/rev": "1-20" });
  });

  test("what stands already is not written again", async () => {
    const cluster = clusterWith(production);
    await relabel(cluster, change, write);
    assert.equal((await relabel(cluster, change, write)).kind, "written");
    assert.equal(cluster.writes.length, 1);
  });

  test("a label that says it already is not sent: only the record is", async () => {
    const cluster = clusterWith({ metadata: { ...production.metadata, labels: { "istio.io/rev": "1-20" } } });
    await relabel(cluster, { ...change, expected: moved }, write);
    assert.deepEqual(Object.keys((cluster.writes[0]!.body as { metadata: object }).metadata), [
      "uid",
      "resourceVersion",
      "annotations",
    ]);
  });

  test("absent is not empty: going back removes what was not there and keeps what was empty", async () => {
    const cluster = clusterWith({ metadata: { ...production.metadata, labels: { "istio.io/rev": "1-20" } } });
    await relabel(cluster, { ...change, expected: moved, labels: labels("", null), record: null }, write);
    assert.deepEqual(revisionLabelsOf(stored(cluster).metadata.labels), labels("", null));
    assert.equal(stored(cluster).metadata.annotations?.[undoAnnotation], undefined);
  });

  test("somebody else's labels are not overwritten", async () => {
    const cluster = clusterWith(production);
    byOthers(cluster, (object) => {
      object.metadata.labels = { "istio.io/rev": "1-21" };
    });
    assert.deepEqual(await relabel(cluster, change, write), {
      kind: "changed-by-others",
      found: labels(null, "1-21"),
    });
    assert.equal(cluster.writes.length, 0);
  });

  test("a namespace that is deleted or created again between reading and writing has not been changed", async () => {
    for (const again of [[], [{ metadata: { ...production.metadata, uid: "uid-2", resourceVersion: "9" } }]]) {
      const cluster = clusterWith(production);
      cluster.next({ verb: "patch" }, () => cluster.set(kinds.namespaces, again));
      assert.deepEqual(await relabel(cluster, change, write), { kind: "changed-by-others", found: undefined });
      assert.deepEqual(stored(cluster)?.metadata.labels, again[0]?.metadata.labels);
    }
  });

  test("a change between reading and writing is read again, and decided again", async () => {
    const cluster = clusterWith(production);
    cluster.next({ verb: "patch" }, () =>
      byOthers(cluster, (object) => {
        object.metadata.labels.team = "ops";
      }),
    );
    assert.equal((await relabel(cluster, change, write)).kind, "written");
    assert.equal(cluster.writes.length, 2);
    const lost = clusterWith(production);
    lost.next({ verb: "patch" }, () =>
      byOthers(lost, (object) => {
        object.metadata.labels["istio-injection"] = "disabled";
      }),
    );
    assert.equal((await relabel(lost, change, write)).kind, "changed-by-others");
  });

  test("a namespace made anew under the same name is another one", async () => {
    const cluster = clusterWith({ metadata: { ...production.metadata, uid: "uid-2" } });
    assert.deepEqual(await relabel(cluster, change, write), { kind: "changed-by-others", found: undefined });
  });

  test("an answer that was lost is looked for, not sent again", async () => {
    const cluster = clusterWith(production, ["lost"]);
    assert.equal((await relabel(cluster, change, write)).kind, "written");
    assert.equal(cluster.writes.length, 1);
  });

  test("admission that changes the labels is told", async () => {
    const cluster = clusterWith(production, [], (object) => {
      object.metadata.labels["istio.io/rev"] = "1-19";
    });
    assert.deepEqual(await relabel(cluster, change, { dryRun: true }), {
      kind: "altered",
      found: labels(null, "1-19"),
    });
  });

  test("a refusal is thrown at once", async () => {
    const cluster = clusterWith(production, ["denied"]);
    await assert.rejects(
      relabel(cluster, change, write),
      (error) => error instanceof ClusterError && error.reason === "denied",
    );
    assert.equal(cluster.writes.length, 1);
  });

  test("whatever becomes of the patches, it says written only when the labels and the record stand", async () => {
    const dispositions = fc.array(fc.constantFrom<Fault>("done", "lost", "dropped", "conflict", "denied"), {
      maxLength: 7,
    });
    await fc.assert(
      fc.asyncProperty(dispositions, async (given) => {
        const cluster = clusterWith(production, [...given]);
        const outcome = await relabel(cluster, change, write).catch(() => undefined);
        const metadata = stored(cluster).metadata;
        const stands =
          metadata.labels["istio.io/rev"] === "1-20" &&
          !("istio-injection" in metadata.labels) &&
          metadata.annotations?.[undoAnnotation] === JSON.stringify(record);
        if (outcome) assert.ok(outcome.kind === "written" && stands);
        else assert.ok(given.includes("denied") || given.length >= 5);
      }),
    );
  });
});
