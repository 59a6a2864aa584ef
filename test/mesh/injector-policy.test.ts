import assert from "node:assert/strict";
import { test } from "node:test";
import { injectorPolicyFrom, policyInjects } from "../../src/mesh/injector-policy.ts";
import type { LabelSelector } from "../../src/mesh/kubernetes.ts";
import type { InjectorPolicy } from "../../src/mesh/model.ts";
import { releases, rendered } from "./rendered.ts";

const enabled: InjectorPolicy = { policy: "enabled", neverInject: [], alwaysInject: [], templates: [] };
const disabled: InjectorPolicy = { ...enabled, policy: "disabled" };
const web: LabelSelector = { matchLabels: { app: "web" } };

for (const [title, policy, version, value, expected] of [
  ["enabled, without a value", enabled, "1.20.0", "", true],
  ["disabled, without a value", disabled, "1.20.0", "", false],
  ["disabled, value true", disabled, "1.20.0", "true", true],
  ["enabled, value false", enabled, "1.20.0", "false", false],
  ["an unknown policy injects nothing, even with value true", { ...enabled, policy: "off" }, "1.20.0", "true", false],
  ["neverInject", { ...enabled, neverInject: [web] }, "1.20.0", "", false],
  ["neverInject, value true", { ...enabled, neverInject: [web] }, "1.20.0", "true", true],
  ["neverInject wins over alwaysInject", { ...enabled, neverInject: [web], alwaysInject: [web] }, "1.20.0", "", false],
  ["alwaysInject, disabled", { ...disabled, alwaysInject: [web] }, "1.20.0", "", true],
  ["alwaysInject, value false", { ...disabled, alwaysInject: [web] }, "1.20.0", "false", false],
  ["an empty selector selects nothing", { ...enabled, neverInject: [{}] }, "1.20.0", "", true],
  [
    "a selector that istiod cannot parse is ignored",
    { ...enabled, neverInject: [{ matchExpressions: [{ key: "app", operator: "Gt" }] }] },
    "1.20.0",
    "",
    true,
  ],
  ["up to 1.26, YAML's words for true inject", disabled, "1.26.1", "Yes", true],
  ["up to 1.26, any other word does not inject", enabled, "1.26.1", "False", false],
  ["from 1.28 on, other words do not inject", disabled, "1.28.2", "Yes", false],
  ["from 1.28 on, the policy decides for other words", enabled, "1.28.2", "False", true],
  ["an unknown version, where all versions do the same", enabled, undefined, "yes", true],
  ["an unknown version, where versions differ", enabled, undefined, "False", undefined],
  ["a version that was not examined", enabled, "1.27.1", "False", undefined],
  ["a text that is not a version", enabled, "latest", "no", undefined],
] as const satisfies readonly (readonly [string, InjectorPolicy, string | undefined, string, boolean | undefined])[])
  test(title, () => assert.equal(policyInjects(policy, version, value, { app: "web" }), expected));

for (const release of releases)
  test(`the policy that ${release} installs`, () => {
    const { templates, ...rest } = injectorPolicyFrom(rendered(release).injectorConfig);
    assert.deepEqual(rest, { policy: "enabled", neverInject: [], alwaysInject: [] });
    assert.ok(["sidecar", "gateway", "grpc-agent"].every((name) => templates.includes(name)));
  });

for (const [value, before, since] of [["y", true, false], ["on", true, false], ["yes", true, false], ["true", true, true], ["false", false, false], ["no", false, false]] as const)
  test(`policy disabled, value ${value}`, () => {
    assert.deepEqual(["1.20.0", "1.28.0"].map((version) => policyInjects(disabled, version, value, {})), [before, since]);
    assert.equal(policyInjects(enabled, "1.28.0", value, {}), value !== "false");
  }); // biome-ignore format: a table

test("absent and null selectors select nothing", () => {
  const read = injectorPolicyFrom({
    policy: "enabled",
    neverInjectSelector: null,
    templates: null,
    aliases: { mine: ["sidecar"] },
  });
  assert.deepEqual(read, { policy: "enabled", neverInject: [], alwaysInject: [], templates: ["mine"] });
});

test("a selector with a null part, as YAML can give it, has its other part only", () => {
  const policy = injectorPolicyFrom({ policy: "enabled", neverInjectSelector: [{ matchLabels: { app: "web" }, matchExpressions: null }, { matchLabels: null }] });
  assert.deepEqual([{ app: "web" }, { app: "api" }].map((labels) => policyInjects(policy, "1.20.0", "", labels)), [false, true]);
}); // biome-ignore format: one line of words

test("anything that is not a configuration is an error", () => {
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
