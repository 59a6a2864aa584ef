import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import { createBudget } from "../../src/execute/budget.ts";

const never = new AbortController().signal;
const settled = () => new Promise((resolve) => setImmediate(resolve));

/** Asks and notes by name who was let go, in order. */
function asking(limit: number) {
  const budget = createBudget(limit);
  const started: string[] = [];
  const releases = new Map<string, () => void>();
  const ask = (name: string, pods: number, signal = never): Promise<void> =>
    budget.acquire(pods, signal).then((release) => {
      started.push(name);
      releases.set(name, release);
    });
  return { budget, started, ask, release: (name: string) => releases.get(name)?.() };
}

suite("createBudget", () => {
  test("lets go what fits, and the next when there is room", async () => {
    const { budget, started, ask, release } = asking(3);
    const all = [ask("a", 2), ask("b", 1), ask("c", 2)];
    await settled();
    assert.deepEqual(started, ["a", "b"]);
    assert.equal(budget.inFlight(), 3);
    release("a");
    await Promise.all(all);
    assert.deepEqual(started, ["a", "b", "c"]);
  });

  test("first come, first served: a small one does not overtake", async () => {
    const { started, ask, release } = asking(3);
    const all = [ask("a", 2), ask("large", 3), ask("small", 1)];
    await settled();
    assert.deepEqual(started, ["a"]);
    release("a");
    await settled();
    assert.deepEqual(started, ["a", "large"]);
    release("large");
    await Promise.all(all);
    assert.deepEqual(started, ["a", "large", "small"]);
  });

  test("one larger than the budget runs alone", async () => {
    const { budget, started, ask, release } = asking(3);
    const all = [ask("a", 1), ask("huge", 9), ask("b", 1), ask("none", 0)];
    await settled();
    assert.deepEqual(started, ["a"]);
    release("a");
    await settled();
    assert.deepEqual([started, budget.inFlight()], [["a", "huge"], 9]);
    release("huge");
    await Promise.all(all);
    assert.deepEqual(started, ["a", "huge", "b", "none"]);
  });

  test("released twice is released once", async () => {
    const { budget, ask, release } = asking(2);
    await Promise.all([ask("a", 1), ask("b", 1)]);
    release("a");
    release("a");
    assert.equal(budget.inFlight(), 1);
  });

  test("who gives up while waiting makes room for those behind", async () => {
    const { started, ask } = asking(3);
    const giving = new AbortController();
    const all = [ask("a", 2), ask("b", 2, giving.signal), ask("c", 1)];
    await settled();
    assert.deepEqual(started, ["a"]);
    giving.abort(new Error("interrupted"));
    await assert.rejects(all[1] ?? Promise.resolve(), /interrupted/);
    await settled();
    assert.deepEqual(started, ["a", "c"]);
  });

  test("an abort after the turn came changes nothing", async () => {
    const { budget, ask } = asking(3);
    const giving = new AbortController();
    await ask("a", 2, giving.signal);
    giving.abort();
    assert.equal(budget.inFlight(), 2);
  });

  test("aborted beforehand is refused", () =>
    assert.rejects(asking(3).ask("a", 1, AbortSignal.abort(new Error("interrupted"))), /interrupted/));
});

test("in any order of asking, releasing and giving up: never above the limit but alone, in the order of asking, and nobody is forgotten", async () => {
  const step = fc.oneof(
    { weight: 3, arbitrary: fc.record({ kind: fc.constant("ask" as const), pods: fc.nat({ max: 6 }) }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant("release" as const), at: fc.nat() }) },
    fc.record({ kind: fc.constant("give up" as const), at: fc.nat() }),
  );
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 5 }), fc.array(step, { maxLength: 30 }), async (limit, steps) => {
      const budget = createBudget(limit);
      const running = new Map<number, { pods: number; release: () => void }>();
      const waiting = new Map<number, AbortController>();
      let asked = 0;
      let last = -1;
      const hold = (): void => {
        const pods = [...running.values()].reduce((sum, each) => sum + each.pods, 0);
        assert.equal(budget.inFlight(), pods);
        assert.ok(pods <= limit || running.size === 1, `${pods} in flight of ${limit}, ${running.size} running`);
      };
      const nth = <K, V>(map: Map<K, V>, at: number): [K, V] | undefined => [...map][at % Math.max(1, map.size)];
      for (const each of steps) {
        if (each.kind === "ask") {
          const id = asked++;
          const giving = new AbortController();
          waiting.set(id, giving);
          budget.acquire(each.pods, giving.signal).then(
            (release) => {
              assert.ok(id > last, "overtaken");
              last = id;
              waiting.delete(id);
              running.set(id, { pods: each.pods, release });
            },
            () => waiting.delete(id),
          );
        } else if (each.kind === "release") {
          const [id, found] = nth(running, each.at) ?? [];
          if (id !== undefined) running.delete(id);
          found?.release();
        } else nth(waiting, each.at)?.[1].abort();
        await settled();
        hold();
      }
      while (running.size > 0) {
        const [id, { release }] = [...running][0] as [number, { release: () => void }];
        running.delete(id);
        release();
        await settled();
        hold();
      }
      assert.equal(waiting.size, 0, "somebody waits for ever");
      assert.equal(budget.inFlight(), 0);
    }),
    { numRuns: 60 },
  );
});
