/** The way back: a namespace that was migrated, wholly or in part, is put back exactly as it was. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { Ajv2020 } from "ajv/dist/2020.js";
import type { RollbackDocument } from "../../src/views/rollback-view.ts";
import { daemonSet, deployment, statefulSet } from "../fixtures/workload-objects.ts";
import { isWrite, type Json, type MeshUnderTest, type Run } from "./mesh-under-test.ts";
import { enabled, interruptedAt, migrate, migrateJson, neverFell, settled } from "./migrations.ts";
import { openMesh, together } from "./open-mesh.ts";
import { assertArrived, commandAfter, labelsOf, recordOf, revisionOf, templatesOf, uidsOf } from "./verify-result.ts";

let mesh: MeshUnderTest;
before(async () => {
  mesh = await openMesh({ revisions: { default: "1.19.0", "1-20": "1.20.0" } });
});
after(() => mesh?.[Symbol.asyncDispose]());

const validate = new Ajv2020({ strict: true, allErrors: true }).compile<RollbackDocument>(
  JSON.parse(readFileSync(new URL("../../schemas/rollback.schema.json", import.meta.url), "utf8")),
);
const documentIn = ({ stdout, stderr, code }: Run): RollbackDocument => {
  assert.ok(stdout.startsWith("{"), `no document on stdout (exit ${code}): ${stdout}${stderr}`);
  const document: unknown = JSON.parse(stdout);
  assert.ok(validate(document), JSON.stringify(validate.errors, undefined, 2));
  assert.equal(document.exitCode, code);
  return document;
};

const rollback = (...args: readonly string[]): Promise<Run> =>
  mesh.run("mesh-rollback", ["--workload-timeout", "20s", ...args]);
const rollbackJson = async (...args: readonly string[]): Promise<RollbackDocument> =>
  documentIn(await rollback("-o", "json", ...args));

const three = (namespace: string) => [
  deployment({ namespace, name: "web", readyAfter: [1000, 2000] }),
  statefulSet({ namespace, name: "db", readyAfter: [1000, 2000] }),
  daemonSet({ namespace, name: "agent", readyAfter: [1000, 2000] }),
];

/** What mesh-rollback wrote to a namespace or in it since a time. */
const writesSince = async (namespace: string, since: Date): Promise<readonly string[]> =>
  (await mesh.audit(since))
    .filter(({ userAgent }) => userAgent.startsWith("mesh-rollback/"))
    .filter((entry) => entry.namespace === namespace || (entry.resource === "namespaces" && entry.name === namespace))
    .filter(isWrite)
    .map(({ verb, resource, name }) => `${verb} ${resource}/${name}`);

const assertBack = async (namespace: string, labels: Readonly<Record<string, string>> = enabled): Promise<void> => {
  assert.deepEqual(await labelsOf(mesh, namespace), labels);
  assert.equal(await recordOf(mesh, namespace), undefined);
  await assertArrived(mesh, namespace, "default");
  neverFell(mesh, namespace);
};

const migrated = async (
  workloads: (namespace: string) => readonly object[] = three,
  labels?: Readonly<Record<string, string>>,
): Promise<string> => {
  const namespace = await settled(mesh, workloads, labels);
  const { state } = await migrateJson(mesh, namespace, "1-20");
  assert.equal(state, "done");
  return namespace;
};

test("two namespaces, and -A takes every one that has a record", async () => {
  const [one, two] = [await migrated(), await migrated((namespace) => [deployment({ namespace, name: "web" })])];
  const document = await rollbackJson("-A", "--to-before", "1h");
  assert.deepEqual([document.state, document.exitCode], ["done", 0], JSON.stringify(document, undefined, 2));
  assert.deepEqual(document.namespaces.map(({ name }) => name).toSorted(), [one, two].toSorted());
  for (const namespace of [one, two]) await assertBack(namespace);
  const empty = await rollbackJson("-A");
  assert.deepEqual([empty.state, empty.exitCode], ["nothing-to-do", 0]);
});

