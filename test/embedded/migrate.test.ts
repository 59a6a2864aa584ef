/** Migrations in virtual time: the run that all of this is for, what goes wrong on the way, and what is refused. The scenarios of test/real/migrate-*.test.ts. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { MigrationDocument } from "../../src/views/migration.ts";
import { isWrite } from "../real/mesh/audit.ts";
import { barePod, cronJob, daemonSet, deployment, job, type Life, statefulSet } from "../real/workloads.ts";
import { bootMesh, type EmbeddedMesh, type RunOptions } from "./mesh.ts";
import type { Json } from "./object.ts";
import { revisionOf } from "./pods/life.ts";
import { type Recorder, recordAvailability } from "./recorder.ts";
import { interrupt } from "./run.ts";
import { assertArrived, documentOf, eventuallyArrived, labelsOf, once, recordOf, templatesOf, uidsOf } from "./witness.ts";

const enabled = { "istio-injection": "enabled" };
const quick = ["--workload-timeout", "20s"];

let mesh: EmbeddedMesh;
let recorder: Recorder;
before(async () => {
  mesh = await bootMesh({ revisions: { default: "1.19.0", "1-20": "1.20.0", doomed: "1.20.0", "1-29": "1.29.1" } });
  recorder = recordAvailability(mesh);
});
after(async () => {
  recorder?.[Symbol.dispose]();
  await mesh?.down();
});

/** A namespace of the un-revisioned control plane, with everything in it ready. */
async function settled(workloads: (namespace: string) => readonly object[], name?: string): Promise<string> {
  const namespace = await mesh.createNamespace(enabled, name);
  await mesh.apply(workloads(namespace));
  await mesh.waitReady(namespace, 600);
  return namespace;
}

const migrateJson = async (namespace: string, to: string, options?: RunOptions): Promise<MigrationDocument> =>
  documentOf(await mesh.run("mesh-migrate", ["-n", namespace, "--to", to, ...quick, "-o", "json"], options));
const outcomesOf = ({ workloads }: MigrationDocument) => Object.fromEntries(workloads.map(({ name, outcome }) => [name, outcome]));
const neverFell = (namespace: string) =>
  assert.deepEqual(
    recorder.report(namespace).filter(({ ok }) => !ok),
    [],
  );
const writesSince = async (index: number) =>
  (await mesh.audit()).slice(index).filter((entry) => isWrite(entry) && entry.userAgent.startsWith("mesh-migrate/"));
const merge = (namespace: string, plural: string, name: string, body: object) =>
  mesh.api.merge(`/apis/apps/v1/namespaces/${namespace}/${plural}/${name}`, body);

/** Everything is as before the run: labels, no record, and on `default`. */
async function assertRestored(namespace: string, document: MigrationDocument): Promise<void> {
  assert.deepEqual([document.exitCode, document.state], [4, "restored"], JSON.stringify(document, undefined, 2));
  assert.deepEqual(
    document.namespaces.map(({ labels }) => labels),
    ["restored"],
  );
  assert.equal(document.goBack, null);
  assert.deepEqual(labelsOf(mesh, namespace), enabled);
  assert.equal(recordOf(mesh, namespace), undefined);
  await eventuallyArrived(mesh, namespace, "default");
}

