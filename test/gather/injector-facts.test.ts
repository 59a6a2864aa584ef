import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { dump, load } from "js-yaml";
import { withoutBlocks } from "../../src/gather/injector-facts.ts";
import { injectorPolicyFrom } from "../../src/mesh/injector-policy.ts";

test("blocks of text go, keys and what is beside them stay", () => {
  const yaml = `policy: enabled
templates:
  sidecar: |
    {{- if .Values }}
    policy: disabled

    other: |-
      deep
  grpc-agent: >-
    folded
aliases: {}
notes: |2
    indented
neverInjectSelector:
- matchLabels: {a: "x: |"}`;
  const policy = `policy: enabled\ntemplates:\n  sidecar: ""\n  grpc-agent: ""\naliases: {}\nnotes: ""\n`;
  assert.equal(withoutBlocks(yaml), `${policy}neverInjectSelector:\n- matchLabels: {a: "x: |"}\n`);
});

test("whatever the templates say, the policy reads as it does from the whole", () => {
  const line = fc.constantFrom(
    "policy: disabled",
    "  key: |",
    "",
    "neverInjectSelector:",
    "- a",
    "{{ if }}",
    "\ttab",
    "  deep",
    "# note",
    "---",
  );
  const template = fc.array(line, { minLength: 1, maxLength: 8 }).map((lines) => `${lines.join("\n")}\n`);
  const name = fc.stringMatching(/^[a-z][a-z-]{0,8}[a-z]$/);
  fc.assert(
    fc.property(
      fc.dictionary(name, template),
      fc.constantFrom("enabled", "disabled"),
      name,
      (templates, policy, app) => {
        const yaml = dump({ policy, templates, neverInjectSelector: [{ matchLabels: { app } }], aliases: templates });
        assert.deepEqual(injectorPolicyFrom(load(withoutBlocks(yaml))), injectorPolicyFrom(load(yaml)));
      },
    ),
  );
});
