/** What only a process can show: pipes that close, signals, and that it ends. */
import assert from "node:assert/strict";
import type { ChildProcessWithoutNullStreams } from "node:child_process";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { afterEach, test } from "node:test";

const children = new Set<ChildProcessWithoutNullStreams>();
afterEach(() => {
  for (const child of children) child.kill("SIGKILL");
  children.clear();
});

const start = (argv: readonly string[], env: Readonly<Record<string, string>> = {}): ChildProcessWithoutNullStreams => {
  const child = spawn(process.execPath, ["test/cli/mesh-example.ts", "--to", "a", ...argv], {
    env: { ...process.env, ...env },
  });
  children.add(child);
  return child;
};

const collect = (stream: NodeJS.ReadableStream): (() => string) => {
  let text = "";
  stream.setEncoding("utf8").on("data", (chunk) => {
    text += chunk;
  });
  return () => text;
};

const ended = async (child: ChildProcessWithoutNullStreams): Promise<number | null> => (await once(child, "close"))[0];

const limit = { timeout: 20_000 };

test("a reader whose pipe closes ends quietly with 0", limit, async () => {
  const child = start(["--fail", "lines"]);
  const err = collect(child.stderr);
  child.stdout.once("data", () => child.stdout.destroy());
  assert.equal(await ended(child), 0);
  assert.equal(err(), "");
});

test("a plugin that changes goes on to its end when its pipe closes", limit, async () => {
  const child = start(["--fail", "lines"], { EXAMPLE_CHANGES: "yes" });
  const err = collect(child.stderr);
  child.stdout.once("data", () => child.stdout.destroy());
  assert.equal(await ended(child), 0);
  assert.equal(err(), "to the end\n");
});

test("goes on when stderr closes too", limit, async () => {
  const child = start(["--fail", "lines"], { EXAMPLE_CHANGES: "yes" });
  child.stderr.destroy();
  child.stdout.once("data", () => child.stdout.destroy());
  assert.equal(await ended(child), 0);
});

test("ends although something keeps the loop alive, and only after a slow reader has all of it", limit, async () => {
  const child = start(["--fail", "hang"]);
  child.stdout.pause();
  setTimeout(() => child.stdout.resume(), 300);
  const out = collect(child.stdout);
  child.stdout.pause();
  assert.equal(await ended(child), 4);
  assert.equal(out(), `${"x".repeat(200_000)}\n`);
});

test("a promise that nobody waits for is a bug of ours, told in one line", limit, async () => {
  const child = start(["--fail", "stray"]);
  const err = collect(child.stderr);
  assert.equal(await ended(child), 1);
  assert.match(err(), /^error: nobody waits for me; this is a bug in mesh-example .*\n$/);
});

test("does not take the word of NODE_TLS_REJECT_UNAUTHORIZED", limit, async () => {
  const child = spawn(
    process.execPath,
    [
      "--input-type=module",
      "-e",
      `import { terminal } from "./src/cli/io.ts"; terminal(); console.log(process.env.NODE_TLS_REJECT_UNAUTHORIZED)`,
    ],
    {
      env: { ...process.env, NODE_TLS_REJECT_UNAUTHORIZED: "0" },
    },
  );
  const out = collect(child.stdout);
  assert.equal(await ended(child), 0);
  assert.equal(out(), "undefined\n");
});

test("a promise that nobody waits for has its document too", limit, async () => {
  const child = start(["--fail", "stray", "-o", "json"]);
  const out = collect(child.stdout);
  assert.equal(await ended(child), 1);
  const { exitCode, error } = JSON.parse(out());
  assert.deepEqual([exitCode, error.reason], [1, "bug"]);
});

const ready = (child: ChildProcessWithoutNullStreams): Promise<unknown> => once(child.stderr, "data");

for (const [signal, code] of [
  ["SIGINT", 130],
  ["SIGTERM", 143],
  ["SIGHUP", 129],
] as const) {
  test(`${signal}: a reader ends at once with ${code}`, limit, async () => {
    const child = start(["--fail", "wait"]);
    const err = collect(child.stderr);
    await ready(child);
    child.kill(signal);
    assert.equal(await ended(child), code);
    assert.equal(err(), "ready\n");
  });

  test(`${signal}: what changes finishes the step at hand, then ends with ${code}`, limit, async () => {
    const child = start(["--fail", "wait"], { EXAMPLE_CHANGES: "yes" });
    const err = collect(child.stderr);
    await ready(child);
    child.kill(signal);
    assert.equal(await ended(child), code);
    assert.equal(err(), `ready\n${signal}: finishing the step at hand; once more to stop at once\nstep finished\n`);
  });

  test(`${signal}: a reader that has shown nothing yet prints a document`, limit, async () => {
    const child = start(["--fail", "wait", "-o", "json"]);
    const out = collect(child.stdout);
    await ready(child);
    child.kill(signal);
    assert.equal(await ended(child), code);
    const { exitCode, error } = JSON.parse(out());
    assert.deepEqual(
      [exitCode, error],
      [code, { message: `interrupted by ${signal}`, hint: null, reason: "interrupted" }],
    );
  });

  test(`${signal} twice: the document has what is half done`, limit, async () => {
    const child = start(["--fail", "wait", "-o", "json"], { EXAMPLE_CHANGES: "yes", EXAMPLE_STUBBORN: "yes" });
    const out = collect(child.stdout);
    await ready(child);
    child.kill("SIGTERM");
    await once(child.stderr, "data");
    child.kill(signal);
    assert.equal(await ended(child), code);
    const { exitCode, error, halfDone } = JSON.parse(out());
    assert.deepEqual([exitCode, error.reason, halfDone], [code, "interrupted", "web is half done"]);
  });

  test(`${signal} twice: ends at once and says what is half done`, limit, async () => {
    const child = start(["--fail", "wait"], { EXAMPLE_CHANGES: "yes", EXAMPLE_STUBBORN: "yes" });
    const err = collect(child.stderr);
    await ready(child);
    child.kill("SIGTERM");
    await once(child.stderr, "data");
    child.kill(signal);
    assert.equal(await ended(child), code);
    assert.match(
      err(),
      new RegExp(`error: stopped by ${signal} in the middle of the step at hand\nweb is half done\n$`),
    );
  });
}
