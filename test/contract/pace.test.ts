/**
 * Pace of one workload: so many new pods at a time, proven, a pause, the
 * next ones, and the fields of the owner back at any end. istio/istio#39991 (long connections of many clients through one
 * gateway: every restart is a storm on their side) and gitpod-io/gitpod#4344 (a proxy whose restart ends the sessions of
 * all its users).
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { daemonSet, deployment, statefulSet } from "../fixtures/workload-objects.ts";
import type { Json, MeshUnderTest } from "./mesh-under-test.ts";
import { carriedOut, enabled, interruptedAt, migrate, neverFell, settled } from "./migrations.ts";
import { openMesh, together } from "./open-mesh.ts";
import {
  appOf,
  assertArrived,
  documentOf,
  eventuallyArrived,
  isReady,
  labelsOf,
  recordOf,
  revisionOf,
} from "./verify-result.ts";

let mesh: MeshUnderTest;
before(async () => {
  mesh = await openMesh({ revisions: { default: "1.19.0", "1-20": "1.20.0" } });
});
after(() => mesh?.[Symbol.asyncDispose]());

const ready = { readyAfter: 1_500 } as const;
const web = (namespace: string) => [deployment({ namespace, name: "web", replicas: 6, ...ready })];
const pace = ["--workload-pods", "2", "--workload-pause", "3s"];
const inPause = /Deployment\/web: .*2 of 6 new; the next in 3s/;

/** The fields that a pace changes, as the API has them. */
const fieldsOf = async (namespace: string, plural = "deployments", name = "web"): Promise<Json> => {
  const { metadata, spec } = await mesh.api.get(`/apis/apps/v1/namespaces/${namespace}/${plural}/${name}`);
  const { paused, strategy, updateStrategy } = spec;
  return { paused, strategy, updateStrategy, pace: metadata.annotations?.["kubectl-mesh/pace"] };
};

/** Pods on the new revision, and those of them that are ready. */
interface Look {
  readonly fresh: number;
  readonly ready: number;
}

/** Looks at the pods of a workload again and again until the run ends. */
async function looksDuring<T>(namespace: string, app: string, run: Promise<T>): Promise<readonly [readonly Look[], T]> {
  const looks: Look[] = [];
  let isOver = false;
  const end = run.finally(() => {
    isOver = true;
  });
  const look = async (): Promise<boolean> => {
    const own = (await mesh.pods(namespace)).filter((pod) => appOf(pod) === app && !pod.metadata.deletionTimestamp);
    const fresh = own.filter((pod) => revisionOf(pod) === "1-20");
    looks.push({ fresh: fresh.length, ready: fresh.filter(isReady).length });
    return isOver;
  };
  await mesh.eventually("the run to end", look, 240);
  return [looks, await end];
}

/** It stood after every two new pods, and never were more than two of them new and not ready. */
function assertPaced(looks: readonly Look[]): void {
  for (const { fresh, ready } of looks) assert.ok(fresh - ready <= 2, JSON.stringify(looks));
  for (const count of [2, 4])
    assert.ok(
      looks.some(({ fresh, ready }) => fresh === count && ready === count),
      `it never stood at ${count}: ${JSON.stringify(looks)}`,
    );
  assert.deepEqual(
    looks.filter(({ fresh }) => fresh % 2 === 1 && fresh > 6),
    [],
  );
}

