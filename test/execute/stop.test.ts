/** What ends a run: a signal and the time. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createStop, createUndoStop } from "../../src/execute/stop.ts";
import { manualClock } from "../fixtures/manual-clock.ts";

for (const when of ["before the run begins", "while it is on"])
  test(`a signal ${when} ends every wait at once, and the requests five seconds later`, async () => {
    const [clock, signal] = [manualClock(), new AbortController()];
    if (when === "before the run begins") signal.abort(new Error("SIGINT"));
    const stop = createStop(signal.signal, 60_000, clock);
    signal.abort(new Error("SIGINT"));
    assert.deepEqual([stop.now.aborted, stop.nothingNew.aborted, stop.requests.aborted], [true, true, false]);
    await clock.advance(5_000);
    assert.equal(stop.requests.aborted, true);
  });

test("a rollback goes on for three seconds after a signal, its requests for five", async () => {
  const [clock, signal] = [manualClock(), new AbortController()];
  const stop = createUndoStop(signal.signal, 60_000, clock);
  await clock.advance(1_000);
  signal.abort(new Error("SIGTERM"));
  await clock.advance(2_999);
  assert.deepEqual([stop.now.aborted, stop.nothingNew.aborted, stop.interrupted()], [false, false, false]);
  await clock.advance(1);
  assert.deepEqual([stop.now.aborted, stop.nothingNew.aborted, stop.interrupted()], [true, true, true]);
  assert.equal(stop.now.reason, signal.signal.reason);
  await clock.advance(1_999);
  assert.equal(stop.requests.aborted, false);
  await clock.advance(1);
  assert.equal(stop.requests.aborted, true);
});

test("a rollback has a time of its own, without any signal", async () => {
  const clock = manualClock();
  const stop = createUndoStop(new AbortController().signal, 60_000, clock);
  await clock.advance(60_000);
  assert.deepEqual([stop.now.aborted, stop.requests.aborted, stop.interrupted()], [true, true, false]);
});
