import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import {
  boundsWithin,
  holdPatch,
  ownFields,
  ownSpec,
  paceAnnotation,
  paceRecordOf,
} from "../../../src/mesh/from/pace-record.ts";
import type { WorkloadObject } from "../../../src/mesh/kubernetes.ts";

type Spec = WorkloadObject["spec"];

/** RFC 7386, as the API server applies it: `null` takes a field away. */
function merged<T>(target: T, patch: object): T {
  const result: Record<string, unknown> = { ...(target as object) };
  for (const [key, value] of Object.entries(patch))
    if (value === null) delete result[key];
    else result[key] = typeof value === "object" ? merged(result[key] ?? {}, value) : value;
  return result as T;
}

const bound = fc.oneof(
  fc.nat(20),
  fc.nat(100).map((percent) => `${percent}%`),
);
const rollingUpdate = fc.record(
  { maxSurge: bound, maxUnavailable: bound },
  { requiredKeys: [], noNullPrototype: true },
);
const deployment: fc.Arbitrary<Spec> = fc
  .record(
    { replicas: fc.nat(50), paused: fc.boolean(), rollingUpdate },
    { requiredKeys: ["rollingUpdate"], noNullPrototype: true },
  )
  .map(({ rollingUpdate, ...spec }) => ({ ...spec, strategy: { type: "RollingUpdate", rollingUpdate } }));
const statefulSet: fc.Arbitrary<Spec> = fc
  .record({
    replicas: fc.nat(50),
    rollingUpdate: fc.record({ partition: fc.nat(9) }, { requiredKeys: [], noNullPrototype: true }),
  })
  .map(({ replicas, rollingUpdate }) => ({ replicas, updateStrategy: { type: "RollingUpdate", rollingUpdate } }));
const one = fc.oneof(
  deployment.map((spec) => ({ kind: "Deployment" as const, spec })),
  statefulSet.map((spec) => ({ kind: "StatefulSet" as const, spec })),
);
const bounds = fc.record({ maxSurge: fc.nat(9), maxUnavailable: fc.nat(9) });

const held = (
  kind: "Deployment" | "StatefulSet",
  object: Parameters<typeof holdPatch>[1],
  to: { readonly maxSurge: number; readonly maxUnavailable: number },
) => {
  const { annotation, spec } = holdPatch(kind, object, to);
  return { metadata: { annotations: { [paceAnnotation]: annotation } }, spec: merged(object.spec, spec) };
};
describe("a workload that is held", () => {
  test("is its owner's again, absent and false told apart, however often it was held", () => {
    fc.assert(
      fc.property(one, fc.array(bounds, { minLength: 1, maxLength: 3 }), ({ kind, spec }, times) => {
        const object = times.reduce<Parameters<typeof holdPatch>[1]>((now, to) => held(kind, now, to), {
          metadata: { annotations: {} },
          spec,
        });
        const record = paceRecordOf(kind, object);
        assert.ok(record);
        assert.deepEqual(merged(object.spec, ownFields(record, object.spec)), spec);
        assert.deepEqual({ ...ownSpec(object.spec, record), paused: false }, { ...spec, paused: false });
        assert.equal(ownSpec(object.spec, record).paused ?? false, spec.paused ?? false);
      }),
    );
  });

  test("keeps the bounds that somebody else has written meanwhile", () => {
    const spec: Spec = { strategy: { rollingUpdate: { maxSurge: "25%", maxUnavailable: "25%" } } };
    const object = held("Deployment", { metadata: { annotations: {} }, spec }, { maxSurge: 2, maxUnavailable: 0 });
    const record = paceRecordOf("Deployment", object);
    const changed: Spec = { ...object.spec, strategy: { rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } } };
    assert.deepEqual(record && ownFields(record, changed), { paused: null });
  });

  const record = (fields: object): string =>
    JSON.stringify({
      ...{ version: 1, kind: "Deployment", paused: null, maxSurge: "25%", maxUnavailable: 0 },
      ...{ written: { maxSurge: 2, maxUnavailable: 0 } },
      ...fields,
    });
  const table: readonly (readonly [what: string, annotation: string, spec: Spec, isHeld: boolean])[] = [
    ["it is paused", record({}), { paused: true }, true],
    ["it was let go", record({}), { strategy: { rollingUpdate: { maxSurge: 2, maxUnavailable: 0 } } }, true],
    [
      "an annotation that rollout undo brought back",
      record({}),
      { strategy: { rollingUpdate: { maxSurge: 1 } } },
      false,
    ],
    ["a record of another kind", record({ kind: "StatefulSet", partition: 0 }), { paused: true }, false],
    ["a record of a later release", record({ version: 2 }), { paused: true }, false],
    ["a record with a hostile bound", record({ maxSurge: { a: 1 } }), { paused: true }, false],
    ["no JSON", "{", { paused: true }, false],
  ];
  for (const [what, annotation, spec, isHeld] of table)
    test(`is known by its record: ${what}`, () => {
      const object = { metadata: { annotations: { [paceAnnotation]: annotation } }, spec };
      assert.equal(paceRecordOf("Deployment", object) !== undefined, isHeld);
    });
});

test("bounds are never above the owner's, nor together above the pods, nor both 0", () => {
  const own = bounds.filter(({ maxSurge, maxUnavailable }) => maxSurge + maxUnavailable > 0);
  fc.assert(
    fc.property(own, fc.integer({ min: 1, max: 9 }), (own, pods) => {
      const { maxSurge, maxUnavailable } = boundsWithin(own, pods);
      assert.ok(maxSurge <= own.maxSurge && maxUnavailable <= own.maxUnavailable);
      assert.ok(maxSurge + maxUnavailable <= pods && maxSurge + maxUnavailable > 0);
    }),
  );
});
