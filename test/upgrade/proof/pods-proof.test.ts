/** The weaker proof: what it goes by, what it never passes, and that it is taken only where istiods cannot be asked. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { IstiodAnswer, Pod, PodProxy } from "../../../src/mesh/model.ts";
import { type PodGoal, podProof } from "../../../src/upgrade/proof/pod-proof.ts";
import { type PodsProof, podsProofOf } from "../../../src/upgrade/proof/pods-proof.ts";
import { mesh, ownInjector } from "../../fixtures/mesh.ts";
import { answered, connection, pod } from "../../fixtures/pods.ts";

const proof: PodsProof = {
  unasked: ["1-20"],
  elsewhere: [],
  services: new Map([
    ["istio-system/istiod-1-20", "1-20"],
    ["istio-system/istiod", "default"],
  ]),
  istioNamespace: "istio-system",
};
const goal: PodGoal = { revision: "1-20", oldRevisions: ["default"], proof };
const own = "istiod-1-20.istio-system.svc:15012";
const arrived = (proxy: Partial<PodProxy> = {}, change: Partial<Omit<Pod, "proxy">> = {}): Pod =>
  pod("production", "web-0", "1-20", { ...change, proxy: { discoveryAddress: own, version: "1.20.0", ...proxy } });
const dark = (change: Partial<Extract<IstiodAnswer, { kind: "unanswered" }>> = {}): IstiodAnswer => ({
  ...{ kind: "unanswered", istiod: "istio-system/a", revision: "1-20", reason: "404", barrier: "debug-off" },
  ...change,
});
const old = answered("default", [], "istio-system/old");
const far: PodsProof = { ...proof, elsewhere: ["1-20"], services: new Map() };
const trial = { discoveryAddress: "istiod.mesh.example.com:15012", version: "1.20.0" };

const table: readonly (readonly [what: string, pod: Pod, goal: PodGoal, answers: readonly IstiodAnswer[], kind: string])[] = [
  ["injected, ready, configured", arrived(), goal, [dark(), old], "done"],
  ["without the flag", arrived(), { ...goal, proof: undefined }, [dark(), old], "unknown"],
  ["injected by another", pod("production", "web-0", "default"), goal, [dark(), old], "wrong-revision"],
  ["its proxy is not ready", arrived({ ready: false }), goal, [dark(), old], "waiting"],
  ["the pod is not ready", arrived({}, { ready: false }), goal, [dark(), old], "waiting"],
  ["configured for another revision's istiod", arrived({ discoveryAddress: "istiod.istio-system.svc:15012" }), goal, [dark(), old], "waiting"],
  ["configured for an address of which nothing is known", arrived({ discoveryAddress: "istiod-x.istio-system.svc:15012" }), goal, [dark(), old], "unknown"],
  ["that address, as its trial pod had it", arrived(trial), { ...goal, proof: { ...proof, trial } }, [dark(), old], "done"],
  ["no address to be seen", arrived({ discoveryAddress: undefined }), goal, [dark(), old], "unknown"],
  ["another version than the trial pod had", arrived({ version: "1.19.0" }), { ...goal, proof: { ...proof, trial: { ...trial, discoveryAddress: own } } }, [dark(), old], "waiting"],
  ["elsewhere: no istiod to ask, a host outside", arrived({ discoveryAddress: "istiod.example.com:15012" }), { ...goal, proof: far }, [old], "done"],
  ["elsewhere, and configured for a Service of which nothing is known", arrived(), { ...goal, proof: far }, [old], "unknown"],
  ["elsewhere, still held by the old one", arrived({ discoveryAddress: "istiod.example.com:15012" }), { ...goal, proof: far }, [answered("default", [connection("web-0")])], "waiting"],
  ["its istiod answers after all, without it", arrived(), goal, [answered("1-20", []), old], "waiting"],
  ["its istiod answers after all, with it", arrived(), goal, [answered("1-20", [connection("web-0")]), old], "done"],
  ["its istiod fails for a reason that may pass", arrived(), goal, [dark({ barrier: undefined } as object), old], "unknown"],
  ["an old istiod that does not answer", arrived(), goal, [dark(), dark({ revision: "default", barrier: undefined } as object)], "unknown"],
  ["an old istiod that cannot be asked, and was not accepted", arrived(), goal, [dark(), dark({ revision: "default" })], "unknown"],
  ["an old istiod that cannot be asked", arrived(), { ...goal, proof: { ...proof, unasked: ["1-20", "default"] } }, [dark(), dark({ revision: "default" })], "done"],
  ["an old istiod that is not ready and does not answer", arrived(), { ...goal, proof: undefined }, [answered("1-20", [connection("web-0")]), dark({ revision: "default", ready: false, barrier: undefined } as object)], "done"],
  ["an istiod of the target that is not ready and does not answer", arrived(), { ...goal, proof: undefined }, [dark({ ready: false, barrier: undefined } as object), old], "unknown"],
]; // biome-ignore format: a table

for (const [what, given, wanted, answers, kind] of table)
  test(`${kind}: ${what}`, () => {
    const found = podProof(given, wanted, answers);
    assert.equal(found.kind, kind, "reason" in found ? found.reason : "");
  });

test("it is offered only to revisions whose istiods cannot be asked", () => {
  const answers = [dark(), old, dark({ revision: "half" }), dark({ revision: "half", barrier: undefined } as object)];
  const given = { ...mesh({ injectors: ownInjector("far", { service: "addresses" }) }), answers };
  assert.deepEqual(podsProofOf(given, ["1-20", "default", "half", "far"])?.unasked, ["far", "1-20"]);
  assert.equal(podsProofOf(given, ["default", "half"]), undefined);
});