test("production moves: 10 Deployments, a StatefulSet, a DaemonSet, one scaled to 0, one opted out; the second time there is nothing to do", async () => {
  const names = Array.from({ length: 10 }, (_, index) => `web-${index}`);
  const readyAfter = [1000, 5000] as const;
  const namespace = await settled(
    (namespace) => [
      ...names.map((name) => deployment({ namespace, name, readyAfter })),
      statefulSet({ namespace, name: "db", readyAfter }),
      daemonSet({ namespace, name: "agent", readyAfter }),
      deployment({ namespace, name: "idle", replicas: 0 }),
      deployment({ namespace, name: "plain", replicas: 2, labels: { "sidecar.istio.io/inject": "false" } }),
    ],
    "production",
  );
  const isPlain = (pod: Json) => pod.metadata.labels.app === "plain";
  const plain = await uidsOf(mesh, namespace, isPlain);
  const log = (await mesh.audit()).length;

  const { code, stdout, stderr } = await mesh.run("mesh-migrate", ["-n", namespace, "--to", "1-20"]);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /^moved 12 workloads \(37 pods\) of production to revision 1-20: /m);
  const moved = await assertArrived(mesh, namespace, "1-20", (pod) => !isPlain(pod));
  assert.deepEqual([moved.length, labelsOf(mesh, namespace)], [37, { "istio.io/rev": "1-20" }]);
  assert.deepEqual(await uidsOf(mesh, namespace, isPlain), plain);
  const report = recorder.report(namespace);
  assert.deepEqual(
    report.filter(({ ok }) => !ok),
    [],
  );
  const lowest = new Map(report.map((row) => [row.workload, row.lowest]));
  assert.deepEqual([lowest.get("production/StatefulSet/db"), lowest.get("production/DaemonSet/agent")], [2, 3]);
  assert.deepEqual(templatesOf(mesh, namespace), {
    ...{ "DaemonSet/agent": 2, "Deployment/idle": 1, "Deployment/plain": 1, "StatefulSet/db": 2 },
    ...Object.fromEntries(names.map((name) => [`Deployment/${name}`, 2])),
  });
  const restarts = [...names.map((name) => `patch deployments/${name}`), "patch statefulsets/db", "patch daemonsets/agent"];
  assert.deepEqual(
    (await writesSince(log)).map(({ verb, resource, name }) => `${verb} ${resource}/${name}`).toSorted(),
    [...restarts, "patch namespaces/production", "patch namespaces/production"].toSorted(),
  );

  const [again, version] = [(await mesh.audit()).length, mesh.store.version()];
  const second = await mesh.run("mesh-migrate", ["-n", namespace, "--to", "1-20"]);
  assert.equal(second.code, 0, second.stderr);
  assert.match(second.stdout, /^nothing to do: .* is on revision 1-20 already$/m);
  assert.deepEqual([await writesSince(again), mesh.store.version()], [[], version]);
});

describe("a canary that fails on the target: all is put back, and the cause named", () => {
  const cases: readonly {
    readonly name: string;
    readonly life: Life;
    readonly to: string;
    readonly container: string;
    readonly reason: RegExp;
    readonly log: RegExp | undefined;
  }[] = [
    { name: "never gets ready", life: { life: "never-ready" }, to: "1-20", container: "app", reason: /not ready/i, log: undefined },
    { name: "crashes", life: { life: "crash" }, to: "1-20", container: "app", reason: /CrashLoopBackOff/, log: /cannot open the database/ },
    {
      ...{ name: "its proxy crashes", life: { life: "crash", container: "istio-proxy" }, to: "1-20", container: "istio-proxy" },
      ...{ reason: /istio-proxy \(the proxy\): .*CrashLoopBackOff/, log: /./ },
    },
    { name: "cannot pull", life: { life: "pull" }, to: "1-20", container: "app", reason: /ImagePull/, log: undefined },
    { name: "cannot connect", life: { life: "no-istiod" }, to: "1-20", container: "istio-proxy", reason: /./, log: /NOT ready/ },
    { name: "cannot connect (native)", life: { life: "no-istiod" }, to: "1-29", container: "istio-proxy", reason: /./, log: /NOT ready/ },
    { name: "is not in sync", life: { life: "nack" }, to: "1-20", container: "istio-proxy", reason: /LDS/, log: /NOT ready/ },
    { name: "is rejected", life: { life: "nack" }, to: "1-29", container: "istio-proxy", reason: /reject/, log: /NOT ready/ },
  ];
  for (const { name, life, to, container, reason, log } of cases) {
    test(name, async () => {
      const namespace = await settled((namespace) => [
        deployment({ namespace, name: "first", replicas: 2, ...life, onRevision: to }),
        deployment({ namespace, name: "second" }),
      ]);
      const pods = await uidsOf(mesh, namespace);
      const document = await migrateJson(namespace, to);
      await assertRestored(namespace, document);
      const { failure } = document;
      assert.deepEqual([failure?.object.name, failure?.container], ["first", container], JSON.stringify(failure));
      assert.match(failure?.pod ?? "", /^first-/);
      assert.match(failure?.reason ?? "", reason);
      if (log) assert.match(failure?.logs.join("\n") ?? "", log);
      assert.deepEqual(outcomesOf(document), { first: "restored", second: "not-started" });
      assert.deepEqual(await uidsOf(mesh, namespace), pods, "no pod was lost but the canary's new one");
      neverFell(namespace);
    });
  }
});

