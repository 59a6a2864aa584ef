/** What goes wrong after the checks: a target that lies, workloads that fail on it, and runs that are broken off. Nothing is lost or left unsaid. */
import assert from "node:assert/strict";
import type { ChildProcess } from "node:child_process";
import { after, before, describe, test } from "node:test";
import { undoAnnotation } from "../../src/mesh/model.ts";
import type { MigrationDocument } from "../../src/views/migration.ts";
import { eventually, type Json, type Mesh, type Result, type RunOptions, upMesh } from "./kit.ts";
import type { Recorder } from "./recorder.ts";
import {
  assertArrived,
  commandAfter,
  documentOf,
  eventuallyArrived,
  isReady,
  labelsOf,
  listed,
  revisionOf,
  runShell,
  templatesOf,
} from "./witness.ts";
import { barePod, deployment, type Life, statefulSet } from "./workloads.ts";

/** A mesh with a stale tag or a stopped istiod must not keep the others from being asked. */
const among = ["default", "1-20", "1-29"];
const enabled = { "istio-injection": "enabled" };
const quick = ["--workload-timeout", "20s"];

describe("an un-revisioned 1.19.0, 1-20 and 1-29", { concurrency: true }, () => {
  let mesh: Mesh;
  let recorder: Recorder;
  before(async () => {
    mesh = await upMesh({ revisions: { default: "1.19.0", "1-20": "1.20.0", doomed: "1.20.0", "1-29": "1.29.1" } });
    recorder = await mesh.recorder();
  });
  after(async () => {
    recorder?.stop();
    await mesh?.down();
  });

  /** A namespace of the un-revisioned control plane, with everything in it ready. */
  async function settled(workloads: (namespace: string) => readonly object[], name?: string): Promise<string> {
    const namespace = await mesh.createNamespace(enabled, name);
    await mesh.apply(workloads(namespace));
    await mesh.waitReady(namespace, 120);
    return namespace;
  }
  const migrate = (namespace: string, to: string, args: readonly string[] = [], options?: RunOptions): Promise<Result> =>
    mesh.run("mesh-migrate", ["-n", namespace, "--to", to, ...quick, ...args], options);
  const migrateJson = async (namespace: string, to: string, options?: RunOptions): Promise<MigrationDocument> =>
    documentOf(await migrate(namespace, to, ["-o", "json"], options));

  const recordOf = async (namespace: string): Promise<Json> => {
    const { metadata } = await mesh.api.get(`/api/v1/namespaces/${namespace}`);
    const text = metadata.annotations?.[undoAnnotation];
    return text && JSON.parse(text);
  };
  const uidsOf = async (namespace: string) =>
    (await mesh.pods(namespace)).map(({ metadata }) => `${metadata.labels.app} ${metadata.uid}`).sort();
  const neverFell = (namespace: string) =>
    assert.deepEqual(
      recorder.report(namespace).filter(({ ok }) => !ok),
      [],
    );
  const patch = (namespace: string, workload: string, body: object) =>
    mesh.kubectl(["patch", "-n", namespace, workload, "--type", "merge", "-p", JSON.stringify(body)]);
  const outcomesOf = ({ workloads }: MigrationDocument) => Object.fromEntries(workloads.map(({ name, outcome }) => [name, outcome]));

  /** Everything is as before the run: labels, no record, and on `default`. */
  async function assertRestored(namespace: string, document: MigrationDocument): Promise<void> {
    assert.deepEqual([document.exitCode, document.state], [4, "restored"], JSON.stringify(document, undefined, 2));
    assert.deepEqual(
      document.namespaces.map(({ labels }) => labels),
      ["restored"],
    );
    assert.ok(document.goOn?.startsWith("kubectl mesh-migrate "));
    assert.equal(document.goBack, null);
    assert.deepEqual(await labelsOf(mesh, namespace), enabled);
    assert.equal(await recordOf(namespace), undefined);
    await eventuallyArrived(mesh, namespace, "default", { among });
  }

  describe("a canary that fails on the target: all is put back, and the cause named", { concurrency: 3 }, () => {
    const cases: readonly {
      readonly name: string;
      readonly life: Life;
      readonly to: string;
      readonly container: string;
      readonly reason: RegExp;
      readonly log: RegExp | undefined;
    }[] = [
      { name: "never gets ready", life: { life: "never-ready" }, to: "1-20", container: "app", reason: /not ready/i, log: undefined },
      {
        name: "crashes",
        life: { life: "crash" },
        to: "1-20",
        container: "app",
        reason: /CrashLoopBackOff/,
        log: /cannot open the database/,
      },
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
        const pods = await uidsOf(namespace);
        const document = await migrateJson(namespace, to);
        await assertRestored(namespace, document);
        const { failure } = document;
        assert.deepEqual([failure?.object.name, failure?.container], ["first", container], JSON.stringify(failure));
        assert.match(failure?.pod ?? "", /^first-/);
        assert.match(failure?.reason ?? "", reason);
        if (log) assert.match(failure?.logs.join("\n") ?? "", log);
        assert.deepEqual(outcomesOf(document), { first: "restored", second: "not-started" });
        assert.deepEqual(await uidsOf(namespace), pods, "no pod was lost but the canary's new one");
        neverFell(namespace);
      });
    }
  });

  describe("what others do meanwhile", { concurrency: 2 }, () => {
    test("what came up on the target meanwhile is put back too: scaled up, deleted, and of the canary itself", async () => {
      const surging = { strategy: { rollingUpdate: { maxUnavailable: 1 } } };
      const namespace = await settled((namespace) => [
        deployment({ namespace, name: "first", replicas: 2, life: "never-ready", onRevision: "1-20" }),
        deployment({ namespace, name: "scaled" }),
        deployment({ namespace, name: "hurt", spec: surging }),
        deployment({ namespace, name: "idle", replicas: 0 }),
        statefulSet({ namespace, name: "db" }),
        statefulSet({ namespace, name: "stuck", life: "never-ready", onRevision: "1-20" }),
      ]);
      const canary = once(/Deployment\/first.*: /, async () => {
        const [hurt] = await mesh.pods(namespace, "app=hurt");
        await mesh.kubectl(["scale", "-n", namespace, "deployment/scaled", "--replicas=4"]);
        await mesh.kubectl(["scale", "-n", namespace, "deployment/idle", "--replicas=1"]);
        await mesh.kubectl(["delete", "pod", "-n", namespace, hurt.metadata.name, "db-2", "stuck-1", "--wait=false"]);
        await eventually("them to come up on 1-20", async () => {
          const up = (await mesh.pods(namespace)).filter(
            (pod) => revisionOf(pod) === "1-20" && isReady(pod) !== /stuck/.test(pod.metadata.name),
          );
          return ["scaled", "idle", "hurt", "db", "stuck"].every((app) => up.some(({ metadata }) => metadata.labels.app === app));
        });
      });
      const result = await migrate(namespace, "1-20", ["-o", "json"], canary);
      await canary.done();
      const document = documentOf(result);
      await assertRestored(namespace, document);
      const all = ["first", "scaled", "hurt", "idle", "db", "stuck"];
      assert.deepEqual(outcomesOf(document), Object.fromEntries(all.map((name) => [name, "restored"])));
      for (const app of all.slice(1)) assert.match(result.stderr, new RegExp(`${namespace}/\\w+/${app}: .*${app}-`));
      neverFell(namespace);
    });

    test("what cannot be put back is named: a pod that nobody owns", async () => {
      const namespace = await settled((namespace) => [
        deployment({ namespace, name: "first", replicas: 2, life: "never-ready", onRevision: "1-20" }),
      ]);
      const canary = once(/Deployment\/first.*: /, () => mesh.apply(barePod({ namespace, name: "lonely" })));
      const result = await migrate(namespace, "1-20", ["-o", "json"], canary);
      await canary.done();
      const document = documentOf(result);
      assert.deepEqual([document.exitCode, document.state, outcomesOf(document)], [4, "partial", { first: "restored" }]);
      assert.match(result.stderr, /^warning: .*: lonely; delete/m);
      assert.deepEqual(await labelsOf(mesh, namespace), enabled);
    });

    test("a tag was moved: only the canary's template is put back, and what was on the target before is left alone", async () => {
      await mesh.setTag("rolling", "default");
      const namespace = await mesh.createNamespace({ "istio.io/rev": "rolling" });
      await mesh.apply([
        deployment({ namespace, name: "first", replicas: 2, life: "never-ready", onRevision: "1-20" }),
        deployment({ namespace, name: "second" }),
      ]);
      await mesh.waitReady(namespace, 120);
      await mesh.setTag("rolling", "1-20");
      await mesh.kubectl(["rollout", "restart", "-n", namespace, "deployment/second"]);
      await mesh.waitReady(namespace, 120);
      const pods = await uidsOf(namespace);
      const document = await migrateJson(namespace, "rolling");
      assert.deepEqual([document.exitCode, document.state], [4, "restored"], JSON.stringify(document, undefined, 2));
      await eventually("the canary's new pod to be gone", async () => (await mesh.pods(namespace)).length === 5);
      assert.deepEqual(await uidsOf(namespace), pods);
      assert.deepEqual(await labelsOf(mesh, namespace), { "istio.io/rev": "rolling" });
      assert.equal(await recordOf(namespace), undefined);
    });

    test("an autoscaler adds pods to the canary itself", async () => {
      const namespace = await settled((namespace) => [
        deployment({ namespace, name: "first", replicas: 2, life: "never-ready", onRevision: "1-20" }),
        deployment({ namespace, name: "second" }),
      ]);
      const canary = once(/Deployment\/first.*: /, async () => {
        await mesh.kubectl(["scale", "-n", namespace, "deployment/first", "--replicas=4"]);
      });
      const document = await migrateJson(namespace, "1-20", canary);
      await canary.done();
      await assertRestored(namespace, document);
    });

    test("somebody puts the labels back while the canary comes up: nothing more is begun, and their labels stand", async () => {
      const namespace = await settled((namespace) => [
        deployment({ namespace, name: "first", replicas: 2, readyAfter: 3000 }),
        deployment({ namespace, name: "second" }),
      ]);
      const second = await mesh.pods(namespace, "app=second");
      const canary = once(/Deployment\/first.*: /, async () => {
        await eventually("the first pod", async () => (await mesh.pods(namespace)).some((pod) => revisionOf(pod) === "1-20"), 20, 20);
        await mesh.kubectl(["label", "namespace", namespace, "istio.io/rev-", "istio-injection=enabled"]);
      });
      const document = await migrateJson(namespace, "1-20", canary);
      await canary.done();
      assert.deepEqual([document.exitCode, document.state], [4, "partial"], JSON.stringify(document, undefined, 2));
      assert.match(JSON.stringify(document.workloads), /changed by somebody else/);
      assert.deepEqual(await labelsOf(mesh, namespace), enabled);
      const uids = (pods: readonly Json[]) => pods.map(({ metadata }) => metadata.uid).sort();
      assert.deepEqual(uids(await mesh.pods(namespace, "app=second")), uids(second));
      const back = await runShell(mesh, document.goBack ?? "");
      assert.equal(back.code, 0, back.stderr);
      await eventuallyArrived(mesh, namespace, "default", { among });
      neverFell(namespace);
    });
  });

  describe("a workload fails after the canary: partial, and no other is harmed", { concurrency: 2 }, () => {
    const make = (namespace: string) => [
      deployment({ namespace, name: "first", replicas: 2, readyAfter: 300 }),
      deployment({ namespace, name: "bad", replicas: 3, life: "crash", onRevision: "1-20" }),
      deployment({ namespace, name: "good", replicas: 3, readyAfter: [300, 1000] }),
      statefulSet({ namespace, name: "db", replicas: 3, readyAfter: [300, 1000] }),
    ];
    const failed = (document: MigrationDocument) => {
      assert.deepEqual([document.exitCode, document.state], [4, "partial"]);
      assert.deepEqual(outcomesOf(document), { first: "moved", bad: "failed", good: "moved", db: "moved" });
      const { failure } = document;
      assert.deepEqual([failure?.object.name, failure?.container], ["bad", "app"]);
      assert.match(failure?.reason ?? "", /CrashLoopBackOff/);
      assert.match(failure?.logs.join("\n") ?? "", /cannot open the database/);
    };

    test("the command that goes back brings everything back, and the way is free again", async () => {
      const namespace = await settled(make);
      const result = await migrate(namespace, "1-20");
      assert.equal(result.code, 4, result.stderr);
      assert.match(result.stdout, /^failed: .*bad/m);
      assert.match(result.stdout, /cannot open the database/);
      commandAfter("to go on:", result.stdout);
      const back = await runShell(mesh, commandAfter("to go back:", result.stdout));
      assert.equal(back.code, 0, back.stderr);
      await eventuallyArrived(mesh, namespace, "default", { among });
      assert.deepEqual(await labelsOf(mesh, namespace), enabled);
      neverFell(namespace);

      await patch(namespace, "deployment/bad", { spec: { template: { metadata: { labels: { life: null } } } } });
      await mesh.waitReady(namespace);
      const before = await templatesOf(mesh, namespace);
      const again = await migrateJson(namespace, "1-20");
      assert.deepEqual([again.exitCode, again.state], [0, "done"], JSON.stringify(again, undefined, 2));
      await assertArrived(mesh, namespace, "1-20", { among });
      const once = Object.entries(before).map(([workload, templates]) => [workload, templates + 1]);
      assert.deepEqual(await templatesOf(mesh, namespace), Object.fromEntries(once), "each restarted once");
      neverFell(namespace);
    });

    test("mended, the command that goes on finishes it", async () => {
      const namespace = await settled(make);
      const document = await migrateJson(namespace, "1-20");
      failed(document);
      const before = await templatesOf(mesh, namespace);
      const bad = await mesh.pods(namespace, "app=bad");
      assert.equal(bad.filter((pod) => revisionOf(pod) === "default" && isReady(pod)).length, 3, "the old pods serve on");
      await patch(namespace, "deployment/bad", { spec: { template: { metadata: { labels: { life: null } } } } });
      const onward = await runShell(mesh, document.goOn ?? "");
      assert.equal(onward.code, 0, onward.stderr);
      await assertArrived(mesh, namespace, "1-20", { among });
      const { "Deployment/bad": _, ...others } = await templatesOf(mesh, namespace);
      const { "Deployment/bad": __, ...othersBefore } = before;
      assert.deepEqual(others, othersBefore, "what had arrived was not restarted again");
      assert.equal((await recordOf(namespace)).state, "done");
      neverFell(namespace);
    });
  });

  describe("the target answers the checks, and then it does not", { concurrency: 3 }, () => {
    /** Edits the webhooks of a tag of 1-20 by hand. */
    const editTag = async (tag: string, edit: (webhook: Json) => readonly Json[]): Promise<void> => {
      const path = `/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/istio-revision-tag-${tag}`;
      const { webhooks } = await mesh.api.get(path);
      await mesh.api.merge(path, { webhooks: webhooks.flatMap(edit) });
    };
    const toDefault = ({ clientConfig, ...webhook }: Json) => ({
      ...webhook,
      clientConfig: { ...clientConfig, service: { ...clientConfig.service, name: "istiod" } },
    });

    test("its webhook fails: nothing was restarted, and the labels are put back", async () => {
      const namespace = await settled((namespace) => [deployment({ namespace, name: "first", replicas: 2 })]);
      const pods = await uidsOf(namespace);
      await mesh.setTag("mute", "1-20");
      await editTag("mute", ({ clientConfig, ...webhook }) => [
        { ...webhook, clientConfig: { ...clientConfig, service: { ...clientConfig.service, port: 9 } } },
      ]);
      const document = await migrateJson(namespace, "mute");
      await assertRestored(namespace, document);
      assert.match(document.failure?.reason ?? "", /failed calling webhook/);
      assert.deepEqual(await uidsOf(namespace), pods);
      neverFell(namespace);
    });

    // Ready later than a question to a dead istiod takes to fail (10 s): until then its last answer stands.
    test("its istiod stops while the canary comes up", async () => {
      const namespace = await settled((namespace) => [
        deployment({ namespace, name: "first", replicas: 2, readyAfter: 15_000 }),
        deployment({ namespace, name: "second" }),
      ]);
      const pods = await uidsOf(namespace);
      const canary = once(/Deployment\/first.*: /, () => mesh.stopIstiod("doomed", "unnoticed"));
      const document = await migrateJson(namespace, "doomed", canary);
      await canary.done();
      await assertRestored(namespace, document);
      assert.match(document.failure?.reason ?? "", /istiod|connect/);
      const others = (uids: readonly string[]) => uids.filter((uid) => uid.startsWith("second "));
      assert.deepEqual(others(await uidsOf(namespace)), others(pods));
      neverFell(namespace);
    });

    test("another revision answers in its name", async () => {
      const namespace = await settled((namespace) => [deployment({ namespace, name: "first", replicas: 2 })]);
      const pods = await uidsOf(namespace);
      await mesh.setTag("masked", "1-20");
      await editTag("masked", (webhook) => [toDefault(webhook)]);
      const document = await migrateJson(namespace, "masked");
      await assertRestored(namespace, document);
      assert.match(document.failure?.reason ?? "", /would not be injected by 1-20: default injects them/);
      assert.deepEqual(await uidsOf(namespace), pods);
    });

    test("another revision answers in its name, but not to trials", async () => {
      const namespace = await settled((namespace) => [
        deployment({ namespace, name: "first", replicas: 2 }),
        deployment({ namespace, name: "second" }),
      ]);
      await mesh.setTag("twofaced", "1-20");
      const hash = (operator: string, webhook: Json) => ({
        ...webhook,
        name: `${operator.toLowerCase()}.${webhook.name}`,
        objectSelector: {
          matchExpressions: [...webhook.objectSelector.matchExpressions, { key: "pod-template-hash", operator }],
        },
      });
      await editTag("twofaced", (webhook) => [hash("DoesNotExist", webhook), hash("Exists", toDefault(webhook))]);
      const document = await migrateJson(namespace, "twofaced");
      await assertRestored(namespace, document);
      assert.match(document.failure?.reason ?? "", /injected by default, not by 1-20/);
      neverFell(namespace);
    });

    test("another revision answers once the canary is proven: partial", async () => {
      const namespace = await settled((namespace) => [
        deployment({ namespace, name: "first", replicas: 2, readyAfter: 2000 }),
        deployment({ namespace, name: "second", readyAfter: 500 }),
      ]);
      await mesh.setTag("turncoat", "1-20");
      const canary = once(/Deployment\/first.*: /, async () => {
        await eventually("the first pod", async () => (await mesh.pods(namespace)).some((pod) => revisionOf(pod) === "1-20"), 20, 20);
        await editTag("turncoat", (webhook) => [toDefault(webhook)]);
      });
      const document = await migrateJson(namespace, "turncoat", canary);
      await canary.done();
      assert.deepEqual([document.exitCode, document.state], [4, "partial"], JSON.stringify(document, undefined, 2));
      assert.match(document.failure?.reason ?? "", /default/);
      const back = await runShell(mesh, document.goBack ?? "");
      assert.equal(back.code, 0, back.stderr);
      await eventuallyArrived(mesh, namespace, "default", { among });
      neverFell(namespace);
    });
  });

  describe("broken off", { concurrency: 2 }, () => {
    const make = (namespace: string) => [
      deployment({ namespace, name: "first", replicas: 2, readyAfter: [1000, 2000] }),
      deployment({ namespace, name: "second", readyAfter: [1000, 2000] }),
      deployment({ namespace, name: "third", readyAfter: [1000, 2000] }),
      statefulSet({ namespace, name: "db", readyAfter: [1000, 2000] }),
    ];
    const finished = async (namespace: string) => {
      const document = await migrateJson(namespace, "1-20");
      assert.deepEqual([document.exitCode, document.state], [0, "done"], JSON.stringify(document, undefined, 2));
      await assertArrived(mesh, namespace, "1-20", { among });
      assert.deepEqual(
        await templatesOf(mesh, namespace),
        { "Deployment/first": 2, "Deployment/second": 2, "Deployment/third": 2, "StatefulSet/db": 2 },
        "each restarted once",
      );
      neverFell(namespace);
    };

    for (const [when, line] of [
      ["in the canary", /Deployment\/first.*: /],
      ["in the midst of the rest", /Deployment\/second: /],
    ] as const) {
      test(`by Ctrl-C ${when}: 130, both commands, and the next run finishes`, async () => {
        const namespace = await settled(make);
        const stop = signalAt(line, "SIGINT");
        const result = await migrate(namespace, "1-20", [], stop);
        assert.equal(result.code, 130, result.stderr);
        assert.match(result.stdout, /^interrupted: /m);
        const [onward, back] = [commandAfter("to go on:", result.stdout), commandAfter("to go back:", result.stdout)];
        assert.match(onward, new RegExp(`^kubectl mesh-migrate -n ${namespace} --to 1-20`));
        assert.match(back, new RegExp(`^kubectl label namespace ${namespace} istio-injection=enabled istio.io/rev- --overwrite && `));
        assert.equal((await recordOf(namespace)).state, "open");
        await finished(namespace);
      });
    }

    test("by Ctrl-C, as a document", async () => {
      const namespace = await settled(make);
      const document = await migrateJson(namespace, "1-20", signalAt(/Deployment\/second: /, "SIGINT"));
      assert.deepEqual([document.exitCode, document.state], [130, "interrupted"]);
      const back = await runShell(mesh, document.goBack ?? "");
      assert.equal(back.code, 0, back.stderr);
      await eventuallyArrived(mesh, namespace, "default", { among });
      assert.deepEqual(await labelsOf(mesh, namespace), enabled);
    });

    const kills: readonly [string, (namespace: string) => RunOptions][] = [
      ["with the labels just written", (namespace) => killOnce(async () => (await labelsOf(mesh, namespace))["istio.io/rev"] === "1-20")],
      ["in the canary", () => signalAt(/Deployment\/first.*: /, "SIGKILL")],
      ["in the midst of the rest", () => signalAt(/Deployment\/second: /, "SIGKILL")],
    ];
    for (const [when, kill] of kills) {
      test(`killed ${when}: the next run finishes, and the way back is that of the first`, async () => {
        const namespace = await settled(make);
        const { signal, stdout } = await migrate(namespace, "1-20", [], kill(namespace));
        assert.deepEqual([signal, stdout], ["SIGKILL", ""]);
        const record = await recordOf(namespace);
        assert.deepEqual([record.state, record.from.revision], ["open", "default"]);
        assert.deepEqual(record.before, { "istio-injection": "enabled", "istio.io/rev": null });
        await finished(namespace);
        assert.deepEqual(await recordOf(namespace), { ...record, state: "done" });
      });
    }

    test("by nobody, where the reader of its output goes away", async () => {
      const namespace = await settled(make);
      const { code, stdout, stderr } = await runShell(
        mesh,
        `{ { kubectl mesh-migrate -n ${namespace} --to 1-20 2>&1; echo "exit $?" >&3; } | head -1 >&2; } 3>&1`,
      );
      assert.deepEqual([code, stdout], [0, "exit 0\n"]);
      assert.equal(stderr.trim().split("\n").length, 1);
      await assertArrived(mesh, namespace, "1-20", { among });
      assert.equal((await listed(mesh, ["pods", "-n", namespace])).length, 11);
      neverFell(namespace);
    });
  });
});

