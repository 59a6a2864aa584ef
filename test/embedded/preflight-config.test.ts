/** A fresh mesh of each pair of releases: its gateways, owners and leftovers are read whole, and nothing is wrong. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { connect } from "../../src/cluster/connect.ts";
import { readConfig } from "../../src/gather/preflight/read-config.ts";
import { evidence, readClusterEvidence } from "../../src/gather/read-evidence.ts";
import { snapshot } from "../../src/gather/snapshot.ts";
import type { MissingEvidence } from "../../src/upgrade/evidence/cluster-evidence.ts";
import { brief } from "../fixtures/plan.ts";
import { configFindings } from "../fixtures/preflight-config.ts";
import { deployment } from "../fixtures/workload-objects.ts";
import { bootMesh, type EmbeddedMesh } from "./mesh.ts";
import { istioApi } from "./seed.ts";

/** All that is found, in brief; nothing may be unread. */
async function foundIn({ clock, kubeconfig }: EmbeddedMesh, namespace: string): Promise<readonly string[]> {
  const options = { userAgent: "test", fieldManager: "test", warn: assert.fail, clock };
  const cluster = await connect({ kubeconfig }, options);
  try {
    const all = { istioNamespace: "istio-system", namespaces: "all", workloads: true, askIstiods: true } as const;
    const found = await clock.during(snapshot(cluster, all));
    const missing: MissingEvidence[] = [];
    const [surroundings, config] = await clock.during(
      Promise.all([
        readClusterEvidence(cluster, found, [namespace]),
        readConfig(cluster, found, [namespace], (check, essential) => evidence(missing, check, essential)),
      ]),
    );
    assert.deepEqual(missing, []);
    return brief(configFindings(found, { to: "next", config, surroundings }));
  } finally {
    await cluster.close();
  }
}

for (const [old, next] of [["1.19.0", "1.20.0"], ["1.28.2", "1.29.1"]] as const) // biome-ignore format: one line
  test(`${old} to ${next}`, async () => {
    await using mesh = await bootMesh({ revisions: { default: old, next }, gatewayApi: true });
    const namespace = await mesh.createNamespace({ "istio-injection": "enabled" }, "production");
    await mesh.apply([deployment({ namespace, name: "web", replicas: 2 })]);
    await mesh.waitReady(namespace);
    assert.deepEqual(await foundIn(mesh, namespace), []);
  });

test("what is wrong with the configuration is found in the objects of a server", async () => {
  await using mesh = await bootMesh({ revisions: { default: "1.19.0", next: "1.20.0" }, gatewayApi: true });
  const namespace = await mesh.createNamespace({ "istio-injection": "enabled" }, "production");
  await mesh.apply([deployment({ namespace, name: "web", replicas: 2 })]);
  const inside = (apiVersion: string, kind: string, name: string, rest: object, labels: object = {}) => ({
    ...{ apiVersion, kind, metadata: { namespace, name, labels }, ...rest },
  });
  await mesh.apply([
    ...istioApi,
    inside("networking.istio.io/v1alpha3", "EnvoyFilter", "lua", {
      spec: { configPatches: [{ applyTo: "CLUSTER", match: { proxy: { proxyVersion: "^1\\.19" } }, patch: {} }] },
    }),
    inside(
      "networking.istio.io/v1beta1",
      "VirtualService",
      "v",
      { spec: { hosts: ["v"] } },
      { "istio.io/rev": "default" },
    ),
  ]);
  await mesh.waitReady(namespace);
  assert.deepEqual(await foundIn(mesh, namespace), [
    "envoy-filters-stop warning production/EnvoyFilter/lua",
    "config-labelled warning VirtualService",
  ]);
});
