import assert from "node:assert/strict";
import { test } from "node:test";
import { plainProgress } from "../../src/cli/progress/plain-progress.ts";
import { systemClock } from "../../src/cluster/clock.ts";

const start = Date.UTC(2026, 10, 23, 5, 36, 51);

/** A progress with a clock and timers of its own, and the lines it told. */
const telling = (t: { readonly mock: typeof test.mock }) => {
  t.mock.timers.enable({ apis: ["setTimeout", "Date"], now: start });
  const lines: string[] = [];
  return {
    progress: plainProgress({
      err: (text) => lines.push(text),
      now: () => new Date(),
      clock: { ...systemClock, now: () => Date.now() },
    }),
    lines,
    tick: (ms: number) => t.mock.timers.tick(ms),
  };
};

test("a line has the time, the task and what is new", (t) => {
  const { progress, lines, tick } = telling(t);
  progress.section("production");
  const web = progress.task("production/Deployment/web", "Deployment/web");
  web.update("0 of 3 updated");
  tick(1500);
  web.update("1 of 3 updated");
  tick(1000);
  web.done("3 of 3 on 1-20");
  assert.deepEqual(lines, [
    "2026-11-23T05:36:51Z production",
    "2026-11-23T05:36:51Z production/Deployment/web: 0 of 3 updated",
    "2026-11-23T05:36:52Z production/Deployment/web: 1 of 3 updated",
    "2026-11-23T05:36:53Z production/Deployment/web: 3 of 3 on 1-20",
  ]);
});

test("says nothing twice", (t) => {
  const { progress, lines, tick } = telling(t);
  const web = progress.task("web", "web");
  for (let i = 0; i < 5; i++) {
    web.update("waiting");
    tick(2000);
  }
  assert.equal(lines.length, 1);
});

test("tells at most one line a second of a task, the latest, and none of what was overtaken", (t) => {
  const { progress, lines, tick } = telling(t);
  const web = progress.task("web", "web");
  for (let i = 0; i < 25; i++) {
    web.update(`${i} of 25`);
    tick(100);
  }
  assert.deepEqual(
    lines.map((line) => line.slice(21)),
    ["web: 0 of 25", "web: 9 of 25", "web: 19 of 25"],
  );
});

test("an update back to what was told is no news", (t) => {
  const { progress, lines, tick } = telling(t);
  const web = progress.task("web", "web");
  web.update("connected");
  web.update("lost");
  web.update("connected");
  tick(5000);
  assert.equal(lines.length, 1);
});

test("the last word comes at once and is the last", (t) => {
  const { progress, lines, tick } = telling(t);
  const [web, api, db] = [progress.task("web", "web"), progress.task("api", "api"), progress.task("db", "db")];
  web.update("0 of 3");
  web.update("1 of 3");
  web.fail("pod web-0: ImagePullBackOff");
  web.update("2 of 3");
  web.done();
  api.skip("--leave");
  db.done();
  tick(5000);
  assert.deepEqual(
    lines.map((line) => line.slice(21)),
    ["web: 0 of 3", "web: failed: pod web-0: ImagePullBackOff", "api: skipped: --leave", "db: done"],
  );
});

test("closing tells what was held back", async (t) => {
  const { progress, lines } = telling(t);
  const web = progress.task("web", "web");
  web.update("0 of 3");
  web.update("1 of 3");
  await progress.close();
  assert.equal(lines.at(-1), "2026-11-23T05:36:51Z web: 1 of 3");
});
