/** The flags of `kubectl mesh-migrate`. */
import { clusterFlags } from "../../src/cli/flags/cluster-flags.ts";
import { nameOf, wordsOf } from "../../src/cli/flags/flag-values.ts";
import { acceptFlags, commonFlags, ownerFlags, scopeFlags, speedFlags, writeFlags } from "../../src/cli/flags/flags.ts";
import type { Args } from "../../src/cli/plugin.ts";

export const migrateFlags = {
  to: {
    type: "string",
    demandOption: true,
    coerce: nameOf("a revision or tag"),
    completes: "revision-or-tag",
    describe: "revision or tag to move to",
  },
  tag: {
    type: "string",
    coerce: nameOf("a tag"),
    completes: "tag",
    describe: "move this tag to the revision, and then everything behind it; in place of -n or -A",
  },
  ...scopeFlags,
  from: {
    type: "string",
    coerce: nameOf("a revision"),
    completes: "revision",
    describe: "with -A: only namespaces that this revision injects",
  },
  ...acceptFlags,
  ...ownerFlags,
  skipCheck: {
    type: "string",
    array: true,
    default: [],
    coerce: wordsOf,
    describe: "id of a check to skip; may be given many times",
  },
  onFailure: {
    type: "string",
    choices: ["stop", "rollback"],
    default: "stop",
    describe: "when a step fails after the canary: stop what has not begun, or put everything back",
  },
  ...speedFlags,
  ...writeFlags,
  ...commonFlags,
  ...clusterFlags,
} as const;

export type MigrateArgs = Args<typeof migrateFlags>;