describe("a rollback of", together(6), () => {
  test("a namespace that was migrated: labels as before, every pod on the old revision, no record; again: nothing to do", async () => {
    const namespace = await migrated();
    const { code, stdout, stderr } = await rollback("-n", namespace);
    assert.equal(code, 0, stdout + stderr);
    assert.match(
      stderr.split("\n")[0] ?? "",
      new RegExp(`^context .*, server .*, user .*: namespace ${namespace}, back to default$`),
    );
    assert.match(
      stdout,
      new RegExp(
        `^put back 3 workloads \\(10 pods\\) of ${namespace} on revision default: .*; the labels are as before$`,
        "m",
      ),
    );
    assert.match(
      commandAfter("to turn round:", stdout),
      new RegExp(`^kubectl mesh-migrate -n ${namespace} --to 1-20$`),
    );
    await assertBack(namespace);
    const since = mesh.now();
    const again = await rollbackJson("-n", namespace);
    assert.deepEqual([again.state, again.exitCode], ["nothing-to-do", 0]);
    assert.deepEqual(await writesSince(namespace, since), []);
  });

  test("a migration that was interrupted: what moved goes back, what did not is not restarted", async () => {
    const namespace = await settled(mesh, (namespace) => [
      deployment({ namespace, name: "first", replicas: 2, readyAfter: [1000, 2000] }),
      deployment({ namespace, name: "second", readyAfter: [1000, 2000] }),
      deployment({ namespace, name: "third", readyAfter: [1000, 2000] }),
    ]);
    const run = await migrate(mesh, namespace, "1-20", ["--parallel", "1"], interruptedAt(/Deployment\/second: /));
    assert.equal(run.code, 130, run.stderr);
    const document = await rollbackJson("-n", namespace);
    assert.deepEqual([document.state, document.exitCode], ["done", 0], JSON.stringify(document, undefined, 2));
    assert.deepEqual(
      document.namespaces.map(({ labels, record, from, to }) => [labels, record, from, to]),
      [["written", "removed", "1-20", "default"]],
    );
    await assertBack(namespace);
    assert.equal((await templatesOf(mesh, namespace))["Deployment/third"], 1);
  });

  test("a rollback that was interrupted: the same command goes on, and mesh-migrate turns it round", async () => {
    const namespace = await migrated();
    const stopped = await mesh.run(
      "mesh-rollback",
      ["-n", namespace, "--parallel", "1"],
      interruptedAt(/Deployment\/web.*: /),
    );
    assert.equal(stopped.code, 130, stopped.stderr);
    assert.match(
      commandAfter("to go on:", stopped.stdout),
      new RegExp(`^kubectl mesh-rollback -n ${namespace} --parallel 1$`),
    );
    const turn = commandAfter("to turn round:", stopped.stdout);
    assert.ok((await recordOf(mesh, namespace)) !== undefined, "the record stays");
    assert.deepEqual(await labelsOf(mesh, namespace), enabled);
    const turned = await mesh.shell(turn);
    assert.equal(turned.code, 0, turned.stdout + turned.stderr);
    await assertArrived(mesh, namespace, "1-20");
    assert.deepEqual((await recordOf(mesh, namespace)).before, { "istio-injection": "enabled", "istio.io/rev": null });

    const second = await mesh.run(
      "mesh-rollback",
      ["-n", namespace, "--parallel", "1"],
      interruptedAt(/Deployment\/web.*: /),
    );
    assert.equal(second.code, 130, second.stderr);
    const on = await mesh.shell(commandAfter("to go on:", second.stdout));
    assert.equal(on.code, 0, on.stdout + on.stderr);
    await assertBack(namespace);
  });

  test("a run: by its id alone, and by --to-before only what began since", async () => {
    const namespace = await migrated((namespace) => [deployment({ namespace, name: "web" })]);
    const { run, stamp } = await recordOf(mesh, namespace);
    const later = new Date(Date.parse(stamp) + 1000).toISOString();
    const since = mesh.now();
    const none = await rollbackJson("-n", namespace, "--to-before", later);
    assert.deepEqual([none.state, none.findings.map(({ check }) => check)], ["nothing-to-do", ["put-back"]]);
    const unknown = await rollbackJson("--run", "nosuchrun");
    assert.deepEqual(
      [unknown.state, unknown.exitCode, unknown.findings.map(({ check }) => check)],
      ["refused", 3, ["last-run"]],
    );
    assert.deepEqual(await writesSince(namespace, since), []);
    const document = await rollbackJson("--run", run, "--to-before", stamp);
    assert.deepEqual([document.state, document.namespaces.map(({ name }) => name)], ["done", [namespace]]);
    await assertBack(namespace);
  });

  test("labels that somebody changed: that namespace is left as it is, the other goes back, and alone it is refused", async () => {
    const [mine, other] = [
      await migrated((namespace) => [deployment({ namespace, name: "web" })]),
      await migrated((namespace) => [deployment({ namespace, name: "web" })]),
    ];
    await mesh.shell(`kubectl label namespace ${other} istio.io/rev=theirs --overwrite`);
    const pods = await uidsOf(mesh, other);
    const document = await rollbackJson("-n", `${mine},${other}`);
    assert.deepEqual([document.state, document.exitCode], ["partial", 4]);
    assert.deepEqual(
      document.namespaces.map(({ name, labels, record }) => [name, labels, record]),
      [
        [mine, "written", "removed"],
        [other, "changed", "kept"],
      ],
    );
    await assertBack(mine);
    const since = mesh.now();
    const alone = await rollbackJson("-n", other);
    assert.deepEqual([alone.state, alone.exitCode], ["refused", 3]);
    assert.match(
      alone.findings.find(({ check }) => check === "labels-unchanged")?.message ?? "",
      /istio\.io\/rev=theirs/,
    );
    assert.deepEqual([await writesSince(other, since), await uidsOf(mesh, other)], [[], pods]);
  });

  test("a dry run changes nothing, and shows labels, restarts and the end", async () => {
    const namespace = await migrated();
    const since = mesh.now();
    for (const how of ["client", "server"]) {
      const { code, stdout, stderr } = await rollback("-n", namespace, `--dry-run=${how}`);
      assert.equal(code, 0, stderr);
      assert.match(stdout, /^labels +relabel +namespace\/\S+ +istio\.io\/rev=1-20 +istio-injection=enabled/m);
      assert.match(stdout, /^restarts +restart +\S+\/deployment\/web +1-20 +default +3\/3/m);
      assert.match(stdout, /^would restart 3 workloads \(10 pods\) of .*; nothing was changed$/m);
    }
    assert.deepEqual((await rollbackJson("-n", namespace, "--dry-run=client")).state, "planned");
    assert.deepEqual(await writesSince(namespace, since), []);
    assert.ok((await mesh.pods(namespace)).every((pod) => revisionOf(pod) === "1-20"));
    assert.equal((await rollback("-n", namespace)).code, 0);
  });

  test("no namespace and no run is wrong usage, as are both of -n and -A", async () => {
    assert.equal((await rollback()).code, 2);
    assert.equal((await rollback("-A", "-n", "x")).code, 2);
    assert.equal((await rollback("-A", "--to-before", "yesterday")).code, 2);
    const missing = await rollbackJson("-n", "nosuch");
    assert.deepEqual([missing.exitCode, missing.findings.map(({ check }) => check)], [3, ["places-exist"]]);
  });

  test("a workload that the journal has: its template as it was, and no third one", async () => {
    const namespace = await migrated((namespace) => [deployment({ namespace, name: "web" })]);
    await journalFor(namespace);
    const document = await rollbackJson("-n", namespace);
    assert.deepEqual([document.state, document.exitCode], ["done", 0], JSON.stringify(document, undefined, 2));
    await assertBack(namespace);
    assert.deepEqual(await templatesOf(mesh, namespace), { "Deployment/web": 2 });
    const { metadata } = (await mesh.api.get(`/apis/apps/v1/namespaces/${namespace}/deployments/web`)).spec.template;
    assert.equal(metadata.annotations?.["kubectl.kubernetes.io/restartedAt"], undefined);
  });

  test("a journal that cannot be used: refused, and nothing is written", async () => {
    const namespace = await migrated((namespace) => [deployment({ namespace, name: "web" })]);
    const since = mesh.now();
    for (const change of [{ clusterUid: "other" }, { version: 2 }, { namespaceUid: "other" }]) {
      await journalFor(namespace, change);
      const document = await rollbackJson("-n", namespace);
      assert.deepEqual(
        [document.state, document.exitCode, document.findings.map(({ check }) => check)],
        ["refused", 3, ["journal"]],
      );
    }
    assert.deepEqual(await writesSince(namespace, since), []);
    await mesh.api.delete(`/api/v1/namespaces/${namespace}/configmaps/kubectl-mesh`);
    assert.equal((await rollback("-n", namespace)).code, 0);
    await assertBack(namespace);
  });

  test("a recorded control plane that was created again: refused", async () => {
    const namespace = await migrated((namespace) => [deployment({ namespace, name: "web" })]);
    const record = await recordOf(mesh, namespace);
    const forged = { ...record, from: { ...record.from, deploymentUid: "another" } };
    const annotate = (text: object) =>
      mesh.api.merge(`/api/v1/namespaces/${namespace}`, {
        metadata: { annotations: { "kubectl-mesh/undo": JSON.stringify(text) } },
      });
    await annotate(forged);
    const since = mesh.now();
    const document = await rollbackJson("-n", namespace);
    assert.deepEqual([document.exitCode, document.findings.map(({ check }) => check)], [3, ["old-control-plane"]]);
    assert.deepEqual(await writesSince(namespace, since), []);
    await annotate(record);
    assert.equal((await rollback("-n", namespace)).code, 0);
    await assertBack(namespace);
  });

  test("a migration that failed: each workload is restarted once, and of a stuck StatefulSet the broken pod alone is deleted", async () => {
    const namespace = await settled(mesh, (namespace) => [
      deployment({ namespace, name: "web", replicas: 2, readyAfter: 1000 }),
      statefulSet({ namespace, name: "db", life: "pull", onRevision: "1-20", readyAfter: 1000 }),
    ]);
    const failed = await migrateJson(mesh, namespace, "1-20");
    assert.deepEqual([failed.state, failed.failure?.object.name], ["partial", "db"]);
    const since = mesh.now();
    const document = await rollbackJson("-n", namespace);
    assert.deepEqual([document.state, document.exitCode], ["done", 0], JSON.stringify(document, undefined, 2));
    const writes = await writesSince(namespace, since);
    assert.deepEqual(
      writes.filter((each) => each.startsWith("delete")),
      ["delete pods/db-2"],
    );
    for (const write of ["patch statefulsets/db", "patch deployments/web"])
      assert.equal(writes.filter((each) => each === write).length, 1, writes.join(", "));
    assert.deepEqual([await labelsOf(mesh, namespace), await recordOf(mesh, namespace)], [enabled, undefined]);
    await assertArrived(mesh, namespace, "default");
  });
});

