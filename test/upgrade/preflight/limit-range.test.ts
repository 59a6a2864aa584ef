import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import type { ContainerSpec, PodSpec } from "../../../src/mesh/kubernetes.ts";
import {
  type LimitRange,
  type LimitRangeItem,
  refusals,
  withDefaults,
} from "../../../src/upgrade/preflight/limit-range.ts";

const cpu = (milli: number | undefined) => (milli === undefined ? {} : { cpu: `${milli}m` });
const amount = fc.option(fc.integer({ min: 1, max: 4000 }), { nil: undefined });
const container: fc.Arbitrary<ContainerSpec> = fc.record({
  name: fc.constantFrom("app", "istio-proxy"),
  resources: fc.record({ requests: amount.map(cpu), limits: amount.map(cpu) }),
});
const spec: fc.Arbitrary<PodSpec> = fc.record({
  containers: fc.array(container, { minLength: 1, maxLength: 3 }),
  initContainers: fc.array(container, { maxLength: 2 }),
});
const type = fc.constantFrom("Container", "Pod");
const range = (item: LimitRangeItem): LimitRange => ({ namespace: "production", name: "bounds", limits: [item] });

test("what a maximum lets pass, a larger one lets pass; and what a minimum lets pass, a smaller one does", () => {
  fc.assert(
    fc.property(spec, type, fc.nat(4000), fc.nat(4000), (pod, kind, bound, more) => {
      const max = (milli: number) => refusals(pod, range({ type: kind, max: { cpu: `${milli}m` } })).length;
      const min = (milli: number) => refusals(pod, range({ type: kind, min: { cpu: `${milli}m` } })).length;
      assert.ok(max(bound + more) <= max(bound));
      assert.ok(min(bound) <= min(bound + more));
    }),
  );
});

test("the defaults of a range fill what is missing and nothing else", () => {
  fc.assert(
    fc.property(spec, amount.map(cpu), amount.map(cpu), (pod, fallback, defaultRequest) => {
      const ranges = [range({ type: "Container", default: fallback, defaultRequest })];
      const filled = withDefaults(pod, ranges);
      const all = ({ containers, initContainers = [] }: PodSpec) => [...containers, ...initContainers];
      for (const [index, { resources }] of all(pod).entries()) {
        const now = all(filled)[index]?.resources;
        assert.deepEqual(now?.limits, { ...fallback, ...resources?.limits });
        assert.deepEqual(now?.requests, { ...defaultRequest, ...resources?.limits, ...resources?.requests });
      }
    }),
  );
});

test("a pod that a range made whole is not refused for a bound that the range fills in itself", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 4000 }), (milli) => {
      const item = {
        type: "Container",
        max: cpu(milli),
        min: cpu(milli),
        default: cpu(milli),
        defaultRequest: cpu(milli),
      };
      const bare: PodSpec = { containers: [{ name: "app" }], initContainers: [{ name: "init" }] };
      assert.deepEqual(refusals(withDefaults(bare, [range(item)]), range(item)), []);
    }),
  );
});
