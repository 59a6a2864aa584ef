/** The flags of `kubectl mesh-rollback`. */
import { clusterFlags } from "../../src/cli/flags/cluster-flags.ts";
import { momentOf, nameOf, wordOf } from "../../src/cli/flags/flag-values.ts";
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

export const rollbackFlags = {
  namespace: scopeFlags.namespace,
  allNamespaces: { ...scopeFlags.allNamespaces, describe: "every namespace that a migration has changed" },
  tag: {
    type: "string",
    coerce: nameOf("a tag"),
    completes: "tag",
    describe: "put this tag back, and every namespace that moved with it",
  },
  run: {
    type: "string",
    coerce: wordOf("the id of a run"),
    completes: "run",
    describe: "only what this run changed",
  },
  toBefore: {
    type: "string",
    coerce: momentOf,
    describe: "only runs that began at or after this time, such as 2026-03-01T22:00:00Z, or 2h ago",
  },
  list: {
    type: "boolean",
    default: false,
    describe: "list the runs of each namespace, and what the way back would be today; changes nothing",
  },
  pin: {
    type: "boolean",
    default: false,
    describe: "label with the old revision itself, and not with the labels of before",
  },
  leave: {
    ...acceptFlags.leave,
    describe: "[NAMESPACE/]KIND/NAME that does not go back, * works; may be given many times",
  },
  allowDowntime: acceptFlags.allowDowntime,
  ...proofFlags,
  endsByItself: ownerFlags.endsByItself,
  owners: ownerFlags.owners,
  ...speedFlags,
  parallelNamespaces: { ...speedFlags.parallelNamespaces, default: "1000" },
  ...writeFlags,
  ...commonFlags,
  ...clusterFlags,
} as const;

export type RollbackArgs = Args<typeof rollbackFlags>;
