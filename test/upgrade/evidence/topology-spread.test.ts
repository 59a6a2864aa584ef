import assert from "node:assert/strict";
import test from "node:test";
import type { Pod, Workload } from "../../../src/mesh/model.ts";
import type { PlacementNode } from "../../../src/upgrade/evidence/placement.ts";
import { isSpread, shutBySpread } from "../../../src/upgrade/evidence/topology-spread.ts";
import { webPod } from "../../fixtures/pods.ts";

const host = "kubernetes.io/hostname";
const zone = "topology.kubernetes.io/zone";
const node = (name: string, change: Partial<PlacementNode> = {}): PlacementNode => ({
  ...{ name, labels: { [host]: name, [zone]: name.slice(0, 1) }, open: true, taints: [] },
  ...change,
});
const taint = { key: "dedicated", effect: "NoSchedule" };
const spread = (change: object = {}, spec: object = {}): Pick<Workload, "template"> => ({
  template: {
    metadata: { labels: { app: "web" } },
    spec: {
      containers: [],
      ...spec,
      ...{
        topologySpreadConstraints: [
          {
            ...{ maxSkew: 1, topologyKey: host, whenUnsatisfiable: "DoNotSchedule" },
            ...{ labelSelector: { matchLabels: { app: "web" } }, ...change },
          },
        ],
      },
    },
  },
});
const on = (...nodes: readonly (string | undefined)[]): readonly Pod[] =>
  nodes.map((name, index) => webPod(`web-${index}`, { node: name }));
const [a1, a2, b1] = [node("a1"), node("a2"), node("b1")];
const cordoned = node("b1", { open: false });
const tainted = node("b1", { taints: [taint] });

const table: readonly (readonly [what: string, workload: Pick<Workload, "template">, nodes: readonly PlacementNode[], pods: readonly Pod[], shut: string | undefined])[] = [
  ["one pod a node: the next may be on any", spread(), [a1, a2], on("a1", "a2"), undefined],
  ["a node without a pod takes the next", spread(), [a1, a2, b1], on("a1", "a2"), undefined],
  ["kubernetes/kubernetes#106127, a cordoned node without a pod is counted", spread(), [a1, a2, cordoned], on("a1", "a2"), host],
  ["zimmertr/Kubernetes-Manifests#498, a node with a taint is counted", spread(), [a1, a2, tainted], on("a1", "a2"), host],
  ["the taint is tolerated", spread({}, { tolerations: [{ operator: "Exists" }] }), [a1, a2, tainted], on("a1", "a2"), undefined],
  ["nodes with taints are not counted when asked for", spread({ nodeTaintsPolicy: "Honor" }), [a1, a2, tainted, node("b2", { open: false })], on("a1", "a2"), undefined],
  ["nodes that are not selected are not counted", spread({}, { nodeSelector: { [zone]: "a" } }), [a1, a2, b1], on("a1", "a2"), undefined],
  ["but where affinity is to be ignored", spread({ nodeAffinityPolicy: "Ignore" }, { nodeSelector: { [zone]: "a" } }), [a1, a2, b1], on("a1", "a2"), host],
  ["a greater skew", spread({ maxSkew: 2 }), [a1, a2, cordoned], on("a1", "a2"), undefined],
  ["fewer domains than asked for", spread({ minDomains: 3 }), [a1, a2], on("a1", "a2"), host],
  ["by zone", spread({ topologyKey: zone }), [a1, a2, cordoned], on("a1"), zone],
  ["it would rather not", spread({ whenUnsatisfiable: "ScheduleAnyway" }), [a1, a2, cordoned], on("a1", "a2"), undefined],
  ["only pods of the same template count", spread({ matchLabelKeys: ["pod-template-hash"] }), [a1, a2, cordoned], on("a1", "a2"), undefined],
  ["pods of the same app count", spread({ matchLabelKeys: ["app"] }), [a1, a2, cordoned], on("a1", "a2"), host],
  ["the selector is of others", spread({ labelSelector: { matchLabels: { app: "db" } } }), [a1, a2, cordoned], on("a1", "a2"), undefined],
  ["pods that end do not count", spread(), [a1, a2, cordoned], on("a1", "a2").map((pod) => ({ ...pod, terminating: true })), undefined],
  ["a node without the label takes none", spread(), [a1, node("a2", { labels: {} }), cordoned], on("a1"), host],
  ["a pod without a node: not told", spread(), [a1, a2, cordoned], on("a1", "a2", undefined), undefined],
  ["no node is open: for others to say", spread(), [cordoned], on("b1"), undefined],
  ["no constraint", { template: { metadata: { labels: { app: "web" } }, spec: { containers: [] } } }, [a1, cordoned], on("a1"), undefined],
]; // biome-ignore format: a table

for (const [what, workload, nodes, pods, shut] of table)
  test(`topology spread: ${what}`, () =>
    assert.deepEqual(shutBySpread(workload, nodes, pods), shut === undefined ? undefined : [shut]));

test("topology spread: nodes are asked for where a new pod must keep to it", () =>
  assert.deepEqual(
    [spread(), spread({ whenUnsatisfiable: "ScheduleAnyway" }), spread({ labelSelector: undefined }), { template: undefined }].map(isSpread),
    [true, false, false, false],
  )); // biome-ignore format: one line of cases
