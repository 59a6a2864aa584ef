/**
 * `-A` leaves nothing unsaid: what is injected moves, whatever its namespace is called; what runs the old
 * revision and does not move is listed, and keeps the run from being done. Sources: istio.io
 * content/en/docs/setup/platform-setup/k3d/index.md (a gateway injected in istio-system), istio/istio#36258, #36261 and
 * #39604 (`enableNamespacesByDefault`), istio/istio#48317 (templates that name a revision), istio/istio#42331 (a gateway
 * of an installer in a namespace that was labelled: closed, works as intended).
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { deployment, gateway } from "../fixtures/workload-objects.ts";
import type { Json, MeshUnderTest } from "./mesh-under-test.ts";
import { carriedOut, enabled, settled } from "./migrations.ts";
import { openMesh } from "./open-mesh.ts";
import { findingsIn } from "./refusal.ts";
import { assertArrived, documentOf, labelsOf, recordOf, revisionOf } from "./verify-result.ts";

let mesh: MeshUnderTest;
before(async () => {
  mesh = await openMesh({ revisions: { default: "1.28.2", "1-29": "1.29.1" } });
});
after(() => mesh?.[Symbol.asyncDispose]());

const web = (namespace: string) => [deployment({ namespace, name: "web", replicas: 2 })];
const asking = (namespace: string) => [
  deployment({ namespace, name: "asks", replicas: 2, labels: { "sidecar.istio.io/inject": "true" } }),
  deployment({ namespace, name: "names", replicas: 2, labels: { "istio.io/rev": "default" } }),
];
/** A gateway that its installer made and nothing injects, as istioctl's profiles do. */
const byInstaller = (namespace: string) =>
  deployment({
    namespace,
    name: "edge",
    replicas: 1,
    labels: { "operator.istio.io/component": "IngressGateways", "sidecar.istio.io/inject": "false" },
    annotations: { "istio.io/rev": "default" },
    podSpec: { containers: [{ name: "istio-proxy", image: "proxyv2:1.28.2", args: ["proxy", "router"] }] },
  });
const istioSystem = "istio-system";
const isIngress = (pod: Json): boolean => pod.metadata.labels?.app === "ingress";

