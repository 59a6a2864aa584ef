/** What needs no restart has to be proven all the same. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { deployment } from "../real/workloads.ts";
import { bootMesh, type EmbeddedMesh } from "./mesh.ts";
import { documentOf } from "./witness.ts";

let mesh: EmbeddedMesh;
before(async () => {
  mesh = await bootMesh({ revisions: { default: "1.19.0", "1-20": "1.20.0" } });
});
after(() => mesh?.down());

const migrate = async (namespace: string) =>
  documentOf(await mesh.run("mesh-migrate", ["-n", namespace, "--to", "1-20", "--workload-timeout", "20s", "-o", "json"]));

test("pods of the target whose proxies never arrived are no 'nothing to do'", async () => {
  const namespace = await mesh.createNamespace({ "istio.io/rev": "1-20" });
  await mesh.apply([
    deployment({ namespace, name: "deaf", replicas: 2, life: "no-istiod" }),
    deployment({ namespace, name: "fine", replicas: 2 }),
  ]);
  await mesh.eventually(
    "all pods running",
    async () => (await mesh.pods(namespace)).filter(({ status }) => status.phase === "Running").length === 4,
  );
  const document = await migrate(namespace);
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
  await mesh.eventually(
    "all pods running",
    async () => (await mesh.pods(namespace)).filter(({ status }) => status.phase === "Running").length === 2,
  );
  const document = await migrate(namespace);
  assert.deepEqual([document.state, document.exitCode], ["nothing-to-do", 0]);
  assert.deepEqual(
    document.namespaces.map(({ name, labels, after: now }) => [name, labels, now["istio.io/rev"]]),
    [[namespace, "kept", "1-20"]],
  );
});

test("a move beside them is not done while they are not proven", async () => {
  const namespace = await mesh.createNamespace({ "istio.io/rev": "1-20" });
  await mesh.apply([deployment({ namespace, name: "deaf", replicas: 2, life: "no-istiod" })]);
  await mesh.eventually(
    "all pods running",
    async () => (await mesh.pods(namespace)).filter(({ status }) => status.phase === "Running").length === 2,
  );
  const other = await mesh.createNamespace({ "istio-injection": "enabled" });
  await mesh.apply([deployment({ namespace: other, name: "web", replicas: 2 })]);
  await mesh.waitReady(other);
  const document = await migrate(`${other},${namespace}`);
  assert.deepEqual([document.state, document.exitCode], ["unknown", 4]);
  assert.equal(document.workloads.find(({ name }) => name === "web")?.outcome, "moved");
  assert.equal(document.workloads.find(({ name }) => name === "deaf")?.outcome, "unproven");
});
