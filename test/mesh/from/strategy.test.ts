import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { strategyFrom } from "../../../src/mesh/from/strategy.ts";
import type { WorkloadObject } from "../../../src/mesh/kubernetes.ts";
import type { Strategy } from "../../../src/mesh/model.ts";
import type { WorkloadKind } from "../../../src/mesh/workload-kinds.ts";

const rolling = (maxSurge: number, maxUnavailable: number, partition = 0): Strategy => ({
  type: "RollingUpdate",
  maxSurge,
  maxUnavailable,
  partition,
});

for (const [title, kind, spec, desired, expected] of [
  ["a Deployment's defaults, of 3", "Deployment", {}, 3, rolling(1, 0)],
  ["a Deployment's defaults, of 10", "Deployment", {}, 10, rolling(3, 2)],
  ["a Deployment's defaults, of 1", "Deployment", {}, 1, rolling(1, 0)],
  [
    "both round to 0",
    "Deployment",
    { strategy: { rollingUpdate: { maxSurge: 0, maxUnavailable: "10%" } } },
    3,
    rolling(0, 1),
  ],
  [
    "more unavailable than there are pods",
    "Deployment",
    { strategy: { rollingUpdate: { maxSurge: 0, maxUnavailable: 5 } } },
    2,
    rolling(0, 2),
  ],
  [
    "all at once",
    "Deployment",
    { strategy: { rollingUpdate: { maxSurge: "0%", maxUnavailable: "100%" } } },
    4,
    rolling(0, 4),
  ],
  ["scaled to zero", "Deployment", {}, 0, rolling(0, 0)],
  [
    "whole numbers of a percentage",
    "Deployment",
    { strategy: { rollingUpdate: { maxSurge: "29%", maxUnavailable: "29%" } } },
    100,
    rolling(29, 29),
  ],
  ["Recreate", "Deployment", { strategy: { type: "Recreate" } }, 3, { type: "Recreate" }],
  ["a StatefulSet", "StatefulSet", {}, 3, rolling(0, 1)],
  [
    "a StatefulSet with maxUnavailable",
    "StatefulSet",
    { updateStrategy: { rollingUpdate: { maxUnavailable: "50%" } } },
    5,
    rolling(0, 2),
  ],
  [
    "a StatefulSet's percentage of few pods",
    "StatefulSet",
    { updateStrategy: { rollingUpdate: { maxUnavailable: "10%" } } },
    3,
    rolling(0, 1),
  ],
  [
    "a partitioned StatefulSet",
    "StatefulSet",
    { updateStrategy: { rollingUpdate: { partition: 2 } } },
    3,
    rolling(0, 1, 2),
  ],
  ["OnDelete", "StatefulSet", { updateStrategy: { type: "OnDelete" } }, 3, { type: "OnDelete" }],
  ["a DaemonSet", "DaemonSet", {}, 4, rolling(0, 1)],
  ["a DaemonSet on delete", "DaemonSet", { updateStrategy: { type: "OnDelete" } }, 4, { type: "OnDelete" }],
  [
    "a canary Rollout's bound, which a surge does not change",
    "Rollout",
    { strategy: { canary: { maxSurge: 0, maxUnavailable: "50%" } } },
    8,
    { type: "RolloutRestart", maxUnavailable: 4 },
  ],
  ["a Rollout without a strategy", "Rollout", {}, 8, { type: "RolloutRestart", maxUnavailable: 2 }],
  [
    "a blue-green Rollout's default",
    "Rollout",
    { strategy: { blueGreen: {} } },
    8,
    { type: "RolloutRestart", maxUnavailable: 2 },
  ],
  [
    "a DaemonSet's percentage rounds up",
    "DaemonSet",
    { updateStrategy: { rollingUpdate: { maxUnavailable: "10%" } } },
    4,
    rolling(0, 1),
  ],
  [
    "a surging DaemonSet",
    "DaemonSet",
    { updateStrategy: { rollingUpdate: { maxSurge: "50%", maxUnavailable: 0 } } },
    3,
    rolling(2, 0),
  ],
  [
    "a DaemonSet with both bounds 0",
    "DaemonSet",
    { updateStrategy: { rollingUpdate: { maxUnavailable: 0 } } },
    3,
    rolling(0, 1),
  ],
  [
    "a canary Rollout's default",
    "Rollout",
    { strategy: { canary: {} } },
    8,
    { type: "RolloutRestart", maxUnavailable: 2 },
  ],
  [
    "a Rollout restarts at least one at a time",
    "Rollout",
    { strategy: { canary: { maxSurge: 1, maxUnavailable: 0 } } },
    8,
    { type: "RolloutRestart", maxUnavailable: 1 },
  ],
  [
    "a blue-green Rollout",
    "Rollout",
    { strategy: { blueGreen: { maxUnavailable: 3 } } },
    8,
    { type: "RolloutRestart", maxUnavailable: 3 },
  ],
  [
    "a Rollout's bound beyond its size",
    "Rollout",
    { strategy: { blueGreen: { maxUnavailable: 9 } } },
    2,
    { type: "RolloutRestart", maxUnavailable: 2 },
  ],
] as const satisfies readonly (readonly [string, WorkloadKind, WorkloadObject["spec"], number, Strategy])[])
  test(title, () => assert.deepEqual(strategyFrom(kind, spec, desired), expected));

const amount = fc.oneof(
  fc.integer({ min: 0, max: 20 }),
  fc.integer({ min: 0, max: 100 }).map((percent) => `${percent}%`),
);

test("every rolling update can replace at least one whole pod", () => {
  const kinds = fc.constantFrom<WorkloadKind>("Deployment", "StatefulSet", "DaemonSet");
  fc.assert(
    fc.property(kinds, amount, amount, fc.integer({ min: 1, max: 200 }), (kind, maxSurge, maxUnavailable, desired) => {
      const rollingUpdate = { maxSurge, maxUnavailable };
      const strategy = strategyFrom(kind, { strategy: { rollingUpdate }, updateStrategy: { rollingUpdate } }, desired);
      assert.ok(strategy.type === "RollingUpdate" && strategy.maxSurge + strategy.maxUnavailable >= 1);
      assert.ok([strategy.maxSurge, strategy.maxUnavailable].every(Number.isInteger));
      if (kind === "Deployment") assert.ok(strategy.maxUnavailable <= desired);
    }),
  );
});
