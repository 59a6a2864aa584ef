/** Pods on nodes that do not answer: said beforehand, and told apart from what a rollout can reach. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { daemonSet, deployment } from "../fixtures/workload-objects.ts";
import type { Json, MeshUnderTest } from "./mesh-under-test.ts";
import { carriedOut, outcomesOf, settled, warningsOf } from "./migrations.ts";
import { openMesh, together } from "./open-mesh.ts";
import { refused, told } from "./refusal.ts";
import { assertArrived, documentOf } from "./verify-result.ts";

let mesh: MeshUnderTest;
before(async () => {
  mesh = await openMesh({ revisions: { default: "1.19.0", "1-20": "1.20.0" } });
});
after(() => mesh?.[Symbol.asyncDispose]());

const path = (namespace: string, pod: Json): string => `/api/v1/namespaces/${namespace}/pods/${pod.metadata.name}`;
const missing = (maxUnavailable: number) => ({
  spec: { updateStrategy: { type: "RollingUpdate", rollingUpdate: { maxUnavailable, maxSurge: 0 } } },
});

/**
 * Loses a pod as the loss of its node does: what the node controller writes (`MarkPodsNotReady`), and nobody who ends
 * it. The nodes are those of other tests too.
 */
async function lose(namespace: string): Promise<Json> {
  const [pod] = await mesh.pods(namespace);
  assert.ok(pod);
  const stays = { labels: { life: "never-ready" }, annotations: { "life/terminate-after": "3600000ms" } };
  await mesh.api.merge(path(namespace, pod), { metadata: stays });
  const conditions = pod.status.conditions.map((each: Json) =>
    each.type === "Ready" ? { type: "Ready", status: "False", lastTransitionTime: each.lastTransitionTime } : each,
  );
  await mesh.api.merge(`${path(namespace, pod)}/status`, { status: { conditions } });
  return pod;
}

/** As the deletion of its Node object does. */
const letGo = (namespace: string, pod: Json): Promise<unknown> =>
  mesh.api.delete(`${path(namespace, pod)}?gracePeriodSeconds=0`);

const agentWith = (maxUnavailable: number) => (namespace: string) => [
  daemonSet({ namespace, name: "agent", ...missing(maxUnavailable) }),
];
const impatient = ["--to", "1-20", "--workload-timeout", "6s"];

describe("pods on lost nodes", together(), () => {
  test("kubernetes/kubernetes#117204, a DaemonSet that waits for its lost pod: refused", async () => {
    const namespace = await settled(mesh, agentWith(1));
    const { metadata, spec } = await lose(namespace);
    const refusal = await refused(mesh, namespace, ["--to", "1-20"], [`pods-reachable ${namespace}/DaemonSet/agent`]);
    assert.ok(told(refusal).message.startsWith(`1 pod (${metadata.name}) is on node ${spec.nodeName}, which does not`));
    assert.match(refusal.accepting(), /--leave .*daemonset\/agent/);
  });

  test("helm/helm#10722, a DaemonSet that goes on without it: the others are proven, and that one is named", async () => {
    const namespace = await settled(mesh, agentWith(2));
    const lost = await lose(namespace);
    const document = documentOf(await mesh.run("mesh-migrate", ["-n", namespace, ...impatient, "-o", "json"]));
    assert.deepEqual([document.exitCode, document.state, document.failure], [4, "partial", null]);
    assert.deepEqual(
      warningsOf(document).map(({ severity, check }) => `${severity} ${check}`),
      ["warning pods-reachable"],
    );
    const [agent] = document.workloads;
    assert.deepEqual([agent?.outcome, agent?.pods, agent?.proven], ["draining", 4, 3]);
    assert.match(
      agent?.reason ?? "",
      new RegExp(
        `^every pod that can be reached is proven; 1 old pod .* on node ${lost.spec.nodeName}, which does not`,
      ),
    );
    await letGo(namespace, lost);
    await mesh.waitReady(namespace);
    await carriedOut(mesh, document.goOn);
    await assertArrived(mesh, namespace, "1-20");
  });

  test("kubernetes/kubernetes#72226, an old pod that cannot end beside its successor: no failure of the rest", async () => {
    const namespace = await settled(mesh, (namespace) => [
      deployment({ namespace, name: "web", replicas: 3 }),
      deployment({ namespace, name: "api", replicas: 2 }),
    ]);
    const lost = await lose(namespace);
    await mesh.api.delete(path(namespace, lost));
    await mesh.waitReady(namespace);
    const run = await mesh.run("mesh-migrate", ["-n", namespace, ...impatient, "-o", "json"]);
    const document = documentOf(run);
    const [hit, other] = lost.metadata.name.startsWith("web") ? ["web", "api"] : ["api", "web"];
    assert.deepEqual([document.exitCode, document.state], [4, "partial"], run.stderr);
    assert.deepEqual(outcomesOf(document), { [hit as string]: "draining", [other as string]: "moved" });
    await letGo(namespace, lost);
    await carriedOut(mesh, document.goOn);
    await assertArrived(mesh, namespace, "1-20");
  });
});