describe("a workload that is paced", together(6), () => {
  test("a Deployment gets two new pods at a time, and has its own strategy back", async () => {
    const namespace = await settled(mesh, web);
    const own = await fieldsOf(namespace);
    const [looks, end] = await looksDuring(namespace, "web", migrate(mesh, namespace, "1-20", [...pace, "-o", "json"]));
    const document = documentOf(end);
    assert.equal(document.state, "done", JSON.stringify(document, undefined, 2));
    assert.deepEqual(document.workloads[0]?.pace, { pods: 2, pauseSeconds: 3 });
    assertPaced(looks);
    assert.ok(end.ms > 6_000, `two pauses of three seconds: ${end.ms}`);
    assert.deepEqual(await fieldsOf(namespace), own);
    neverFell(mesh, namespace);
    await assertArrived(mesh, namespace, "1-20");
  });

  test("a StatefulSet goes by its partition; of a DaemonSet a person is told", async () => {
    const namespace = await settled(mesh, (namespace) => [
      statefulSet({ namespace, name: "db", replicas: 5, ...ready }),
      daemonSet({ namespace, name: "agent", ...ready }),
    ]);
    const own = await fieldsOf(namespace, "statefulsets", "db");
    const shown = await migrate(mesh, namespace, "1-20", [...pace, "--dry-run=client"]);
    assert.match(shown.stdout, /restart, 2 at a time, then 3s +\S+StatefulSet\/db/i);
    assert.match(shown.stdout, /DaemonSet\/agent: it is not paced: a DaemonSet cannot be held .* \[workload-pace\]/);
    const [looks, end] = await looksDuring(namespace, "db", migrate(mesh, namespace, "1-20", [...pace, "-o", "json"]));
    const document = documentOf(end);
    assert.equal(document.state, "done", JSON.stringify(document, undefined, 2));
    assertPaced(looks);
    assert.deepEqual(await fieldsOf(namespace, "statefulsets", "db"), own);
    neverFell(mesh, namespace);
    await assertArrived(mesh, namespace, "1-20");
  });

  test("interrupted in a pause: its fields are back at once, and the command that is printed goes on", async () => {
    const namespace = await settled(mesh, web);
    const own = await fieldsOf(namespace);
    const stopped = await migrate(mesh, namespace, "1-20", pace, interruptedAt(inPause));
    assert.equal(stopped.code, 130, stopped.stderr);
    assert.match(stopped.stderr, /Deployment\/web: 2 of 6 pods are new, and its rollout goes on at its own pace/);
    assert.deepEqual(await fieldsOf(namespace), own);
    const goOn = stopped.stdout.split("\n").find((line) => /^ +kubectl mesh-migrate .*--workload-pods 2/.test(line));
    await carriedOut(mesh, goOn?.trim());
    assert.deepEqual(await fieldsOf(namespace), own);
    await assertArrived(mesh, namespace, "1-20");
  });

  test("interrupted in a pause, and back", async () => {
    const namespace = await settled(mesh, web);
    const own = await fieldsOf(namespace);
    const stopped = await migrate(mesh, namespace, "1-20", pace, interruptedAt(inPause));
    assert.equal(stopped.code, 130, stopped.stderr);
    await carriedOut(mesh, `kubectl mesh-rollback -n ${namespace}`);
    assert.deepEqual(await fieldsOf(namespace), own);
    assert.deepEqual([await labelsOf(mesh, namespace), await recordOf(mesh, namespace)], [enabled, undefined]);
    await eventuallyArrived(mesh, namespace, "default");
  });

  test("a canary that fails while it is held is put back, and not held", async () => {
    const broken = (namespace: string) => [
      deployment({ namespace, name: "web", replicas: 6, life: "never-ready", onRevision: "1-20" }),
    ];
    const namespace = await settled(mesh, broken);
    const own = await fieldsOf(namespace);
    const args = [...pace, "--workload-timeout", "6s", "-o", "json"];
    const document = documentOf(await mesh.run("mesh-migrate", ["-n", namespace, "--to", "1-20", ...args]));
    assert.equal(document.state, "restored", JSON.stringify(document, undefined, 2));
    assert.deepEqual(await fieldsOf(namespace), own);
    neverFell(mesh, namespace);
    await eventuallyArrived(mesh, namespace, "default");
  });

  test("what cannot be in time is refused before a write; a Deployment that was paused is refused as ever", async () => {
    const namespace = await settled(mesh, web);
    const late = ["--workload-pods", "1", "--workload-pause", "1h", "--timeout", "2h"];
    const { code, stderr } = await migrate(mesh, namespace, "1-20", late);
    assert.equal(code, 3, stderr);
    assert.match(stderr, /its pauses alone take 300m, and the run ends after 120m/);
    await mesh.api.merge(`/apis/apps/v1/namespaces/${namespace}/deployments/web`, { spec: { paused: true } });
    const paused = await migrate(mesh, namespace, "1-20", pace);
    assert.equal(paused.code, 3, paused.stderr);
    assert.match(paused.stderr, /it is paused: .* \[workloads-restartable\]/);
  });
});

test("--workload-pause alone is wrong usage", async () => {
  const { code, stderr } = await mesh.run("mesh-migrate", ["-n", "a", "--to", "1-20", "--workload-pause", "3s"]);
  assert.equal(code, 2);
  assert.match(stderr, /give --workload-pods too/);
});
