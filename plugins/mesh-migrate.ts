import { clusterFlags } from "../src/cli/cluster-flags.ts";
import { commonFlags, countOf, durationOf, nameOf, objectsOf, scopeFlags, wordsOf, writeFlags } from "../src/cli/flags.ts";
import { type Args, definePlugin } from "../src/cli/plugin.ts";
import { main } from "../src/cli/run.ts";

const pace = {
  parallel: { type: "string", default: "100", coerce: countOf(1, 10_000), describe: "pods in flight at once, over all workloads" },
  parallelNamespaces: { type: "string", default: "32", coerce: countOf(1, 1_000), describe: "namespaces under way at once" },
  timeout: { type: "string", default: "2h", coerce: durationOf, describe: "for the whole run" },
  workloadTimeout: { type: "string", default: "10m", coerce: durationOf, describe: "for one workload, without any progress of it" },
} as const;

const options = {
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
  skipCheck: { type: "string", array: true, default: [], coerce: wordsOf, describe: "id of a check not to heed; may be given many times" },
  ...pace,
  ...writeFlags,
  ...commonFlags,
  ...clusterFlags,
} as const;

export type MigrateArgs = Args<typeof options>;

export const plugin = definePlugin({
  name: "mesh-migrate",
  describe: "Move namespaces to a control-plane revision: relabel, restart, and prove pod by pod that every proxy arrived",
  changes: true,
  options,
  examples: [
    ["kubectl mesh-migrate -n production --to 1-20 --dry-run=client", "what would be done, and what speaks against it"],
    ["kubectl mesh-migrate -n production --to 1-20", "move a namespace"],
    ["kubectl mesh-migrate -n shop,billing --to prod-stable", "move two to the revision behind a tag"],
    ["kubectl mesh-migrate -A --from default --to 1-20", "move every namespace that the un-revisioned control plane injects"],
    ["kubectl mesh-migrate -n production --to 1-20 --leave deployment/legacy", "all but one"],
  ],
  epilogue:
    "A canary goes first; until its first new pod is proven, any failure puts everything back. After that a failure stops what has not begun, and the command to go on and the command to go back are printed.",
  run: async (args, io) => (await import("./mesh-migrate/run.ts")).run(args, io, pace),
});

if (import.meta.main) void main(plugin);
