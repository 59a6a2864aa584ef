/** Removals on the embedded mesh, with the true proof: what goes, what stays, and that no pod is refused meanwhile. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { everything, type Migrated, migrated, missingIn, removal } from "./removals.ts";

const ownOfDefault = [
  ...["istiod-clusterrole", "istiod-gateway-controller", "istio-reader-clusterrole"].flatMap((name) => [
    `clusterrolebindings.rbac.authorization.k8s.io/${name}-istio-system`,
    `clusterroles.rbac.authorization.k8s.io/${name}-istio-system`,
  ]),
  "configmaps/istio-system/istio",
  "configmaps/istio-system/istio-sidecar-injector",
  "deployments.apps/istio-system/istiod",
  "mutatingwebhookconfigurations.admissionregistration.k8s.io/istio-sidecar-injector",
  "rolebindings.rbac.authorization.k8s.io/istio-system/istiod",
  "roles.rbac.authorization.k8s.io/istio-system/istiod",
  "serviceaccounts/istio-system/istiod",
  "services/istio-system/istiod",
  "validatingwebhookconfigurations.admissionregistration.k8s.io/istio-validator-istio-system",
];

test("exactly the revision's objects are gone, and --restore brings the same ones back", async () => {
  await using it = await migrated();
  const { mesh } = it;
  const before = everything(mesh);
  const { code, stdout, stderr } = await mesh.run("mesh-cleanup", removal);
  assert.equal(code, 0, stdout + stderr);
  const after = everything(mesh);
  assert.deepEqual(missingIn(before, after), ownOfDefault.toSorted());
  assert.deepEqual(missingIn(after, before), []);
  for (const [key, object] of after) assert.deepEqual(object, before.get(key), key);
  assert.match(stdout, /revision default is removed, 15 objects deleted/);

  const twice = await mesh.run("mesh-cleanup", removal);
  assert.equal(twice.code, 0, twice.stderr);
  assert.match(twice.stdout, /nothing to do/);

  const restored = await mesh.run("mesh-cleanup", ["--revision", "default", "--restore"]);
  assert.equal(restored.code, 0, restored.stdout + restored.stderr);
  const again = everything(mesh);
  assert.deepEqual(missingIn(before, again), []);
  for (const [key, object] of again) assert.deepEqual(object, before.get(key), key);
});

test("webhooks are deleted before the Service, the Service before istiod, and what istiod needs after it", async () => {
  await using it = await migrated();
  const { mesh } = it;
  const since = new Date(mesh.clock.wall());
  const { code, stderr } = await mesh.run("mesh-cleanup", removal);
  assert.equal(code, 0, stderr);
  const deleted = (await mesh.audit(since)).filter(({ verb, dryRun }) => verb === "delete" && !dryRun);
  assert.deepEqual(
    [...new Set(deleted.map(({ resource }) => resource))],
    [
      ...["mutatingwebhookconfigurations", "validatingwebhookconfigurations", "services", "deployments"],
      ...["configmaps", "rolebindings", "clusterrolebindings", "roles", "clusterroles", "serviceaccounts"],
    ],
  );
});

/** A client that creates a pod every 100 ms of the mesh's time; what became of each. */
function podStream(mesh: Migrated["mesh"], namespace: string) {
  const outcomes: string[] = [];
  let going = true;
  let pending = Promise.resolve();
  const create = async (): Promise<void> => {
    const place = { resource: mesh.resources.named("pods"), namespace };
    const pod = {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { generateName: "client-" },
      spec: { containers: [{ name: "app", image: "app" }] },
    };
    try {
      const created = await mesh.writer.create(place, pod, { user: "client", dryRun: true });
      const status = created.metadata.annotations?.["sidecar.istio.io/status"];
      outcomes.push(status === undefined ? "not injected" : String(JSON.parse(status).revision));
    } catch (error) {
      outcomes.push(`refused: ${(error as Error).message}`);
    }
  };
  const tick = (): void => {
    if (!going) return;
    pending = create();
    mesh.clock.after(100, tick);
  };
  tick();
  return {
    stop: async (): Promise<readonly string[]> => {
      going = false;
      await pending;
      return outcomes;
    },
  };
}

test("no pod is refused or comes up without its sidecar while the revision goes, and while it comes back", async () => {
  await using it = await migrated();
  const { mesh, namespace } = it;
  const stream = podStream(mesh, namespace);
  const { code, stderr } = await mesh.run("mesh-cleanup", removal);
  assert.equal(code, 0, stderr);
  assert.equal((await mesh.run("mesh-cleanup", ["--revision", "default", "--restore"])).code, 0);
  const outcomes = await stream.stop();
  assert.ok(outcomes.length > 200, `${outcomes.length}`);
  assert.deepEqual([...new Set(outcomes)], ["1-20"]);
});

test("while another run is at work anywhere it is refused, and names that run", async () => {
  await using it = await migrated();
  const { mesh, namespace } = it;
  const before = everything(mesh);
  const lease = { resource: mesh.resources.named("leases"), namespace };
  let turn = 0;
  const renew = (): void => {
    void mesh.writer.update(
      lease,
      "kubectl-mesh",
      (now) => ({
        ...now,
        spec: {
          ...now.spec,
          holderIdentity: "bob@host",
          leaseDurationSeconds: 15,
          renewTime: new Date(mesh.clock.wall() + turn++).toISOString().replace("Z", "000Z"),
        },
      }),
      { user: "bob" },
    );
    if (turn < 40) mesh.clock.after(3_000, renew);
  };
  renew();
  await mesh.pass(10);
  const { code, stderr } = await mesh.run("mesh-cleanup", removal);
  assert.equal(code, 3, stderr);
  assert.match(stderr, new RegExp(`namespace ${namespace} is being changed by bob@host`));
  assert.deepEqual(missingIn(before, everything(mesh)), []);
});

test("a record that is torn, forged or of a later release is named, and nothing is changed", async () => {
  await using it = await migrated();
  const { mesh } = it;
  const configMap = {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: "kubectl-mesh-cleanup", namespace: "istio-system" },
  };
  const [record, list] = ["removal.default", "manifests.default"];
  const before = everything(mesh);
  for (const [data, says] of [
    [{ [record]: "{" }, /one of its two parts is missing/],
    [{ [record]: "{", [list]: "{}" }, /it is not JSON/],
    [{ [record]: '{"version":7}', [list]: "{}" }, /its version is 7/],
    [{ [record]: '{"version":1,"revision":"x"}', [list]: "gzip:AAAA" }, /is missing/],
  ] as const) {
    await mesh.apply({ ...configMap, data });
    for (const args of [removal, ["--revision", "default", "--restore"]]) {
      const { code, stderr } = await mesh.run("mesh-cleanup", args);
      assert.equal(code, 1, stderr);
      assert.match(stderr, says);
    }
    assert.deepEqual(missingIn(before, everything(mesh)), []);
    await mesh.clock.during(mesh.api.delete("/api/v1/namespaces/istio-system/configmaps/kubectl-mesh-cleanup"));
  }
});