test("-A moves what is injected, lists the rest, and is done when that is left by name", async () => {
  const shop = await settled(mesh, (namespace) => [...web(namespace), byInstaller(namespace)]);
  const logging = await settled(mesh, web, enabled, "kube-logging");
  const legacy = await settled(mesh, asking, {});
  const label = (value: string | null): Promise<Json> =>
    mesh.api.merge(`/api/v1/namespaces/${istioSystem}`, { metadata: { labels: { "istio-injection": value } } });
  await label("enabled");
  const before = await labelsOf(mesh, istioSystem);
  await mesh.apply([gateway({ namespace: istioSystem, name: "ingress", replicas: 1 })]);
  await mesh.waitReady(istioSystem);
  assert.deepEqual((await mesh.pods(legacy)).map(revisionOf), Array(4).fill("default"));

  const revisions = JSON.parse((await mesh.run("mesh-revisions", ["-A", "-o", "json"])).stdout);
  for (const name of [logging, legacy, istioSystem])
    assert.ok(
      revisions.namespaces.some((each: Json) => each.name === name && each.pods.injected.length > 0),
      name,
    );

  const all = ["-A", "--from", "default", "--to", "1-29", "--workload-timeout", "20s"];
  const asked = await mesh.run("mesh-migrate", all);
  assert.equal(asked.code, 3, asked.stderr);
  assert.deepEqual(
    findingsIn(asked.stderr).map(({ severity, check, object }) => `${severity} ${check} ${object}`),
    [`blocker gateway-workloads ${istioSystem}/Deployment/ingress`, `warning pods-unplanned namespace/${legacy}`],
  );

  const args = [...all, "--allow-downtime", `${istioSystem}/deployment/ingress`];
  const moved = documentOf(await mesh.run("mesh-migrate", [...args, "-o", "json"]));
  assert.deepEqual([moved.state, moved.exitCode], ["partial", 4]);
  assert.deepEqual(moved.namespaces.map(({ name, labels }) => `${name} ${labels}`).toSorted(), [
    ...[`${istioSystem} written`, `${logging} written`, `${shop} written`].toSorted(),
  ]);
  assert.deepEqual(
    moved.unplanned?.map(({ namespace, pods, open, objects }) => [
      namespace,
      pods,
      open,
      objects.map(({ name }) => name),
    ]),
    [
      [legacy, 4, true, ["asks", "names"]],
      [shop, 1, false, ["edge"]],
    ].toSorted(([a], [b]) => (String(a) < String(b) ? -1 : 1)),
  );
  assert.ok(moved.workloads.some(({ name, outcome }) => name === "istiod" && outcome === "not-injected"));
  await assertArrived(mesh, logging, "1-29");
  await assertArrived(mesh, shop, "1-29", { of: (pod) => pod.metadata.labels?.app === "web" });
  await assertArrived(mesh, istioSystem, "1-29", { of: isIngress });

  const again = await mesh.run("mesh-migrate", args);
  assert.equal(again.code, 3, again.stdout + again.stderr);
  assert.match(
    again.stderr,
    new RegExp(`^blocker: namespace/${legacy}: 4 pods on default .* \\[pods-unplanned\\]$`, "m"),
  );
  const accepting = / {2}(kubectl mesh-migrate .*--leave .*)$/m.exec(again.stderr)?.[1];
  assert.match((await carriedOut(mesh, accepting)).stdout, /^nothing to do: .*; 2 objects left where they are$/m);
  const preflight = JSON.parse((await mesh.run("mesh-preflight", ["--to", "1-29", "-o", "json"])).stdout);
  const { state } = preflight.checks.find(({ id }: Json) => id === "pods-unplanned");
  assert.equal(state, "blocker");

  await carriedOut(mesh, `${moved.goBack} --allow-downtime ${istioSystem}/deployment/ingress`);
  assert.deepEqual(await labelsOf(mesh, istioSystem), before);
  await assertArrived(mesh, istioSystem, "default", { of: isIngress });
  await assertArrived(mesh, logging, "default");
  await mesh.api.delete(`/apis/apps/v1/namespaces/${istioSystem}/deployments/ingress`);
  await label(null);
});

test("enableNamespacesByDefault: a namespace without labels gets one, and loses it on the way back", async () => {
  const configurations = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations";
  const { items } = await mesh.api.get(configurations);
  const name = "namespace.sidecar-injector.istio.io";
  const found = items.find(({ webhooks }: Json) =>
    webhooks.some((entry: Json) => entry.name === name && !entry.namespaceSelector.matchLabels),
  );
  assert.ok(found);
  const absent = (key: string) => ({ key, operator: "DoesNotExist" });
  const four = ["kube-system", "kube-public", "kube-node-lease", "local-path-storage"];
  const auto = {
    ...found.webhooks.find((entry: Json) => entry.name === name),
    name: "auto.sidecar-injector.istio.io",
    namespaceSelector: {
      matchExpressions: [
        ...["istio-injection", "istio.io/rev"].map(absent),
        { key: "kubernetes.io/metadata.name", operator: "NotIn", values: four },
      ],
    },
    objectSelector: { matchExpressions: ["sidecar.istio.io/inject", "istio.io/rev"].map(absent) },
  };
  await mesh.api.merge(`${configurations}/${found.metadata.name}`, { webhooks: [...found.webhooks, auto] });
  const bare = await mesh.eventually("a namespace that is injected by default", async () => {
    const namespace = await settled(mesh, web, {});
    return (await mesh.pods(namespace)).every((pod) => revisionOf(pod) === "default") && namespace;
  });

  const args = ["-n", bare, "--to", "1-29", "--workload-timeout", "20s", "-o", "json"];
  const moved = documentOf(await mesh.run("mesh-migrate", args));
  assert.deepEqual([moved.state, moved.namespaces[0]?.from], ["done", "default"], JSON.stringify(moved, undefined, 2));
  assert.deepEqual(await labelsOf(mesh, bare), { "istio.io/rev": "1-29" });
  await assertArrived(mesh, bare, "1-29");
  await carriedOut(mesh, moved.goBack);
  assert.deepEqual([await labelsOf(mesh, bare), await recordOf(mesh, bare)], [{}, undefined]);
  await assertArrived(mesh, bare, "default");
});
