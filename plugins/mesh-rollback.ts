import { main } from "../src/cli/main.ts";
import { definePlugin } from "../src/cli/plugin.ts";
import { rollbackFlags } from "./mesh-rollback/rollback-flags.ts";

export const meshRollback = definePlugin({
  name: "mesh-rollback",
  describe:
    "Put namespaces back as they were before mesh-migrate: labels first, then restarts, proven pod by pod on the old revision",
  changes: true,
  options: rollbackFlags,
  examples: [
    ["kubectl mesh-rollback -n production --dry-run=client", "what would be done, and what speaks against it"],
    ["kubectl mesh-rollback -n production", "put a namespace back"],
    ["kubectl mesh-rollback -A --to-before 2h", "put back everything that was begun in the last two hours"],
    ["kubectl mesh-rollback --run 3f9a1c22b07d", "put back what one run changed"],
    ["kubectl mesh-rollback --tag prod-stable", "put a tag back, and what moved with it"],
    ["kubectl mesh-rollback --list", "which runs there were, and whether each namespace can go back today"],
    ["kubectl mesh-rollback -n production --pin", "back to the old revision, although its tag was moved"],
  ],
  epilogue:
    "It goes by the undo record of each namespace, whether its migration was finished, failed or killed, and whoever ran it. A rollback that was stopped goes on by the same command; mesh-migrate turns it round.",
  run: async (args, io) => (await import("./mesh-rollback/run-rollback.ts")).runRollback(args, io),
});

if (import.meta.main) void main(meshRollback);