test("what came up on the target meanwhile is put back too: scaled up, deleted, and of the canary itself", async () => {
  const namespace = await settled((namespace) => [
    deployment({ namespace, name: "first", replicas: 2, life: "never-ready", onRevision: "1-20" }),
    deployment({ namespace, name: "scaled" }),
    deployment({ namespace, name: "idle", replicas: 0 }),
    statefulSet({ namespace, name: "db" }),
    statefulSet({ namespace, name: "stuck", life: "never-ready", onRevision: "1-20" }),
  ]);
  const canary = once(/Deployment\/first.*: /, async () => {
    await merge(namespace, "deployments", "scaled", { spec: { replicas: 4 } });
    await merge(namespace, "deployments", "idle", { spec: { replicas: 1 } });
    for (const pod of ["db-2", "stuck-1"]) await mesh.api.delete(`/api/v1/namespaces/${namespace}/pods/${pod}`);
  });
  const result = await mesh.run("mesh-migrate", ["-n", namespace, "--to", "1-20", ...quick, "-o", "json"], canary);
  await canary.done();
  const document = documentOf(result);
  await assertRestored(namespace, document);
  const all = ["first", "scaled", "idle", "db", "stuck"];
  assert.deepEqual(outcomesOf(document), Object.fromEntries(all.map((name) => [name, "restored"])));
  for (const app of all.slice(1)) assert.match(result.stderr, new RegExp(`${namespace}/\\w+/${app}: .*${app}-`));
});

test("what cannot be put back is named: a pod that nobody owns", async () => {
  const namespace = await settled((namespace) => [
    deployment({ namespace, name: "first", replicas: 2, life: "never-ready", onRevision: "1-20" }),
  ]);
  const canary = once(/Deployment\/first.*: /, () => mesh.apply(barePod({ namespace, name: "lonely" })));
  const result = await mesh.run("mesh-migrate", ["-n", namespace, "--to", "1-20", ...quick, "-o", "json"], canary);
  await canary.done();
  const document = documentOf(result);
  assert.deepEqual([document.exitCode, document.state, outcomesOf(document)], [4, "partial", { first: "restored" }]);
  assert.match(result.stderr, /^warning: .*: lonely; delete/m);
  assert.deepEqual(labelsOf(mesh, namespace), enabled);
});

test("a workload fails after the canary: partial, no other is harmed, and the next run finishes", async () => {
  const namespace = await settled((namespace) => [
    deployment({ namespace, name: "first", replicas: 2, readyAfter: 300 }),
    deployment({ namespace, name: "bad", replicas: 3, life: "crash", onRevision: "1-20" }),
    deployment({ namespace, name: "good", replicas: 3, readyAfter: [300, 1000] }),
    statefulSet({ namespace, name: "db", replicas: 3, readyAfter: [300, 1000] }),
  ]);
  const document = await migrateJson(namespace, "1-20");
  assert.deepEqual(
    [document.exitCode, document.state, outcomesOf(document).bad],
    [4, "partial", "failed"],
    JSON.stringify(document, undefined, 2),
  );
  assert.match(document.failure?.reason ?? "", /CrashLoopBackOff/);
  neverFell(namespace);
  await merge(namespace, "deployments", "bad", { spec: { template: { metadata: { labels: { life: null } } } } });
  await mesh.waitReady(namespace);
  assert.deepEqual((await migrateJson(namespace, "1-20")).state, "done");
  await assertArrived(mesh, namespace, "1-20");
});

