/** The flags of `mesh-rollback` that no other plugin has. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { rollbackFlags } from "../../plugins/mesh-rollback/rollback-flags.ts";
import { UsageError } from "../../src/cli/exit-errors.ts";
import { momentOf, wordOf } from "../../src/cli/flags/flag-values.ts";
import { parse } from "../../src/cli/flags/parse.ts";
import { definePlugin } from "../../src/cli/plugin.ts";

for (const [text, value] of [
  ["2026-03-01T22:00:00Z", "2026-03-01T22:00:00Z"],
  ["2026-03-01T22:00:00.5+02:00", "2026-03-01T22:00:00.5+02:00"],
  ["2h", 7_200_000],
  ["1h30m", 5_400_000],
] as const)
  test(`--to-before ${text}`, () => assert.equal(momentOf(text), value));

for (const text of ["yesterday", "2026-03-01", "22:00", "2026-13-01T22:00:00Z", "-2h", "2 h", ""])
  test(`--to-before ${JSON.stringify(text)} is wrong`, () => assert.throws(() => momentOf(text), UsageError));

for (const text of ["", "a b", "x;rm", "\u001b[31m", "a/b", "x".repeat(64)])
  test(`--run ${JSON.stringify(text)} is wrong`, () =>
    assert.throws(() => wordOf("the id of a run")(text), UsageError));

test("all namespaces go back side by side unless told otherwise", () => {
  const plugin = definePlugin({
    name: "mesh-rollback",
    ...{ describe: "", changes: true, options: rollbackFlags, examples: [] },
    run: async () => 0,
  });
  const parsed = parse(plugin, ["-n", "b,a", "--run", "3f9a"]);
  assert.ok(parsed.kind === "run");
  const { namespace, run, parallelNamespaces, pin, dryRun } = parsed.args;
  assert.deepEqual([namespace, run, parallelNamespaces, pin, dryRun], [["b", "a"], "3f9a", 1000, false, "none"]);
});
