/**
 * Workloads, pods and namespaces that belong to somebody: what is asked before, and what a
 * restart comes to that is taken back. Operators are a few lines here.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { deployment, statefulSet } from "../fixtures/workload-objects.ts";
import type { Json, MeshUnderTest, Run } from "./mesh-under-test.ts";
import { assertRestored, carriedOut, enabled, migrate, outcomesOf, writesTo } from "./migrations.ts";
import { openMesh, together } from "./open-mesh.ts";
import { refused, told } from "./refusal.ts";
import { appOf, assertArrived, documentOf, labelsOf, revisionOf } from "./verify-result.ts";

const kinds = {
  ZookeeperCluster: ["zookeeper.pravega.io", "v1beta1", "zookeeperclusters", "Namespaced"],
  Revision: ["serving.knative.dev", "v1", "revisions", "Namespaced"],
  TaskRun: ["tekton.dev", "v1", "taskruns", "Namespaced"],
  Sweep: ["example.org", "v1", "sweeps", "Namespaced"],
  Profile: ["kubeflow.org", "v1", "profiles", "Cluster"],
} as const;

let mesh: MeshUnderTest;
before(async () => {
  mesh = await openMesh({ revisions: { default: "1.19.0", "1-20": "1.20.0" } });
  await mesh.apply(
    Object.entries(kinds).map(([kind, [group, version, plural, scope]]) => ({
      ...{ apiVersion: "apiextensions.k8s.io/v1", kind: "CustomResourceDefinition" },
      metadata: { name: `${plural}.${group}` },
      spec: {
        ...{ group, scope, names: { plural, kind, singular: kind.toLowerCase(), listKind: `${kind}List` } },
        versions: [
          {
            ...{ name: version, served: true, storage: true },
            schema: { openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true } },
          },
        ],
      },
    })),
  );
});
after(() => mesh?.[Symbol.asyncDispose]());

/** Creates an object of one of the kinds, and gives the reference that its dependents have. */
async function owner(kind: keyof typeof kinds, name: string, namespace: string): Promise<Json> {
  const [group, version, plural, scope] = kinds[kind];
  const path = `/apis/${group}/${version}/${scope === "Cluster" ? "" : `namespaces/${namespace}/`}${plural}`;
  const object = { apiVersion: `${group}/${version}`, kind, metadata: { name }, spec: {} };
  const { metadata } = await mesh.eventually("its kind to be served", () => mesh.api.post(path, object));
  return { apiVersion: object.apiVersion, kind, name, uid: metadata.uid, controller: true };
}

const operator = "zookeeper-operator";
const restartedAt = "kubectl.kubernetes.io/restartedAt";
const plurals: Readonly<Record<string, string>> = { Deployment: "deployments", StatefulSet: "statefulsets" };

/** Creates a workload as its operator does; gives its path. */
async function create(workload: Json, reference: Json): Promise<string> {
  const { namespace, name } = workload.metadata;
  const path = `/apis/apps/v1/namespaces/${namespace}/${plurals[workload.kind]}`;
  const metadata = { ...workload.metadata, ownerReferences: [reference] };
  await mesh.api.post(`${path}?fieldManager=${operator}`, { ...workload, metadata });
  return `${path}/${name}`;
}

/** Writes the template's annotation, `delay` ms after it was seen there, until the work is over. */
async function withHand<T>(path: string, delay: number, value: () => string | null, work: Promise<T>): Promise<T> {
  let over = false;
  const writes = (async () => {
    let seen: { readonly text: string; readonly at: number } | undefined;
    while (!over) {
      const { spec } = await mesh.api.get(path);
      const text: string | undefined = spec.template.metadata.annotations?.[restartedAt];
      if (text === undefined) seen = undefined;
      else if (seen?.text !== text) seen = { text, at: mesh.now().getTime() };
      if (seen && mesh.now().getTime() - seen.at >= delay) {
        const annotations = { [restartedAt]: value() };
        await mesh.api.merge(`${path}?fieldManager=${operator}`, { spec: { template: { metadata: { annotations } } } });
        if (annotations[restartedAt] !== null) return;
      }
      await mesh.pass(250);
    }
  })();
  try {
    return await work;
  } finally {
    over = true;
    await writes;
  }
}

const moved = (namespace: string, args: readonly string[] = []): Promise<Run> =>
  migrate(mesh, namespace, "1-20", ["-o", "json", ...args]);
const ready = { readyAfter: 500 } as const;

