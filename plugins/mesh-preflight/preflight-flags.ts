/** The flags of `kubectl mesh-preflight`. */
import { clusterFlags } from "../../src/cli/flags/cluster-flags.ts";
import { durationOf, nameOf, wordsOf } from "../../src/cli/flags/flag-values.ts";
import { acceptFlags, commonFlags, ownerFlags, scopeFlags } from "../../src/cli/flags/flags.ts";
import type { Args } from "../../src/cli/plugin.ts";

export const preflightFlags = {
  to: {
    type: "string",
    coerce: nameOf("a revision or tag"),
    completes: "revision-or-tag",
    describe: "revision or tag that you want to move to; it need not be installed yet",
  },
  ...scopeFlags,
  check: {
    type: "string",
    array: true,
    default: [],
    coerce: wordsOf,
    completes: "check",
    describe: "id of a check to run alone; may be given many times",
  },
  skip: {
    type: "string",
    array: true,
    default: [],
    coerce: wordsOf,
    completes: "check",
    describe: "id of a check to skip; may be given many times",
  },
  list: { type: "boolean", default: false, describe: "list the checks, without a cluster" },
  strict: { type: "boolean", default: false, describe: "a warning is an exit code 3 too" },
  wait: {
    type: "string",
    coerce: durationOf,
    describe: "look again until it passes, for so long at most, such as 5m",
  },
  ...acceptFlags,
  ...ownerFlags,
  ...commonFlags,
  output: { ...commonFlags.output, choices: [...commonFlags.output.choices, "short"] },
  ...clusterFlags,
} as const;

export type PreflightArgs = Args<typeof preflightFlags>;
