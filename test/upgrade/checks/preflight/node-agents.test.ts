import assert from "node:assert/strict";
import test from "node:test";
import { nodeAgentChecks } from "../../../../src/upgrade/checks/preflight/node-agents.ts";
import type { NodeAgent } from "../../../../src/upgrade/preflight/evidence/node-evidence.ts";
import { plane } from "../../../fixtures/mesh.ts";
import { mission } from "../../../fixtures/plan.ts";
import { type Around, defaults, findings, found, healthy, node } from "./node-facts.ts";

const agent = (change: Partial<NodeAgent> = {}): NodeAgent => ({
  kind: "istio-cni",
  namespace: "kube-system",
  name: "istio-cni-node",
  version: "1.20.0",
  desired: 2,
  ready: 2,
  missing: [],
  ...change,
});
const ztunnel = (change: Partial<NodeAgent> = {}): NodeAgent =>
  agent({ kind: "ztunnel", namespace: "istio-system", name: "ztunnel", ...change });
const cni = (old: boolean, target: boolean, ...nodeAgents: readonly NodeAgent[]): Around => ({
  nodes: {
    ...healthy,
    nodeAgents,
    injectors: new Map([
      ["default", { ...defaults, cni: old }],
      ["1-20", { ...defaults, cni: target }],
    ]),
  },
});
const nodes = (...all: readonly ReturnType<typeof node>[]): Around => ({ nodes: { ...healthy, nodes: all } });
const on = "kube-system/DaemonSet/istio-cni-node";

const table: readonly (readonly [what: string, around: Around, findings: readonly string[]])[] = [
  ["a mesh without agents", { nodes: healthy }, []],
  ["nothing that could be read", {}, []],
  ["a CNI plugin that is ready, for both revisions", cni(true, true, agent()), []],
  ["a CNI plugin that the target brings", cni(false, true, agent()), []],

  ["a target that wants the plugin, and none there", cni(false, true), ["cni-present blocker revision/1-20"]],
  ["the same, not installed yet", { ...cni(false, true), installed: false }, []],
  ["a plugin of another name, which serves the old revision", cni(true, true), ["cni-present warning revision/1-20"]],
  ["a ztunnel alone, which is no plugin", cni(false, true, ztunnel()), ["cni-present blocker revision/1-20"]],
  ["a plugin that is ready nowhere", cni(true, true, agent({ ready: 0 })), [`cni-present blocker ${on}`, `cni-ready warning ${on}`]],
  ["one of two plugins that is ready", cni(true, true, agent({ ready: 0, desired: 0 }), agent({ name: "istio-cni-other" })), []],

  ["a target that forgot the plugin", cni(true, false, agent()), ["cni-kept warning revision/1-20"]],
  ["the same, not installed yet", { ...cni(true, false, agent()), installed: false }, []],
  ["a target whose values are not known", { nodes: { ...healthy, injectors: new Map([["default", { ...defaults, cni: true }]]) } }, []],

  ["a plugin that is not ready on a node", cni(true, true, agent({ ready: 1 })), [`cni-ready warning ${on}`]],
  ["a plugin of the release before the target's", cni(true, true, agent({ version: "1.19.4" })), []],
  ["a plugin of two releases before", cni(true, true, agent({ version: "1.18.7" })), [`cni-version warning ${on}`]],
  ["a plugin of a later release", cni(true, true, agent({ version: "1.21.0" })), [`cni-version warning ${on}`]],
  ["a plugin whose version is not known", cni(true, true, agent({ version: undefined })), []],
  ["a plugin of a later release than a target that is not installed", { ...cni(true, true, agent({ version: "1.21.0" })), installed: false }, []],

  ["a ztunnel that is ready", cni(false, false, ztunnel()), []],
  ["a ztunnel that is not ready on a node", cni(false, false, ztunnel({ ready: 1 })), ["ztunnel-ready warning istio-system/DaemonSet/ztunnel"]],
  ["a ztunnel of a later release", cni(false, false, ztunnel({ version: "1.21.0" })), ["ztunnel-version warning istio-system/DaemonSet/ztunnel"]],

  ["a plugin that refers to what is not there", cni(true, true, agent({ missing: ["ConfigMap istio-cni-config"] })), [`agent-references warning ${on}`]],

  ["a node that is not ready", nodes(node("a"), node("b", { ready: false, unschedulable: true })), ["nodes-ready warning node/b"]],
  ["a node that takes no pods", nodes(node("a"), node("b", { unschedulable: true })), ["nodes-ready note node/b"]],
  ["nodes of two operating systems", nodes(node("a"), node("b", { osImage: "Bottlerocket OS 1.20" })), ["node-groups note nodes"]],
  ["nodes of two kernels", nodes(node("a"), node("b", { kernel: "5.10" })), ["node-groups note nodes"]],
  ["nodes of two kubelets", nodes(node("a"), node("b", { kubelet: "v1.29.1" })), ["node-groups note nodes"]],
  ["nodes of two architectures", nodes(node("a"), node("b", { architecture: "arm64" })), ["node-groups note nodes"]],
]; // biome-ignore format: a table

for (const [what, around, said] of table)
  test(`node-agents: ${what}`, () => {
    assert.deepEqual(found(nodeAgentChecks, mission(), around), said);
  });

test("a target whose version is not known has no agent too old or too new", () => {
  const mesh = mission({ controlPlanes: [plane("1-20", { version: undefined }), plane("default")] });
  assert.deepEqual(found(nodeAgentChecks, mesh, cni(true, true, agent({ version: "1.10.0" }))), []);
});

test("an agent that is too old is upgraded to the release before the target's first, one that is too new is not downgraded", () => {
  const said = (version: string) =>
    findings(nodeAgentChecks, mission(), cni(true, true, agent({ version }))).map(({ remedy }) => remedy);
  assert.deepEqual(said("1.18.7"), ["upgrade it to 1.19 first; it is shared by all revisions"]);
  assert.deepEqual(said("1.22.0"), ["move to a control plane of its release"]);
  const leap = mission({ controlPlanes: [plane("1-20"), plane("default", { version: "1.18.7" })] });
  assert.deepEqual(
    findings(nodeAgentChecks, leap, cni(true, true, agent({ version: "1.18.7" }))).map(({ remedy }) => remedy),
    ["go by way of Istio 1.19: no release of it is promised to work with both control planes"],
  );
});

test("the kinds of nodes are told in one sentence, the most frequent first", () => {
  const arm = { architecture: "arm64", kubelet: "v1.29.1" };
  const [finding] = findings(nodeAgentChecks, mission(), nodes(node("a", arm), node("b"), node("c")));
  assert.equal(
    finding?.message,
    "there are 2 kinds of nodes, and the first pod of a move proves the one that it runs on: 2 nodes (Debian GNU/Linux 12, kernel 6.1.0-18-amd64, kubelet v1.30.2, amd64) and 1 node (Debian GNU/Linux 12, kernel 6.1.0-18-amd64, kubelet v1.29.1, arm64)",
  );
});
