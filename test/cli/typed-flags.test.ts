import assert from "node:assert/strict";
import test from "node:test";
import { clusterFlags } from "../../src/cli/flags/cluster-flags.ts";
import { countOf, durationOf } from "../../src/cli/flags/flag-values.ts";
import { parse } from "../../src/cli/flags/parse.ts";
import { typedFlags } from "../../src/cli/flags/typed-flags.ts";
import { definePlugin } from "../../src/cli/plugin.ts";
import { exit } from "../../src/mesh/exit-codes.ts";

const own = {
  timeout: { type: "string", default: "2h", coerce: durationOf, describe: "for the whole run" },
  parallel: { type: "string", default: "100", coerce: countOf(1, 1000), describe: "pods in flight" },
} as const;
const plugin = definePlugin({
  name: "mesh-example",
  describe: "Show what was asked",
  changes: false,
  options: { ...own, ...clusterFlags },
  examples: [],
  run: async () => exit.done,
});

const again = (...argv: readonly string[]): readonly string[] => {
  const parsed = parse(plugin, argv);
  if (parsed.kind !== "run") throw new Error("no run");
  return [...typedFlags(parsed.args, clusterFlags), ...typedFlags(parsed.args, own)];
};

const flags: readonly (readonly [what: string, typed: readonly string[], printed: readonly string[]])[] = [
  ["nothing", [], []],
  ["a time of kubectl's, as it was typed", ["--request-timeout", "1m30s"], ["--request-timeout", "1m30s"]],
  ["a time of ours", ["--timeout", "90s"], ["--timeout", "90s"]],
  ["what is the default anyway", ["--timeout=120m", "--parallel", "100"], []],
  ["a count", ["--parallel", "600"], ["--parallel", "600"]],
  ["many of one, and a switch", ["--as", "a", "--as-group=b,c", "--insecure-skip-tls-verify"], ["--as", "a", "--as-group", "b", "--as-group", "c", "--insecure-skip-tls-verify"]],
  ["a token is not repeated", ["--token", "s3cret", "-s", "https://127.0.0.1:1"], ["--server", "https://127.0.0.1:1"]],
]; // biome-ignore format: a table

for (const [what, typed, printed] of flags)
  test(`the flags of a command that goes on: ${what}`, () => {
    assert.deepEqual(again(...typed), printed);
    assert.deepEqual(again(...printed), printed);
  });
