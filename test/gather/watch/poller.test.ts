import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { createPoller } from "../../../src/gather/watch/poller.ts";
import { manualClock } from "../../fixtures/manual-clock.ts";

/** A poller over a cluster that answers with the number of the read; `next` decides what the coming reads do. */
function polling() {
  const clock = manualClock();
  const reads: number[] = [];
  const next = { tookMs: 0, fail: false };
  let sessions: AbortSignal[] = [];
  const poller = createPoller<number>({
    everyMs: 5_000,
    restMs: 200,
    clock,
    start: (_hint, signal) => {
      sessions = [...sessions, signal];
    },
    read: async () => {
      reads.push(clock.now());
      const { tookMs, fail } = next;
      if (tookMs > 0) await new Promise<void>((resolve) => clock.after(tookMs, resolve));
      if (fail) throw new Error("connection reset");
      return reads.length;
    },
  });
  return { clock, reads, next, poller, sessions: () => sessions };
}

suite("createPoller", () => {
  test("reads nothing while nobody listens", async () => {
    const { clock, reads, poller } = polling();
    poller.hint();
    await clock.advance(60_000);
    assert.deepEqual(reads, []);
    assert.equal(clock.pending(), 0);
  });

  test("reads at once for the first listener, then at its pace", async () => {
    const { clock, reads, poller } = polling();
    poller.listen(() => {});
    await clock.advance(12_000);
    assert.deepEqual(reads, [0, 5_000, 10_000]);
    assert.deepEqual(poller.reading(), { value: 3, readAt: 10_000, trouble: undefined, failingSince: undefined });
  });

  test("one read serves all listeners", async () => {
    const { clock, reads, poller } = polling();
    const heard: string[] = [];
    poller.listen(() => heard.push("a"));
    poller.listen(() => heard.push("b"));
    await clock.advance(0);
    assert.deepEqual([reads, heard], [[0], ["a", "b"]]);
  });

  test("many hints are one read, after the rest", async () => {
    const { clock, reads, poller } = polling();
    poller.listen(() => {});
    await clock.advance(50);
    for (let at = 0; at < 10; at++) poller.hint();
    await clock.advance(1_000);
    assert.deepEqual(reads, [0, 200]);
  });

  test("a hint during a read leads to another: the change may have come too late for it", async () => {
    const { clock, reads, next, poller } = polling();
    next.tookMs = 100;
    poller.listen(() => {});
    await clock.advance(50);
    poller.hint();
    await clock.advance(1_000);
    assert.deepEqual(reads, [0, 500]);
  });

  test("a slow server is asked less, and never twice at a time", async () => {
    const { clock, reads, next, poller } = polling();
    next.tookMs = 1_000;
    poller.listen(() => poller.hint());
    await clock.advance(11_000);
    assert.deepEqual(reads, [0, 5_000, 10_000]);
  });

  test("even one slower than its own pace gets its rest", async () => {
    const { clock, reads, next, poller } = polling();
    next.tookMs = 20_000;
    poller.listen(() => {});
    await clock.advance(60_000);
    assert.deepEqual(reads, [0, 25_000, 50_000]);
  });

  test("failures: the last good answer stays, the trouble and its age are told, tries grow rarer, hints or not", async () => {
    const { clock, reads, next, poller } = polling();
    let heard = 0;
    poller.listen(() => heard++);
    await clock.advance(0);
    next.fail = true;
    await clock.advance(5_000);
    const { value, readAt, trouble, failingSince } = poller.reading();
    assert.deepEqual(
      [value, readAt, (trouble as Error).message, failingSince, heard],
      [1, 0, "connection reset", 5_000, 2],
    );
    poller.hint();
    await clock.advance(20_000);
    assert.deepEqual(reads, [0, 5_000, 5_400, 6_200, 7_800, 11_000, 16_000, 21_000]);
    assert.equal(poller.reading().failingSince, 5_000);
    next.fail = false;
    await clock.advance(6_000);
    assert.equal(poller.reading().trouble, undefined);
    assert.equal(poller.reading().failingSince, undefined);
  });

  test("the last listener to go ends it: no timer, no watch", async () => {
    const { clock, reads, poller, sessions } = polling();
    const [endA, endB] = [poller.listen(() => {}), poller.listen(() => {})];
    await clock.advance(0);
    endA();
    endA();
    assert.equal(sessions()[0]?.aborted, false);
    endB();
    assert.equal(sessions()[0]?.aborted, true);
    assert.equal(clock.pending(), 0);
    await clock.advance(60_000);
    assert.deepEqual(reads, [0]);
  });

  test("what was read long ago is not shown to the next listener", async () => {
    const { clock, reads, poller, sessions } = polling();
    poller.listen(() => {})();
    const end = poller.listen(() => {});
    await clock.advance(0);
    end();
    assert.equal(poller.reading().value, 1);
    await clock.advance(60_000);
    poller.listen(() => {});
    assert.equal(poller.reading().value, undefined);
    await clock.advance(0);
    assert.deepEqual([poller.reading().value, reads, sessions().length], [2, [0, 60_000], 3]);
  });

  test("a read begun for listeners that left is not given to those that came after", async () => {
    const { clock, next, poller } = polling();
    next.tookMs = 1_000;
    const end = poller.listen(() => {});
    await clock.advance(500);
    end();
    let heard = 0;
    poller.listen(() => heard++);
    await clock.advance(500);
    assert.deepEqual([heard, poller.reading().value], [0, undefined]);
    await clock.advance(1_500);
    assert.deepEqual([heard, poller.reading().value], [1, 2]);
  });
});
