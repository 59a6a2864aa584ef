/**
 * Undo records and journals that are torn, forged, huge or meant for a terminal, in the cluster, through every plugin
 * and every output format: a sentence and an exit code, and nothing is changed by a run that is refused. Here each run
 * in one format, and each record through one verb; `SWEEP=all` takes every pair (npm run test:sweep).
 */
import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";
import { load } from "js-yaml";
import { pluginNames } from "../../scripts/plugins.ts";
import { undoAnnotation } from "../../src/mesh/model.ts";
import { journalKey, stateLabels, stateName } from "../../src/upgrade/record/run-journal.ts";
import { isWrite } from "../contract/mesh-under-test.ts";
import { assertNoStack } from "../contract/refusal.ts";
import { type Hostile, harmlessJournals, hostileJournals, hostileUndoRecords } from "../fixtures/hostile-records.ts";
import { actsOnTerminal } from "../fixtures/terminal.ts";
import { deployment } from "../fixtures/workload-objects.ts";
import { bootMesh, type EmbeddedMesh, type Result } from "./mesh.ts";
import { pairs, seed } from "./sweep.ts";

/** How each plugin is run, on namespaces unless it takes none; `codes`: how it may end. A plugin that is not here fails the test. */
const invocations: readonly {
  readonly plugin: string;
  readonly args: readonly string[];
  readonly codes: readonly number[];
  readonly takesNamespaces?: false;
}[] = [
  { plugin: "mesh-revisions", args: [], codes: [0] },
  { plugin: "mesh-preflight", args: ["--to", "1-20"], codes: [3] },
  { plugin: "mesh-migrate", args: ["--to", "1-20", "--dry-run=client"], codes: [3] },
  { plugin: "mesh-migrate", args: ["--to", "1-20"], codes: [3] },
  { plugin: "mesh-rollback", args: ["--list"], codes: [0] },
  { plugin: "mesh-rollback", args: ["--dry-run=client"], codes: [3] },
  { plugin: "mesh-rollback", args: [], codes: [3] },
  // Records of removals: hostile-removals.test.ts.
  { plugin: "mesh-cleanup", args: ["--revision", "1-20", "--check-only"], codes: [3, 5], takesNamespaces: false },
];
const formats = ["table", "wide", "json", "yaml", "name"] as const;

let mesh: EmbeddedMesh;
/** Namespaces by what is wrong with the record or journal in them. */
const withUndoRecord = new Map<string, string>();
const withJournal = new Map<string, string>();
const victim = { namespace: "victim", name: "web" };

before(async () => {
  mesh = await bootMesh({ revisions: { default: "1.19.0", "1-20": "1.20.0" } });
  const settled = async (name?: string): Promise<string> => {
    const namespace = await mesh.createNamespace({ "istio-injection": "enabled" }, name);
    await mesh.apply([
      deployment({ namespace, name: "web", replicas: 1, spec: { strategy: { type: "RollingUpdate" } } }),
    ]);
    return namespace;
  };
  await settled(victim.namespace);
  await mesh.waitReady(victim.namespace);
  const { metadata } = await mesh.api.get(`/apis/apps/v1/namespaces/${victim.namespace}/deployments/${victim.name}`);
  const clusterUid = (await mesh.api.get("/api/v1/namespaces/kube-system")).metadata.uid;
  const place = async (hostile: Hostile) => {
    const namespace = await settled();
    const namespaceUid = (await mesh.api.get(`/api/v1/namespaces/${namespace}`)).metadata.uid;
    return { namespace, text: hostile({ clusterUid, namespaceUid, victim: { ...victim, uid: metadata.uid } }) };
  };
  for (const [what, hostile] of hostileUndoRecords) {
    const { namespace, text } = await place(hostile);
    await mesh.api.merge(`/api/v1/namespaces/${namespace}`, { metadata: { annotations: { [undoAnnotation]: text } } });
    withUndoRecord.set(what, namespace);
  }
  for (const [what, hostile] of hostileJournals) {
    const { namespace, text } = await place(hostile);
    const object = { metadata: { name: stateName, labels: stateLabels }, data: { [journalKey]: text } };
    await mesh.api.post(`/api/v1/namespaces/${namespace}/configmaps`, object);
    withJournal.set(what, namespace);
  }
  for (const namespace of [...withUndoRecord.values(), ...withJournal.values()]) await mesh.waitReady(namespace);
});
after(() => mesh?.down());

