/** The flags of `kubectl mesh-migrate`. */
import { clusterFlags } from "../../src/cli/cluster-flags.ts";
import {
  commonFlags,
  countOf,
  durationOf,
  nameOf,
  objectsOf,
  scopeFlags,
  wordsOf,
  writeFlags,
} from "../../src/cli/flags.ts";
import type { Args } from "../../src/cli/plugin.ts";

/** How fast to go: repeated by the command that goes on. */
export const speedFlags = {
  parallel: {
    type: "string",
    default: "100",
    coerce: countOf(1, 10_000),
    describe: "pods in flight at once, over all workloads",
  },
  parallelNamespaces: {
    type: "string",
    default: "32",
    coerce: countOf(1, 1_000),
    describe: "namespaces under way at once",
  },
  timeout: { type: "string", default: "2h", coerce: durationOf, describe: "for the whole run" },
  workloadTimeout: {
    type: "string",
    default: "10m",
    coerce: durationOf,
    describe: "for one workload, without any progress of it",
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
  ...scopeFlags,
  from: {
    type: "string",
    coerce: nameOf("a revision"),
    completes: "revision",
    describe: "with -A: only namespaces that this revision injects",
  },
  leave: {
    type: "string",
    array: true,
    default: [],
    coerce: objectsOf,
    describe: "[NAMESPACE/]KIND/NAME that stays on the old revision, * works; may be given many times",
  },
  allowDowntime: {
    type: "string",
    array: true,
    default: [],
    coerce: objectsOf,
    describe: "[NAMESPACE/]KIND/NAME that may be down meanwhile, * works; may be given many times",
  },
  skipCheck: {
    type: "string",
    array: true,
    default: [],
    coerce: wordsOf,
    describe: "id of a check not to heed; may be given many times",
  },
  ...speedFlags,
  ...writeFlags,
  ...commonFlags,
  ...clusterFlags,
} as const;

export type MigrateArgs = Args<typeof migrateFlags>;
