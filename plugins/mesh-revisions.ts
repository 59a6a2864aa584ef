import { clusterFlags } from "../src/cli/cluster-flags.ts";
import { commonFlags, scopeFlags } from "../src/cli/flags.ts";
import { type Args, definePlugin } from "../src/cli/plugin.ts";
import { main } from "../src/cli/run.ts";

const options = {
  ...scopeFlags,
  watch: { alias: "w", type: "boolean", default: false, describe: "show it anew whenever it changes" },
  ...commonFlags,
  ...clusterFlags,
} as const;

export type RevisionsArgs = Args<typeof options>;

export const plugin = definePlugin({
  name: "mesh-revisions",
  describe:
    "Show which control planes and tags there are, which of them namespaces and workloads are on, and where what is wanted, injected and connected differ",
  changes: false,
  options,
  examples: [
    ["kubectl mesh-revisions", "the whole mesh: control planes, namespaces, and what is wrong with them"],
    ["kubectl mesh-revisions -n production", "the workloads of a namespace too"],
    ["kubectl mesh-revisions -n production --watch", "the same, drawn anew while it changes"],
    ["kubectl mesh-revisions -A -o json", "every workload and pod, for scripts"],
  ],
  epilogue: "-l selects namespaces; with -n or -A it selects workloads.",
  run: async (args, io) => (await import("./mesh-revisions/run.ts")).run(args, io),
});

if (import.meta.main) void main(plugin);
