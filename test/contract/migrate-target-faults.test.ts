/**
 * What goes wrong after the checks: workloads that fail on the target, others who act meanwhile, and a target that
 * answers falsely. Nothing is lost, and everything is reported.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { MigrationDocument } from "../../src/views/migration-view.ts";
import { barePod, deployment, type Life, statefulSet } from "../fixtures/workload-objects.ts";
import type { Json, MeshUnderTest } from "./mesh-under-test.ts";
import {
  assertRestored,
  carriedOut,
  enabled,
  migrate,
  migrateJson,
  neverFell,
  once,
  outcomesOf,
  settled,
} from "./migrations.ts";
import { openMesh, together } from "./open-mesh.ts";
import { refused } from "./refusal.ts";
import {
  appOf,
  assertArrived,
  commandAfter,
  documentOf,
  eventuallyArrived,
  isReady,
  labelsOf,
  recordOf,
  revisionOf,
  templatesOf,
  uidsOf,
} from "./verify-result.ts";

let mesh: MeshUnderTest;
before(async () => {
  mesh = await openMesh({ revisions: { default: "1.19.0", "1-20": "1.20.0", doomed: "1.20.0", "1-29": "1.29.1" } });
});
after(() => mesh?.[Symbol.asyncDispose]());

/** `doomed` is stopped now and then, which must not keep the others from being asked. */
const among = ["default", "1-20", "1-29"];
const canary = /Deployment\/first.*: /;
const failsOn20 = { life: "never-ready", onRevision: "1-20" } as const;

/** The canary's second pod comes only when its first has been ready so long: proven, that is. */
const oneByOne = { minReadySeconds: 15 };
const available = (namespace: string) =>
  mesh.eventually("the canary to be available", async () => {
    const { status } = await mesh.api.get(`/apis/apps/v1/namespaces/${namespace}/deployments/first`);
    return status.availableReplicas === 2;
  });

/** Waits for the first pod of the target. */
const firstPod = (namespace: string) =>
  mesh.eventually(
    "the first pod",
    async () => (await mesh.pods(namespace)).some((pod) => revisionOf(pod) === "1-20"),
    20,
  );

