import assert from "node:assert/strict";
import test from "node:test";
import { isOnLostNode, lostNodesText } from "../../src/mesh/lost-node.ts";
import type { Pod } from "../../src/mesh/model.ts";
import { webPod } from "../fixtures/pods.ts";

const not = (type: string, reason = "", status = "False") => ({ type, status, reason, message: "" });
const unready = { container: "app", init: false, state: "not ready", reason: "", message: "", restarts: 0, exitCode: undefined } as const; // biome-ignore format: one line of fields
const lost: Partial<Omit<Pod, "proxy">> = { ready: false, conditions: [not("Ready")] };

const table: readonly (readonly [what: string, pod: Partial<Omit<Pod, "proxy">>, lost: boolean])[] = [
  ["ready", {}, false],
  ["as the node controller leaves it", lost, true],
  ["the same, and deleted since", { ...lost, terminating: true }, true],
  ["as a kubelet writes it", { ...lost, conditions: [not("Ready", "ContainersNotReady"), not("ContainersReady", "ContainersNotReady")] }, false],
  ["a readiness gate that is not met", { ...lost, conditions: [not("Ready", "ReadinessGatesNotReady")] }, false],
  ["its containers are not ready either", { ...lost, conditions: [not("Ready"), not("ContainersReady")] }, false],
  ["a container that is not ready", { ...lost, unreadyContainers: [unready] }, false],
  ["not ready, whoever says so not known", { ...lost, conditions: [not("Ready", "", "Unknown")] }, false],
  ["of which only the metadata is known", { ready: false, conditions: [] }, false],
  ["not scheduled yet", { ...lost, node: undefined }, false],
  ["ended", { ...lost, phase: "Failed" }, false],
]; // biome-ignore format: a table

for (const [what, change, expected] of table)
  test(`a pod on a lost node: ${what}`, () => assert.equal(isOnLostNode(webPod("web-a", change)), expected));

test("lost nodes in words, each once", () => {
  const on = (...nodes: readonly string[]) => lostNodesText(nodes.map((node) => webPod("web", { node })));
  assert.deepEqual(
    [on("n1"), on("n1", "n1"), on("n1", "n2")],
    ["node n1, which does not answer", "node n1, which does not answer", "nodes n1 and n2, which do not answer"],
  );
});
