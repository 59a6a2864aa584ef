/**
 * The run that all of this is for: a whole namespace from an un-revisioned 1.19.0 to 1-20, and everything that must not
 * change on the way.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { barePod, cronJob, daemonSet, deployment, job, statefulSet } from "../fixtures/workload-objects.ts";
import { isChange, isWrite, type Json, type MeshUnderTest } from "./mesh-under-test.ts";
import {
  askedBy,
  carriedOut,
  enabled,
  interruptedAt,
  migrate,
  migrateJson,
  neverFell,
  settled,
  writesTo,
} from "./migrations.ts";
import { openMesh, together } from "./open-mesh.ts";
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
  mesh = await openMesh({ revisions: { default: "1.19.0", "1-20": "1.20.0" } });
});
after(() => mesh?.[Symbol.asyncDispose]());

const run = (namespace: string, ...args: readonly string[]) =>
  mesh.run("mesh-migrate", ["-n", namespace, "--to", "1-20", ...args]);

describe("a migration of", together(), () => {
  describe("a namespace", together(), () => {
    test("production: 10 Deployments, a StatefulSet, a DaemonSet, one scaled to 0, one opted out", async (t) => {
      const readyAfter = [1000, 5000] as const;
      const names = Array.from({ length: 10 }, (_, index) => `web-${index}`);
      const make = (namespace: string) => [
        ...names.map((name) => deployment({ namespace, name, readyAfter })),
        statefulSet({ namespace, name: "db", readyAfter }),
        daemonSet({ namespace, name: "agent", readyAfter }),
        deployment({ namespace, name: "idle", replicas: 0 }),
        deployment({ namespace, name: "plain", replicas: 2, labels: { "sidecar.istio.io/inject": "false" } }),
      ];
      const namespace = await settled(mesh, make, enabled, "production");
      const old = await mesh.pods(namespace);
      const isPlain = (pod: Json) => appOf(pod) === "plain";
      const plain = await uidsOf(mesh, namespace, isPlain);
      assert.equal(old.filter((pod) => revisionOf(pod) === "default").length, 37);

      await t.test("moves", async () => {
        const since = mesh.now();
        const { code, stdout, stderr, ms } = await run(namespace);
        neverFell(mesh, namespace);
        assert.equal(code, 0, stderr);
        assert.match(stdout, /^moved 12 workloads \(37 pods\) of production to revision 1-20: /m);

        const moved = await assertArrived(mesh, namespace, "1-20", { of: (pod) => !isPlain(pod) });
        assert.deepEqual([moved.length, await labelsOf(mesh, namespace)], [37, { "istio.io/rev": "1-20" }]);
        assert.deepEqual(
          moved.filter(({ metadata }) => old.some((pod) => pod.metadata.uid === metadata.uid)),
          [],
        );
        assert.deepEqual(await uidsOf(mesh, namespace, isPlain), plain);
        const held = [...(await mesh.heldProxies())].filter(([proxy]) => proxy.endsWith(`.${namespace}`));
        assert.deepEqual(
          held.flatMap(([, each]) => each).filter(({ revision }) => revision === "default"),
          [],
        );

        assert.deepEqual(await templatesOf(mesh, namespace), {
          ...{ "DaemonSet/agent": 2, "Deployment/idle": 1, "Deployment/plain": 1, "StatefulSet/db": 2 },
          ...Object.fromEntries(names.map((name) => [`Deployment/${name}`, 2])),
        });
        const restarts = [
          ...names.map((name) => `patch deployments/${name}`),
          "patch statefulsets/db",
          "patch daemonsets/agent",
        ];
        assert.deepEqual(
          (await writesTo(mesh, namespace, since)).toSorted(),
          [...restarts, "patch namespaces/production", "patch namespaces/production"].toSorted(),
        );
        const kept = (await askedBy(mesh, namespace, since)).filter((entry) => isWrite(entry) && !isChange(entry));
        const count = (resource: string) => kept.filter((entry) => entry.resource === resource).length;
        assert.ok(count("configmaps") <= 2 * restarts.length, `${count("configmaps")} writes of the journal`);
        // A Lease of 15 s is renewed every third of that, however long the run is.
        assert.ok(count("leases") <= 2 + Math.ceil(ms / 4_500), `${count("leases")} writes of the lock in ${ms} ms`);
        assert.ok(
          count("configmaps") >= 3 && count("leases") >= 2,
          "the journal was kept, the lock taken and given back",
        );
        assert.equal(count("events"), restarts.length);
      });

      await t.test("is told by one Event on each workload", async () => {
        const fieldSelector = encodeURIComponent("reportingComponent=kubectl-mesh");
        const { items } = await mesh.api.get(`/api/v1/namespaces/${namespace}/events?fieldSelector=${fieldSelector}`);
        assert.deepEqual(
          items.map(({ involvedObject: { kind, name }, reason }: Json) => `${kind}/${name} ${reason}`).toSorted(),
          [...names.map((name) => `Deployment/${name}`), "StatefulSet/db", "DaemonSet/agent"]
            .map((object) => `${object} MeshMigrated`)
            .toSorted(),
        );
        const [web] = items.filter(({ involvedObject }: Json) => involvedObject.name === names[0]);
        const { metadata } = await mesh.api.get(`/apis/apps/v1/namespaces/${namespace}/deployments/${names[0]}`);
        assert.deepEqual([web.involvedObject.uid, web.involvedObject.apiVersion], [metadata.uid, "apps/v1"]);
        assert.match(web.message, /^Moved from revision default to 1-20: 3 pods proven \(mesh-migrate, run \w+\)\.$/);
      });

      await t.test("never took a workload below its bound, and the recorder saw them go", () => {
        const lowest = new Map(mesh.availability(namespace).map((row) => [row.workload, row.lowest]));
        assert.equal(lowest.size, 14);
        assert.equal(lowest.get("production/StatefulSet/db"), 2);
        assert.equal(lowest.get("production/DaemonSet/agent"), 3);
        assert.ok(names.every((name) => lowest.get(`production/Deployment/${name}`) === 3));
      });

      await t.test("again: nothing to do, and nothing is written", async () => {
        const [since, pods, { metadata }] = [
          mesh.now(),
          await uidsOf(mesh, namespace),
          await mesh.api.get(`/api/v1/namespaces/${namespace}`),
        ];
        const table = await run(namespace);
        assert.equal(table.code, 0, table.stderr);
        assert.match(table.stdout, /^nothing to do: .* is on revision 1-20 already$/m);
        const document = documentOf(await run(namespace, "-o", "json"));
        assert.deepEqual([document.state, document.exitCode, document.left], ["nothing-to-do", 0, []]);

        const istiods = await askedBy(mesh, "istio-system", since);
        assert.ok(
          istiods.some(({ subresource }) => subresource === "portforward"),
          "it did look at the istiods",
        );
        const changing = (await askedBy(mesh, namespace, since)).filter(
          ({ verb, dryRun }) => !["get", "list", "watch"].includes(verb) && !dryRun,
        );
        assert.deepEqual([changing, istiods.filter(isWrite)], [[], []]);
        assert.deepEqual(await uidsOf(mesh, namespace), pods);
        assert.equal(
          (await mesh.api.get(`/api/v1/namespaces/${namespace}`)).metadata.resourceVersion,
          metadata.resourceVersion,
        );
      });
    });

    test("what no restart would move is refused by name, and left where the refusal's own command says so", async (t) => {
      const namespace = await mesh.createNamespace(enabled, "stubborn");
      await mesh.apply([
        deployment({ namespace, name: "web" }),
        deployment({ namespace, name: "paused", spec: { paused: false } }),
        statefulSet({ namespace, name: "by-hand", spec: { updateStrategy: { type: "OnDelete" } } }),
        statefulSet({
          namespace,
          name: "half",
          spec: { updateStrategy: { type: "RollingUpdate", rollingUpdate: { partition: 2 } } },
        }),
        barePod({ namespace, name: "lonely" }),
        cronJob({ namespace, name: "nightly", life: "long" }),
      ]);
      const { apiVersion, kind, metadata, spec } = await mesh.api.get(
        `/apis/batch/v1/namespaces/${namespace}/cronjobs/nightly`,
      );
      const owner = { apiVersion, kind, name: "nightly", uid: metadata.uid, controller: true };
      await mesh.apply({
        apiVersion,
        kind: "Job",
        ...spec.jobTemplate,
        metadata: { namespace, name: "nightly-1", ownerReferences: [owner] },
      });
      await mesh.waitReady(namespace);
      await mesh.shell(`kubectl rollout pause -n ${namespace} deployment/paused`);
      await mesh.eventually("the Job and the pod to run", async () => {
        const pods = await mesh.pods(namespace);
        return pods.length === 14 && pods.every((pod) => isReady(pod));
      });
      const isWeb = (pod: Json) => appOf(pod) === "web";
      const others = await uidsOf(mesh, namespace, (pod) => !isWeb(pod));
      const named = ["deployment/paused", "pod/lonely", "statefulset/by-hand", "statefulset/half"].map(
        (name) => `${namespace}/${name}`,
      );
      let command = "";

      await t.test("refused, naming each, and nothing changed", async () => {
        const since = mesh.now();
        const { code, stdout, stderr } = await run(namespace);
        assert.deepEqual([code, stdout], [3, ""], stderr);
        for (const name of named) assert.match(stderr.toLowerCase(), new RegExp(`^blocker: ${name}: `, "m"));
        command = commandAfter("to accept this and go on:", stderr);
        const left = [...command.matchAll(/ --leave (\S+)/g)].map(([, object]) => object?.toLowerCase());
        assert.deepEqual(left.toSorted(), named);
        assert.deepEqual(await writesTo(mesh, namespace, since), []);
        assert.deepEqual(await labelsOf(mesh, namespace), enabled);
      });

      await t.test("done with the flags that the refusal proposes", async () => {
        const { stdout } = await carriedOut(mesh, command);
        assert.match(stdout, /^LEFT +BECAUSE +BY *$/m);
        for (const name of named) assert.match(stdout.toLowerCase(), new RegExp(`^${name} .* --leave *$`, "m"));
        assert.match(stdout, /^stubborn\/job\/nightly-1 .* job *$/m);
        neverFell(mesh, namespace);
        await assertArrived(mesh, namespace, "1-20", { of: isWeb });
        assert.deepEqual(await uidsOf(mesh, namespace, (pod) => !isWeb(pod)), others);
      });

      await t.test("again: the same is left, in the table and in JSON", async () => {
        const since = mesh.now();
        const { stdout } = await carriedOut(mesh, command);
        assert.match(stdout, /^nothing to do: .*; 5 objects left where they are$/m);
        const document = documentOf(await mesh.shell(`${command} -o json`));
        assert.deepEqual([document.state, document.exitCode], ["nothing-to-do", 0]);
        const left = document.left.map(
          ({ object, by }) => `${object.namespace}/${object.kind.toLowerCase()}/${object.name} ${by}`,
        );
        assert.deepEqual(
          left.toSorted(),
          [...named.map((name) => `${name} --leave`), `${namespace}/job/nightly-1 job`].toSorted(),
        );
        assert.deepEqual(await writesTo(mesh, namespace, since), []);
      });
    });

    test("a Job that runs stays, and is listed", async () => {
      const namespace = await settled(mesh, (namespace) => [
        deployment({ namespace, name: "web", replicas: 2 }),
        job({ namespace, name: "import", life: "long" }),
      ]);
      const isImport = (pod: Json) => /^import-/.test(pod.metadata.name);
      await mesh.eventually("the Job to run", async () =>
        (await mesh.pods(namespace)).some((pod) => isImport(pod) && isReady(pod)),
      );
      const imports = await uidsOf(mesh, namespace, isImport);
      const { code, stdout, stderr } = await run(namespace);
      assert.equal(code, 0, stderr);
      assert.match(stdout, /job\/import .* job *$/m);
      assert.deepEqual(await uidsOf(mesh, namespace, isImport), imports);
      await assertArrived(mesh, namespace, "1-20", { of: (pod) => !isImport(pod) });
    });
  });

  describe("what needs no restart: it has to be proven all the same", together(), () => {
    const running = (namespace: string, count: number) =>
      mesh.eventually(
        "all pods running",
        async () => (await mesh.pods(namespace)).filter(({ status }) => status.phase === "Running").length === count,
      );

    test("pods of the target whose proxies never arrived are no 'nothing to do'", async () => {
      const namespace = await mesh.createNamespace({ "istio.io/rev": "1-20" });
      await mesh.apply([
        deployment({ namespace, name: "deaf", replicas: 2, life: "no-istiod" }),
        deployment({ namespace, name: "fine", replicas: 2 }),
      ]);
      await running(namespace, 4);
      const document = await migrateJson(mesh, namespace, "1-20");
      assert.deepEqual([document.state, document.exitCode], ["cannot-tell", 5]);
      const found = document.findings.filter(({ check }) => check === "already-proven");
      assert.deepEqual(
        found.map(({ object }) => object),
        [`${namespace}/Deployment/deaf`],
      );
      assert.match(found[0]?.message ?? "", /proxy not connected yet/);
    });

    test("a proxy that is on its way is waited for", async () => {
      const namespace = await mesh.createNamespace({ "istio.io/rev": "1-20" });
      await mesh.apply([deployment({ namespace, name: "slow", replicas: 2, readyAfter: 8_000 })]);
      await running(namespace, 2);
      const document = await migrateJson(mesh, namespace, "1-20");
      assert.deepEqual([document.state, document.exitCode], ["nothing-to-do", 0]);
      assert.deepEqual(
        document.namespaces.map(({ name, labels, after: now }) => [name, labels, now["istio.io/rev"]]),
        [[namespace, "kept", "1-20"]],
      );
      await assertArrived(mesh, namespace, "1-20");
    });

    test("a move beside them is not done while they are not proven", async () => {
      const namespace = await mesh.createNamespace({ "istio.io/rev": "1-20" });
      await mesh.apply([deployment({ namespace, name: "deaf", replicas: 2, life: "no-istiod" })]);
      await running(namespace, 2);
      const other = await settled(mesh, (namespace) => [deployment({ namespace, name: "web", replicas: 2 })]);
      const document = await migrateJson(mesh, `${other},${namespace}`, "1-20");
      assert.deepEqual([document.state, document.exitCode], ["unknown", 4]);
      assert.equal(document.workloads.find(({ name }) => name === "web")?.outcome, "moved");
      assert.equal(document.workloads.find(({ name }) => name === "deaf")?.outcome, "unproven");
    });
  });

  describe("a namespace, broken off by Ctrl-C", together(), () => {
    const make = (namespace: string) => [
      deployment({ namespace, name: "first", replicas: 2, readyAfter: [1000, 2000] }),
      deployment({ namespace, name: "second", readyAfter: [1000, 2000] }),
      deployment({ namespace, name: "third", readyAfter: [1000, 2000] }),
      statefulSet({ namespace, name: "db", readyAfter: [1000, 2000] }),
    ];

    for (const [when, line] of [
      ["in the canary", /Deployment\/first.*: /],
      ["in the midst of the rest", /Deployment\/second: /],
    ] as const) {
      test(`${when}: 130, both commands, and the next run finishes, each workload restarted once`, async () => {
        const namespace = await settled(mesh, make);
        const result = await migrate(mesh, namespace, "1-20", [], interruptedAt(line));
        assert.equal(result.code, 130, result.stderr);
        assert.match(result.stdout, /^interrupted: /m);
        const [onward, back] = [commandAfter("to go on:", result.stdout), commandAfter("to go back:", result.stdout)];
        assert.match(onward, new RegExp(`^kubectl mesh-migrate -n ${namespace} --to 1-20`));
        assert.match(back, new RegExp(`^kubectl mesh-rollback -n ${namespace}$`));
        const record = await recordOf(mesh, namespace);
        assert.equal(record.state, "open");
        const document = await migrateJson(mesh, namespace, "1-20");
        assert.deepEqual([document.exitCode, document.state], [0, "done"], JSON.stringify(document, undefined, 2));
        await assertArrived(mesh, namespace, "1-20");
        const once = { "Deployment/first": 2, "Deployment/second": 2, "Deployment/third": 2, "StatefulSet/db": 2 };
        assert.deepEqual(await templatesOf(mesh, namespace), once);
        assert.deepEqual(await recordOf(mesh, namespace), { ...record, state: "done" });
        neverFell(mesh, namespace);
      });
    }

    test("as a document, whose kubectl line goes back", async () => {
      const namespace = await settled(mesh, make);
      const document = await migrateJson(mesh, namespace, "1-20", interruptedAt(/Deployment\/second: /));
      assert.deepEqual([document.exitCode, document.state], [130, "interrupted"]);
      await carriedOut(mesh, document.goBackKubectl);
      await eventuallyArrived(mesh, namespace, "default");
      assert.deepEqual(await labelsOf(mesh, namespace), enabled);
    });
  });
});
