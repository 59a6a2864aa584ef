/** The clock of a real run takes every time that code computes; the clocks of tests do not care. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { systemClock } from "../../src/cluster/clock.ts";

/** As the third of a Lease of 20 s, which a run over 100 namespaces has: 6666.67 ms. */
test("a time limit may be a part of a millisecond", async () => {
  const signal = systemClock.timeout(20 / 3);
  assert.equal(signal.aborted, false);
  // The time limit itself keeps no process alive.
  const cancel = systemClock.after(10_000, () => {});
  await once(signal, "abort");
  cancel();
  assert.equal(signal.reason.name, "TimeoutError");
});