const ofAll = (): readonly string[] => [...withUndoRecord.values(), ...withJournal.values()];
/** What must not change in a namespace: its labels and annotations, its workloads and pods, its journal. */
const stateOf = (namespace: string): readonly string[] => {
  const listed = (plural: string) => mesh.store.list(mesh.resources.named(plural), namespace);
  const its = mesh.store.get(mesh.resources.named("namespaces"), undefined, namespace);
  return [
    JSON.stringify([its?.metadata.labels, its?.metadata.annotations]),
    ...["deployments", "replicasets", "pods"].flatMap((plural) =>
      listed(plural).map(({ metadata: { name, uid, generation } }) => `${plural} ${name} ${uid} ${generation}`),
    ),
    ...listed("configmaps").map(({ metadata: { name, uid }, data }) => JSON.stringify([name, uid, data])),
  ].toSorted();
};
const statesOf = (namespaces: readonly string[]) => namespaces.map((name) => [name, ...stateOf(name)]);

/** Nothing but the lock of a run, which it takes before it decides, and gives back. */
const changesSince = async (entries: number) =>
  (await mesh.audit())
    .slice(entries)
    .filter((entry) => isWrite(entry) && entry.resource !== "leases")
    .map(({ verb, resource, namespace, name }) => `${verb} ${resource} ${namespace}/${name}`);

/** What holds of every run, whatever it came to. */
function assertSound({ code, stdout, stderr }: Result, format: string, codes: readonly number[]): void {
  assert.ok(codes.includes(code), `${code}: ${stderr.slice(0, 2_000)}`);
  assertNoStack({ stdout: format === "json" || format === "yaml" ? "" : stdout, stderr });
  for (const [stream, text] of [
    ["stdout", stdout],
    ["stderr", stderr],
  ] as const) {
    assert.doesNotMatch(text, actsOnTerminal, `${stream} of ${format}`);
    if (format !== "yaml" || stream === "stderr") assert.doesNotMatch(text, /^\s*FORGED/m, `${stream} of ${format}`);
  }
  assert.ok(stderr.length < 200_000, `${stderr.length} characters on stderr`);
  if (format === "json") assert.equal(JSON.parse(stdout).exitCode, code);
  if (format === "yaml") assert.equal((load(stdout) as { exitCode?: unknown }).exitCode, code);
}

