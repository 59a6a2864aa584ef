/** Which kinds the server has of a group, each in the first version that has it; asked through the plugins' own client. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { systemClock } from "../../src/cluster/clock.ts";
import { connect } from "../../src/cluster/connect.ts";
import type { MeshUnderTest } from "./mesh-under-test.ts";
import { openMesh } from "./open-mesh.ts";

let mesh: MeshUnderTest;
before(async () => {
  mesh = await openMesh({ revisions: {} });
});
after(() => mesh?.[Symbol.asyncDispose]());

const group = "discovered.example.com";
const definition = (plural: string, kind: string, versions: readonly string[]) => ({
  ...{
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: `${plural}.${group}` },
  },
  spec: {
    ...{ group, scope: "Namespaced", names: { plural, kind, singular: kind.toLowerCase(), listKind: `${kind}List` } },
    versions: versions.map((name, at) => ({
      ...{ name, served: true, storage: at === 0 },
      schema: { openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true } },
    })),
  },
});

const served = async (groups: readonly string[]) => {
  const cluster = await connect(
    { kubeconfig: mesh.kubeconfig },
    { userAgent: "test", fieldManager: "test", warn: () => {}, clock: systemClock },
  );
  try {
    const kinds = await mesh.during(cluster.served(groups));
    return kinds
      .map(({ plural, version, kind, namespaced }) => `${plural} ${version} ${kind} ${namespaced}`)
      .toSorted();
  } finally {
    await cluster.close();
  }
};

test("each kind once, in the version that the server prefers of those that have it; no subresources", async () => {
  await mesh.apply([
    definition("newers", "Newer", ["v1beta1", "v1alpha3"]),
    definition("olders", "Older", ["v1alpha3"]),
  ]);
  const wanted = ["newers v1beta1 Newer true", "olders v1alpha3 Older true"];
  await mesh.eventually("the kinds to be served", async () => (await served([group])).length === wanted.length);
  assert.deepEqual(await served([group, "nobody.example.com"]), wanted);
});

test("none of a group that is not installed", async () => {
  assert.deepEqual(await served(["nobody.example.com"]), []);
});

test("a kind that cannot be listed is left out", async () => {
  assert.deepEqual(await served(["authorization.k8s.io"]), []);
});
