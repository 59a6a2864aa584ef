import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import type { Labels, PodSpec } from "../../../src/mesh/kubernetes.ts";
import { nearest } from "../../../src/mesh/text/suggestion.ts";
import { usageOf } from "../../../src/upgrade/evidence/pod-usage.ts";
import { thousandths } from "../../../src/upgrade/evidence/quantity.ts";

const table: readonly (readonly [text: string, thousandths: number | undefined])[] = [
  ["0", 0], ["1", 1000], ["250m", 250], ["0.1", 100], ["1.5", 1500], [".5", 500], ["5.", 5000], ["1e3", 1e6], ["1E3", 1e6], ["12e-1", 1200],
  ["1k", 1e6], ["1M", 1e9], ["1Ki", 1024e3], ["128Mi", 128 * 2 ** 20 * 1000], ["1.5Gi", 1.5 * 2 ** 30 * 1000], ["100n", 1], ["1u", 1], ["1E", 1e21],
  ["10", 10_000], ["-1", -1000], ["+1", 1000], [".25", 250], ["1e10", 1e13], ["1G", 1e12], ["1T", 1e15], ["1P", 1e18], ["1Ti", 2 ** 40 * 1000], ["0.5Pi", 2 ** 49 * 1000], [".00048828125Ei", 2 ** 49 * 1000],
  ["", undefined], ["m", undefined], ["1 Gi", undefined], ["1GiB", undefined], ["many", undefined], ["1K", undefined], ["--1", undefined], ["x1", undefined],
]; // biome-ignore format: a table

for (const [text, expected] of table) {
  test(`${JSON.stringify(text)} is ${expected === undefined ? "no quantity" : `${expected} thousandths`}`, () => {
    assert.equal(thousandths(text), expected);
  });
}

test("fractions of a CPU add up exactly", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(5000)), (parts) => {
      const sum = parts.reduce((total, part) => total + part, 0);
      assert.equal(
        parts.reduce((total, part) => total + (thousandths(`${part / 1000}`) ?? Number.NaN), 0),
        sum,
      );
    }),
  );
});

const container = (requests: Labels, restartPolicy?: string) => ({
  name: "c",
  resources: { requests },
  ...(restartPolicy && { restartPolicy }),
});
const pods: readonly (readonly [what: string, spec: PodSpec & { overhead?: Labels }, cpu: string])[] = [
  ["containers add up", { containers: [container({ cpu: "1" }), container({ cpu: "100m" })] }, "1100m"],
  ["an init container ends before they start", { containers: [container({ cpu: "1" })], initContainers: [container({ cpu: "500m" })] }, "1000m"],
  ["unless it needs more", { containers: [container({ cpu: "1" })], initContainers: [container({ cpu: "3" }), container({ cpu: "2" })] }, "3000m"],
  ["a native sidecar stays", { containers: [container({ cpu: "1" })], initContainers: [container({ cpu: "100m" }, "Always")] }, "1100m"],
  ["and runs together with the init containers after it", { containers: [container({ cpu: "1" })], initContainers: [container({ cpu: "100m" }, "Always"), container({ cpu: "3" })] }, "3100m"],
  ["and is counted once while it starts", { containers: [], initContainers: [container({ cpu: "100m" }, "Always")] }, "100m"],
  ["but not together with those before it", { containers: [container({ cpu: "1" })], initContainers: [container({ cpu: "3" }), container({ cpu: "100m" }, "Always")] }, "3000m"],
  ["overhead counts", { containers: [container({ cpu: "1" })], overhead: { cpu: "50m" } }, "1050m"],
]; // biome-ignore format: a table

for (const [what, spec, cpu] of pods) {
  test(`a pod's usage: ${what}`, () => {
    assert.equal(usageOf(spec)["requests.cpu"], cpu);
  });
}

test("limits are counted as limits, and absent values as nothing", () => {
  const spec = { containers: [{ name: "a", resources: { requests: { cpu: "1" }, limits: { cpu: "2", memory: "1k" } } }, { name: "b" }, { name: "c", resources: {} }] };
  assert.deepEqual(usageOf(spec), { "requests.cpu": "1000m", "limits.cpu": "2000m", "limits.memory": "1000000m" });
  assert.deepEqual(usageOf({ containers: [] }), {});
}); // biome-ignore format: one line of fields

test("a malformed quantity does not count as 0", () => {
  assert.equal(thousandths(usageOf({ containers: [container({ cpu: "some" })] })["requests.cpu"] ?? "0"), undefined);
});

test("one letter more, less or different is a near name, also in a short name; two letters in a short name are not", () => {
  for (const [name, meant] of [["xcanary", "canary"], ["anary", "canary"], ["canaryy", "canary"], ["cnry", undefined], ["ab", "a"], ["abc", undefined]] as const)
    assert.equal(nearest(name, ["canary", "a"]), meant, name);
  assert.equal(nearest("canary", []), undefined);
}); // biome-ignore format: a table

test("a name with one or two wrong letters is near; another name is not", () => {
  const known = ["1-20", "prod-stable", "default"];
  assert.deepEqual(
    ["1-21", "prodstable", "defualt", "canary", "x"].map((name) => nearest(name, known)),
    ["1-20", "prod-stable", "default", undefined, undefined],
  );
});
