import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import type { EnvoyFilter } from "../../../../src/upgrade/preflight/evidence/config-evidence.ts";
import { matchesVersion } from "../../../../src/upgrade/preflight/version-pattern.ts";
import { type MeshWords, plane } from "../../../fixtures/mesh.ts";
import { brief, mission } from "../../../fixtures/plan.ts";
import { type ConfigWish, configFindings } from "../../../fixtures/preflight-config.ts";

const patch = (versions?: string, applyTo = "HTTP_FILTER", filters: readonly string[] = []) => ({
  ...{ applyTo, versions, filters },
});
const filter = (patches: EnvoyFilter["patches"], change: Partial<EnvoyFilter> = {}): EnvoyFilter => ({
  ...{ namespace: "production", name: "lua", revision: undefined, selector: undefined, targeted: false, patches },
  ...change,
});
const from = (old: string | undefined, target: string | undefined): MeshWords => ({
  controlPlanes: [plane("1-20", { version: target }), plane("default", { version: old })],
});
const step = from("1.19.0", "1.20.0");
const of = (check: string, filters: readonly EnvoyFilter[], mesh = step, wish: ConfigWish = {}): readonly string[] =>
  brief(
    configFindings(mission(mesh), { ...wish, config: { envoyFilters: filters } }).filter(
      (finding) => finding.check === check,
    ),
  );
const stops = ["envoy-filters-stop warning production/EnvoyFilter/lua"];
const rootStops = ["envoy-filters-stop warning istio-system/EnvoyFilter/lua"];
const gatewayAlone: MeshWords = {
  ...step,
  workloads: [
    { namespace: "production", name: "web", runs: ["default", "default"] },
    { namespace: "ingress", name: "edge", runs: ["default"], gateway: true, proxy: { kind: "gateway" } },
  ],
};
const old = patch("^1\\.19.*");
const next = patch("^1\\.20.*");

const stopTable: readonly (readonly [what: string, filters: readonly EnvoyFilter[], findings: readonly string[], mesh?: MeshWords])[] = [
  ["no proxyVersion", [filter([patch()])], []],
  ["the old one's proxyVersion", [filter([old])], stops],
  ["the target's", [filter([next])], []],
  ["of both", [filter([patch("^1\\.(19|20)")])], []],
  ["neither's", [filter([patch("^1\\.7")])], []],
  ["one patch for each", [filter([old, next])], []],
  ["one patch for each, of other things", [filter([old, patch("^1\\.20", "CLUSTER")])], stops],
  ["one EnvoyFilter for each", [filter([old]), filter([next], { name: "lua-20" })], []],
  ["one EnvoyFilter for each, of other proxies", [filter([old]), filter([next], { name: "x", selector: { app: "web" } })], stops],
  ["one EnvoyFilter for each, in another namespace", [filter([old]), filter([next], { name: "x", namespace: "istio-system" })], stops],
  ["beside a patch that was there before", [filter([old, patch()])], stops],
  ["Istio's root namespace", [filter([old], { namespace: "istio-system" })], rootStops],
  ["another namespace", [filter([old], { namespace: "shop" })], []],
  ["a gateway's namespace", [filter([old], { namespace: "ingress" })], ["envoy-filters-stop warning ingress/EnvoyFilter/lua"], gatewayAlone],
  ["pods that there are", [filter([old], { selector: { app: "web" } })], stops],
  ["pods that there are not", [filter([old], { selector: { app: "x" } })], []],
  ["Istio's own", [filter([old], { name: "stats-filter-1.19", namespace: "istio-system" }), filter([old], { name: "tcp-stats-filter-1.19-1-19", revision: "1-19" })], []],
  ["one that is only named alike", [filter([old], { name: "lua" }), filter([old], { name: "my-stats-filter-1.19" })], [...stops, "envoy-filters-stop warning production/EnvoyFilter/my-stats-filter-1.19"]],
  ["the old one's label", [filter([patch()], { revision: "default" })], stops],
  ["the target's label", [filter([patch()], { revision: "1-20" })], []],
  ["a label of neither", [filter([patch()], { revision: "1-18" })], []],
  ["one EnvoyFilter with each label", [filter([patch()], { revision: "default" }), filter([patch()], { name: "x", revision: "1-20" })], []],
  ["an expression that is not one", [filter([patch("^1\\.(19")])], stops],
  ["an expression of Go's alone", [filter([patch("(?i)^1\\.20")])], stops],
  ["an unknown version of the target", [filter([old])], stops, from("1.19.0", undefined)],
  ["an unknown version of the old one", [filter([old])], stops, from(undefined, "1.20.0")],
  ["no version in the filter, and none known", [filter([patch()])], [], from(undefined, undefined)],
  ["no patch", [filter([])], []],
]; // biome-ignore format: a table

