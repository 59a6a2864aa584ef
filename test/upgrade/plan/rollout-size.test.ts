import assert from "node:assert/strict";
import test from "node:test";
import type { Strategy } from "../../../src/mesh/model.ts";
import { rolloutSize, surge, unavailable } from "../../../src/upgrade/plan/rollout-size.ts";
import { workload } from "../../fixtures/workload.ts";

const rolling = (maxSurge: number, maxUnavailable: number): Strategy => ({
  type: "RollingUpdate",
  maxSurge,
  maxUnavailable,
  partition: 0,
});

const table: readonly (readonly [strategy: Strategy, desired: number, surge: number, unavailable: number])[] = [
  [rolling(1, 0), 3, 1, 0],
  [rolling(2, 1), 3, 2, 1],
  [rolling(5, 5), 3, 3, 3],
  [{ type: "Recreate" }, 3, 0, 3],
  [{ type: "OnDelete" }, 3, 0, 0],
  [{ type: "RolloutRestart", maxUnavailable: 2 }, 3, 0, 2],
  [{ type: "RolloutRestart", maxUnavailable: 2 }, 1, 0, 1],
];

for (const [strategy, desired, more, less] of table) {
  test(`${JSON.stringify(strategy)} of ${desired}`, () => {
    const item = workload({ strategy, status: { desired } });
    assert.deepEqual([surge(item), unavailable(item), rolloutSize(item)], [more, less, more + less]);
  });
}
