import assert from "node:assert/strict";
import { test } from "node:test";
import type { ControlPlane, Injection, Mesh, Pod, ProxyKind } from "../../src/mesh/model.ts";
import { podStates } from "../../src/mesh/pod-state.ts";
import { connectedProxies, everyConnectionKnown } from "../../src/mesh/proxy/connected-proxies.ts";
import { isElsewhere } from "../../src/mesh/revision-state.ts";
import { type MeshWords, mesh, ownInjector, plane } from "../fixtures/mesh.ts";
import { connection, pod } from "../fixtures/pods.ts";

const by = "istio-sidecar-injector";
const injects = (revision: string): Injection => ({ kind: "injected", revision, by, also: [] });
const refuses = (revision: string): Injection => ({ kind: "refused", revision, by, reason: "no endpoints" });
const none: Injection = { kind: "none", reason: "no label" };
const unknown: Injection = { kind: "unknown", reason: "forbidden" };

const statesOf = (words: MeshWords) =>
  podStates(mesh(words)).map(({ injected, revision, stale, lacksSidecar }) => [
    injected,
    revision,
    stale,
    lacksSidecar,
  ]);

type Row = readonly [
  what: string,
  runs: string | null,
  due: Injection,
  injected: boolean,
  stale: boolean | undefined,
  lacks: boolean,
];
const table: readonly Row[] = [
  ["on the revision that is due", "1-20", injects("1-20"), true, false, false],
  ["on another revision", "default", injects("1-20"), true, true, false],
  ["with a sidecar, none due", "1-20", none, true, true, false],
  ["without a sidecar, none due", null, none, false, false, false],
  ["without the sidecar that is due", null, injects("1-20"), false, true, true],
  ["with a sidecar, what is due not known", "1-20", unknown, true, undefined, false],
  ["without a sidecar, what is due not known", null, unknown, false, undefined, false],
  ["with a sidecar, its next pod refused by the same revision", "1-20", refuses("1-20"), true, false, false],
  ["with a sidecar, its next pod refused by another", "1-20", refuses("default"), true, true, false],
  ["without a sidecar, its next pod refused", null, refuses("1-20"), false, false, false],
]; // biome-ignore format: a table

for (const [what, runs, injection, injected, stale, lacks] of table)
  test(`a pod ${what}`, () => {
    const workloads = [{ namespace: "production", name: "web", runs: [runs], injection }];
    assert.deepEqual(statesOf({ workloads }), [[injected, runs ?? undefined, stale, lacks]]);
  });

test("a sidecar without a known revision: staleness is unknown, but it is stale where no sidecar is due", () => {
  const web = (injection: Injection) => statesOf({ workloads: [{ namespace: "production", name: "web", runs: ["1-20"], proxy: { revision: undefined }, injection }] });
  assert.deepEqual(web(injects("1-20")), [[true, undefined, undefined, false]]);
  assert.deepEqual(web(none), [[true, undefined, true, false]]);
}); // biome-ignore format: one line of words

test("only proxies of a webhook can be stale", () => {
  const kinds: readonly (readonly [ProxyKind, boolean])[] = [["sidecar", true], ["gateway", true], ["managed-gateway", false], ["waypoint", false], ["static-gateway", false], ["ztunnel", false]];
  for (const [kind, injected] of kinds)
    assert.deepEqual(statesOf({ workloads: [{ namespace: "production", name: "web", runs: ["default"], proxy: { kind }, injection: injects("1-20") }] }), [[injected, "default", injected, false]], kind);
}); // biome-ignore format: a table

const injectors = ownInjector("1-20");
const namespaces = [{ name: "production", labels: { "istio.io/rev": "1-20" } }];
const out = { "sidecar.istio.io/inject": "false" };
const withoutWorkload: readonly (readonly [what: string, pod: Pod, due: string | undefined, stale: boolean | undefined])[] = [
  ["its own labels are used", pod("production", "a", "default"), "injected", true],
  ["with inject=false", pod("production", "a", "default", { labels: out }), "none", true],
  ["without a sidecar: nothing is known", pod("production", "a", null), undefined, false],
  ["in a namespace that was not read", pod("nowhere", "a", "default"), undefined, undefined],
]; // biome-ignore format: a table

for (const [what, each, due, stale] of withoutWorkload)
  test(`a pod without a workload, ${what}`, () => {
    const [standing] = podStates(mesh({ injectors, namespaces, pods: [each] }));
    assert.deepEqual([standing?.due?.kind, standing?.stale], [due, stale]);
  });

