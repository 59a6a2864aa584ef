/** Old pods that may take hours to end: said beforehand, waited for within reason, and no failure. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { deployment, statefulSet } from "../fixtures/workload-objects.ts";
import type { MeshUnderTest } from "./mesh-under-test.ts";
import { carriedOut, neverFell, outcomesOf, settled, warningsOf } from "./migrations.ts";
import { openMesh, together } from "./open-mesh.ts";
import { findingsIn } from "./refusal.ts";
import { assertArrived, documentOf, recordOf } from "./verify-result.ts";

let mesh: MeshUnderTest;
before(async () => {
  mesh = await openMesh({ revisions: { default: "1.19.0", "1-20": "1.20.0" } });
});
after(() => mesh?.[Symbol.asyncDispose]());

const lasting = (seconds: number) => ({ podSpec: { terminationGracePeriodSeconds: seconds } });
const impatient = ["--to", "1-20", "--workload-timeout", "6s"];

describe("old pods that take long to end", together(), () => {
  test("gitpod-io/gitpod#4344, 2 hours for open sockets: proven, draining, and proven to the end by the next run", async () => {
    const namespace = await settled(mesh, (namespace) => [
      deployment({ namespace, name: "ws-proxy", replicas: 2, terminateAfter: 25_000, ...lasting(7200) }),
      deployment({ namespace, name: "next", replicas: 3 }),
    ]);
    const run = await mesh.run("mesh-migrate", ["-n", namespace, ...impatient, "--parallel", "1", "-o", "json"]);
    const document = documentOf(run);
    assert.deepEqual([document.exitCode, document.state, document.failure], [4, "partial", null], run.stderr);
    assert.deepEqual(outcomesOf(document), { "ws-proxy": "draining", next: "moved" });
    const [slow] = document.workloads.filter(({ outcome }) => outcome === "draining");
    assert.match(
      slow?.reason ?? "",
      /^every new pod is proven; 2 old pods still drain, until \d{4}-.*Z at the latest$/,
    );
    assert.deepEqual(
      findingsIn(run.stderr).map(({ severity, check, object }) => `${severity} ${check} ${object}`),
      [],
    );
    assert.deepEqual(
      warningsOf(document).map(({ severity, check, object }) => `${severity} ${check} ${object}`),
      [`warning long-termination ${namespace}/Deployment/ws-proxy`],
    );
    assert.ok(document.goBack?.startsWith("kubectl mesh-rollback "), document.goBack ?? "");
    neverFell(mesh, namespace);
    assert.ok(await recordOf(mesh, namespace), "the run is still open");
    await mesh.eventually("the old pods are gone", async () => (await mesh.pods(namespace)).length === 5, 60);
    const again = await carriedOut(mesh, document.goOn);
    assert.match(again.stdout, /^moved |^nothing to do/m);
    await assertArrived(mesh, namespace, "1-20");
  });

  test("neondatabase/neon#3678, a kill that is delayed by a week: a StatefulSet waits for each of its pods", async () => {
    const namespace = await settled(mesh, (namespace) => [
      statefulSet({ namespace, name: "proxy", replicas: 2, terminateAfter: 10_000, ...lasting(604_800) }),
    ]);
    const run = await mesh.run("mesh-migrate", ["-n", namespace, ...impatient]);
    assert.equal(run.code, 0, run.stderr + run.stdout);
    assert.match(run.stdout, /each old pod may take up to 10080m to end/);
    await assertArrived(mesh, namespace, "1-20");
  });

  test("kubernetes/kubernetes#73011, a pod that its node never lets go: a failure that names it", async (t) => {
    if (mesh.kind === "real") return t.skip("it takes a minute to be late");
    const namespace = await settled(mesh, (namespace) => [
      deployment({ namespace, name: "web", replicas: 2, terminateAfter: 3_600_000, ...lasting(2) }),
    ]);
    const run = await mesh.run("mesh-migrate", ["-n", namespace, ...impatient, "-o", "json"]);
    const document = documentOf(run);
    assert.deepEqual([document.exitCode, outcomesOf(document)], [4, { web: "failed" }], run.stderr);
    assert.match(document.failure?.reason ?? "", /2 old pods should be gone and are not \(web-/);
  });
});
