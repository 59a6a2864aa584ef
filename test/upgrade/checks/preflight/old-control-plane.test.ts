import assert from "node:assert/strict";
import test from "node:test";
import { oldControlPlaneChecks } from "../../../../src/upgrade/checks/preflight/old-control-plane.ts";
import type { ControlPlaneEvidence } from "../../../../src/upgrade/preflight/evidence/control-plane-evidence.ts";
import {
  autoscaler,
  budget,
  deployment,
  type FactWords,
  foundIn,
  installedAt,
  pair,
  preflightFacts,
  start,
} from "../../../fixtures/control-plane-facts.ts";
import { type MeshWords, ownInjector, tagInjector } from "../../../fixtures/mesh.ts";
import { brief } from "../../../fixtures/plan.ts";

const target = pair("1-20", { version: "1.20.8" });
const old = (change: Parameters<typeof pair>[1]): MeshWords => ({
  controlPlanes: [target, pair("default", { version: "1.20.0", ...change })],
});
const back = (change: Parameters<typeof tagInjector>[2]): MeshWords => ({
  injectors: [
    ...ownInjector("1-20"),
    ...tagInjector("default", "default", change),
    ...tagInjector("prod", "1-20"),
    ...ownInjector("default", { deactivated: true }),
  ],
});
const around = (change: Partial<ControlPlaneEvidence>): FactWords => ({ around: change });
const before = "2026-10-01T04:00:00Z";
const gateway = (name: string, namespace: string, pinned?: string, className = "istio") => ({
  ...{ namespace, name, uid: `uid-of-${name}`, className, waypoint: false, pinned },
});
const gateways = (version: string, ...found: readonly ReturnType<typeof gateway>[]): FactWords => ({
  mesh: {
    controlPlanes: [pair("1-20", { version }), pair("default", { version })],
    gateways: found,
    namespaces: [{ name: "production", labels: { "istio-injection": "enabled" } }, { name: "edge" }],
  },
  around: { versions: [], kubernetes: undefined },
});
const place = "istio-system/Deployment/istiod";
const hook = "old-webhook warning MutatingWebhookConfiguration/istio-revision-tag-default";
const outage = `gateway-outage warning ${place}`;
const alone = `old-istiod-replicas note ${place}`;

const table: readonly (readonly [what: string, words: FactWords, found: readonly string[], message?: RegExp])[] = [
  ["two replicas that were started since, and a budget", {}, []],
  ["one of two replicas is ready", { mesh: old({ readyReplicas: 1 }) }, [`old-istiod-ready warning ${place}`], /only 1 of 2 istiod pods ready/],
  ["none is ready: told by way-back", { mesh: old({ readyReplicas: 0 }) }, []],
  ["its webhook has no CA bundle", { mesh: back({ caBundle: false }) }, [hook], /no CA bundle: a rollback would be refused/],
  ["its webhook has no endpoints", { mesh: back({ readyEndpoints: 0 }) }, [hook], /Service istiod has no ready endpoints/],
  ["whether it has endpoints is unknown", { mesh: back({ readyEndpoints: undefined }) }, []],
  ["all its istiods are older than the target", around({ pods: [start("default", before), start("1-20", installedAt)] }), [`old-istiod-restarted note ${place}`], /no pod of it was started since the target was installed \(2026-11-01T04:00:00Z\)/],
  ["one of its istiods is younger", around({ pods: [start("default", before), start("default", "2026-11-01T04:00:01Z")] }), []],
  ["its istiods could not be read", around({ pods: [] }), []],
  ["a time that is none", around({ pods: [start("default", "")] }), []],
  ["the target is not installed", around({ pods: [start("default", before)], deployments: [deployment("default")] }), []],
  ["one replica", { mesh: old({ desiredReplicas: 1, readyReplicas: 1 }), around: { autoscalers: [autoscaler("default", { min: 1 }), autoscaler("1-20")] } }, [alone], /one replica/],
  ["one replica without an autoscaler", { mesh: old({ desiredReplicas: 1, readyReplicas: 1 }), around: { autoscalers: [] } }, [alone]],
  ["an autoscaler that wants two", { mesh: old({ desiredReplicas: 1, readyReplicas: 1 }) }, []],
  ["no budget", around({ disruptionBudgets: [budget("1-20")] }), [alone], /no PodDisruptionBudget/],
  ["a budget of another namespace", around({ disruptionBudgets: [{ ...budget("default"), namespace: "x" }] }), [alone]],
  ["a budget that cannot be evaluated", around({ disruptionBudgets: [{ ...budget("default"), selector: { matchExpressions: [{ key: "app", operator: "Near" }] } }] }), []],
  ["scaled to 0", { mesh: old({ desiredReplicas: 0, readyReplicas: 0 }) }, []],
  ["Kubernetes is newer than the old release", { mesh: old({ version: "1.19.0" }), proxies: { "web-0": "1.20.0" }, around: { kubernetes: "v1.29.0" } }, [`old-release-installable note ${place}`], /Istio 1\.19\.0 supports Kubernetes up to 1\.28, and this is v1\.29\.0/],
  ["a Gateway in a namespace that stays, under a version with the fault", gateways("1.28.2", gateway("front", "edge")), [outage], /when 1 Gateway \(edge\/front\) later moves away, Istio 1\.28\.2 empties/],
  ["two, one of them pinned in a namespace that moves", gateways("1.28.2", gateway("front", "edge"), gateway("pinned", "production", "default")), [outage], /2 Gateways \(edge\/front and production\/pinned\) later move away/],
  ["a waypoint pinned by a tag", gateways("1.28.2", { ...gateway("wp", "production", "default", "istio-waypoint"), waypoint: true }), [outage]],
  ["one that moves along is told by gateways-pinned", gateways("1.28.2", gateway("front", "production")), []],
  ["one of the target's", gateways("1.28.2", gateway("front", "edge", "1-20")), []],
  ["one of the target's tag", gateways("1.28.2", gateway("front", "edge", "prod")), []],
  ["one of another controller", gateways("1.28.2", gateway("front", "edge", undefined, "nginx")), []],
  ["a version without the fault", gateways("1.29.5", gateway("front", "edge")), []],
]; // biome-ignore format: a table

const own = new Set(oldControlPlaneChecks.map(({ id }) => id));

for (const [what, words, expected, message] of table)
  test(what, () => {
    const found = foundIn(preflightFacts(words)).filter(({ check }) => own.has(check));
    assert.deepEqual(brief(found), expected);
    if (message) assert.match(found[0]?.message ?? "", message);
  });

test("a namespace whose labels stay is not rolled back by its webhook", () => {
  const { moves, ...facts } = preflightFacts({ mesh: back({ caBundle: false }) });
  const stay = moves.map((move) => ({ ...move, after: move.before }));
  assert.deepEqual(brief(foundIn({ ...facts, moves: stay }).filter(({ check }) => own.has(check))), []);
});

test("nothing moves: nothing is asked of any old control plane", () => {
  const facts = { ...preflightFacts({ mesh: old({ readyReplicas: 1 }) }), moves: [] };
  assert.deepEqual(brief(foundIn(facts)), []);
});
