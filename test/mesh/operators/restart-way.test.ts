import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { attachOwners, type FoundOwner } from "../../../src/mesh/from/owner-workload.ts";
import { podFrom } from "../../../src/mesh/from/pod.ts";
import { workloadFrom } from "../../../src/mesh/from/workload.ts";
import type { PodObject } from "../../../src/mesh/kubernetes.ts";
import { askedStamp, askingPatch, asksFor, type OwnerKind } from "../../../src/mesh/operators/restart-way.ts";
import { trialPodOf } from "../../../src/mesh/operators/trial-pod.ts";
import { knownOwners } from "../../../src/upgrade/owners/known-owners.ts";
import { rolloutVerdict } from "../../../src/upgrade/proof/rollout-verdict.ts";

type Fields = Record<string, unknown>;

/** RFC 7386. */
const merged = (target: unknown, patch: unknown): unknown => {
  if (typeof patch !== "object" || patch === null || Array.isArray(patch)) return patch;
  const result: Fields = typeof target === "object" && target !== null && !Array.isArray(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else result[key] = merged(result[key], value);
  }
  return result;
};

const by = fc.constantFrom(...knownOwners);
const stamp = fc.date({ noInvalidDate: true }).map((date) => date.toISOString());
const before = fc.record({ metadata: fc.constant({ name: "x", uid: "u" }), spec: fc.jsonValue() });

test("what is patched is asked for, and taken back leaves what was there", () => {
  fc.assert(
    fc.property(by, stamp, before, (each, at, object) => {
      const asked = merged(object, askingPatch(each, "u", at));
      assert.ok(asksFor(asked, each, at));
      assert.equal(askedStamp(asked, each), at);
      const back = merged(asked, askingPatch(each, "u", null));
      assert.ok(asksFor(back, each, null) && !asksFor(back, each, at));
    }),
  );
});

