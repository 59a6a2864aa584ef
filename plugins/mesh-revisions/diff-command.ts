/** `kubectl mesh-revisions diff`. */
import { definePlugin } from "../../src/cli/plugin.ts";
import { diffFlags } from "./diff-flags.ts";

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
