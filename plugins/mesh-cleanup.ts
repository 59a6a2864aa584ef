import { main } from "../src/cli/main.ts";
import { definePlugin } from "../src/cli/plugin.ts";
import { cleanupFlags } from "./mesh-cleanup/cleanup-flags.ts";

export const meshCleanup = definePlugin({
  name: "mesh-cleanup",
  describe:
    "Prove by every route that nothing needs a control-plane revision any more, and remove it in an order that refuses no pod",
  changes: true,
  options: cleanupFlags,
  examples: [
    ["kubectl mesh-cleanup --revision 1-19 --dry-run=client", "what would be deleted, and what stays"],
    ["kubectl mesh-cleanup --revision 1-19", "remove revision 1-19 after a soak of 24 hours"],
    ["kubectl mesh-cleanup --revision 1-19 --restore", "create again what was deleted"],
    ["kubectl mesh-cleanup --leftovers --dry-run=client", "what earlier removals left"],
    ["kubectl mesh-cleanup --revision 1-19 --check-only", "does anything need revision 1-19?"],
    ["kubectl mesh-cleanup --revision default --check-only", "the same of an install without a revision"],
    [
      "kubectl mesh-cleanup --revision 1-19 --check-only --soak 72h --wait",
      "wait until nothing has needed it for three days",
    ],
    ["kubectl mesh-cleanup --revision 1-19 --check-only -o json", "each route with its evidence, for scripts"],
  ],
  epilogue:
    "No flag overrides a route: what needs the revision has to be moved or deleted first (docs/checks/cleanup.md).",
  run: async (args, io) => (await import("./mesh-cleanup/run-cleanup.ts")).runCleanup(args, io),
});

if (import.meta.main) void main(meshCleanup);
