import assert from "node:assert/strict";
import { test } from "node:test";
import { heldByAnnotation, heldByValues } from "../../../src/mesh/proxy/application-start.ts";

const hold = "holdApplicationUntilProxyStarts";
const proxy = (fields: object, rest: object = {}) => ({ global: { proxy: fields }, ...rest });

for (const [what, values, expected] of [
  ["that hold", proxy({ [hold]: true }), true],
  ["that do not", proxy({ [hold]: false }), false],
  ["that do not say it", {}, false],
  ["with an empty lifecycle", proxy({ [hold]: true, lifecycle: {} }), true],
  ["with a lifecycle in its place", proxy({ [hold]: true, lifecycle: { preStop: {} } }), undefined],
  ["with a template of the user's own", proxy({}, { sidecarInjectorWebhook: { templates: { own: "spec: {}" } } }), undefined],
  ["with other default templates", proxy({}, { sidecarInjectorWebhook: { defaultTemplates: ["sidecar", "own"] } }), undefined],
  ["with Istio's own template by its name", proxy({}, { sidecarInjectorWebhook: { templates: {}, defaultTemplates: ["sidecar"] } }), false],
  ["that are none", undefined, undefined],
  ["that are a list", [], undefined],
] as const) // biome-ignore format: a table
  test(`values ${what}`, () => assert.equal(heldByValues(values), expected));

for (const [config, expected] of [
  [`{"${hold}": true}`, true],
  [`{"${hold}":false}`, false],
  [`${hold}: true`, true],
  [`concurrency: 2\n${hold}: false\n`, false],
  ["hold_application_until_proxy_starts: true", true],
  [`no_${hold}: true`, undefined],
  [`${hold}: truely`, undefined],
  ["concurrency: 2", undefined],
  ["", undefined],
] as const)
  test(`annotation ${JSON.stringify(config)}`, () =>
    assert.equal(heldByAnnotation({ "proxy.istio.io/config": config }), expected));

test("no annotation at all", () => assert.equal(heldByAnnotation(undefined), undefined));
