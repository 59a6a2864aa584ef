/** What ends a run: a signal and the time. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createStop } from "../../src/execute/stop.ts";
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
