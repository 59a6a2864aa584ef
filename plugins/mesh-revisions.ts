import { main } from "../src/cli/main.ts";
import { definePlugin } from "../src/cli/plugin.ts";
import { meshRevisionsDiff } from "./mesh-revisions/diff-command.ts";
import { revisionsFlags } from "./mesh-revisions/revisions-flags.ts";

export const meshRevisions = definePlugin({
  name: "mesh-revisions",
  describe:
    "Show which control planes and tags there are, which of them namespaces and workloads are on, and where what is wanted, injected and connected differ",
  changes: false,
  options: revisionsFlags,
  examples: [
    ["kubectl mesh-revisions", "the whole mesh: control planes, namespaces, and what is wrong with them"],
    ["kubectl mesh-revisions -n production", "the workloads of a namespace too"],
    ["kubectl mesh-revisions -n production --watch", "the same, drawn anew while it changes"],
    ["kubectl mesh-revisions -A -o json", "every workload and pod, for scripts"],
    ["kubectl mesh-revisions diff -n production --to 1-20", "what a move would change in the sidecars there"],
  ],
  commands: [meshRevisionsDiff],
  epilogue: "-l selects namespaces; with -n or -A it selects workloads.",
  run: async (args, io) => (await import("./mesh-revisions/run-revisions.ts")).runRevisions(args, io),
});

if (import.meta.main) void main(meshRevisions);
