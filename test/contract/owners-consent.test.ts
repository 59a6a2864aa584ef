/** What the owners of a namespace or workload say by annotation `kubectl-mesh/migrate`. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { deployment } from "../fixtures/workload-objects.ts";
import type { MeshUnderTest } from "./mesh-under-test.ts";
import { carriedOut, enabled, migrateJson, outcomesOf, settled } from "./migrations.ts";
import { openMesh, together } from "./open-mesh.ts";
import { refused, told } from "./refusal.ts";
import { eventuallyArrived, labelsOf } from "./verify-result.ts";

let mesh: MeshUnderTest;
before(async () => {
  mesh = await openMesh({ revisions: { default: "1.19.0", "1-20": "1.20.0" } });
});
after(() => mesh?.[Symbol.asyncDispose]());

const two = (namespace: string) => ["sockets", "web"].map((name) => deployment({ namespace, name, replicas: 2 }));
const deployments = (namespace: string) => `/apis/apps/v1/namespaces/${namespace}/deployments/sockets`;
const say = (path: string, value: string | null) =>
  mesh.api.merge(path, { metadata: { annotations: { "kubectl-mesh/migrate": value } } });
const to = ["--to", "1-20"];

describe("owners say", together(), () => {
  test("no of a workload: it is left and listed (deckhouse/deckhouse#2144), and comes back with all in a rollback", async () => {
    const namespace = await settled(mesh, two);
    await say(deployments(namespace), "no");
    const document = await migrateJson(mesh, namespace, "1-20");
    assert.deepEqual([document.exitCode, document.state, outcomesOf(document)], [0, "done", { web: "moved" }]);
    assert.deepEqual(
      document.left.map(({ by, object }) => [by, object.name]),
      [["owner", "sockets"]],
    );
    await say(deployments(namespace), "wait");
    await carriedOut(mesh, `kubectl mesh-rollback -n ${namespace}`);
    await eventuallyArrived(mesh, namespace, "default");
    assert.deepEqual(await labelsOf(mesh, namespace), enabled);
  });

  test("wait of a workload: refused until it is gone, or left (rabbitmq/cluster-operator#509)", async () => {
    const namespace = await settled(mesh, two);
    await say(deployments(namespace), "wait");
    const refusal = await refused(mesh, namespace, to, [`owners-consent ${namespace}/Deployment/sockets`]);
    assert.match(told(refusal).message, /^its owners ask to wait \(annotation kubectl-mesh\/migrate: wait\)$/);
    assert.match(refusal.accepting(), /--leave .*deployment\/sockets/);
    await say(deployments(namespace), null);
    await mesh.waitReady(namespace); // a change of its annotations too is one that its controller has to see
    const document = await migrateJson(mesh, namespace, "1-20");
    assert.equal(document.state, "done", JSON.stringify(document.findings));
  });

  test("no of a namespace: refused where it is named, and a word that nobody understands is refused", async () => {
    const namespace = await settled(mesh, two);
    for (const value of ["no", "later"]) {
      await say(`/api/v1/namespaces/${namespace}`, value);
      const refusal = await refused(mesh, namespace, to, [`owners-consent namespace/${namespace}`]);
      assert.match(
        told(refusal).remedy ?? "",
        new RegExp(`kubectl annotate namespace ${namespace} kubectl-mesh/migrate-$`),
      );
    }
  });
});