/** One by one: they take what the namespaces of the others need. */
describe("the whole mesh", () => {
  test("an old control plane that is not ready: refused, and nothing is written", async () => {
    const namespace = await migrated((namespace) => [deployment({ namespace, name: "web" })]);
    await mesh.stopIstiod("default");
    const since = mesh.now();
    const document = await rollbackJson("-n", namespace);
    assert.deepEqual([document.state, document.exitCode], ["refused", 3]);
    assert.ok(document.findings.some(({ check, severity }) => check === "target-ready" && severity === "blocker"));
    assert.deepEqual(await writesSince(namespace, since), []);
    await mesh.startIstiod("default");
    assert.equal((await rollback("-n", namespace)).code, 0);
    await assertBack(namespace);
  });

  test("a control plane to leave that has failed is not asked", async () => {
    const namespace = await migrated((namespace) => [deployment({ namespace, name: "web" })]);
    await mesh.stopIstiod("1-20");
    const document = await rollbackJson("-n", namespace);
    await mesh.startIstiod("1-20");
    assert.deepEqual([document.state, document.exitCode], ["done", 0], JSON.stringify(document, undefined, 2));
    await assertBack(namespace);
  });
});

describe("a tag that was moved", () => {
  test("is refused, with the tag move and --pin; --pin goes back by the revision itself", async () => {
    await using tagged = await openMesh({ revisions: { "1-19": "1.19.0", "1-20": "1.20.0" } });
    await tagged.setTag("prod", "1-19");
    const labels = { "istio.io/rev": "prod" };
    const make = (namespace: string) => [deployment({ namespace, name: "web", readyAfter: 1000 })];
    const namespace = await settled(tagged, make, labels);
    assert.equal((await migrate(tagged, namespace, "1-20")).code, 0);
    await tagged.setTag("prod", "1-20");
    const refused = documentIn(await tagged.run("mesh-rollback", ["-n", namespace, "-o", "json"]));
    assert.deepEqual([refused.state, refused.exitCode], ["refused", 3]);
    const [finding] = refused.findings;
    assert.deepEqual([finding?.check, finding?.accept?.flag], ["labels-lead-back", "--pin"]);
    assert.match(finding?.remedy ?? "", /kubectl mesh-migrate --tag prod --to 1-19/);
    assert.deepEqual(await labelsOf(tagged, namespace), { "istio.io/rev": "1-20" });
    const text = await tagged.run("mesh-rollback", ["-n", namespace]);
    const { code, stdout, stderr } = await tagged.shell(commandAfter("to accept this and go on:", text.stderr));
    assert.equal(code, 0, stdout + stderr);
    assert.match(stdout, /; the labels are those of the revision itself$/m);
    assert.deepEqual(await labelsOf(tagged, namespace), { "istio.io/rev": "1-19" });
    await assertArrived(tagged, namespace, "1-19");
  });

  test("is moved back first: then the labels are those of before", async () => {
    await using tagged = await openMesh({ revisions: { "1-19": "1.19.0", "1-20": "1.20.0" } });
    await tagged.setTag("prod", "1-19");
    const labels = { "istio.io/rev": "prod" };
    const namespace = await settled(
      tagged,
      (namespace) => [deployment({ namespace, name: "web", readyAfter: 1000 })],
      labels,
    );
    await tagged.setTag("prod", "1-20");
    assert.equal((await migrate(tagged, namespace, "prod")).code, 0);
    await tagged.setTag("prod", "1-19");
    const document = documentIn(await tagged.run("mesh-rollback", ["-n", namespace, "-o", "json"]));
    assert.deepEqual([document.state, document.namespaces.map((each) => each.labels)], ["done", ["kept"]]);
    assert.deepEqual([await labelsOf(tagged, namespace), await recordOf(tagged, namespace)], [labels, undefined]);
    await assertArrived(tagged, namespace, "1-19");
  });
});

