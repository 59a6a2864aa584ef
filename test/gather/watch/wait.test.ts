import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { Source } from "../../../src/gather/watch/poller.ts";
import { waitFor } from "../../../src/gather/watch/wait.ts";
import { done, failed, unknown, type Verdict, waiting } from "../../../src/upgrade/proof/verdict.ts";
import { manualClock, settled } from "../../fixtures/manual-clock.ts";

function source(): Source & { tell(): void; listeners(): number } {
  const all = new Set<() => void>();
  return {
    listen: (listener) => {
      all.add(listener);
      return () => all.delete(listener);
    },
    tell: () => {
      for (const listener of [...all]) listener();
    },
    listeners: () => all.size,
  };
}

/** A wait of a minute on something whose verdict the test sets. */
function waitingFor(first: Verdict | undefined, signal = new AbortController().signal) {
  const clock = manualClock();
  const sources = [source(), source()] as const;
  const told: string[] = [];
  const state: { verdict: Verdict | undefined; judged: number; error?: Error } = { verdict: first, judged: 0 };
  const judge = (): Verdict | undefined => {
    state.judged++;
    if (state.error) throw state.error;
    return state.verdict;
  };
  const outcome = waitFor(judge, sources, {
    timeoutMs: 60_000,
    signal,
    clock,
    onChange: (reason) => told.push(reason),
  });
  const ended = outcome.then(
    (verdict) => verdict,
    (error: unknown) => error,
  );
  /** Nothing may be left behind, whichever way it ended. */
  const clean = (): void =>
    assert.deepEqual([sources[0].listeners(), sources[1].listeners(), clock.pending()], [0, 0, 0]);
  return { clock, sources, told, state, ended, clean };
}

suite("waitFor, by the names of kubectl wait's cases", () => {
  test("present on get: no news is needed", async () => {
    const { ended, clean, state } = waitingFor(done);
    assert.deepEqual(await ended, done);
    assert.equal(state.judged, 1);
    clean();
  });

  test("handles watch condition change", async () => {
    const { sources, state, ended, clean } = waitingFor(waiting("1 of 3 updated"));
    state.verdict = done;
    sources[1].tell();
    assert.deepEqual(await ended, done);
    clean();
  });

  test("handles watch delete: failed ends it at once", async () => {
    const { sources, state, ended, clean } = waitingFor(waiting("1 of 3 updated"));
    state.verdict = failed("was deleted meanwhile");
    sources[0].tell();
    assert.deepEqual(await ended, failed("was deleted meanwhile"));
    clean();
  });

  test("times out: with what it waited for last", async () => {
    const { clock, sources, state, ended, clean } = waitingFor(waiting("1 of 3 updated"));
    state.verdict = waiting("2 of 3 updated");
    sources[0].tell();
    await clock.advance(60_000);
    assert.deepEqual(await ended, failed("timed out after 1m: 2 of 3 updated"));
    clean();
  });

  test("times out, but a last look finds it done: a close watch told nothing", async () => {
    const { clock, state, ended } = waitingFor(waiting("1 of 3 updated"));
    state.verdict = done;
    await clock.advance(60_000);
    assert.deepEqual(await ended, done);
  });

  test("what cannot be seen when the time is up stays unknown", async () => {
    const { clock, ended, clean } = waitingFor(unknown("istiod is silent"));
    await clock.advance(60_000);
    assert.deepEqual(await ended, unknown("timed out after 1m: istiod is silent"));
    clean();
  });

  test("unknown is waited out: it may be seen again", async () => {
    const { sources, state, ended } = waitingFor(unknown("istiod is silent"));
    sources[0].tell();
    state.verdict = done;
    sources[0].tell();
    assert.deepEqual(await ended, done);
  });

  test("nothing read until the end is a failure that says so", async () => {
    const { clock, ended } = waitingFor(undefined);
    await clock.advance(60_000);
    assert.deepEqual(await ended, failed("timed out after 1m: not read yet"));
  });

  test("not a moment before", async () => {
    const { clock, ended, state } = waitingFor(waiting("x"));
    await clock.advance(59_999);
    const still = Symbol("still waiting");
    assert.equal(await Promise.race([ended, settled().then(() => still)]), still);
    state.verdict = done;
    await clock.advance(1);
    assert.deepEqual(await ended, done);
  });
});

suite("waitFor", () => {
  test("tells what it waits for, each thing once", async () => {
    const { sources, state, told, ended } = waitingFor(undefined);
    for (const verdict of [waiting("a"), waiting("a"), unknown("b"), waiting("a"), done]) {
      state.verdict = verdict;
      sources[0].tell();
    }
    await ended;
    assert.deepEqual(told, ["not read yet", "a", "b", "a"]);
  });

  test("says how long in the words of --timeout", async () => {
    for (const [timeoutMs, text] of [
      [500, "0.5s"],
      [60_000, "1m"],
      [90_000, "90s"],
      [600_000, "10m"],
    ] as const) {
      const clock = manualClock();
      const wait = waitFor(() => waiting("x"), [], { timeoutMs, clock, signal: new AbortController().signal });
      await clock.advance(timeoutMs);
      assert.deepEqual(await wait, failed(`timed out after ${text}: x`));
    }
  });

  test("an abort ends it with the abort's reason", async () => {
    const controller = new AbortController();
    const { ended, clean } = waitingFor(waiting("x"), controller.signal);
    const reason = new Error("interrupted");
    controller.abort(reason);
    assert.equal(await ended, reason);
    clean();
  });

  test("aborted beforehand nothing is judged", async () => {
    const reason = new Error("interrupted");
    const { ended, state, clean } = waitingFor(done, AbortSignal.abort(reason));
    assert.equal(await ended, reason);
    assert.equal(state.judged, 0);
    clean();
  });

  test("a fault of the judge comes out, at first sight and later", async () => {
    const { sources, state, ended, clean } = waitingFor(waiting("x"));
    state.error = new Error("fault");
    sources[0].tell();
    assert.equal(await ended, state.error);
    clean();
  });

  test("news after the end is not judged", async () => {
    const { sources, state, ended } = waitingFor(done);
    await ended;
    sources[0].tell();
    assert.equal(state.judged, 1);
  });
});
