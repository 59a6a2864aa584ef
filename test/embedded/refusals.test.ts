/** Refusals: each names what stands in the way, and nothing is changed. Of test/real/refusals.test.ts what needs a mesh. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { barePod, deployment, statefulSet } from "../real/workloads.ts";
import type { EmbeddedMesh } from "./mesh.ts";
import { revisionOf } from "./pods/life.ts";
import { enabled, openScene, type Scene } from "./scene.ts";
import { labelsOf, uidsOf } from "./witness.ts";

let scene: Scene;
let mesh: EmbeddedMesh;
before(async () => {
  scene = await openScene({ revisions: { default: "1.19.0", "1-20": "1.20.0", doomed: "1.20.0" } });
  ({ mesh } = scene);
});
after(() => scene?.[Symbol.asyncDispose]());

describe("refused, naming it, and nothing is changed", () => {
  const single = { replicas: 1, spec: { strategy: { type: "Recreate" } } };
  const cases: readonly (readonly [name: string, make: (namespace: string) => object, reason: RegExp])[] = [
    ["a Deployment that is recreated", (namespace) => deployment({ namespace, name: "it", ...single }), /deployment\/it: /i],
    ["a StatefulSet of one", (namespace) => statefulSet({ namespace, name: "it", replicas: 1 }), /statefulset\/it: /i],
    [
      "one that is updated by deletion",
      (namespace) => statefulSet({ namespace, name: "it", spec: { updateStrategy: { type: "OnDelete" } } }),
      /statefulset\/it: /i,
    ],
    [
      "one with a partition",
      (namespace) =>
        statefulSet({ namespace, name: "it", spec: { updateStrategy: { type: "RollingUpdate", rollingUpdate: { partition: 2 } } } }),
      /statefulset\/it: /i,
    ],
    ["a pod that nobody owns", (namespace) => barePod({ namespace, name: "it" }), /pod\/it: /i],
  ];
  for (const [name, make, reason] of cases) {
    test(name, async () => {
      const namespace = await scene.settled((namespace) => [deployment({ namespace, name: "web" }), make(namespace)]);
      await mesh.pass(2_000);
      const [pods, version] = [await uidsOf(mesh, namespace), mesh.store.version()];
      const { code, stdout, stderr } = await mesh.run("mesh-migrate", ["-n", namespace, "--to", "1-20"]);
      assert.deepEqual([code, stdout], [3, ""], stderr);
      assert.match(stderr, reason);
      assert.match(stderr, /nothing was changed/);
      assert.deepEqual([await uidsOf(mesh, namespace), mesh.store.version()], [pods, version]);
    });
  }

  test("a quota without room for one pod more", async () => {
    const namespace = await scene.settled((namespace) => [
      { apiVersion: "v1", kind: "ResourceQuota", metadata: { name: "few", namespace }, spec: { hard: { pods: "3" } } },
      deployment({ namespace, name: "web" }),
    ]);
    await mesh.eventually(
      "the quota to be counted",
      async () => (await mesh.api.get(`/api/v1/namespaces/${namespace}/resourcequotas/few`)).status.used.pods === "3",
    );
    const { code, stderr } = await mesh.run("mesh-migrate", ["-n", namespace, "--to", "1-20"]);
    assert.equal(code, 3, stderr);
    assert.match(stderr, /quota/);
  });

  test("who may not restart: the verb and the resource to grant", async () => {
    const namespace = await scene.settled((namespace) => [deployment({ namespace, name: "web" })]);
    mesh.addUser("reader", { name: "rita", groups: ["system:authenticated"] });
    const rbac = { apiVersion: "rbac.authorization.k8s.io/v1" };
    const reading = { apiGroups: ["*"], resources: ["*"], verbs: ["get", "list", "watch"] };
    await mesh.apply([
      {
        ...rbac,
        kind: "ClusterRole",
        metadata: { name: "reader" },
        rules: [reading, { apiGroups: [""], resources: ["pods/portforward"], verbs: ["create"] }],
      },
      {
        ...{ ...rbac, kind: "ClusterRoleBinding", metadata: { name: "reader" } },
        ...{ roleRef: { kind: "ClusterRole", name: "reader" }, subjects: [{ kind: "User", name: "rita" }] },
      },
    ]);
    const { code, stderr } = await mesh.run("mesh-migrate", ["-n", namespace, "--to", "1-20", "--as", "rita"]);
    assert.equal(code, 3, stderr);
    assert.match(stderr, /you may not patch deployments\.apps/);
  });

  test("a namespace that is not injected by its labels", async () => {
    const namespace = await mesh.createNamespace({});
    await mesh.apply(deployment({ namespace, name: "web" }));
    await mesh.waitReady(namespace);
    assert.ok((await mesh.pods(namespace)).every((pod) => revisionOf(pod) === undefined));
    const { code, stderr } = await mesh.run("mesh-migrate", ["-n", namespace, "--to", "1-20"]);
    assert.equal(code, 3, stderr);
    assert.match(stderr, new RegExp(`namespace/${namespace}: `));
  });

  test("an istiod that does not answer: cannot tell", async () => {
    const namespace = await scene.settled((namespace) => [deployment({ namespace, name: "web" })]);
    await mesh.stopIstiod("doomed", "unnoticed");
    const { code, stderr } = await mesh.run("mesh-migrate", ["-n", namespace, "--to", "doomed"]);
    await mesh.startIstiod("doomed");
    assert.ok(code === 5 || code === 3, stderr);
    assert.deepEqual(labelsOf(mesh, namespace), enabled);
  });
});
