import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { ClusterError } from "../../../src/cluster/cluster-error.ts";
import { type Relabel, relabel } from "../../../src/execute/steps/relabel.ts";
import type { NamespaceObject } from "../../../src/mesh/kubernetes.ts";
import { undoAnnotation } from "../../../src/mesh/model.ts";
import { type RevisionLabels, revisionLabelsOf } from "../../../src/mesh/revision-labels.ts";
import type { UndoRecord } from "../../../src/upgrade/record/undo-record.ts";
import { type Fate, writableCluster } from "../writable-cluster.ts";

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

describe("relabel", () => {
  test("both labels and the record in one patch, on the version that was read; nothing else is touched", async () => {
    const world = writableCluster([production]);
    assert.equal((await relabel(world.cluster, change, write)).kind, "written");
    assert.deepEqual(
      world.patches.map(({ body }) => body),
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
    assert.deepEqual(world.object("production").metadata.labels, { team: "shop", "istio.io/rev": "1-20" });
  });

  test("what stands already is not written again", async () => {
    const world = writableCluster([production]);
    await relabel(world.cluster, change, write);
    assert.equal((await relabel(world.cluster, change, write)).kind, "written");
    assert.equal(world.patches.length, 1);
  });

  test("a label that says it already is not sent: only the record is", async () => {
    const world = writableCluster([{ metadata: { ...production.metadata, labels: { "istio.io/rev": "1-20" } } }]);
    await relabel(world.cluster, { ...change, expected: moved }, write);
    assert.deepEqual(Object.keys((world.patches[0]!.body as { metadata: object }).metadata), [
      "uid",
      "resourceVersion",
      "annotations",
    ]);
  });

  test("absent is not empty: going back removes what was not there and keeps what was empty", async () => {
    const world = writableCluster([{ metadata: { ...production.metadata, labels: { "istio.io/rev": "1-20" } } }]);
    await relabel(world.cluster, { ...change, expected: moved, labels: labels("", null), record: null }, write);
    assert.deepEqual(revisionLabelsOf(world.object("production").metadata.labels), labels("", null));
    assert.equal(world.object("production").metadata.annotations?.[undoAnnotation], undefined);
  });

  test("somebody else's labels are not overwritten", async () => {
    const world = writableCluster([production]);
    world.change("production", (object) => {
      object.metadata.labels = { "istio.io/rev": "1-21" };
    });
    assert.deepEqual(await relabel(world.cluster, change, write), {
      kind: "changed-by-others",
      found: labels(null, "1-21"),
    });
    assert.equal(world.patches.length, 0);
  });

  test("a change between reading and writing is read again, and decided again", async () => {
    const world = writableCluster([production]);
    world.beforeNextPatch(() =>
      world.change("production", (object) => {
        object.metadata.labels.team = "ops";
      }),
    );
    assert.equal((await relabel(world.cluster, change, write)).kind, "written");
    assert.equal(world.patches.length, 2);
    const lost = writableCluster([production]);
    lost.beforeNextPatch(() =>
      lost.change("production", (object) => {
        object.metadata.labels["istio-injection"] = "disabled";
      }),
    );
    assert.equal((await relabel(lost.cluster, change, write)).kind, "changed-by-others");
  });

  test("a namespace made anew under the same name is another one", async () => {
    const world = writableCluster([{ metadata: { ...production.metadata, uid: "uid-2" } }]);
    assert.deepEqual(await relabel(world.cluster, change, write), { kind: "changed-by-others", found: undefined });
  });

  test("an answer that was lost is looked for, not sent again", async () => {
    const world = writableCluster([production], ["lost"]);
    assert.equal((await relabel(world.cluster, change, write)).kind, "written");
    assert.equal(world.patches.length, 1);
  });

  test("admission that changes the labels is told", async () => {
    const world = writableCluster([production], [], (object) => {
      object.metadata.labels["istio.io/rev"] = "1-19";
    });
    assert.deepEqual(await relabel(world.cluster, change, { dryRun: true }), {
      kind: "altered",
      found: labels(null, "1-19"),
    });
  });

  test("a refusal is thrown at once", async () => {
    const world = writableCluster([production], ["denied"]);
    await assert.rejects(
      relabel(world.cluster, change, write),
      (error) => error instanceof ClusterError && error.reason === "denied",
    );
    assert.equal(world.patches.length, 1);
  });

  test("whatever becomes of the patches, it says written only when the labels and the record stand", async () => {
    const dispositions = fc.array(fc.constantFrom<Fate>("carried out", "lost", "dropped", "conflict", "denied"), {
      maxLength: 7,
    });
    await fc.assert(
      fc.asyncProperty(dispositions, async (given) => {
        const world = writableCluster([production], [...given]);
        const outcome = await relabel(world.cluster, change, write).catch(() => undefined);
        const metadata = world.object("production").metadata;
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
