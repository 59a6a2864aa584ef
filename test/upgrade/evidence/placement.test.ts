import assert from "node:assert/strict";
import test from "node:test";
import type { Workload } from "../../../src/mesh/model.ts";
import {
  freeNodes,
  nodesBesideItself,
  type PlacementNode,
  shunsItself,
} from "../../../src/upgrade/evidence/placement.ts";
import { webPod } from "../../fixtures/pods.ts";

const node = (name: string, change: Partial<PlacementNode> = {}): PlacementNode => ({
  ...{ name, labels: { pool: "a", size: "3" }, open: true, taints: [] },
  ...change,
});
const taint = { key: "dedicated", value: "db", effect: "NoSchedule" };
const workload = (spec: object, nodes: readonly string[] = []): Workload =>
  ({
    template: { metadata: { labels: { app: "web" } }, spec: { containers: [], ...spec } },
    pods: nodes.map((name, index) => webPod(`web-${index}`, { node: name })),
  }) as unknown as Workload;
const required = (...matchExpressions: object[]) => ({
  affinity: {
    nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchExpressions }] } },
  },
});

const table: readonly (readonly [what: string, workload: Workload, nodes: readonly PlacementNode[], free: readonly string[]])[] = [
  ["nothing asked for", workload({}), [node("n1"), node("n2")], ["n1", "n2"]],
  ["its own pods hold a node", workload({}, ["n1"]), [node("n1"), node("n2")], ["n2"]],
  ["cordoned, or not ready", workload({}), [node("n1", { open: false })], []],
  ["a nodeSelector", workload({ nodeSelector: { pool: "b" } }), [node("n1"), node("n2", { labels: { pool: "b" } })], ["n2"]],
  ["required nodeAffinity", workload(required({ key: "pool", operator: "NotIn", values: ["a"] })), [node("n1"), node("n2", { labels: {} })], ["n2"]],
  ["an operator that is not evaluated counts as free", workload(required({ key: "size", operator: "Gt", values: ["9"] })), [node("n1")], ["n1"]],
  ["a taint", workload({}), [node("n1", { taints: [taint] })], []],
  ["a taint that only would rather not", workload({}), [node("n1", { taints: [{ ...taint, effect: "PreferNoSchedule" }] })], ["n1"]],
  ["a taint that is tolerated", workload({ tolerations: [{ key: "dedicated", value: "db", effect: "NoSchedule" }] }), [node("n1", { taints: [taint] })], ["n1"]],
  ["a taint of another value", workload({ tolerations: [{ key: "dedicated", value: "web" }] }), [node("n1", { taints: [taint] })], []],
  ["everything is tolerated", workload({ tolerations: [{ operator: "Exists" }] }), [node("n1", { taints: [taint] })], ["n1"]],
]; // biome-ignore format: a table

for (const [what, each, nodes, free] of table)
  test(`placement: ${what}`, () => assert.deepEqual(freeNodes(each, nodes), free));

test("placement: a node without the label of the rule is not shut by it", () => {
  const named = node("n2", { labels: { "kubernetes.io/hostname": "n2" } });
  assert.deepEqual(nodesBesideItself(workload({}, ["n1", "n2"]), [node("n1"), named, node("n3")]), ["n1", "n3"]);
});

test("placement: a workload shuns itself by a required rule on the host alone that its own labels match", () => {
  const rule = (topologyKey: string, app: string) => ({
    affinity: {
      podAntiAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey, labelSelector: { matchLabels: { app } } }],
      },
    },
  });
  const host = "kubernetes.io/hostname";
  assert.deepEqual(
    [rule(host, "web"), rule(host, "db"), rule("topology.kubernetes.io/zone", "web"), {}].map((spec) =>
      shunsItself(workload(spec)),
    ),
    [true, false, false, false],
  );
});