suite("hostile records and journals", () => {
  test("every plugin is among those that are run", () => {
    assert.deepEqual([...new Set(invocations.map(({ plugin }) => plugin))].toSorted(), pluginNames().toSorted());
  });

  const runs = pairs(invocations, formats);
  test(`of ${invocations.length} runs x ${formats.length} formats, these ${runs.length} (seed ${seed})`, async (t) => {
    for (const [{ plugin, args, codes, takesNamespaces = true }, format] of runs)
      await t.test(`${[plugin, ...args].join(" ")} -o ${format} on all of them at once`, async () => {
        const namespaces = [victim.namespace, ...ofAll()];
        const [states, entries] = [statesOf(namespaces), (await mesh.audit()).length];
        const result = await mesh.run(plugin, [
          ...(takesNamespaces ? ["-n", ofAll().join(",")] : []),
          ...args,
          "-o",
          format,
        ]);
        assertSound(result, format, codes);
        assert.deepEqual(statesOf(namespaces), states);
        assert.deepEqual(await changesSince(entries), []);
      });
  });

  /** Runs a plugin on one namespace. These are its blockers; without any there is nothing to do. Nothing is changed. */
  async function assertUnchanged(
    words: readonly [string, ...string[]],
    namespace: string,
    expected: readonly string[],
  ) {
    const [states, entries] = [statesOf([victim.namespace, namespace]), (await mesh.audit()).length];
    const [plugin, ...args] = words;
    const result = await mesh.run(plugin, ["-n", namespace, ...args, "-o", "json"]);
    assertSound(result, "json", [expected.length > 0 ? 3 : 0]);
    const blockers = JSON.parse(result.stdout).findings.filter(
      ({ severity }: { severity: string }) => severity === "blocker",
    );
    assert.deepEqual(
      blockers.map(({ check }: { check: string }) => check),
      expected,
    );
    assert.deepEqual([statesOf([victim.namespace, namespace]), await changesSince(entries)], [states, []]);
  }

  const verbs = ["mesh-migrate", "mesh-rollback"] as const;
  const isMigrate = (verb: (typeof verbs)[number]): verb is "mesh-migrate" => verb === "mesh-migrate";

  test("a migration and a rollback are refused for each undo record, by one blocker that says why", async (t) => {
    const tried = pairs([...withUndoRecord], verbs);
    for (const [[what, namespace], verb] of tried)
      await t.test(`${verb}: ${what}`, async () => {
        if (isMigrate(verb)) await assertUnchanged([verb, "--to", "1-20"], namespace, ["no-other-migration"]);
        else await assertUnchanged([verb], namespace, rollbackBlockers(what));
      });
    t.diagnostic(`${withUndoRecord.size} undo records x ${verbs.length} verbs: ${tried.length} tried (seed ${seed})`);
  });

  test("both are refused for each journal that cannot be used, and a journal alone puts nothing back", async (t) => {
    const grid = [...withJournal].filter(([what]) => !harmlessJournals.has(what));
    const harmless = [...withJournal].filter(([what]) => harmlessJournals.has(what));
    const tried = [...pairs(grid, verbs), ...harmless.map((each) => [each, "mesh-rollback"] as const)];
    for (const [[what, namespace], verb] of tried)
      await t.test(`${verb}: ${what}`, async () => {
        if (isMigrate(verb)) await assertUnchanged([verb, "--to", "1-20"], namespace, ["journal-usable"]);
        else await assertUnchanged([verb], namespace, journalBlockers(what));
      });
    const all = grid.length * verbs.length + harmless.length;
    t.diagnostic(`${withJournal.size} journals, ${all} pairs with a verb: ${tried.length} tried (seed ${seed})`);
  });

  test("a rollback of all namespaces is refused for each of them, and names each", async () => {
    const [states, entries] = [statesOf(ofAll()), (await mesh.audit()).length];
    const result = await mesh.run("mesh-rollback", ["-A", "-o", "json"]);
    assertSound(result, "json", [3]);
    const { findings } = JSON.parse(result.stdout) as { readonly findings: readonly Record<string, string>[] };
    const named = findings.filter(({ severity }) => severity === "blocker").map(({ object }) => object);
    for (const namespace of withJournal.values()) assert.ok(named.includes(`namespace/${namespace}`), namespace);
    assert.deepEqual([statesOf(ofAll()), await changesSince(entries)], [states, []]);
  });

  test("a migration amid a journal that is harmless ends well and touches nothing else", async (t) => {
    for (const [what, namespace] of withJournal) {
      if (!harmlessJournals.has(what)) continue;
      await t.test(what, async () => {
        const others = [victim.namespace, ...ofAll().filter((each) => each !== namespace)];
        const states = statesOf(others);
        for (const words of [["mesh-migrate", "--to", "1-20"], ["mesh-rollback"]] as const) {
          const [plugin, ...args] = words;
          assertSound(await mesh.run(plugin, ["-n", namespace, ...args, "-o", "json"]), "json", [0]);
          assert.deepEqual(statesOf(others), states);
        }
      });
    }
  });
});

/** Two of the records can be read; the control plane in them is another one than the one of today. */
const rollbackBlockers = (what: string): readonly string[] =>
  ["nested in a field", "open to another target"].includes(what) ? ["old-control-plane"] : ["undo-record"];

/** Of a rollback without an undo record. */
const journalBlockers = (what: string): readonly string[] => [
  harmlessJournals.has(what) ? "undo-record-there" : "journal",
];