for (const [what, filters, findings, mesh] of stopTable) {
  test(`envoy-filters-stop: ${what}`, () => assert.deepEqual(of("envoy-filters-stop", filters, mesh), findings));
}

test("envoy-filters-stop says what it is certain of, and why", () => {
  const message = (found: EnvoyFilter, mesh = step): string =>
    configFindings(mission(mesh), { config: { envoyFilters: [found] } })[0]?.message ?? "";
  assert.match(message(filter([old])), /proxies of default \(HTTP_FILTER\), .* silently does not: its proxyVersion is \^1\\\.19\.\*, and that of the new proxies 1\.20\.0/);
  assert.match(message(filter([patch("(")])), /may not: its proxyVersion is \(/);
  assert.match(message(filter([old]), from("1.19.0", undefined)), /may not: .* version of revision 1-20 is not known/);
  assert.match(message(filter([patch()], { revision: "default" })), /its label istio\.io\/rev=default hides it from revision 1-20/);
}); // biome-ignore format: long expressions

test("envoy-filters-stop: a target that is not installed and of no known version is not judged", () => {
  assert.deepEqual(of("envoy-filters-stop", [filter([old])], from("1.19.0", undefined), { installed: false }), []);
});

test("envoy-filters-both: one note for all that patch proxies of every version", () => {
  const many = ["a", "b", "c", "d", "e"].map((name) => filter([patch()], { name }));
  assert.deepEqual(of("envoy-filters-both", many), ["envoy-filters-both note envoyfilters"]);
  assert.deepEqual(of("envoy-filters-both", [filter([old])]), []);
  assert.deepEqual(of("envoy-filters-both", [filter([patch()], { revision: "1-18" })]), []);
  const [finding] = configFindings(mission(step), { config: { envoyFilters: many } });
  assert.match(
    finding?.message ?? "",
    /^5 EnvoyFilters patch .*production\/a, production\/b, production\/c and 2 more/,
  );
});

const named = (...names: readonly string[]) => [filter([patch(undefined, "HTTP_FILTER", names)])];
const oldNamed = ["envoy-filter-names warning production/EnvoyFilter/lua"];
const crossing = from("1.18.7", "1.19.0");

const nameTable: readonly (readonly [what: string, filters: readonly EnvoyFilter[], findings: readonly string[], mesh?: MeshWords])[] = [
  ["an old name, over 1.19", named("envoy.filters.network.http_connection_manager", "envoy.router"), oldNamed],
  ["an old name of a listener filter", named("envoy.listener.tls_inspector"), oldNamed],
  ["new names", named("envoy.filters.network.http_connection_manager", "envoy.filters.http.router"), []],
  ["no name", named(), []],
  ["an old name, within releases that match it", named("envoy.router"), [], from("1.17.1", "1.18.0")],
  ["an old name, where it had no effect before", named("envoy.router"), [], from("1.19.0", "1.20.0")],
  ["an old name for old proxies alone", [filter([patch("^1\\.18", "HTTP_FILTER", ["envoy.router"])])], []],
  ["an unknown version", named("envoy.router"), [], from(undefined, "1.20.0")],
]; // biome-ignore format: a table

for (const [what, filters, findings, mesh] of nameTable) {
  test(`envoy-filter-names: ${what}`, () =>
    assert.deepEqual(of("envoy-filter-names", filters, mesh ?? crossing), findings));
}

test("a version is searched for by a part of the expression, as in Go", () => {
  assert.equal(matchesVersion("^1\\.19.*", "1.19.10"), true);
  assert.equal(matchesVersion("1.2", "1.20.0"), true);
  assert.equal(matchesVersion("^1\\.2\\.", "1.20.0"), false);
  assert.equal(matchesVersion("1.20.0-rc.(", "1.20.0"), undefined);
  assert.equal(matchesVersion("^1\\.(19|20)(-.*)?$", "1.20.0"), false);
  assert.equal(matchesVersion("(1+)+x", "1.20.0"), undefined);
});

test("an expression of any form is answered at once", () => {
  const hostile = fc.array(
    fc.constantFrom("(", ")", "*", "+", ".", "1", "?", "{9}", "|", "x", "1*", "(.*)*", "(1+)+"),
    {
      maxLength: 60,
    },
  );
  fc.assert(
    fc.property(hostile, fc.constantFrom("1.20.0", "1.31.0-rc.0", "1".repeat(49)), (parts, version) => {
      const begun = performance.now();
      matchesVersion(parts.join(""), version);
      assert.ok(performance.now() - begun < 200);
    }),
    { numRuns: 500 },
  );
});