describe("a workload of an operator", together(), () => {
  test("is asked about before any write, and left or restarted by naming it", async () => {
    const namespace = await mesh.createNamespace(enabled);
    const revision = await owner("Revision", "web-1", namespace);
    const cluster = await owner("ZookeeperCluster", "zk", namespace);
    await create(deployment({ namespace, name: "web", replicas: 2, ...ready }), revision);
    await create(statefulSet({ namespace, name: "zk", replicas: 2, ...ready }), cluster);
    await mesh.apply([deployment({ namespace, name: "own", replicas: 2, ...ready })]);
    await mesh.waitReady(namespace);
    const found = await refused(mesh, namespace, ["--to", "1-20"], [
      `owned-workloads ${namespace}/Deployment/web`,
      `owned-workloads ${namespace}/StatefulSet/zk`,
    ]); // biome-ignore format: one reason a line
    assert.match(told(found).message, /^it belongs to Revision\/web-1 of serving.knative.dev, whose operator was seen/);
    assert.match(found.accepting(), new RegExp(` --leave ${namespace}/deployment/web --leave ${namespace}/stateful`));
    const run = await moved(namespace, ["--restart-owned", "deployment/web", "--leave", "statefulset/zk"]);
    assert.deepEqual(documentOf(run).state, "done", run.stderr);
    await assertArrived(mesh, namespace, "1-20", { of: (pod) => appOf(pod) !== "zk" });
  });

  // grafana/agent#4495, Kong/kong-operator#1390: the annotation is taken off within seconds
  for (const [what, make] of [
    ["a Deployment", deployment],
    ["a StatefulSet", statefulSet],
  ] as const)
    test(`${what} whose operator takes the restart back after 3 s: restored at once, restarted once`, async () => {
      const namespace = await mesh.createNamespace(enabled);
      const cluster = await owner("ZookeeperCluster", "zk", namespace);
      const path = await create(make({ namespace, name: "zk", replicas: 3, readyAfter: 6000 }), cluster);
      await mesh.waitReady(namespace);
      const since = mesh.now();
      const run = await withHand(path, 3000, () => null, moved(namespace, ["--restart-owned", "*/zk"]));
      const document = documentOf(run);
      await assertRestored(mesh, namespace, document);
      const { reason = "" } = document.failure ?? {};
      assert.match(reason, /restart was taken back, most likely by field manager zookeeper-operator/);
      assert.match(reason, /it belongs to ZookeeperCluster\/zk of zookeeper.pravega.io\); leave it \(--leave /);
      assert.ok(run.ms < 40_000, `${run.ms} ms`);
      const stamps = (await writesTo(mesh, namespace, since)).filter((each) => /patch .*\/zk$/.test(each));
      assert.ok(stamps.length <= 2, stamps.join()); // the way back may write it once more
    });

  test("after the canary has passed: partial, with the one who took it back, and no second restart", async () => {
    const namespace = await mesh.createNamespace(enabled);
    const cluster = await owner("ZookeeperCluster", "zk", namespace);
    const path = await create(statefulSet({ namespace, name: "zk", replicas: 4, readyAfter: 3000 }), cluster);
    await mesh.waitReady(namespace);
    const since = mesh.now();
    const run = await withHand(path, 9000, () => null, moved(namespace, ["--restart-owned", "statefulset/zk"]));
    const document = documentOf(run);
    assert.deepEqual([document.exitCode, document.state, outcomesOf(document)], [4, "partial", { zk: "failed" }], run.stderr);
    assert.match(document.failure?.reason ?? "", /^its restart was taken back, most likely by field manager zookeeper-operator/);
    assert.doesNotMatch(run.stderr + run.stdout, /on another revision twice/);
    const stamps = (await writesTo(mesh, namespace, since)).filter((each) => /patch statefulsets\/zk/.test(each));
    assert.equal(stamps.length, 1);
    assert.ok(document.goBack);
  }); // biome-ignore format: long expressions

  test("a later restart by somebody else takes nothing back", async () => {
    const namespace = await mesh.createNamespace(enabled);
    const cluster = await owner("ZookeeperCluster", "zk", namespace);
    const path = await create(deployment({ namespace, name: "zk", replicas: 3, readyAfter: 2000 }), cluster);
    await mesh.waitReady(namespace);
    const now = () => `${mesh.now().toISOString().slice(0, 19)}Z`;
    const run = await withHand(path, 3000, now, moved(namespace, ["--restart-owned", "deployment/zk"]));
    assert.equal(documentOf(run).state, "done", run.stderr);
    await assertArrived(mesh, namespace, "1-20");
  });
});

// tektoncd/pipeline#4731, kubeflow/spark-operator#889: pods of things that end by themselves, in injected namespaces
test("pods that end by themselves are listed and block nothing", async () => {
  const namespace = await mesh.createNamespace(enabled);
  await mesh.apply([deployment({ namespace, name: "web", replicas: 2, ...ready })]);
  const pods = `/api/v1/namespaces/${namespace}/pods`;
  for (const kind of ["TaskRun", "Sweep"] as const) {
    const name = kind.toLowerCase();
    const metadata = { name: `${name}-pod`, ownerReferences: [await owner(kind, name, namespace)] };
    const spec = { containers: [{ name: "step", image: "registry.example/app:1" }] };
    await mesh.api.post(pods, { apiVersion: "v1", kind: "Pod", metadata, spec });
  }
  await mesh.waitReady(namespace);
  await mesh.eventually("the pods to be injected", async () => (await mesh.pods(namespace)).every(revisionOf));
  await refused(mesh, namespace, ["--to", "1-20"], [`pods-owned ${namespace}/Sweep/sweep`]);
  const run = await moved(namespace, ["--ends-by-itself", "Sweep.example.org"]);
  const { state, left } = documentOf(run);
  assert.equal(state, "done", run.stderr);
  assert.deepEqual(left.map(({ object, by }: Json) => `${object.kind} ${by}`).toSorted(), ["Sweep job", "TaskRun job"]);
});

// rancher/fleet#5460, kubeflow/kubeflow#6988: a controller that writes the label of its namespace back
test("a namespace of a Profile: refused before any write", async () => {
  const namespace = await mesh.createNamespace({});
  const reference = await owner("Profile", namespace, "");
  await mesh.api.merge(`/api/v1/namespaces/${namespace}?fieldManager=manager`, {
    metadata: { labels: enabled, ownerReferences: [reference] },
  });
  await mesh.apply([deployment({ namespace, name: "web", replicas: 2, ...ready })]);
  await mesh.waitReady(namespace);
  const found = await refused(mesh, namespace, ["--to", "1-20"], [`label-owner namespace/${namespace}`]);
  assert.match(told(found).message, /^a controller \(field manager 'manager'\) keeps istio-injection/);
  await carriedOut(mesh, found.accepting());
  assert.deepEqual(await labelsOf(mesh, namespace), { "istio.io/rev": "1-20" });
});