describe("the target answers the checks, and then it does not", () => {
  test("its webhook fails: nothing was restarted, and the labels are put back", async () => {
    const namespace = await settled((namespace) => [deployment({ namespace, name: "first", replicas: 2 })]);
    const pods = await uidsOf(mesh, namespace);
    await mesh.setWebhookFault("doomed", { kind: "refuse" });
    const document = await migrateJson(namespace, "doomed");
    await mesh.setWebhookFault("doomed");
    await assertRestored(namespace, document);
    assert.match(document.failure?.reason ?? "", /failed calling webhook/);
    assert.deepEqual(await uidsOf(mesh, namespace), pods);
    neverFell(namespace);
  });

  test("its istiod stops while the canary comes up", async () => {
    const namespace = await settled((namespace) => [
      deployment({ namespace, name: "first", replicas: 2, readyAfter: 4000 }),
      deployment({ namespace, name: "second" }),
    ]);
    const pods = await uidsOf(mesh, namespace);
    const canary = once(/Deployment\/first.*: /, () => mesh.stopIstiod("doomed", "unnoticed"));
    const document = await migrateJson(namespace, "doomed", canary);
    await canary.done();
    await mesh.startIstiod("doomed");
    await assertRestored(namespace, document);
    assert.match(document.failure?.reason ?? "", /istiod|connect/);
    assert.deepEqual(await uidsOf(mesh, namespace), pods);
    neverFell(namespace);
  });

  test("another revision answers in its name", async () => {
    const namespace = await settled((namespace) => [deployment({ namespace, name: "first", replicas: 2 })]);
    const where = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/istio-revision-tag-masked";
    await mesh.setTag("masked", "1-20");
    const { webhooks } = await mesh.api.get(where);
    const toDefault = ({ clientConfig, ...webhook }: Json) => ({
      ...webhook,
      clientConfig: { ...clientConfig, service: { ...clientConfig.service, name: "istiod" } },
    });
    await mesh.api.merge(where, { webhooks: webhooks.map(toDefault) });
    const document = await migrateJson(namespace, "masked");
    await mesh.api.delete(where);
    await assertRestored(namespace, document);
    assert.match(document.failure?.reason ?? "", /would not be injected by 1-20: default injects them/);
  });
});

test("a rollout of ten minutes is waited for, and takes no time", async () => {
  const namespace = await settled((namespace) => [
    deployment({
      namespace,
      name: "slow",
      replicas: 4,
      readyAfter: 120_000,
      spec: { strategy: { rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } } },
    }),
  ]);
  const { code, stderr, ms } = await mesh.run("mesh-migrate", ["-n", namespace, "--to", "1-20"]);
  assert.equal(code, 0, stderr);
  assert.ok(ms > 480_000, `${ms}`);
  await assertArrived(mesh, namespace, "1-20");
  neverFell(namespace);
});

test("running Jobs stay and are listed, and CronJobs come up on the target", async () => {
  const namespace = await settled((namespace) => [
    deployment({ namespace, name: "web" }),
    job({ namespace, name: "import", life: "long" }),
    cronJob({ namespace, name: "nightly", spec: { schedule: "*/5 * * * *" } }),
  ]);
  await mesh.eventually("the Job to run", async () =>
    (await mesh.pods(namespace)).some(({ metadata, status }) => /^import-/.test(metadata.name) && status.phase === "Running"),
  );
  const { code, stdout, stderr } = await mesh.run("mesh-migrate", ["-n", namespace, "--to", "1-20"]);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /job\/import .* job *$/m);
  await mesh.pass(400_000);
  const nightly = (await mesh.pods(namespace)).filter(({ metadata }) => /^nightly-/.test(metadata.name));
  assert.deepEqual([...new Set(nightly.map((pod) => `${revisionOf(pod)} ${pod.status.phase}`))], ["1-20 Succeeded"]);
});

test("interrupted in the midst: 130, and the next run finishes, each workload restarted once", async () => {
  const namespace = await settled((namespace) => [
    deployment({ namespace, name: "first", replicas: 2, readyAfter: [1000, 2000] }),
    deployment({ namespace, name: "second", readyAfter: [1000, 2000] }),
    statefulSet({ namespace, name: "db", readyAfter: [1000, 2000] }),
  ]);
  const stop = new AbortController();
  const rest = once(/Deployment\/second: /, () => stop.abort(interrupt));
  const result = await mesh.run("mesh-migrate", ["-n", namespace, "--to", "1-20"], { ...rest, signal: stop.signal });
  assert.equal(result.code, 130, result.stderr);
  assert.equal(recordOf(mesh, namespace).state, "open");
  assert.deepEqual((await migrateJson(namespace, "1-20")).state, "done");
  await assertArrived(mesh, namespace, "1-20");
  assert.deepEqual(templatesOf(mesh, namespace), { "Deployment/first": 2, "Deployment/second": 2, "StatefulSet/db": 2 });
  assert.equal(recordOf(mesh, namespace).state, "done");
  neverFell(namespace);
});

