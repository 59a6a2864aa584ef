import assert from "node:assert/strict";
import test from "node:test";
import { refText } from "../../../../src/mesh/object-ref.ts";
import { migrateAnnotation } from "../../../../src/upgrade/owners/owners-wish.ts";
import { mission, type Planned, planOf, restarted, said, type Wish } from "../../../fixtures/plan.ts";

const leftIn = ({ left }: Planned): readonly string[] => left.map(({ by, object }) => `${by} ${refText(object)}`);
const says = (value: string | undefined) => ({
  annotations: value === undefined ? {} : { [migrateAnnotation]: value },
});
const runs = ["default", "default"];
const production = (namespace: string | undefined, workload: string | undefined) =>
  mission({
    namespaces: [{ name: "production", labels: { "istio-injection": "enabled" }, ...says(namespace) }],
    workloads: [
      { namespace: "production", name: "web", runs },
      { namespace: "production", name: "sockets", runs, ...says(workload) },
    ],
  });
const all: Wish = { namespaces: "all" };
const both = ["Deployment/sockets (canary)", "Deployment/web"];
const ns = "owners-consent blocker namespace/production";
const sockets = "owners-consent blocker production/Deployment/sockets";

// deckhouse/deckhouse#2144, rabbitmq/cluster-operator#509: the owner says which are not restarted, and when.
const table: readonly (readonly [what: string, namespace: string | undefined, workload: string | undefined, wish: Wish, findings: readonly string[], restarts: readonly string[], left: readonly string[]])[] = [
  ["nobody says anything", undefined, undefined, {}, [], both, []],
  ["a workload stays", undefined, "no", {}, [], ["Deployment/web (canary)"], ["owner production/Deployment/sockets"]],
  ["a workload waits", undefined, "wait", {}, [sockets], ["Deployment/web (canary)"], []],
  ["a workload waits, and is left", undefined, "wait", { leave: ["deployment/sockets"] }, [], ["Deployment/web (canary)"], ["--leave production/Deployment/sockets"]],
  ["a workload says what nobody understands", undefined, "No", {}, [sockets], ["Deployment/web (canary)"], []],
  ["a workload says nothing at all", undefined, "", {}, [sockets], ["Deployment/web (canary)"], []],
  ["a namespace stays, and is named", "no", undefined, {}, [ns], [], ["owner production/Namespace/production"]],
  ["a namespace stays, and all are asked for", "no", undefined, all, [], [], ["owner production/Namespace/production"]],
  ["of another revision than asked for", "no", undefined, { ...all, from: "1-18" }, [], [], []],
  ["a namespace waits, and is named", "wait", undefined, {}, [ns], both, []],
  ["a namespace waits, and all are asked for", "wait", undefined, all, [ns], both, []],
  ["a namespace waits that is not concerned", "wait", undefined, { ...all, from: "1-18" }, [], [], []],
  ["a namespace says what nobody understands", "tomorrow", undefined, all, [ns], both, []],
]; // biome-ignore format: a table

for (const [what, namespace, workload, wish, findings, restarts, left] of table)
  test(`owners-consent: ${what}`, () => {
    const plan = planOf(production(namespace, workload), wish);
    assert.deepEqual(said(plan, "owners-consent"), findings);
    assert.deepEqual(restarted(plan).toSorted(), restarts.toSorted());
    assert.deepEqual(leftIn(plan), left);
    const [first] = plan.findings.filter(({ check }) => check === "owners-consent");
    if (first)
      assert.match(
        first.remedy ?? "",
        /kubectl annotate (namespace production|deployment\/sockets -n production) kubectl-mesh\/migrate-$/,
      );
  });
