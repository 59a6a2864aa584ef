/** A mesh that starts from a snapshot is the mesh that was installed: object by object. */
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { describe, test } from "node:test";
import { deployment } from "../fixtures/workload-objects.ts";
import { type Json, type Mesh, type MeshOptions, upMesh } from "./kit.ts";

/** What no two meshes share. */
const own = new Set([
  ...[
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "time",
    "lastTransitionTime",
    "lastUpdateTime",
    "lastProbeTime",
  ],
  ...["lastHeartbeatTime", "startTime", "startedAt", "finishedAt", "renewTime", "acquireTime", "leaseTransitions"],
  ...["nodeName", "podIP", "podIPs", "ip", "clusterIP", "clusterIPs", "addresses", "caBundle", "Port", "modifiedAt"],
  "control-plane.alpha.kubernetes.io/leader", // which istiod leads, since when
]);
const ownText: readonly (readonly [RegExp, string])[] = [
  [/\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:?\d\d)/g, "TIME"],
  [/-----BEGIN [\s\S]*-----END [A-Z ]+-----\s*/g, "PEM"],
  [/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, "UID"],
  [/\b10\.\d+\.\d+\.\d+\b/g, "IP"],
  [/\bkube-api-access-[a-z0-9]{5}\b/g, "kube-api-access"],
  [/\b(istiod(?:-\d-\d+)?)(-[0-9a-f]{8,10})-[a-z0-9]{5}\b/g, "$1$2-POD"],
];

function shared(value: Json, key = ""): Json {
  if (own.has(key)) return "own";
  if (Array.isArray(value)) return value.map((each) => shared(each, "each"));
  if (typeof value === "string") return ownText.reduce((text, [pattern, by]) => text.replaceAll(pattern, by), value);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(
    Object.keys(value)
      .sort()
      .map((name) => [shared(name), shared(value[name], name)]),
  );
}

/** Every object of a mesh, as JSON by `KIND NAMESPACE/NAME`, without what no two meshes share. */
async function objectsOf(mesh: Mesh): Promise<Map<string, string>> {
  const kinds = (await mesh.kubectl(["api-resources", "--verbs=list", "-o", "name"])).trim().split("\n");
  // what happened, and a kind that is made up when it is asked for
  const compared = kinds.filter((kind) => !/^(events(\.|$)|componentstatuses)/.test(kind));
  const text = await mesh.kubectl(["get", compared.join(","), "-A", "-o", "json", "--show-managed-fields"]);
  const found = new Map<string, string>();
  const port = new URL(mesh.api.server).port; // which nothing may have kept from another life
  const plain = text.replaceAll(mesh.dir, "DIR").replaceAll(new RegExp(`\\b${port}\\b`, "g"), "443");
  for (const object of JSON.parse(plain).items) {
    const { kind, metadata } = object;
    if (kind === "IPAddress") metadata.name = `of ${object.spec.parentRef.namespace}/${object.spec.parentRef.name}`;
    const name = metadata.generateName && kind !== "ReplicaSet" ? `${metadata.generateName}*` : shared(metadata.name);
    if (kind === "EndpointSlice") metadata.name = name;
    if (kind === "Secret") object.data = Object.keys(object.data);
    if (kind === "Lease") delete object.spec.holderIdentity;
    if (kind === "PortForward") delete object.spec; // to ports of the machine
    const fields = (metadata.managedFields ?? []).map((each: Json) => JSON.stringify(shared(each))).sort();
    found.set(
      `${kind} ${metadata.namespace ?? ""}/${name}`,
      JSON.stringify(shared({ ...object, metadata: { ...metadata, managedFields: fields } }), undefined, 1),
    );
  }
  return found;
}

/** Lines that are in one text only: `-` in the first, `+` in the second. */
function differences(first: string, second: string): string[] {
  const [before, now] = [first.split("\n"), second.split("\n")];
  const [had, has] = [new Set(before), new Set(now)];
  return [
    ...before.filter((line) => !has.has(line)).map((line) => `-${line}`),
    ...now.filter((line) => !had.has(line)).map((line) => `+${line}`),
  ];
}

/** Boots it twice where it was not installed before. */
async function restored(options: MeshOptions, count: number): Promise<Mesh> {
  const mesh = await upMesh(options);
  const isRestored = (each: Mesh) =>
    fs.readFileSync(path.join(each.dir, "daemon.log"), "utf8").includes(`restored, with ${count} revisions`);
  if (isRestored(mesh)) return mesh;
  await mesh.down();
  const again = await upMesh(options);
  assert.ok(isRestored(again), fs.readFileSync(path.join(again.dir, "daemon.log"), "utf8"));
  return again;
}

async function installed(options: MeshOptions): Promise<Mesh> {
  const before = process.env.MESH_SNAPSHOT;
  process.env.MESH_SNAPSHOT = "no";
  try {
    return await upMesh(options);
  } finally {
    if (before === undefined) delete process.env.MESH_SNAPSHOT;
    else process.env.MESH_SNAPSHOT = before;
  }
}

describe("a restored mesh is like one that was installed", { concurrency: false }, () => {
  const cases: readonly MeshOptions[] = [
    { revisions: { default: "1.19.0", "1-20": "1.20.0" } },
    {
      ...{ revisions: { "1-28": "1.28.2", "1-29": "1.29.1" }, helm: ["1-28", "1-29"], istiods: 2 },
      ...{ gatewayApi: true, argoRollouts: true },
    },
  ];
  for (const options of cases) {
    const names = Object.keys(options.revisions);
    test(names.join(" and "), async () => {
      let was: Map<string, string>;
      {
        await using mesh = await installed(options);
        was = await objectsOf(mesh);
      }
      await using mesh = await restored(options, names.length);
      const is = await objectsOf(mesh);
      assert.deepEqual([...is.keys()].sort(), [...was.keys()].sort());
      assert.deepEqual(
        [...was].flatMap(([name, text]) => differences(text, is.get(name) as string).map((line) => `${name}: ${line}`)),
        [],
      );
      assert.ok(is.size > 100, `${is.size} objects`);

      const labels = { "istio.io/rev": names[1] as string };
      const namespace = await mesh.createNamespace(labels);
      await mesh.apply(deployment({ namespace, name: "web", replicas: 1 }));
      await mesh.waitReady(namespace);
      const [pod] = await mesh.pods(namespace);
      assert.equal(JSON.parse(pod.metadata.annotations["sidecar.istio.io/status"]).revision, names[1]);
    });
  }
});
