/**
 * Restarts in the owner's own way: pods of Strimzi, CloudNativePG, OpenKruise and the Prometheus operator move with the
 * same proof, asked of operators of a few lines.
 */
import assert from "node:assert/strict";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { statefulSet } from "../fixtures/workload-objects.ts";
import type { Json, MeshUnderTest } from "./mesh-under-test.ts";
import { carriedOut, enabled, migrate, migrateJson, outcomesOf, writesTo } from "./migrations.ts";
import { openMesh, together } from "./open-mesh.ts";
import { type Behaviour, definition, runOperator } from "./operators.ts";
import { assertArrived, labelsOf, revisionOf } from "./verify-result.ts";

let mesh: MeshUnderTest;
before(async () => {
  mesh = await openMesh({ revisions: { default: "1.19.0", "1-20": "1.20.0" } });
  await mesh.apply([
    definition("core.strimzi.io", "v1beta2", "strimzipodsets", "StrimziPodSet"),
    definition("postgresql.cnpg.io", "v1", "clusters", "Cluster"),
    definition("apps.kruise.io", "v1alpha1", "clonesets", "CloneSet"),
    definition("monitoring.coreos.com", "v1", "prometheuses", "Prometheus"),
    definition("db.example.com", "v1", "ledgers", "Ledger"),
  ]);
});
/** What acts beside the plugins, until the end. */
const operators: { readonly stop: () => Promise<void> }[] = [];
after(async () => {
  await Promise.all(operators.map(({ stop }) => stop()));
  await mesh?.[Symbol.asyncDispose]();
});

const template = { metadata: {}, spec: { containers: [{ name: "app", image: "registry.example/app:1" }] } };
const rolling = "strimzi.io/manual-rolling-update";
const restartedAt = "kubectl.kubernetes.io/restartedAt";

interface Owner {
  readonly object: { readonly apiVersion: string; readonly kind: string; readonly spec: object };
  readonly plural: string;
  readonly behaviour: Omit<Behaviour, "path">;
}

/** Strimzi: rolls at its next look where the annotation is there, and then takes it off. */
const strimzi = (): Owner => {
  let rolls = 0;
  let wasAsked = false;
  return {
    plural: "strimzipodsets",
    object: {
      ...{ apiVersion: "core.strimzi.io/v1beta2", kind: "StrimziPodSet" },
      spec: { pods: [0, 1].map(() => template) },
    },
    behaviour: {
      pods: ({ spec }) => spec.pods.length,
      template: ({ spec }) => spec.pods[0],
      asked: ({ metadata }) => {
        const isAsked = metadata.annotations?.[rolling] === "true";
        if (isAsked && !wasAsked) rolls++;
        wasAsked = isAsked;
        return String(rolls);
      },
      rolled: ({ metadata }) => metadata.annotations?.[rolling] && { metadata: { annotations: { [rolling]: null } } },
    },
  };
};

const cloudNativePg = (instances = 2, spec: object = {}): Owner => ({
  plural: "clusters",
  object: { apiVersion: "postgresql.cnpg.io/v1", kind: "Cluster", spec: { instances, ...spec } },
  behaviour: {
    pods: ({ spec: { instances: count } }) => count,
    template: () => template,
    asked: ({ metadata }) => metadata.annotations?.[restartedAt] ?? "",
  },
});

const cloneSet = (updateStrategy: object = {}): Owner => ({
  plural: "clonesets",
  object: {
    ...{ apiVersion: "apps.kruise.io/v1alpha1", kind: "CloneSet" },
    spec: { replicas: 2, template, updateStrategy },
  },
  behaviour: {
    pods: ({ spec }) => spec.replicas,
    template: ({ spec }) => spec.template,
    asked: ({ spec }) => JSON.stringify(spec.template.metadata.annotations ?? {}),
  },
});

/** A kind that only the file of `--owners` knows. */
const ledger = (): Owner => ({
  plural: "ledgers",
  object: { apiVersion: "db.example.com/v1", kind: "Ledger", spec: { size: 2, pod: {} } },
  behaviour: {
    pods: ({ spec }) => spec.size,
    template: () => template,
    asked: ({ spec }) => JSON.stringify(spec.pod.annotations ?? {}),
  },
});