test("a patch touches nothing but annotations of the object and its UID", () => {
  const leaves = (value: unknown, path: string): readonly string[] =>
    typeof value === "object" && value !== null
      ? Object.entries(value).flatMap(([key, each]) => leaves(each, `${path}/${key}`))
      : [path];
  for (const each of knownOwners)
    for (const leaf of leaves(askingPatch(each, "u", "now"), ""))
      assert.match(leaf, /^\/metadata\/uid$|^\/(metadata|spec\/[\w/]+)\/annotations\//);
});

const pod = (name: string, uid: string, ready = true): PodObject => ({
  metadata: {
    ...{ name, namespace: "shop", uid: `uid-${name}`, labels: { app: "db", "security.istio.io/tlsMode": "istio" } },
    annotations: { "sidecar.istio.io/status": JSON.stringify({ revision: "default", containers: ["istio-proxy"] }) },
    ownerReferences: [{ apiVersion: "postgresql.cnpg.io/v1", kind: "Cluster", name: "db", uid, controller: true }],
  },
  spec: { containers: [{ name: "postgres" }, { name: "istio-proxy" }], nodeName: "node-1" },
  status: { phase: "Running", conditions: [{ type: "Ready", status: ready ? "True" : "False" }] },
});

const rowOf = (kind: string): OwnerKind => knownOwners.find((each) => each.kind === kind) as OwnerKind;
const cluster = (spec: object, annotations: Record<string, string> = {}): FoundOwner => ({
  by: rowOf("Cluster"),
  resource: { group: "postgresql.cnpg.io", version: "v1", plural: "clusters", kind: "Cluster" },
  object: { metadata: { name: "db", namespace: "shop", uid: "c", annotations }, spec } as FoundOwner["object"],
});

test("pods that an operator's object controls are its own: a workload of as many pods as it wants", () => {
  const pods = [pod("db-1", "c"), pod("db-2", "c"), pod("db-3", "another")].map(podFrom);
  const { workloads, pods: joined } = attachOwners({ workloads: [], pods }, [cluster({ instances: 3 })]);
  const [workload] = workloads;
  assert.ok(workload && workloads.length === 1);
  assert.deepEqual([workload.kind, workload.name], ["Cluster.postgresql.cnpg.io", "db"]);
  assert.deepEqual(
    workload.pods.map(({ name }) => name),
    ["db-1", "db-2"],
  );
  assert.deepEqual(
    joined.map((each) => each.workload?.name),
    ["db", "db", undefined],
  );
  assert.deepEqual(workload.template?.metadata?.labels, { app: "db" });
  assert.deepEqual(rolloutVerdict(workload), { kind: "waiting", reason: "2 of 3 pods there" });
});

test("where the object does not say how many, it has to have as many as before", () => {
  const { replicas: _, ...unnumbered } = rowOf("Cluster");
  const owner = { ...cluster({}), by: { ...unnumbered, replicas: undefined }, pods: 3 };
  const [workload] = attachOwners({ workloads: [], pods: [podFrom(pod("db-1", "c"))] }, [owner]).workloads;
  assert.equal(workload?.status.desired, 3);
});

for (const [kind, fields, says] of [
  ["Cluster", { spec: { primaryUpdateStrategy: "supervised" } }, /supervised/],
  ["Cluster", { spec: { primaryUpdateStrategy: "unsupervised" } }, undefined],
  ["CloneSet", { spec: { updateStrategy: { type: "InPlaceOnly" } } }, /in place/],
  ["CloneSet", { spec: { updateStrategy: { paused: true } } }, /paused/],
  ["CloneSet", { spec: { updateStrategy: { partition: "20%" } } }, /keeps some/],
  ["CloneSet", { spec: { updateStrategy: { partition: "0%" } } }, undefined],
  ["CloneSet", { spec: { updateStrategy: { partition: 0 } } }, undefined],
  ["Prometheus", { spec: { paused: true } }, /paused/],
] as const)
  test(`${kind} ${JSON.stringify(fields)}: ${says ? "its operator would not replace pods" : "it would"}`, () => {
    const row = rowOf(kind);
    const object = { metadata: { name: "db", namespace: "shop", uid: "c" }, ...fields } as FoundOwner["object"];
    const owner = { by: row, resource: { ...row, version: "v1", plural: "x" }, object };
    const [workload] = attachOwners({ workloads: [], pods: [podFrom(pod("db-1", "c"))] }, [owner]).workloads;
    if (says) assert.match(workload?.way?.hindrance?.reason ?? "", says);
    else assert.equal(workload?.way?.hindrance, undefined);
  });

test("a workload that it controls is restarted through it; one that it only owns is not", () => {
  const set = (controller: boolean) =>
    workloadFrom("StatefulSet", {
      metadata: {
        ...{ name: "db", namespace: "shop", uid: "s" },
        ownerReferences: [{ apiVersion: "postgresql.cnpg.io/v1", kind: "Cluster", name: "db", uid: "c", controller }],
      },
      spec: { template: { spec: { containers: [] } } },
    });
  const found = cluster({}, { "kubectl.kubernetes.io/restartedAt": "2026-01-01T00:00:00Z" });
  const [mine] = attachOwners({ workloads: [{ ...set(true), pods: [] }], pods: [] }, [found]).workloads;
  assert.deepEqual([mine?.way?.direct, mine?.restartedAt], [false, "2026-01-01T00:00:00Z"]);
  const [other] = attachOwners({ workloads: [{ ...set(false), pods: [] }], pods: [] }, [found]).workloads;
  assert.equal(other?.way, undefined);
});

test("a trial pod is the pod without what the injector added, on no node", () => {
  assert.deepEqual(trialPodOf(pod("db-1", "c")), {
    ...{ apiVersion: "v1", kind: "Pod" },
    metadata: { generateName: "db-1-", namespace: "shop", labels: pod("db-1", "c").metadata.labels, annotations: {} },
    spec: { containers: [{ name: "postgres" }], initContainers: [], volumes: [] },
  });
  const { metadata, ...rest } = pod("db-1", "c");
  assert.equal(
    trialPodOf({ ...rest, metadata: { ...metadata, annotations: { "sidecar.istio.io/status": "{" } } }),
    undefined,
  );
});
