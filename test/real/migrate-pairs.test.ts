/**
 * The same move on other meshes: newer releases with native sidecars, two istiods each, by Helm, by tags, with Argo
 * Rollouts, on old nodes.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { isChange } from "../contract/mesh-under-test.ts";
import { assertArrived, documentOf, labelsOf, templatesOf } from "../contract/verify-result.ts";
import { daemonSet, deployment, rollout, statefulSet } from "../fixtures/workload-objects.ts";
import { type Json, type Mesh, type Result, upMesh } from "./kit.ts";
import type { Recorder } from "./recorder.ts";

const readyAfter = [500, 1500] as const;
const names = (containers: readonly Json[] | undefined) => (containers ?? []).map(({ name }) => name);

/** Migrates, and holds what must be true of every such run. */
async function migrated(mesh: Mesh, recorder: Recorder, namespace: string, to: string): Promise<Result> {
  const result = await mesh.run("mesh-migrate", ["-n", namespace, "--to", to, "-o", "json"]);
  const { state, goOn, left } = documentOf(result);
  assert.deepEqual([result.code, state, goOn, left], [0, "done", null, []], result.stderr);
  assert.deepEqual(
    recorder.report(namespace).filter(({ ok }) => !ok),
    [],
  );
  return result;
}

const some = (namespace: string) => [
  deployment({ namespace, name: "web", readyAfter }),
  statefulSet({ namespace, name: "db", replicas: 2, readyAfter }),
  daemonSet({ namespace, name: "agent", readyAfter }),
];