/** Options of a run that call `act` at the first line of stderr that matches; `done` waits for it, and fails where none came. */
function once(line: RegExp, act: () => Promise<unknown>): RunOptions & { readonly done: () => Promise<void> } {
  let seen = "";
  let begun: Promise<unknown> | undefined;
  return {
    done: async () => {
      assert.ok(begun, `nothing like ${line} in:\n${seen}`);
      await begun;
    },
    onStderr: (text) => {
      seen += text;
      if (begun || !line.test(seen)) return;
      begun = act();
      begun.catch(() => {});
    },
  };
}

/** Options of a run that get a signal at the first line of stderr that matches. */
function signalAt(line: RegExp, signal: NodeJS.Signals): RunOptions {
  let [seen, sent] = ["", false];
  let child: ChildProcess | undefined;
  return {
    onStart: (started) => {
      child = started;
    },
    onStderr: (text) => {
      seen += text;
      if (sent || !line.test(seen)) return;
      sent = child?.kill(signal) ?? false;
    },
  };
}

/** Options of a run that is killed as soon as `when` comes true. */
function killOnce(when: () => Promise<boolean>): RunOptions {
  return {
    onStart: (child) => {
      void eventually("the moment to kill", when, 60, 20).then(
        () => child.kill("SIGKILL"),
        () => {},
      );
    },
  };
}