const file = join(mkdtempSync(join(tmpdir(), "owners-")), "owners.yaml");
writeFileSync(
  file,
  "apiVersion: kubectl-mesh/v1\nkind: Owners\nowners:\n  - group: db.example.com\n    kind: Ledger\n    annotations: spec.pod.annotations\n    replicas: spec.size\n",
);

/** A namespace with one such object, whose pods are ready. */
async function owned(owner: Owner, name = "own") {
  const namespace = await mesh.createNamespace(enabled);
  const path = `/apis/${owner.object.apiVersion}/namespaces/${namespace}/${owner.plural}`;
  await mesh.api.post(path, { ...owner.object, metadata: { name, namespace } });
  const operator = runOperator(mesh, namespace, name, { ...owner.behaviour, path: `${path}/${name}` });
  operators.push(operator);
  const { pods } = owner.behaviour;
  await mesh.eventually("its pods to be ready", async () => {
    const [object, found] = [await mesh.api.get(`${path}/${name}`), await mesh.pods(namespace)];
    return found.length === pods(object) && found.every(ready);
  });
  return { namespace, path: `${path}/${name}`, operator };
}

const ready = ({ status }: Json): boolean =>
  (status?.conditions ?? []).some((each: Json) => each.type === "Ready" && each.status === "True");

const revisionsIn = async (namespace: string): Promise<readonly (string | undefined)[]> => [
  ...new Set((await mesh.pods(namespace)).map(revisionOf)),
];