describe("1-28 and 1-29 by Helm, two istiods each", { concurrency: true }, () => {
  let mesh: Mesh;
  let recorder: Recorder;
  before(async () => {
    mesh = await upMesh({
      revisions: { "1-28": "1.28.2", "1-29": "1.29.1" },
      helm: ["1-28", "1-29"],
      istiods: 2,
      argoRollouts: true,
    });
    await mesh.setTag("prod-stable", "1-28");
    await mesh.setTag("rolling", "1-28");
    recorder = await mesh.recorder();
  });
  after(async () => {
    recorder?.stop();
    await mesh?.down();
  });

  test("from a revision to a revision, with native sidecars", async () => {
    const namespace = await mesh.createNamespace({ "istio.io/rev": "1-28" });
    await mesh.apply(some(namespace));
    await mesh.waitReady(namespace);
    await migrated(mesh, recorder, namespace, "1-29");
    const pods = await assertArrived(mesh, namespace, "1-29");
    assert.equal(pods.length, 9);
    for (const { spec } of pods) {
      assert.ok(names(spec.initContainers).includes("istio-proxy"), `init containers: ${names(spec.initContainers)}`);
      assert.deepEqual(names(spec.containers), ["app"]);
    }
    assert.equal((await mesh.pods("istio-system", "app=istiod")).length, 4);
  });

  test("from a tag to a revision", async () => {
    const namespace = await mesh.createNamespace({ "istio.io/rev": "prod-stable" });
    await mesh.apply([deployment({ namespace, name: "web", readyAfter })]);
    await mesh.waitReady(namespace);
    await migrated(mesh, recorder, namespace, "1-29");
    await assertArrived(mesh, namespace, "1-29");
    assert.deepEqual(await labelsOf(mesh, namespace), { "istio.io/rev": "1-29" });
    const undo = JSON.parse(
      (await mesh.api.get(`/api/v1/namespaces/${namespace}`)).metadata.annotations["kubectl-mesh/undo"],
    );
    assert.deepEqual(undo.before, { "istio-injection": null, "istio.io/rev": "prod-stable" });
    assert.deepEqual([undo.from.revision, undo.state], ["1-28", "done"]);
  });

  test("to a tag that was moved: the label stays, and only what is stale is restarted", async () => {
    const namespace = await mesh.createNamespace({ "istio.io/rev": "rolling" });
    await mesh.apply(["web", "api"].map((name) => deployment({ namespace, name, readyAfter })));
    await mesh.waitReady(namespace);
    await mesh.setTag("rolling", "1-29");
    await mesh.kubectl(["rollout", "restart", "-n", namespace, "deployment/api"]);
    await mesh.kubectl(["rollout", "status", "-n", namespace, "deployment/api"]);
    const since = new Date();
    const document = documentOf(await migrated(mesh, recorder, namespace, "rolling"));
    assert.deepEqual(document.workloads.map(({ name, outcome }) => [name, outcome]).toSorted(), [
      ["api", "already"],
      ["web", "moved"],
    ]);
    await assertArrived(mesh, namespace, "1-29");
    const { metadata } = await mesh.api.get(`/api/v1/namespaces/${namespace}`);
    assert.equal(metadata.labels["istio.io/rev"], "rolling");
    const ours = metadata.managedFields.filter(({ manager }: Json) => manager === "mesh-migrate");
    assert.ok(ours.length > 0, "it wrote its record");
    assert.ok(
      ours.every(({ fieldsV1 }: Json) => fieldsV1["f:metadata"]["f:labels"] === undefined),
      "and no label",
    );
    const restarts = (await mesh.audit(since)).filter(
      (entry) => isChange(entry) && entry.userAgent.startsWith("mesh-migrate/") && entry.namespace === namespace,
    );
    assert.deepEqual(
      restarts
        .filter(({ resource }) => resource !== "namespaces")
        .map(({ verb, resource, name }) => `${verb} ${resource}/${name}`),
      ["patch deployments/web"],
    );
  });

  test("Argo Rollouts, canary, blue-green and by reference, move by their own restart", async () => {
    const namespace = await mesh.createNamespace({ "istio.io/rev": "1-28" });
    const pair = { replicas: 4, readyAfter: 500 } as const; // Argo looks after a restart every 30 s: two pods at a time
    const template = deployment({ namespace, name: "referred", replicas: 0 }) as Json;
    await mesh.apply([
      { apiVersion: "v1", kind: "Service", metadata: { namespace, name: "active" }, spec: { ports: [{ port: 80 }] } },
      template,
      rollout({
        namespace,
        name: "canary",
        ...pair,
        spec: { strategy: { canary: { maxUnavailable: 2, steps: [{ setWeight: 50 }] } } },
      }),
      rollout({
        namespace,
        name: "green",
        ...pair,
        spec: { strategy: { blueGreen: { activeService: "active", maxUnavailable: 2 } } },
      }),
      deployment({ namespace, name: "web", readyAfter }),
    ]);
    await mesh.apply({
      apiVersion: "argoproj.io/v1alpha1",
      kind: "Rollout",
      metadata: { namespace, name: "refers" },
      spec: {
        replicas: 2,
        workloadRef: { apiVersion: "apps/v1", kind: "Deployment", name: "referred" },
        strategy: { canary: { maxUnavailable: 1 } },
      },
    });
    await mesh.waitReady(namespace);
    const before = await templatesOf(mesh, namespace);
    await migrated(mesh, recorder, namespace, "1-29");
    assert.equal((await assertArrived(mesh, namespace, "1-29")).length, 13);
    assert.deepEqual(await templatesOf(mesh, namespace), { ...before, "Deployment/web": 2 });
    const { items: rollouts } = await mesh.api.get(`/apis/argoproj.io/v1alpha1/namespaces/${namespace}/rollouts`);
    assert.ok(rollouts.every(({ spec, status }: Json) => spec.restartAt !== undefined && status.phase === "Healthy"));
  });
});

test("1-28 to 1-29 by istioctl on old nodes: the proxy is a container like others", async () => {
  await using mesh = await upMesh({ revisions: { "1-28": "1.28.2", "1-29": "1.29.1" }, oldNodes: true });
  const namespace = await mesh.createNamespace({ "istio.io/rev": "1-28" });
  await mesh.apply(some(namespace));
  await mesh.waitReady(namespace);
  using recorder = await mesh.recorder();
  await migrated(mesh, recorder, namespace, "1-29");
  const pods = await assertArrived(mesh, namespace, "1-29");
  assert.ok(
    pods.every(
      ({ spec }) =>
        names(spec.containers).includes("istio-proxy") && !names(spec.initContainers).includes("istio-proxy"),
    ),
  );
});