describe("after the checks", together(), () => {
  describe("a canary that fails on the target: all is put back, and the cause named", together(4), () => {
    const cases: readonly {
      readonly name: string;
      readonly life: Life;
      readonly to: string;
      readonly container: string;
      readonly reason: RegExp;
      readonly log: RegExp | undefined;
    }[] = [
      {
        name: "never gets ready",
        life: { life: "never-ready" },
        to: "1-20",
        container: "app",
        reason: /not ready/i,
        log: undefined,
      },
      {
        ...{ name: "crashes", life: { life: "crash" }, to: "1-20", container: "app" },
        ...{ reason: /CrashLoopBackOff/, log: /cannot open the database/ },
      },
      {
        ...{
          name: "its proxy crashes",
          life: { life: "crash", container: "istio-proxy" },
          to: "1-20",
          container: "istio-proxy",
        },
        ...{ reason: /istio-proxy \(the proxy\): .*CrashLoopBackOff/, log: /./ },
      },
      {
        name: "cannot pull",
        life: { life: "pull" },
        to: "1-20",
        container: "app",
        reason: /ImagePull/,
        log: undefined,
      },
      {
        name: "cannot connect",
        life: { life: "no-istiod" },
        to: "1-20",
        container: "istio-proxy",
        reason: /./,
        log: /NOT ready/,
      },
      {
        name: "cannot connect (native)",
        life: { life: "no-istiod" },
        to: "1-29",
        container: "istio-proxy",
        reason: /./,
        log: /NOT ready/,
      },
      {
        name: "is not in sync",
        life: { life: "nack" },
        to: "1-20",
        container: "istio-proxy",
        reason: /LDS/,
        log: /NOT ready/,
      },
      {
        name: "is rejected",
        life: { life: "nack" },
        to: "1-29",
        container: "istio-proxy",
        reason: /reject/,
        log: /NOT ready/,
      },
    ];
    for (const { name, life, to, container, reason, log } of cases) {
      test(name, async () => {
        const namespace = await settled(mesh, (namespace) => [
          deployment({ namespace, name: "first", replicas: 2, ...life, onRevision: to }),
          deployment({ namespace, name: "second" }),
        ]);
        const pods = await uidsOf(mesh, namespace);
        const document = await migrateJson(mesh, namespace, to);
        await assertRestored(mesh, namespace, document, { among });
        const { failure } = document;
        assert.deepEqual([failure?.object.name, failure?.container], ["first", container], JSON.stringify(failure));
        assert.match(failure?.pod ?? "", /^first-/);
        assert.match(failure?.reason ?? "", reason);
        if (log) assert.match(failure?.logs.join("\n") ?? "", log);
        assert.deepEqual(outcomesOf(document), { first: "restored", second: "not-started" });
        assert.deepEqual(await uidsOf(mesh, namespace), pods, "no pod was lost but the canary's new one");
        neverFell(mesh, namespace);
      });
    }
  });

  describe("what others do meanwhile", together(3), () => {
    test("what came up on the target meanwhile is put back too: scaled up, deleted, and of the canary itself", async () => {
      const namespace = await settled(mesh, (namespace) => [
        deployment({ namespace, name: "first", replicas: 2, ...failsOn20 }),
        deployment({ namespace, name: "scaled" }),
        deployment({ namespace, name: "hurt", spec: { strategy: { rollingUpdate: { maxUnavailable: 1 } } } }),
        deployment({ namespace, name: "idle", replicas: 0 }),
        statefulSet({ namespace, name: "db" }),
        statefulSet({ namespace, name: "stuck", ...failsOn20 }),
      ]);
      const meanwhile = once(canary, async () => {
        const hurt = (await mesh.pods(namespace)).find((pod) => appOf(pod) === "hurt");
        await mesh.shell(`kubectl scale -n ${namespace} deployment/scaled --replicas=4`);
        await mesh.shell(`kubectl scale -n ${namespace} deployment/idle --replicas=1`);
        await mesh.shell(`kubectl delete pod -n ${namespace} ${hurt.metadata.name} db-2 stuck-1 --wait=false`);
        await mesh.eventually("them to come up on 1-20", async () => {
          const up = (await mesh.pods(namespace)).filter(
            (pod) => revisionOf(pod) === "1-20" && isReady(pod) !== (appOf(pod) === "stuck"),
          );
          return ["scaled", "idle", "hurt", "db", "stuck"].every((app) => up.some((pod) => appOf(pod) === app));
        });
      });
      // The canary's failure is called only once the others had the time to come up.
      const args = ["-n", namespace, "--to", "1-20", "--workload-timeout", "45s", "-o", "json"];
      const result = await mesh.run("mesh-migrate", args, meanwhile);
      await meanwhile.done();
      const document = documentOf(result);
      await assertRestored(mesh, namespace, document, { among });
      const all = ["first", "scaled", "hurt", "idle", "db", "stuck"];
      assert.deepEqual(outcomesOf(document), Object.fromEntries(all.map((name) => [name, "restored"])));
      for (const app of all.slice(1)) assert.match(result.stderr, new RegExp(`${namespace}/\\w+/${app}: .*${app}-`));
      neverFell(mesh, namespace);
    });

    test("what cannot be put back is named: a pod that nobody owns", async () => {
      const namespace = await settled(mesh, (namespace) => [
        deployment({ namespace, name: "first", replicas: 2, ...failsOn20 }),
      ]);
      const meanwhile = once(canary, () => mesh.apply(barePod({ namespace, name: "lonely" })));
      const result = await migrate(mesh, namespace, "1-20", ["-o", "json"], meanwhile);
      await meanwhile.done();
      const document = documentOf(result);
      assert.deepEqual(
        [document.exitCode, document.state, outcomesOf(document)],
        [4, "partial", { first: "restored" }],
      );
      assert.match(result.stderr, /^warning: .*: lonely; delete/m);
      assert.deepEqual(await labelsOf(mesh, namespace), enabled);
    });

    test("a tag was moved: only the canary's template is put back, and what was on the target before is left alone", async () => {
      await mesh.setTag("rolling", "default");
      const make = (namespace: string) => [
        deployment({ namespace, name: "first", replicas: 2, ...failsOn20 }),
        deployment({ namespace, name: "second" }),
      ];
      const namespace = await settled(mesh, make, { "istio.io/rev": "rolling" });
      await mesh.setTag("rolling", "1-20");
      await mesh.shell(`kubectl rollout restart -n ${namespace} deployment/second`);
      await mesh.waitReady(namespace);
      await mesh.eventually("the old pods to be gone", async () => (await mesh.pods(namespace)).length === 5);
      const pods = await uidsOf(mesh, namespace);
      const document = await migrateJson(mesh, namespace, "rolling");
      assert.deepEqual([document.exitCode, document.state], [4, "restored"], JSON.stringify(document, undefined, 2));
      await mesh.eventually("the canary's new pod to be gone", async () => (await mesh.pods(namespace)).length === 5);
      assert.deepEqual(await uidsOf(mesh, namespace), pods);
      assert.deepEqual(await labelsOf(mesh, namespace), { "istio.io/rev": "rolling" });
      assert.equal(await recordOf(mesh, namespace), undefined);
    });

    test("an autoscaler adds pods to the canary itself", async () => {
      const namespace = await settled(mesh, (namespace) => [
        deployment({ namespace, name: "first", replicas: 2, ...failsOn20 }),
        deployment({ namespace, name: "second" }),
      ]);
      const meanwhile = once(canary, () => mesh.shell(`kubectl scale -n ${namespace} deployment/first --replicas=4`));
      const document = await migrateJson(mesh, namespace, "1-20", meanwhile);
      await meanwhile.done();
      await assertRestored(mesh, namespace, document, { among });
      assert.equal((await mesh.pods(namespace)).filter((pod) => appOf(pod) === "first").length, 4);
    });

    test("somebody puts the labels back while the canary comes up: nothing more is begun, and their labels stand", async () => {
      const namespace = await settled(mesh, (namespace) => [
        deployment({ namespace, name: "first", replicas: 2, readyAfter: 3000, spec: oneByOne }),
        deployment({ namespace, name: "second" }),
      ]);
      await available(namespace);
      const isSecond = (pod: Json) => appOf(pod) === "second";
      const second = await uidsOf(mesh, namespace, isSecond);
      const meanwhile = once(canary, async () => {
        await firstPod(namespace);
        await mesh.shell(`kubectl label namespace ${namespace} istio.io/rev- istio-injection=enabled`);
      });
      const document = await migrateJson(mesh, namespace, "1-20", meanwhile);
      await meanwhile.done();
      // Where it is seen before the canary is proven, the canary too is as before.
      const isSeenLate = document.state !== "restored";
      assert.deepEqual(
        [document.exitCode, document.state],
        [4, isSeenLate ? "partial" : "restored"],
        JSON.stringify(document, undefined, 2),
      );
      assert.match(JSON.stringify([document.workloads, document.failure]), /changed by somebody else/);
      assert.deepEqual(await labelsOf(mesh, namespace), enabled);
      assert.deepEqual(await uidsOf(mesh, namespace, isSecond), second);
      if (isSeenLate) await carriedOut(mesh, document.goBackKubectl);
      await eventuallyArrived(mesh, namespace, "default", { among });
      neverFell(mesh, namespace);
    });
  });

  describe("a workload fails after the canary: partial, and no other is harmed", together(2), () => {
    const make = (namespace: string) => [
      deployment({ namespace, name: "first", replicas: 2, readyAfter: 300 }),
      deployment({ namespace, name: "bad", replicas: 3, life: "crash", onRevision: "1-20" }),
      deployment({ namespace, name: "good", replicas: 3, readyAfter: [300, 1000] }),
      statefulSet({ namespace, name: "db", replicas: 3, readyAfter: [300, 1000] }),
    ];
    const mend = async (namespace: string) => {
      const patch = JSON.stringify({ spec: { template: { metadata: { labels: { life: null } } } } });
      await carriedOut(mesh, `kubectl patch -n ${namespace} deployment/bad --type merge -p '${patch}'`);
    };
    const failed = (document: MigrationDocument) => {
      assert.deepEqual([document.exitCode, document.state], [4, "partial"], JSON.stringify(document, undefined, 2));
      assert.deepEqual(outcomesOf(document), { first: "moved", bad: "failed", good: "moved", db: "moved" });
      const { failure } = document;
      assert.deepEqual([failure?.object.name, failure?.container], ["bad", "app"]);
      assert.match(failure?.reason ?? "", /CrashLoopBackOff/);
      assert.match(failure?.logs.join("\n") ?? "", /cannot open the database/);
    };

    test("the command that goes back brings everything back, and the way is free again", async () => {
      const namespace = await settled(mesh, make);
      const result = await migrate(mesh, namespace, "1-20", ["-o", "wide"]);
      assert.equal(result.code, 4, result.stderr);
      assert.match(result.stdout, /^failed: .*bad/m);
      assert.match(result.stdout, /cannot open the database/);
      commandAfter("to go on:", result.stdout);
      await carriedOut(mesh, commandAfter("to go back with kubectl alone:", result.stdout));
      await eventuallyArrived(mesh, namespace, "default", { among });
      assert.deepEqual(await labelsOf(mesh, namespace), enabled);
      neverFell(mesh, namespace);

      await mend(namespace);
      await mesh.waitReady(namespace);
      const before = await templatesOf(mesh, namespace);
      const again = await migrateJson(mesh, namespace, "1-20");
      assert.deepEqual([again.exitCode, again.state], [0, "done"], JSON.stringify(again, undefined, 2));
      await assertArrived(mesh, namespace, "1-20", { among });
      const oneMore = Object.entries(before).map(([workload, templates]) => [workload, templates + 1]);
      assert.deepEqual(await templatesOf(mesh, namespace), Object.fromEntries(oneMore), "each restarted once");
      neverFell(mesh, namespace);
    });

    test("mended, the command that goes on finishes it", async () => {
      const namespace = await settled(mesh, make);
      const document = await migrateJson(mesh, namespace, "1-20");
      failed(document);
      const { "Deployment/bad": _, ...before } = await templatesOf(mesh, namespace);
      const bad = (await mesh.pods(namespace)).filter((pod) => appOf(pod) === "bad");
      assert.equal(
        bad.filter((pod) => revisionOf(pod) === "default" && isReady(pod)).length,
        3,
        "the old pods serve on",
      );
      await mend(namespace);
      await carriedOut(mesh, document.goOn);
      await assertArrived(mesh, namespace, "1-20", { among });
      const { "Deployment/bad": __, ...others } = await templatesOf(mesh, namespace);
      assert.deepEqual(others, before, "what had arrived was not restarted again");
      assert.equal((await recordOf(mesh, namespace)).state, "done");
      neverFell(mesh, namespace);
    });
  });

  describe("the target answers the checks, and then it does not", together(4), () => {
    /** Edits the webhooks of a tag of 1-20 by hand. */
    const editTag = async (tag: string, edit: (webhook: Json) => readonly Json[]): Promise<void> => {
      const path = `/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/istio-revision-tag-${tag}`;
      const { webhooks } = await mesh.api.get(path);
      await mesh.api.merge(path, { webhooks: webhooks.flatMap(edit) });
    };
    const pointTo = (service: object) => (webhook: Json) => [
      {
        ...webhook,
        clientConfig: { ...webhook.clientConfig, service: { ...webhook.clientConfig.service, ...service } },
      },
    ];
    const toDefault = pointTo({ name: "istiod" });

    test("its webhook fails: nothing was restarted, and the labels are put back", async () => {
      const namespace = await settled(mesh, (namespace) => [deployment({ namespace, name: "first", replicas: 2 })]);
      const pods = await uidsOf(mesh, namespace);
      await mesh.setTag("mute", "1-20");
      await editTag("mute", pointTo({ port: 9 }));
      const document = await migrateJson(mesh, namespace, "mute");
      await assertRestored(mesh, namespace, document, { among });
      assert.match(document.failure?.reason ?? "", /failed calling webhook/);
      assert.deepEqual(await uidsOf(mesh, namespace), pods);
      neverFell(mesh, namespace);
    });

    test("a tag whose webhook calls another revision than its label names: it is a tag of the revision that is called", async () => {
      const namespace = await settled(mesh, (namespace) => [deployment({ namespace, name: "first", replicas: 2 })]);
      const pods = await uidsOf(mesh, namespace);
      await mesh.setTag("masked", "1-20");
      await editTag("masked", toDefault);
      const document = await migrateJson(mesh, namespace, "masked");
      assert.deepEqual([document.state, document.target?.revision], ["done", "default"], JSON.stringify(document));
      assert.deepEqual(await uidsOf(mesh, namespace), pods, "they are of revision default already");
    });

    test("a tag whose entries call two revisions is refused", async () => {
      const namespace = await settled(mesh, (namespace) => [deployment({ namespace, name: "first", replicas: 2 })]);
      await mesh.setTag("torn", "1-20");
      const named = (prefix: string) => (webhook: Json) => ({ ...webhook, name: `${prefix}.${webhook.name}` });
      await editTag("torn", (webhook) => [named("a")(webhook), ...toDefault(webhook).map(named("b"))]);
      const { findings } = await refused(mesh, namespace, ["--to", "torn"], ["target-exists revision/torn"]);
      assert.match(JSON.stringify(findings), /served by webhooks of several revisions: .*1-20/);
    });

    /** A webhook that nobody knows as an injector of Istio, called after those: default's istiods inject over them. */
    const injectAfterwards = async (tag: string, selects: object): Promise<readonly string[]> => {
      const path = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations";
      const { webhooks } = await mesh.api.get(`${path}/istio-revision-tag-${tag}`);
      await mesh.api.post(path, {
        ...{ apiVersion: "admissionregistration.k8s.io/v1", kind: "MutatingWebhookConfiguration" },
        metadata: { name: `zz-${tag}` },
        webhooks: webhooks.flatMap((webhook: Json, index: number) =>
          toDefault(webhook).map((each: Json) => ({
            ...each,
            name: `inject-${index}.vendor.example`,
            objectSelector: { matchExpressions: [...each.objectSelector.matchExpressions, ...[selects].flat()] },
          })),
        ),
      });
      return ["-o", "json", "--skip-check", "admission-readers"];
    };

    test("another revision injects in its place", async () => {
      const namespace = await settled(mesh, (namespace) => [deployment({ namespace, name: "first", replicas: 2 })]);
      const pods = await uidsOf(mesh, namespace);
      await mesh.setTag("overlaid", "1-20");
      const flags = await injectAfterwards("overlaid", []);
      const document = documentOf(await migrate(mesh, namespace, "overlaid", flags));
      await assertRestored(mesh, namespace, document, { among });
      assert.match(document.failure?.reason ?? "", /would not be injected by 1-20: default injects them/);
      assert.deepEqual(await uidsOf(mesh, namespace), pods);
    });

    test("another revision injects in its place, but not trials", async () => {
      const namespace = await settled(mesh, (namespace) => [
        deployment({ namespace, name: "first", replicas: 2 }),
        deployment({ namespace, name: "second" }),
      ]);
      await mesh.setTag("twofaced", "1-20");
      const flags = await injectAfterwards("twofaced", { key: "pod-template-hash", operator: "Exists" });
      const document = documentOf(await migrate(mesh, namespace, "twofaced", flags));
      await assertRestored(mesh, namespace, document, { among });
      assert.match(document.failure?.reason ?? "", /injected by default, not by 1-20/);
      neverFell(mesh, namespace);
    });

    test("another revision answers once the canary is proven: partial", async () => {
      const namespace = await settled(mesh, (namespace) => [
        deployment({ namespace, name: "first", replicas: 2, readyAfter: 2000, spec: oneByOne }),
        deployment({ namespace, name: "second", readyAfter: 500 }),
      ]);
      await available(namespace);
      await mesh.setTag("turncoat", "1-20");
      const meanwhile = once(canary, async () => {
        await firstPod(namespace);
        await editTag("turncoat", toDefault);
      });
      const document = await migrateJson(mesh, namespace, "turncoat", meanwhile);
      await meanwhile.done();
      assert.deepEqual([document.exitCode, document.state], [4, "partial"], JSON.stringify(document, undefined, 2));
      assert.match(document.failure?.reason ?? "", /default/);
      await carriedOut(mesh, document.goBackKubectl);
      await eventuallyArrived(mesh, namespace, "default", { among });
      neverFell(mesh, namespace);
    });
  });

  describe("an istiod goes silent in the midst, and is back", together(1), () => {
    test("the target's, while the canary comes up: all is put back", async () => {
      // Ready later than a question to a dead istiod takes to fail (10 s): until then its last answer stands.
      const namespace = await settled(mesh, (namespace) => [
        deployment({ namespace, name: "first", replicas: 2, readyAfter: 15_000 }),
        deployment({ namespace, name: "second" }),
      ]);
      const isSecond = (pod: Json) => appOf(pod) === "second";
      const second = await uidsOf(mesh, namespace, isSecond);
      const meanwhile = once(canary, () => mesh.stopIstiod("doomed", "unnoticed"));
      const document = await migrateJson(mesh, namespace, "doomed", meanwhile);
      await mesh.startIstiod("doomed");
      await assertRestored(mesh, namespace, document, { among });
      await meanwhile.done();
      assert.match(document.failure?.reason ?? "", /istiod|connect/);
      assert.deepEqual(await uidsOf(mesh, namespace, isSecond), second);
      neverFell(mesh, namespace);
    });

    test("the old one, which is to say that it holds them no more: unknown and not done, until it answers", async () => {
      const make = (namespace: string) => [
        deployment({ namespace, name: "first", replicas: 2, readyAfter: 300 }),
        deployment({ namespace, name: "second", readyAfter: 5000 }),
      ];
      const namespace = await settled(mesh, make, { "istio.io/rev": "doomed" });
      const meanwhile = once(/Deployment\/second: /, () => mesh.stopIstiod("doomed", "unnoticed"));
      const document = await migrateJson(mesh, namespace, "1-20", meanwhile);
      await meanwhile.done();
      assert.deepEqual([document.exitCode, document.state], [4, "unknown"], JSON.stringify(document, undefined, 2));
      assert.equal(outcomesOf(document).second, "unproven");
      assert.match(document.failure?.reason ?? "", /istiod-doomed-.* of doomed does not answer/);
      assert.equal((await recordOf(mesh, namespace)).state, "open");
      await mesh.startIstiod("doomed");
      await carriedOut(mesh, document.goOn);
      await assertArrived(mesh, namespace, "1-20", { among });
      assert.equal((await recordOf(mesh, namespace)).state, "done");
      neverFell(mesh, namespace);
    });
  });
});