/** Writes the journal that a migration of Deployment `web` leaves. */
async function journalFor(namespace: string, change: object = {}): Promise<void> {
  const [{ metadata: place }, { metadata: system }, record] = await Promise.all([
    mesh.api.get(`/api/v1/namespaces/${namespace}`),
    mesh.api.get("/api/v1/namespaces/kube-system"),
    recordOf(mesh, namespace),
  ]);
  const { metadata: web } = await mesh.api.get(`/apis/apps/v1/namespaces/${namespace}/deployments/web`);
  const sets = (await mesh.api.get(`/apis/apps/v1/namespaces/${namespace}/replicasets`)).items;
  const templates = sets
    .filter(({ spec }: Json) => spec.replicas === 0)
    .map(({ metadata }: Json) => metadata.labels["pod-template-hash"]);
  const workload = {
    ...{ kind: "Deployment", name: "web", uid: web.uid, stampBefore: null, from: ["default"], templates },
    ...{ stamp: record.stamp, state: "proven" },
  };
  const run = {
    ...{ run: record.run, verb: "migrate", by: "ann@laptop", startedAt: record.stamp, from: "default", to: "1-20" },
    ...{ label: "1-20", before: record.before, after: { "istio-injection": null, "istio.io/rev": "1-20" } },
    ...{ stamp: record.stamp, state: "done", workloads: [workload] },
  };
  const journal = { version: 1, clusterUid: system.uid, namespaceUid: place.uid, runs: [run], ...change };
  await mesh.api.merge(`/api/v1/namespaces/${namespace}/configmaps/kubectl-mesh`, {
    data: { journal: JSON.stringify(journal) },
  });
}
