/** `--wait` of a preflight: it looks again until it passes, and an API server that is away for a moment ends nothing. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { lookUntil } from "../../plugins/mesh-preflight/look-until.ts";
import { ClusterError } from "../../src/cluster/cluster-error.ts";
import type { PreflightResult } from "../../src/upgrade/preflight/preflight-result.ts";
import { manualClock, settled } from "../fixtures/manual-clock.ts";

const result = (exitCode: 0 | 3 | 5): PreflightResult =>
  ({
    exitCode,
    checks: [{ id: "downtime", state: exitCode === 0 ? "passed" : "blocker" }],
  }) as unknown as PreflightResult;
const away = new ClusterError("cannot reach the API server", { reason: "unreachable" });

/** What the looks come to, one after the other (the last again and again), and what was said. */
const waited = async (looks: readonly (PreflightResult | Error)[], waitMs: number) => {
  const clock = manualClock();
  const said: string[] = [];
  let count = 0;
  const end = lookUntil({
    look: async () => {
      const found = looks[Math.min(count++, looks.length - 1)];
      if (found === undefined || found instanceof Error) throw found;
      return found;
    },
    ...{ waitMs, clock, signal: new AbortController().signal, say: (text: string) => said.push(text) },
  }).then(
    ({ exitCode }) => exitCode,
    (error: Error) => error.message,
  );
  for (let step = 0; step < 200; step++) {
    await settled();
    await clock.advance(1_000);
  }
  return { end: await end, count, said };
};

test("without --wait it looks once", async () => {
  assert.deepEqual(await waited([result(3)], 0), { end: 3, count: 1, said: [] });
});

test("it ends with the first look that passes", async () => {
  const { end, count, said } = await waited([result(3), result(5), result(0), result(3)], 60_000);
  assert.deepEqual([end, count], [0, 3]);
  assert.match(said[0] ?? "", /^waiting, .* left: downtime$/);
});

test("it ends with the last look when the time is over, and not later", async () => {
  const { end, count } = await waited([result(3)], 12_000);
  assert.deepEqual([end, count], [3, 4]);
});

test("a later look that the cluster does not answer has not passed", async () => {
  const { end, count, said } = await waited([result(3), away, result(0)], 60_000);
  assert.deepEqual([end, count], [0, 3]);
  assert.match(said[1] ?? "", /left: cannot reach the API server$/);
  assert.equal((await waited([result(3), away], 12_000)).end, "cannot reach the API server");
});

test("a first look that fails ends it at once, and so does a fault of ours", async () => {
  assert.deepEqual(await waited([away, result(0)], 60_000), { end: "cannot reach the API server", count: 1, said: [] });
  assert.equal((await waited([result(3), new TypeError("a bug"), result(0)], 60_000)).end, "a bug");
});
