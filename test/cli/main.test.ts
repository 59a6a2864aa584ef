import assert from "node:assert/strict";
import { test } from "node:test";
import { runPlugin } from "../../src/cli/main.ts";
import { version } from "../../src/cli/version.ts";
import { plugin } from "./mesh-example.ts";
import { memoryShell } from "./shell.ts";

const run = async (...argv: readonly string[]) => {
  const memory = memoryShell();
  const code = await runPlugin(plugin, argv, memory.shell);
  return { code, out: memory.out(), err: memory.err() };
};

const bug = `error: x is not a function; this is a bug in mesh-example ${version}`;

const ends: readonly (readonly [fail: string, code: number, err: string])[] = [
  ["cluster", 1, "error: cannot reach the API server\n  is the cluster up?\n"],
  ["forbidden", 5, "error: could not list pods\n  ask for the right to list pods\n"],
  ["refused", 3, "error: there is no revision 1-20\n  kubectl mesh-revisions lists them\n"],
  ["unseen", 5, "error: istiod istio-system/istiod-a does not answer\n"],
  ["bug", 1, `${bug}: run again with -v 9 for the stack\n`],
  ["nothing", 1, `error: undefined; this is a bug in mesh-example ${version}: run again with -v 9 for the stack\n`],
  ["halfway", 4, `${bug}: run again with -v 9 for the stack\nhalf of it is done\n`],
];

for (const [fail, code, err] of ends)
  test(`ends on ${fail} with ${code}`, async () => {
    assert.deepEqual(await run("--to", "a", "--fail", fail), { code, out: "", err });
  });

test("shows a stack only with -v 9", async () => {
  const { err } = await run("--to", "a", "--fail", "bug", "-v", "9");
  assert.match(
    err,
    /^error: x is not a function; this is a bug in mesh-example \S+\nTypeError: x is not a function\n {4}at /,
  );
  assert.doesNotMatch((await run("--to", "a", "--fail", "bug", "-v", "8")).err, /\n {4}at /);
});

test("traces up to the level of -v", async () => {
  assert.equal((await run("--to", "a", "-v", "5")).err, "");
  assert.equal((await run("--to", "a", "-v", "6")).err, "a request was made\n");
});

test("gives the flags of the cluster as given, and no others", async () => {
  const { out } = await run("--to", "a", "--context", "night", "-s", "https://h:6443", "--client-key", "k");
  assert.deepEqual(JSON.parse(out).cluster, {
    context: "night",
    server: "https://h:6443",
    clientKey: "k",
    asGroup: [],
  });
});

test("--help prints and does not run, whatever else is said", async (t) => {
  const { code, out, err } = await run("--help");
  assert.deepEqual([code, err], [0, ""]);
  t.assert.fileSnapshot(out, "test/golden/cli/mesh-example.help.txt", { serializers: [(text) => text] });
  for (const argv of [
    ["-h"],
    ["--to", "--help"],
    ["--bogus", "-h"],
    ["--to", "a", "-A", "-h"],
    ["--to", "a", "--help=true"],
    ["--fail", "bug", "--to=a", "-Ah"],
  ])
    assert.deepEqual(await run(...argv), { code: 0, out, err: "" }, argv.join(" "));
  assert.equal((await run("--to", "a", "--help=false")).code, 0);
  assert.notEqual((await run("--to", "a", "--help=false")).out, out);
});

test("--version prints and does not run", async () => {
  assert.deepEqual(await run("--version"), { code: 0, out: `mesh-example ${version}\n`, err: "" });
  const json = JSON.parse((await run("--version", "-o", "json")).out);
  assert.deepEqual(json, {
    apiVersion: "kubectl-mesh/v1",
    kind: "Version",
    name: "mesh-example",
    version,
    commit: "unknown",
    node: process.versions.node,
  });
  assert.match((await run("--version", "-oyaml")).out, new RegExp(`^version: "${version}"$`, "m"));
});