describe("refused, naming it, and nothing is changed", () => {
  const single = { replicas: 1, spec: { strategy: { type: "Recreate" } } };
  const cases: readonly (readonly [name: string, make: (namespace: string) => object, reason: RegExp])[] = [
    ["a Deployment that is recreated", (namespace) => deployment({ namespace, name: "it", ...single }), /deployment\/it: /i],
    ["a StatefulSet of one", (namespace) => statefulSet({ namespace, name: "it", replicas: 1 }), /statefulset\/it: /i],
    [
      "one that is updated by deletion",
      (namespace) => statefulSet({ namespace, name: "it", spec: { updateStrategy: { type: "OnDelete" } } }),
      /statefulset\/it: /i,
    ],
    [
      "one with a partition",
      (namespace) =>
        statefulSet({ namespace, name: "it", spec: { updateStrategy: { type: "RollingUpdate", rollingUpdate: { partition: 2 } } } }),
      /statefulset\/it: /i,
    ],
    ["a pod that nobody owns", (namespace) => barePod({ namespace, name: "it" }), /pod\/it: /i],
  ];
  for (const [name, make, reason] of cases) {
    test(name, async () => {
      const namespace = await settled((namespace) => [deployment({ namespace, name: "web" }), make(namespace)]);
      await mesh.pass(2_000);
      const [pods, version] = [await uidsOf(mesh, namespace), mesh.store.version()];
      const { code, stdout, stderr } = await mesh.run("mesh-migrate", ["-n", namespace, "--to", "1-20"]);
      assert.deepEqual([code, stdout], [3, ""], stderr);
      assert.match(stderr, reason);
      assert.match(stderr, /nothing was changed/);
      assert.deepEqual([await uidsOf(mesh, namespace), mesh.store.version()], [pods, version]);
    });
  }

  test("a quota without room for one pod more", async () => {
    const namespace = await settled((namespace) => [
      { apiVersion: "v1", kind: "ResourceQuota", metadata: { name: "few", namespace }, spec: { hard: { pods: "3" } } },
      deployment({ namespace, name: "web" }),
    ]);
    await mesh.eventually(
      "the quota to be counted",
      async () => (await mesh.api.get(`/api/v1/namespaces/${namespace}/resourcequotas/few`)).status.used.pods === "3",
    );
    const { code, stderr } = await mesh.run("mesh-migrate", ["-n", namespace, "--to", "1-20"]);
    assert.equal(code, 3, stderr);
    assert.match(stderr, /quota/);
  });

  test("who may not restart: the verb and the resource to grant", async () => {
    const namespace = await settled((namespace) => [deployment({ namespace, name: "web" })]);
    mesh.addUser("reader", { name: "rita", groups: ["system:authenticated"] });
    const rbac = { apiVersion: "rbac.authorization.k8s.io/v1" };
    const reading = { apiGroups: ["*"], resources: ["*"], verbs: ["get", "list", "watch"] };
    await mesh.apply([
      {
        ...rbac,
        kind: "ClusterRole",
        metadata: { name: "reader" },
        rules: [reading, { apiGroups: [""], resources: ["pods/portforward"], verbs: ["create"] }],
      },
      {
        ...{ ...rbac, kind: "ClusterRoleBinding", metadata: { name: "reader" } },
        ...{ roleRef: { kind: "ClusterRole", name: "reader" }, subjects: [{ kind: "User", name: "rita" }] },
      },
    ]);
    const { code, stderr } = await mesh.run("mesh-migrate", ["-n", namespace, "--to", "1-20", "--as", "rita"]);
    assert.equal(code, 3, stderr);
    assert.match(stderr, /you may not patch deployments\.apps/);
  });

  test("a namespace that is not injected by its labels", async () => {
    const namespace = await mesh.createNamespace({});
    await mesh.apply(deployment({ namespace, name: "web" }));
    await mesh.waitReady(namespace);
    assert.ok((await mesh.pods(namespace)).every((pod) => revisionOf(pod) === undefined));
    const { code, stderr } = await mesh.run("mesh-migrate", ["-n", namespace, "--to", "1-20"]);
    assert.equal(code, 3, stderr);
    assert.match(stderr, new RegExp(`namespace/${namespace}: `));
  });

  test("an istiod that does not answer: cannot tell", async () => {
    const namespace = await settled((namespace) => [deployment({ namespace, name: "web" })]);
    await mesh.stopIstiod("doomed", "unnoticed");
    const { code, stderr } = await mesh.run("mesh-migrate", ["-n", namespace, "--to", "doomed"]);
    await mesh.startIstiod("doomed");
    assert.ok(code === 5 || code === 3, stderr);
    assert.deepEqual(labelsOf(mesh, namespace), enabled);
  });
});
