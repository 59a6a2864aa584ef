/** Pods and metadata as our client reads them, in protobuf, beside the same from the API server's JSON. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { systemClock } from "../../src/cluster/clock.ts";
import { connect } from "../../src/cluster/connect.ts";
import { kinds } from "../../src/cluster/kinds.ts";
import { barePod, deployment, job, statefulSet } from "../fixtures/workload-objects.ts";
import type { Json, MeshUnderTest } from "./mesh-under-test.ts";
import { openMesh } from "./open-mesh.ts";
import { connectWire } from "./wire.ts";

let mesh: MeshUnderTest;
before(async () => {
  mesh = await openMesh({ revisions: { "1-29": "1.29.1" } });
});
after(() => mesh?.[Symbol.asyncDispose]());

/** What of the JSON has the properties that `model` has, all the way down: the narrow shape that is read. */
function like(model: unknown, json: Json): unknown {
  if (Array.isArray(model))
    return json?.length === model.length ? model.map((each, index) => like(each, json[index])) : json;
  if (typeof model !== "object" || model === null || typeof json !== "object" || json === null) return json;
  return Object.fromEntries(Object.entries(model).map(([key, value]) => [key, like(value, json[key])]));
}

/** Properties that pods of the scenario have in JSON and that must not be missing. */
const paths = [
  ["metadata", "ownerReferences"],
  ["metadata", "deletionTimestamp"],
  ["spec", "initContainers"],
  ["spec", "volumes"],
  ["spec", "hostNetwork"],
  ["spec", "nodeName"],
  ["status", "phase"],
  ["status", "startTime"],
  ["status", "conditions"],
  ["status", "containerStatuses"],
  ["status", "initContainerStatuses"],
] as const;
const at = (object: Json, [outer, inner]: readonly [string, string]): unknown => object[outer]?.[inner];

test("pods of every life come in protobuf, and are the same as in JSON", async () => {
  const namespace = await mesh.createNamespace({ "istio.io/rev": "1-29" });
  const own = (name: string) => ({ namespace, name, replicas: 1 });
  await mesh.apply([
    deployment({
      ...own("well"),
      labels: { "x.example/empty": "" },
      podSpec: { volumes: [{ name: "data", emptyDir: {} }] },
    }),
    deployment({ ...own("crash"), life: "crash" }),
    deployment({ ...own("pull"), life: "pull" }),
    deployment({ ...own("host"), podSpec: { hostNetwork: true } }),
    deployment({
      ...own("ports"),
      podSpec: {
        containers: [
          {
            name: "app",
            image: "registry.example/app:1",
            args: ["--flag", ""],
            env: [{ name: "A", value: "ü" }, { name: "EMPTY" }],
            ports: [{ containerPort: 80, hostPort: 8080 }],
            resources: { requests: { cpu: "100m" }, limits: { memory: "1Gi" } },
          },
        ],
      },
    }),
    statefulSet({
      ...own("db"),
      spec: {
        volumeClaimTemplates: [
          {
            metadata: { name: "data" },
            spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } },
          },
        ],
      },
    }),
    job(own("once")),
    barePod({ ...own("bare"), terminateAfter: 60_000 }),
  ]);
  await mesh.waitReady(namespace, 5).catch(() => {}); // some never are
  const path = `/api/v1/namespaces/${namespace}/pods`;
  await mesh.api.delete(`${path}/bare`);
  const wire = connectWire(mesh);
  for (const form of ["", ";as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"]) {
    const { headers } = await wire.get(path, { accept: `application/vnd.kubernetes.protobuf${form},application/json` });
    assert.match(headers["content-type"] ?? "", /^application\/vnd\.kubernetes\.protobuf/);
  }

  const cluster = await connect(
    { kubeconfig: mesh.kubeconfig },
    { userAgent: "mesh-test", fieldManager: "mesh-test", clock: systemClock, warn: () => {} },
  );
  try {
    // Only a list of the same moment can be the same.
    for (let tries = 0; ; tries++) {
      const read = await mesh.during(cluster.list(kinds.pods, { namespace }, (pod) => pod));
      const metadata = await mesh.during(cluster.list(kinds.pods, { namespace, metadataOnly: true }, (pod) => pod));
      const json: Json = await mesh.api.get(path);
      const moments = [read, metadata].map((listed) => listed?.resourceVersion);
      if (moments.some((moment) => moment !== json.metadata.resourceVersion) && tries < 50) continue;
      const pods = read?.items ?? [];
      assert.equal(pods.length, 8);
      for (const [index, pod] of pods.entries()) {
        assert.deepEqual(pod, like(pod, json.items[index]), pod.metadata.name);
        assert.deepEqual(metadata?.items[index]?.metadata, pod.metadata);
        for (const each of paths)
          assert.equal(
            at(pod, each) === undefined,
            at(json.items[index], each) === undefined,
            `${pod.metadata.name}: ${each}`,
          );
      }
      for (const each of paths)
        assert.ok(
          pods.some((pod) => at(pod, each) !== undefined),
          `no pod has ${each.join(".")}`,
        );
      return;
    }
  } finally {
    await cluster.close();
  }
});
