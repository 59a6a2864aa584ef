/** The journal in its ConfigMap: few writes, nobody else's change lost, and lost answers settled. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { ClusterError } from "../../../src/cluster/cluster-error.ts";
import { kinds } from "../../../src/cluster/kinds.ts";
import { createJournalWriter } from "../../../src/execute/state/journal-writer.ts";
import { changeWorkload } from "../../../src/upgrade/record/run-changes.ts";
import { journalText, type RunJournal } from "../../../src/upgrade/record/run-journal.ts";
import { fakeCluster } from "../../fixtures/fake-cluster.ts";
import { runJournal, runRecord, workloadRecord } from "../../fixtures/runs.ts";

const ref = { name: "kubectl-mesh", namespace: "production" };
const many = runJournal([
  runRecord({
    workloads: Array.from({ length: 50 }, (_, index) => workloadRecord({ name: `web-${index}`, state: "planned" })),
  }),
]);
const proven = (name: string) => (journal: RunJournal) =>
  changeWorkload(journal, "a1", { kind: "Deployment", name }, { state: "proven" });

function world(found: RunJournal | undefined = many) {
  const cluster = fakeCluster();
  if (found)
    cluster.put(kinds.configMaps, Object.assign({ metadata: { ...ref } }, { data: { journal: journalText(found) } }));
  const writer = createJournalWriter(cluster, "production", found ?? runJournal([]));
  const kept = (): string => cluster.object(kinds.configMaps, ref.name, ref.namespace)?.data.journal;
  return { cluster, writer, kept };
}
type World = ReturnType<typeof world>;
const reasonOf = (promise: Promise<void>): Promise<string> =>
  promise.then(
    () => "done",
    ({ reason }: ClusterError) => reason,
  );

describe("writes", () => {
  test("are few: 50 changes at once are 2 at most, and all are kept", async () => {
    const { cluster, writer, kept } = world();
    const commits = Array.from({ length: 50 }, (_, index) => {
      writer.change(proven(`web-${index}`));
      return writer.commit();
    });
    await Promise.all(commits);
    assert.ok(cluster.writes.length <= 2, `${cluster.writes.length} writes`);
    assert.equal(kept(), journalText(writer.journal()));
    assert.equal(kept().match(/"state":"proven"/g)?.length, 50);
    await writer.commit();
    assert.ok(cluster.writes.length <= 2, "nothing changed, nothing written");
  });

  test("resolve only when what they wait for is in the cluster", async () => {
    const { cluster, writer, kept } = world();
    writer.change(proven("web-0"));
    let late: Promise<void> | undefined;
    cluster.next({ verb: "patch" }, () => {
      writer.change(proven("web-1"));
      late = writer.commit().then(() => assert.equal(kept().match(/"state":"proven"/g)?.length, 2));
    });
    await writer.commit();
    assert.equal(kept().match(/"state":"proven"/g)?.length, 1);
    await late;
  });

  test("create the ConfigMap where there is none, labelled", async () => {
    const { cluster, writer, kept } = world(undefined as never);
    const fresh = createJournalWriter(cluster, "staging", runJournal([]));
    fresh.change(() => many);
    await fresh.commit();
    const { metadata, data } = cluster.object(kinds.configMaps, "kubectl-mesh", "staging");
    assert.deepEqual(metadata.labels, { "app.kubernetes.io/managed-by": "kubectl-mesh" });
    assert.equal(data.journal, journalText(many));
    assert.equal(kept(), journalText(writer.journal()));
  });
});

describe("a commit that fails", () => {
  test("fails those who wait for it; the next one writes everything", async () => {
    const { cluster, writer, kept } = world();
    cluster.next({ verb: "patch" }, "forbidden");
    writer.change(proven("web-0"));
    const [one, two] = [writer.commit(), writer.commit()];
    assert.deepEqual([await reasonOf(one), await reasonOf(two)], ["forbidden", "forbidden"]);
    assert.equal(kept(), journalText(many));
    assert.equal(await reasonOf(writer.commit()), "done");
    assert.match(kept(), /"state":"proven"/);
  });

  test("fails nobody whose change came after it was sent", async () => {
    const { cluster, writer, kept } = world();
    let late: Promise<string> | undefined;
    const fail = cluster.fail({ verb: "patch" }, () => {
      writer.change(proven("web-1"));
      late = reasonOf(writer.commit());
      fail();
      cluster.admit(kinds.configMaps, () => {
        cluster.admit(kinds.configMaps, () => {});
        throw Object.assign(new Error("denied"), {});
      });
    });
    writer.change(proven("web-0"));
    await assert.rejects(writer.commit(), /denied/);
    assert.equal(await late, "done");
    assert.equal(kept().match(/"state":"proven"/g)?.length, 2);
  });

  test("because the journal is too large says so, writes nothing, and names the way out", async () => {
    const { cluster, writer } = world();
    writer.change((journal) => ({ ...journal, runs: [runRecord({ by: "x".repeat(900_001) })] }));
    await assert.rejects(writer.commit(), ({ reason, message, hint }: ClusterError) => {
      assert.match(
        message,
        /^namespace production: its journal would have \d+ bytes, .*: too many workloads for one run$/,
      );
      return reason === "invalid" && hint === "move the namespace in parts, with -l";
    });
    assert.equal(cluster.writes.length, 0);
    writer.change(() => many);
    await writer.commit();
  });
});

describe("somebody else", () => {
  const committing = async (act: (world: World) => void) => {
    const w = world();
    w.writer.change(proven("web-0"));
    await w.writer.commit();
    act(w);
    w.writer.change(proven("web-1"));
    return { ...w, end: await reasonOf(w.writer.commit()) };
  };

  test("who changes the journal ends it: their text stays", async () => {
    for (const theirs of [
      journalText(runJournal([runRecord({ run: "b2" })])),
      "{}",
      "not JSON",
      "x".repeat(1_000_000),
    ]) {
      const { end, kept, writer } = await committing(({ cluster }) =>
        cluster.change(kinds.configMaps, ref, ({ data }) => Object.assign(data, { journal: theirs })),
      );
      assert.deepEqual([end, kept()], ["conflict", theirs]);
      assert.equal(await reasonOf(writer.commit()), "conflict", "also the next time");
    }
  });

  test("who created one meanwhile is not written over", async () => {
    const cluster = fakeCluster();
    const writer = createJournalWriter(cluster, "production", runJournal([]));
    writer.change(() => many);
    cluster.put(
      kinds.configMaps,
      Object.assign(
        { metadata: { ...ref } },
        { data: { journal: journalText(runJournal([runRecord({ run: "b2" })])) } },
      ),
    );
    assert.equal(await reasonOf(writer.commit()), "conflict");
  });

  test("who touches labels or other keys, or writes it in another order, is no hindrance, and keeps what they wrote", async () => {
    const { end, kept, writer, cluster } = await committing(({ cluster }) =>
      cluster.change(kinds.configMaps, ref, (object) => {
        object.metadata.labels = { ...object.metadata.labels, team: "platform" };
        object.data.other = "1";
        object.data.journal = JSON.stringify(
          Object.fromEntries(Object.entries(JSON.parse(object.data.journal)).reverse()),
        );
      }),
    );
    assert.deepEqual([end, kept()], ["done", journalText(writer.journal())]);
    const { metadata, data } = cluster.object(kinds.configMaps, ref.name, ref.namespace);
    assert.deepEqual([metadata.labels.team, data.other], ["platform", "1"]);
  });

  test("who deletes the ConfigMap, or the key in it: it is written again, whole", async () => {
    for (const act of [
      ({ cluster }: World) => cluster.remove(kinds.configMaps, ref),
      ({ cluster }: World) =>
        cluster.change(kinds.configMaps, ref, (object) => {
          object.data = undefined;
        }),
    ]) {
      const { end, kept, writer } = await committing(act);
      assert.deepEqual([end, kept()], ["done", journalText(writer.journal())]);
    }
  });
});

describe("a lost answer", () => {
  for (const fault of ["lost", "dropped"] as const)
    test(`of a write that was ${fault === "lost" ? "done" : "not done"} is settled by reading`, async () => {
      for (const found of [many, undefined]) {
        const cluster = fakeCluster();
        if (found)
          cluster.put(
            kinds.configMaps,
            Object.assign({ metadata: { ...ref } }, { data: { journal: journalText(found) } }),
          );
        const writer = createJournalWriter(cluster, "production", found ?? runJournal([]));
        writer.change(() => proven("web-3")(many));
        cluster.next({ verb: found ? "patch" : "create" }, fault);
        await writer.commit();
        assert.equal(
          cluster.object(kinds.configMaps, ref.name, ref.namespace).data.journal,
          journalText(writer.journal()),
        );
        assert.equal(cluster.writes.length, fault === "lost" ? 1 : 2);
      }
    });

  test("that cannot be settled fails; what was written then is known as ours later", async () => {
    const { cluster, writer, kept } = world();
    writer.change(proven("web-0"));
    cluster.next({ verb: "patch" }, "lost");
    cluster.next({ verb: "get" }, "done", "unreachable");
    assert.equal(await reasonOf(writer.commit()), "unreachable");
    writer.change(proven("web-1"));
    assert.equal(await reasonOf(writer.commit()), "done");
    assert.equal(kept().match(/"state":"proven"/g)?.length, 2);
  });
});