test("the template of its workload wins over the labels of a pod", () => {
  const workloads = [{ namespace: "production", name: "web", runs: ["1-20"], pod: { labels: out } }];
  assert.deepEqual(statesOf({ injectors, namespaces, workloads }), [[true, "1-20", false, false]]);
});

test("finished pods have no state, and every istiod that lists a pod is named", () => {
  const each = pod("production", "web-0", "1-20");
  const answers = ["a", "b"].map((istiod) => ({ kind: "answered" as const, istiod, revision: `of-${istiod}`, version: undefined, proxies: [connection("web-0"), connection("web-0", { namespace: "shop" })] }));
  const ended = ["Succeeded", "Failed"].map((phase) => pod("production", `job-${phase}`, "1-20", { phase }));
  const found = podStates({ ...mesh({ pods: [each, ...ended] }), answers });
  assert.deepEqual(found.map(({ pod, connections }) => [pod.name, connections.map(({ istiod, revision, proxy }) => [istiod, revision, proxy.namespace])]), [
    ["web-0", [["a", "of-a", "production"], ["b", "of-b", "production"]]],
  ]);
}); // biome-ignore format: a table

const byUrl = ownInjector("1-20").map((each) => ({
  ...each,
  entry: { ...each.entry, clientConfig: { url: "https://istiod.example.com/inject" } },
}));
const gone = { deployment: undefined, istiods: [] };
const externals: readonly (readonly [what: string, plane: ControlPlane, injectors: Mesh["injectors"], external: boolean])[] = [
  ["no Deployment, webhook with a URL", plane("1-20", gone), byUrl, true],
  ["no Deployment, one of several webhook entries with a URL", plane("1-20", gone), [...ownInjector("default"), ...byUrl], true],
  ["no Deployment, the webhook of another revision with a URL", plane("1-19", gone), byUrl, false],
  ["no Deployment, webhook with a Service", plane("1-20", gone), ownInjector("1-20"), false],
  ["a Deployment, webhook with a URL", plane("1-20"), byUrl, false],
]; // biome-ignore format: a table

for (const [what, each, injectors, external] of externals)
  test(`an istiod outside the cluster: ${what}: ${external}`, () => {
    const mine = mesh({ controlPlanes: [each], injectors });
    assert.deepEqual(
      [isElsewhere(mine, each.revision), connectedProxies(mine, each) === undefined],
      [external, external],
    );
  });

const two = ["a", "b"].map((name) => ({ name, namespace: "istio-system", uid: name, ready: true, terminating: false }));
const listing = (...proxies: readonly Parameters<typeof connection>[1][]) => ({
  kind: "answered" as const,
  revision: "1-20",
  version: undefined,
  proxies: proxies.map((change) => connection("web-0", change)),
});
const a = { ...listing({}), istiod: "istio-system/a" };
const counts: readonly (readonly [what: string, second: string | undefined, answers: Mesh["answers"], count: number | undefined])[] = [
  ["every istiod answers, two list the same proxy", "Running", [a, { ...a, istiod: "istio-system/b" }], 1],
  ["a pod with the same name in another cluster", "Running", [a, { ...listing({ cluster: "other" }, { cluster: undefined }), istiod: "istio-system/b" }], 3],
  ["one does not answer", "Running", [a, { kind: "unanswered", istiod: "istio-system/b", revision: "1-20", reason: "refused" }], undefined],
  ["one was not asked", "Running", [a], undefined],
  ["one was not asked, its phase unknown", undefined, [a], undefined],
  ["one is not running yet, and was not asked", "Pending", [a], 1],
  ["an answer of another revision does not count", "Running", [a, { ...a, revision: "default" }], undefined],
]; // biome-ignore format: a table

for (const [what, phase, answers, count] of counts)
  test(`connected proxies: ${what}: ${count ?? "unknown"}`, () => {
    const [first, second] = two;
    assert.ok(first && second);
    const each = plane("1-20", { istiods: [{ ...first, phase: "Running" }, { ...second, ...(phase === undefined ? {} : { phase }) }] });
    const mine = { ...mesh({ controlPlanes: [each] }), answers };
    assert.equal(connectedProxies(mine, each), count);
    assert.equal(everyConnectionKnown({ ...mine, controlPlanes: [plane("1-18", { istiods: [] }), each] }), count !== undefined);
  }); // biome-ignore format: a table
