import assert from "node:assert/strict";
import { test } from "node:test";
import { injectorPolicyFrom, policyInjects } from "../../src/mesh/injector-policy.ts";
import type { LabelSelector } from "../../src/mesh/kubernetes.ts";
import type { InjectorPolicy } from "../../src/mesh/model.ts";
import { releases, rendered } from "./rendered.ts";

const enabled: InjectorPolicy = { policy: "enabled", neverInject: [], alwaysInject: [], templates: [] };
const disabled: InjectorPolicy = { ...enabled, policy: "disabled" };
const web: LabelSelector = { matchLabels: { app: "web" } };

for (const [title, policy, version, wish, expected] of [
  ["enabled, nothing asked", enabled, "1.20.0", "", true],
  ["disabled, nothing asked", disabled, "1.20.0", "", false],
  ["disabled, asked for", disabled, "1.20.0", "true", true],
  ["enabled, asked not to", enabled, "1.20.0", "false", false],
  ["a policy of another name injects nothing, asked or not", { ...enabled, policy: "off" }, "1.20.0", "true", false],
  ["never injected", { ...enabled, neverInject: [web] }, "1.20.0", "", false],
  ["never injected, but asked for", { ...enabled, neverInject: [web] }, "1.20.0", "true", true],
  ["never comes before always", { ...enabled, neverInject: [web], alwaysInject: [web] }, "1.20.0", "", false],
  ["always injected although disabled", { ...disabled, alwaysInject: [web] }, "1.20.0", "", true],
  ["always injected, but asked not to", { ...disabled, alwaysInject: [web] }, "1.20.0", "false", false],
  ["an empty selector never counts", { ...enabled, neverInject: [{}] }, "1.20.0", "", true],
  [
    "a selector istiod cannot read is passed over",
    { ...enabled, neverInject: [{ matchExpressions: [{ key: "app", operator: "Gt" }] }] },
    "1.20.0",
    "",
    true,
  ],
  ["up to 1.26 YAML's words for true ask", disabled, "1.26.1", "Yes", true],
  ["up to 1.26 any other word forbids", enabled, "1.26.1", "False", false],
  ["from 1.28 other words are nothing", disabled, "1.28.2", "Yes", false],
  ["from 1.28 other words leave it to the policy", enabled, "1.28.2", "False", true],
  ["an unknown version does not matter where all agree", enabled, undefined, "yes", true],
  ["an unknown version where releases differ", enabled, undefined, "False", undefined],
  ["a release that was not looked at", enabled, "1.27.1", "False", undefined],
  ["a version that is none", enabled, "latest", "no", undefined],
] as const satisfies readonly (readonly [string, InjectorPolicy, string | undefined, string, boolean | undefined])[])
  test(title, () => assert.equal(policyInjects(policy, version, wish, { app: "web" }), expected));

for (const release of releases)
  test(`the policy that ${release} installs`, () => {
    const { templates, ...rest } = injectorPolicyFrom(rendered(release).injectorConfig);
    assert.deepEqual(rest, { policy: "enabled", neverInject: [], alwaysInject: [] });
    assert.ok(["sidecar", "gateway", "grpc-agent"].every((name) => templates.includes(name)));
  });

for (const [wish, before, since] of [["y", true, false], ["on", true, false], ["yes", true, false], ["true", true, true], ["false", false, false], ["no", false, false]] as const)
  test(`a policy that injects nothing by itself, asked ${wish}`, () => {
    assert.deepEqual(["1.20.0", "1.28.0"].map((version) => policyInjects(disabled, version, wish, {})), [before, since]);
    assert.equal(policyInjects(enabled, "1.28.0", wish, {}), wish !== "false");
  }); // biome-ignore format: a table

test("selectors that are not there are none, and what is null is not there", () => {
  const read = injectorPolicyFrom({
    policy: "enabled",
    neverInjectSelector: null,
    templates: null,
    aliases: { mine: ["sidecar"] },
  });
  assert.deepEqual(read, { policy: "enabled", neverInject: [], alwaysInject: [], templates: ["mine"] });
});

test("a selector of which a part is null, as YAML leaves it, is read by its other part", () => {
  const policy = injectorPolicyFrom({ policy: "enabled", neverInjectSelector: [{ matchLabels: { app: "web" }, matchExpressions: null }, { matchLabels: null }] });
  assert.deepEqual([{ app: "web" }, { app: "api" }].map((labels) => policyInjects(policy, "1.20.0", "", labels)), [false, true]);
}); // biome-ignore format: one line of words

test("what is no configuration is an error", () => {
  for (const text of [
    undefined,
    null,
    "",
    [],
    "policy: enabled",
    {},
    { policy: 1 },
    { policy: "enabled", neverInjectSelector: "app=web" },
  ])
    assert.throws(() => injectorPolicyFrom(text), /^Error: (the|a) .*injector's configuration/, JSON.stringify(text));
});
