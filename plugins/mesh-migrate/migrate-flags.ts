/** The flags of `kubectl mesh-migrate`. */
import { clusterFlags } from "../../src/cli/flags/cluster-flags.ts";
import { countOf, durationOf, labelsToSet, nameOf, wordsOf } from "../../src/cli/flags/flag-values.ts";
import {
  acceptFlags,
  commonFlags,
  ownerFlags,
  proofFlags,
  scopeFlags,
  speedFlags,
  writeFlags,
} from "../../src/cli/flags/flags.ts";
import type { Args } from "../../src/cli/plugin.ts";

/** How fast one workload goes, where its own strategy is too quick for its clients. */
export const paceFlags = {
  workloadPods: {
    type: "string",
    coerce: countOf(1, 10_000),
    describe: "new pods of one workload at a time: its rollout is held until they are proven (docs/guide.md)",
  },
  workloadPause: {
    type: "string",
    coerce: durationOf,
    describe: "with --workload-pods: how long to wait before its next ones; 0s unless given",
  },
} as const;

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
  outdated: {
    type: "boolean",
    default: false,
    describe: "restart too what is on the revision with an older proxy than it injects today (after a patch)",
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
  setLabel: {
    type: "string",
    array: true,
    default: [],
    coerce: labelsToSet,
    describe: "KEY=VALUE, a label that each namespace gets in the same patch; may be given many times",
  },
  onFailure: {
    type: "string",
    choices: ["stop", "rollback"],
    default: "stop",
    describe: "when a step fails after the canary: stop what has not begun, or put everything back",
  },
  ...proofFlags,
  ...speedFlags,
  ...paceFlags,
  ...writeFlags,
  ...commonFlags,
  ...clusterFlags,
} as const;

export type MigrateArgs = Args<typeof migrateFlags>;
