/**
 * Pace of one workload (issue 13, kind 7; wish 4 of the field cases: istio/istio#39991, gitpod-io/gitpod#4344): so many
 * new pods at a time, proven, a pause, the next ones, and the fields of the owner back at any end.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { daemonSet, deployment, statefulSet } from "../fixtures/workload-objects.ts";
import type { Json, MeshUnderTest } from "./mesh-under-test.ts";
import { carriedOut, interruptedAt, migrate, migrateJson, neverFell, once, settled } from "./migrations.ts";
import { openMesh } from "./open-mesh.ts";
import { assertArrived, documentOf } from "./verify-result.ts";

let mesh: MeshUnderTest;
before(async () => {
  mesh = await openMesh({ revisions: { default: "1.19.0", "1-20": "1.20.0" } });
});
after(() => mesh?.[Symbol.asyncDispose]());

const ready = { replicas: 6, readyAfter: 1_500 } as const;
const pace = ["--workload-pods", "2", "--workload-pause", "3s"];
const path = (namespace: string, plural = "deployments", name = "web") =>
  `/apis/apps/v1/namespaces/${namespace}/${plural}/${name}`;

/** The fields that a pace changes, as the API has them. */
const fieldsOf = async (namespace: string, plural?: string, name?: string): Promise<Json> => {
  const { metadata, spec } = await mesh.api.get(path(namespace, plural, name));
  const { paused, strategy, updateStrategy } = spec;
  return { paused, strategy, updateStrategy, pace: metadata.annotations?.["kubectl-mesh/pace"] };
};

/** How many pods of the new revision there were each time that somebody looked, until `watched` settles. */
async function newPodsDuring<T>(namespace: string, watched: Promise<T>): Promise<{ most: Json; end: T }> {
  const steps: Json[] = [];
  let over = false;
  const end = watched.finally(() => {
    over = true;
  });
  await mesh.eventually(
    "the run to end",
    async () => {
      const pods = (await mesh.pods(namespace)).filter(({ metadata }) => !metadata.deletionTimestamp);
      const fresh = pods.filter(({ metadata }) =>
        /"revision":"1-20"/.test(metadata.annotations?.["sidecar.istio.io/status"]),
      );
      steps.push({ fresh: fresh.length, proven: fresh.filter(isReady).length });
      return over;
    },
    240,
  );
  return { most: steps, end: await end };
}
const isReady = ({ status }: Json): boolean =>
  status.conditions?.some(({ type, status }: Json) => type === "Ready" && status === "True");

describe("a workload that is paced", () => {
  test("a Deployment gets two new pods at a time, and has its own strategy back", async () => {
    const namespace = await settled(mesh, (namespace) => [deployment({ namespace, name: "web", ...ready })]);
    const own = await fieldsOf(namespace);
    const run = migrate(mesh, namespace, "1-20", [...pace, "-o", "json"]);
    const { most, end } = await newPodsDuring(namespace, run);
    const document = documentOf(end);
    assert.equal(document.state, "done", JSON.stringify(document, undefined, 2));
    assert.deepEqual(document.workloads[0]?.pace, { pods: 2, pauseSeconds: 3 });
    for (const { fresh, proven } of most) assert.ok(fresh - proven <= 2, JSON.stringify(most));
    for (const count of [2, 4]) assert.ok(most.some(({ fresh, proven }: Json) => fresh === count && proven === count));
    assert.deepEqual(await fieldsOf(namespace), own);
    neverFell(mesh, namespace);
    await assertArrived(mesh, namespace, "1-20");
  });
});
