/** `kubectl mesh-revisions diff`, and its flags. */
import { clusterFlags } from "../../src/cli/flags/cluster-flags.ts";
import { nameOf } from "../../src/cli/flags/flag-values.ts";
import { commonFlags, scopeFlags } from "../../src/cli/flags/flags.ts";
import { type Args, definePlugin } from "../../src/cli/plugin.ts";

const { selector: _, ...namespaces } = scopeFlags;

const diffFlags = {
  to: {
    type: "string",
    demandOption: true,
    coerce: nameOf("a revision or tag"),
    completes: "revision-or-tag",
    describe: "revision or tag to compare with",
  },
  ...namespaces,
  ...commonFlags,
  output: { ...commonFlags.output, choices: ["table", "wide", "json", "yaml"] },
  ...clusterFlags,
} as const;

export type DiffArgs = Args<typeof diffFlags>;

export const meshRevisionsDiff = definePlugin({
  name: "mesh-revisions diff",
  describe:
    "Show what another revision would change in the sidecars of namespaces, and in the mesh config; nothing is written",
  changes: false,
  options: diffFlags,
  examples: [
    ["kubectl mesh-revisions diff -n production --to 1-20", "what matters: the mesh, the pod, its behaviour"],
    ["kubectl mesh-revisions diff -n production --to 1-20 -o wide", "everything, down to versions and names"],
    ["kubectl mesh-revisions diff -A --to 1-20 -o json", "of every namespace, for scripts"],
  ],
  epilogue:
    "The istiods of both revisions are asked by a port-forward what they inject into a pod of the first workload of each namespace.",
  run: async (args, io) => (await import("./run-diff.ts")).runDiff(args, io),
});
