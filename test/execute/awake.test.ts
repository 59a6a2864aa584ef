/** The sleep of a machine, read from its two clocks. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { systemClock } from "../../src/cluster/clock.ts";
import { createAwake } from "../../src/execute/awake.ts";
import { clockOfUser, virtualClock } from "../embedded/clock.ts";
import { manualClock } from "../fixtures/manual-clock.ts";

test("time that passes is no absence", async () => {
  const clock = manualClock();
  const { away } = createAwake(clock);
  await clock.advance(3_600_000);
  assert.equal(away(), 0);
});

test("a sleep is counted once, from the last time that was asked", async () => {
  const clock = manualClock();
  const { away } = createAwake(clock);
  clock.jump(600_000);
  await clock.advance(5_000);
  assert.equal(away(), 600_000);
  assert.equal(away(), 0);
  clock.jump(30_000);
  assert.equal(away(), 30_000);
});

test("a clock that is set back by seconds is a correction, by more an absence", () => {
  const clock = manualClock();
  const { away } = createAwake(clock);
  clock.jump(-10_000);
  assert.equal(away(), 0);
  clock.jump(-10_001);
  assert.equal(away(), 10_001);
});

test("the user's machine sleeps, and the mesh keeps its time", () => {
  const mesh = virtualClock();
  const user = clockOfUser(mesh);
  const { away } = createAwake(user);
  const before = mesh.wall();
  user.jump(60_000);
  assert.equal(away(), 60_000);
  assert.equal(mesh.wall(), before);
});

test("this machine is awake", async () => {
  const { away } = createAwake(systemClock);
  assert.ok(Math.abs(systemClock.wall() - Date.now()) < 1_000);
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.ok(away() < 1_000);
});
