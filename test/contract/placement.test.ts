/** Rollouts that need a node of their own: refused where none is free, and only there. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { deployment } from "../fixtures/workload-objects.ts";
import type { MeshUnderTest } from "./mesh-under-test.ts";
import { migrateJson, settled, warningsOf } from "./migrations.ts";
import { openMesh, together } from "./open-mesh.ts";
import { refused, told } from "./refusal.ts";
import { assertArrived } from "./verify-result.ts";

let mesh: MeshUnderTest;
before(async () => {
  mesh = await openMesh({ revisions: { default: "1.19.0", "1-20": "1.20.0" } });
});
after(() => mesh?.[Symbol.asyncDispose]());

const hostname = "kubernetes.io/hostname";
const surging = { strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } } };
const shunning = {
  podAntiAffinity: {
    requiredDuringSchedulingIgnoredDuringExecution: [
      { topologyKey: hostname, labelSelector: { matchLabels: { app: "web" } } },
    ],
  },
};

/** Deployment `web`; on `node` alone, where one is given. */
const web = (namespace: string, podSpec: object, node?: string) =>
  deployment({
    ...{ namespace, name: "web", replicas: 1, spec: surging },
    podSpec: { ...podSpec, ...(node && { nodeSelector: { [hostname]: node } }) },
  });
const withPort = (hostPort: number) => ({
  containers: [{ name: "app", image: "app", ports: [{ containerPort: 80, hostPort }] }],
});
/** A node with the label that kubelets give it; those of the real mesh have no kubelet. */
const someNode = async (): Promise<string> => {
  const { name } = (await mesh.api.get("/api/v1/nodes")).items[0].metadata;
  await mesh.api.merge(`/api/v1/nodes/${name}`, { metadata: { labels: { [hostname]: name } } });
  return name;
};

describe("a new pod beside the old one", together(), () => {
  test("needs the host port, and no other node takes it: refused", async () => {
    const node = await someNode();
    const namespace = await settled(mesh, (namespace) => [web(namespace, withPort(8501), node)]);
    const refusal = await refused(mesh, namespace, ["--to", "1-20"], [`host-ports ${namespace}/Deployment/web`]);
    assert.match(told(refusal).message, /^a new pod needs host port 8501 .*hangs for want of a free node$/);
  });

  test("needs the host port, and other nodes are free: no warning, and it arrives", async () => {
    const namespace = await settled(mesh, (namespace) => [web(namespace, withPort(8502))]);
    const document = await migrateJson(mesh, namespace, "1-20");
    assert.deepEqual([document.state, warningsOf(document)], ["done", []]);
    await assertArrived(mesh, namespace, "1-20");
  });

  test("may not run on its node, and no other takes it (kubernetes/kubernetes#116891): refused", async () => {
    const node = await someNode();
    const namespace = await settled(mesh, (namespace) => [web(namespace, { affinity: shunning }, node)]);
    const refusal = await refused(mesh, namespace, ["--to", "1-20"], [`anti-affinity ${namespace}/Deployment/web`]);
    assert.match(refusal.accepting(), /--allow-downtime .*deployment\/web/);
  });

  test("may not run on its node, and other nodes are free (opstrace/opstrace#291 with a node more): it arrives", async () => {
    const namespace = await settled(mesh, (namespace) => [web(namespace, { affinity: shunning })]);
    const document = await migrateJson(mesh, namespace, "1-20");
    assert.deepEqual([document.state, warningsOf(document)], ["done", []]);
    await assertArrived(mesh, namespace, "1-20");
  });

  const spread = (minDomains: number) => ({
    topologySpreadConstraints: [
      {
        ...{ maxSkew: 1, minDomains, topologyKey: hostname, whenUnsatisfiable: "DoNotSchedule" },
        labelSelector: { matchLabels: { app: "web" } },
      },
    ],
  });
  test("may not be on its node by the spread, and no other takes it: refused", async () => {
    const node = await someNode();
    const namespace = await settled(mesh, (namespace) => [web(namespace, spread(2), node)]);
    const refusal = await refused(mesh, namespace, ["--to", "1-20"], [`topology-spread ${namespace}/Deployment/web`]);
    assert.match(
      told(refusal).message,
      /^topologySpreadConstraints by kubernetes.io\/hostname \(DoNotSchedule\) leave no/,
    );
  });

  test("may be on its node by the spread: no warning, and it arrives", async () => {
    const node = await someNode();
    const namespace = await settled(mesh, (namespace) => [web(namespace, spread(1), node)]);
    const document = await migrateJson(mesh, namespace, "1-20");
    assert.deepEqual([document.state, warningsOf(document)], ["done", []]);
  });
});
