/** What goes wrong after the checks: workloads that fail on the target, and a target that lies. As test/real/migrate-lies.test.ts. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { barePod, deployment, type Life, statefulSet } from "../real/workloads.ts";
import type { EmbeddedMesh } from "./mesh.ts";
import type { Json } from "./object.ts";
import { enabled, openScene, outcomesOf, type Scene } from "./scene.ts";
import { assertArrived, documentOf, labelsOf, once, uidsOf } from "./witness.ts";

let scene: Scene;
let mesh: EmbeddedMesh;
before(async () => {
  scene = await openScene({ revisions: { default: "1.19.0", "1-20": "1.20.0", doomed: "1.20.0", "1-29": "1.29.1" } });
  ({ mesh } = scene);
});
after(() => scene?.[Symbol.asyncDispose]());

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
      const namespace = await scene.settled((namespace) => [
        deployment({ namespace, name: "first", replicas: 2, ...life, onRevision: to }),
        deployment({ namespace, name: "second" }),
      ]);
      const pods = await uidsOf(mesh, namespace);
      const document = await scene.migrate(namespace, to);
      await scene.assertRestored(namespace, document);
      const { failure } = document;
      assert.deepEqual([failure?.object.name, failure?.container], ["first", container], JSON.stringify(failure));
      assert.match(failure?.pod ?? "", /^first-/);
      assert.match(failure?.reason ?? "", reason);
      if (log) assert.match(failure?.logs.join("\n") ?? "", log);
      assert.deepEqual(outcomesOf(document), { first: "restored", second: "not-started" });
      assert.deepEqual(await uidsOf(mesh, namespace), pods, "no pod was lost but the canary's new one");
      scene.neverFell(namespace);
    });
  }
});

test("what came up on the target meanwhile is put back too: scaled up, deleted, and of the canary itself", async () => {
  const namespace = await scene.settled((namespace) => [
    deployment({ namespace, name: "first", replicas: 2, life: "never-ready", onRevision: "1-20" }),
    deployment({ namespace, name: "scaled" }),
    deployment({ namespace, name: "idle", replicas: 0 }),
    statefulSet({ namespace, name: "db" }),
    statefulSet({ namespace, name: "stuck", life: "never-ready", onRevision: "1-20" }),
  ]);
  const canary = once(/Deployment\/first.*: /, async () => {
    await scene.merge(namespace, "deployments", "scaled", { spec: { replicas: 4 } });
    await scene.merge(namespace, "deployments", "idle", { spec: { replicas: 1 } });
    for (const pod of ["db-2", "stuck-1"]) await mesh.api.delete(`/api/v1/namespaces/${namespace}/pods/${pod}`);
  });
  const result = await mesh.run("mesh-migrate", ["-n", namespace, "--to", "1-20", "--workload-timeout", "20s", "-o", "json"], canary);
  await canary.done();
  const document = documentOf(result);
  await scene.assertRestored(namespace, document);
  const all = ["first", "scaled", "idle", "db", "stuck"];
  assert.deepEqual(outcomesOf(document), Object.fromEntries(all.map((name) => [name, "restored"])));
  for (const app of all.slice(1)) assert.match(result.stderr, new RegExp(`${namespace}/\\w+/${app}: .*${app}-`));
});

test("what cannot be put back is named: a pod that nobody owns", async () => {
  const namespace = await scene.settled((namespace) => [
    deployment({ namespace, name: "first", replicas: 2, life: "never-ready", onRevision: "1-20" }),
  ]);
  const canary = once(/Deployment\/first.*: /, () => mesh.apply(barePod({ namespace, name: "lonely" })));
  const result = await mesh.run("mesh-migrate", ["-n", namespace, "--to", "1-20", "--workload-timeout", "20s", "-o", "json"], canary);
  await canary.done();
  const document = documentOf(result);
  assert.deepEqual([document.exitCode, document.state, outcomesOf(document)], [4, "partial", { first: "restored" }]);
  assert.match(result.stderr, /^warning: .*: lonely; delete/m);
  assert.deepEqual(labelsOf(mesh, namespace), enabled);
});

test("a workload fails after the canary: partial, no other is harmed, and the next run finishes", async () => {
  const namespace = await scene.settled((namespace) => [
    deployment({ namespace, name: "first", replicas: 2, readyAfter: 300 }),
    deployment({ namespace, name: "bad", replicas: 3, life: "crash", onRevision: "1-20" }),
    deployment({ namespace, name: "good", replicas: 3, readyAfter: [300, 1000] }),
    statefulSet({ namespace, name: "db", replicas: 3, readyAfter: [300, 1000] }),
  ]);
  const document = await scene.migrate(namespace, "1-20");
  assert.deepEqual(
    [document.exitCode, document.state, outcomesOf(document).bad],
    [4, "partial", "failed"],
    JSON.stringify(document, undefined, 2),
  );
  assert.match(document.failure?.reason ?? "", /CrashLoopBackOff/);
  scene.neverFell(namespace);
  await scene.merge(namespace, "deployments", "bad", { spec: { template: { metadata: { labels: { life: null } } } } });
  await mesh.waitReady(namespace);
  assert.deepEqual((await scene.migrate(namespace, "1-20")).state, "done");
  await assertArrived(mesh, namespace, "1-20");
});

describe("the target answers the checks, and then it does not", () => {
  test("its webhook fails: nothing was restarted, and the labels are put back", async () => {
    const namespace = await scene.settled((namespace) => [deployment({ namespace, name: "first", replicas: 2 })]);
    const pods = await uidsOf(mesh, namespace);
    await mesh.setWebhookFault("doomed", { kind: "refuse" });
    const document = await scene.migrate(namespace, "doomed");
    await mesh.setWebhookFault("doomed");
    await scene.assertRestored(namespace, document);
    assert.match(document.failure?.reason ?? "", /failed calling webhook/);
    assert.deepEqual(await uidsOf(mesh, namespace), pods);
    scene.neverFell(namespace);
  });

  test("its istiod stops while the canary comes up", async () => {
    const namespace = await scene.settled((namespace) => [
      deployment({ namespace, name: "first", replicas: 2, readyAfter: 4000 }),
      deployment({ namespace, name: "second" }),
    ]);
    const pods = await uidsOf(mesh, namespace);
    const canary = once(/Deployment\/first.*: /, () => mesh.stopIstiod("doomed", "unnoticed"));
    const document = await scene.migrate(namespace, "doomed", canary);
    await canary.done();
    await mesh.startIstiod("doomed");
    await scene.assertRestored(namespace, document);
    assert.match(document.failure?.reason ?? "", /istiod|connect/);
    assert.deepEqual(await uidsOf(mesh, namespace), pods);
    scene.neverFell(namespace);
  });

  test("another revision answers in its name", async () => {
    const namespace = await scene.settled((namespace) => [deployment({ namespace, name: "first", replicas: 2 })]);
    const where = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/istio-revision-tag-masked";
    await mesh.setTag("masked", "1-20");
    const { webhooks } = await mesh.api.get(where);
    const toDefault = ({ clientConfig, ...webhook }: Json) => ({
      ...webhook,
      clientConfig: { ...clientConfig, service: { ...clientConfig.service, name: "istiod" } },
    });
    await mesh.api.merge(where, { webhooks: webhooks.map(toDefault) });
    const document = await scene.migrate(namespace, "masked");
    await mesh.api.delete(where);
    await scene.assertRestored(namespace, document);
    assert.match(document.failure?.reason ?? "", /would not be injected by 1-20: default injects them/);
  });
});