describe("in the owner's way", together(), () => {
  for (const [title, owner, write, args] of [
    ["a StrimziPodSet", strimzi, "patch strimzipodsets/own", []],
    ["a Cluster of CloudNativePG", cloudNativePg, "patch clusters/own", []],
    ["a CloneSet", cloneSet, "patch clonesets/own", []],
    ["a kind of the user's file", ledger, "patch ledgers/own", ["--owners", file]],
  ] as const)
    test(`moved, and back: ${title}`, async () => {
      const { namespace, operator } = await owned(owner());
      const since = mesh.now();
      const run = await migrate(mesh, namespace, "1-20", args);
      assert.equal(run.code, 0, run.stdout + run.stderr);
      await assertArrived(mesh, namespace, "1-20");
      const writes = await writesTo(mesh, namespace, since);
      assert.deepEqual(
        [...new Set(writes)].filter((each) => each.includes("/own")),
        [write],
      );
      assert.equal(writes.filter((each) => each === write).length, 1, writes.join("\n"));
      const again = await migrate(mesh, namespace, "1-20", args);
      assert.match(again.stdout + again.stderr, /nothing to do/);
      await carriedOut(mesh, `kubectl mesh-rollback -n ${namespace} ${args.join(" ")}`);
      await assertArrived(mesh, namespace, "default");
      assert.deepEqual(await labelsOf(mesh, namespace), enabled);
      await operator.stop();
    });

  /** prometheus-operator#4155: what is written to the StatefulSet itself is taken back by its operator. */
  test("a StatefulSet of a Prometheus", async () => {
    const namespace = await mesh.createNamespace(enabled);
    const path = `/apis/monitoring.coreos.com/v1/namespaces/${namespace}/prometheuses`;
    const { metadata } = await mesh.api.post(path, {
      ...{ apiVersion: "monitoring.coreos.com/v1", kind: "Prometheus", spec: {} },
      metadata: { name: "k8s", namespace },
    });
    const reference = { apiVersion: "monitoring.coreos.com/v1", kind: "Prometheus", name: "k8s", uid: metadata.uid };
    const set = statefulSet({ namespace, name: "prometheus-k8s", replicas: 2 }) as Json;
    await mesh.apply({ ...set, metadata: { ...set.metadata, ownerReferences: [{ ...reference, controller: true }] } });
    await mesh.waitReady(namespace);
    const setPath = `/apis/apps/v1/namespaces/${namespace}/statefulsets/prometheus-k8s`;
    let stopped = false;
    const stop = async (): Promise<void> => {
      stopped = true;
      await operator;
    };
    operators.push({ stop });
    const operator = (async () => {
      while (!stopped) {
        const { spec } = await mesh.api.get(`${path}/k8s`);
        const now = await mesh.api.get(setPath);
        const [found, wanted] = [now.spec.template.metadata.annotations ?? {}, spec.podMetadata?.annotations ?? {}];
        const change = Object.fromEntries([...Object.keys(found).map((key) => [key, null]), ...Object.entries(wanted)]);
        if (JSON.stringify(found) !== JSON.stringify(wanted))
          await mesh.api.merge(setPath, { spec: { template: { metadata: { annotations: change } } } });
        await mesh.pass(500);
      }
    })();
    const since = mesh.now();
    const document = await migrateJson(mesh, namespace, "1-20");
    assert.deepEqual([document.state, outcomesOf(document)], ["done", { "prometheus-k8s": "moved" }]);
    assert.deepEqual(
      (await writesTo(mesh, namespace, since)).filter((each) => !each.includes("namespaces/")),
      ["patch prometheuses/k8s"],
    );
    await assertArrived(mesh, namespace, "1-20");
    await stop();
  });

  /** cloudnative-pg#7120: its operator restarts PostgreSQL and leaves the pod. */
  test("an operator that ignores it: not done, and the operator's object is named with what to look at", async () => {
    const { namespace, operator } = await owned(cloudNativePg());
    await operator.stop();
    const document = await migrateJson(mesh, namespace, "1-20");
    assert.deepEqual([document.exitCode, document.state], [4, "restored"], JSON.stringify(document, undefined, 2));
    assert.match(
      document.failure?.reason ?? "",
      new RegExp(
        `no pod replaced yet by the operator of ${namespace}/Cluster.postgresql.cnpg.io/own.*primaryUpdateMethod`,
      ),
    );
    assert.deepEqual(await revisionsIn(namespace), ["default"]);
    assert.deepEqual(await labelsOf(mesh, namespace), enabled);
  });

  /** strimzi-kafka-operator#13165: the annotation is erased by a reconciliation that was under way. */
  test("an operator that erases it unread: it is asked a second time", async () => {
    const owner = strimzi();
    const { namespace, path, operator } = await owned(owner);
    await operator.stop();
    const running = migrate(mesh, namespace, "1-20");
    await mesh.eventually("the asking", async () => (await mesh.api.get(path)).metadata.annotations?.[rolling]);
    await mesh.api.merge(path, { metadata: { annotations: { [rolling]: null, "kubectl-mesh/restartedAt": null } } });
    const again = runOperator(mesh, namespace, "own", { ...owner.behaviour, path });
    operators.push(again);
    const run = await running;
    assert.equal(run.code, 0, run.stdout + run.stderr);
    await assertArrived(mesh, namespace, "1-20");
    await again.stop();
  });

  const refused = async (owner: Owner, says: RegExp, args: readonly string[] = []): Promise<void> => {
    const { namespace, operator } = await owned(owner);
    const since = mesh.now();
    const run = await migrate(mesh, namespace, "1-20", args);
    assert.equal(run.code, 3, run.stdout + run.stderr);
    assert.match(run.stderr, says);
    assert.deepEqual(await writesTo(mesh, namespace, since), []);
    await operator.stop();
  };

  /** kruise-tools#18: an annotation of the template is updated in place, and no pod is replaced. */
  test("refused before anything is written: a CloneSet that updates in place", () =>
    refused(cloneSet({ type: "InPlaceIfPossible" }), /updates pods in place.*\[workloads-restartable\]/));
  test("refused before anything is written: a supervised Cluster", () =>
    refused(cloudNativePg(2, { primaryUpdateStrategy: "supervised" }), /supervised.*\[workloads-restartable\]/));
  test("refused before anything is written: a Cluster of one instance would be down", () =>
    refused(cloudNativePg(1), /its only pod is stopped.*\[downtime\]/));
  test("refused before anything is written: a kind that is not known, and the flag that helps", () =>
    refused(ledger(), /how a Ledger is restarted is not known.*\[pods-owned\][\s\S]*--owners/));

  test("the plan names what is asked", async () => {
    const { namespace, operator } = await owned(strimzi());
    const run = await migrate(mesh, namespace, "1-20", ["--dry-run=server"]);
    assert.equal(run.code, 0, run.stdout + run.stderr);
    assert.match(run.stdout, /ask its operator +\S+\/strimzipodset\.core\.strimzi\.io\/own +default +1-20 +2\/2/);
    await operator.stop();
  });
});
