/** Restart stamps that come after another one, whatever stands there. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { laterStamp } from "../../../src/execute/steps/stamp.ts";
import { fakeCluster } from "../../fixtures/fake-cluster.ts";
import { manualClock } from "../../fixtures/manual-clock.ts";

const signal = new AbortController().signal;
const cases: Readonly<Record<string, readonly [before: string | undefined, stamp: string]>> = {
  "none before it": [undefined, "2026-11-03T04:05:06Z"],
  "an earlier one": ["2026-11-03T04:05:05Z", "2026-11-03T04:05:06Z"],
  "one of this second": ["2026-11-03T04:05:06Z", "2026-11-03T04:05:07Z"],
  "one of this second, in another zone": ["2026-11-03T06:05:06+02:00", "2026-11-03T04:05:07Z"],
  "one a little ahead": ["2026-11-03T04:05:08Z", "2026-11-03T04:05:09Z"],
  "one of another clock, far ahead": ["2030-01-01T00:00:00Z", "2026-11-03T04:05:06Z"],
  "one that is not a time": ["tomorrow", "2026-11-03T04:05:06Z"],
  "an empty one": ["", "2026-11-03T04:05:06Z"],
};
for (const [name, [before, expected]] of Object.entries(cases))
  test(`after ${name}`, async () => {
    const clock = manualClock();
    const cluster = fakeCluster({ now: () => new Date(Date.parse("2026-11-03T04:05:06Z") + clock.now()) });
    let stamp = "none within 5 s";
    void laterStamp({ cluster, clock, signal }, before).then((made) => {
      stamp = made;
    });
    await clock.advance(5_000);
    assert.equal(stamp, expected);
  });
