import { main } from "../src/cli/main.ts";
import { definePlugin } from "../src/cli/plugin.ts";
import { migrateFlags } from "./mesh-migrate/migrate-flags.ts";

export const meshMigrate = definePlugin({
  name: "mesh-migrate",
  describe:
    "Move namespaces to a control-plane revision: relabel, restart, and prove pod by pod that every proxy arrived",
  changes: true,
  options: migrateFlags,
  examples: [
    ["kubectl mesh-migrate -n production --to 1-20 --dry-run=client", "what would be done, and what speaks against it"],
    ["kubectl mesh-migrate -n production --to 1-20", "move a namespace"],
    ["kubectl mesh-migrate -n shop,billing --to prod-stable", "move two to the revision behind a tag"],
    [
      "kubectl mesh-migrate -A --from default --to 1-20",
      "move every namespace that the un-revisioned control plane injects",
    ],
    ["kubectl mesh-migrate -n production --to 1-20 --leave deployment/legacy", "all but one"],
    [
      "kubectl mesh-migrate -n devices --to 1-20 --workload-pods 2 --workload-pause 5m --timeout 12h",
      "two new pods of a workload at a time, five minutes between",
    ],
    ["kubectl mesh-migrate --tag prod-stable --to 1-20", "move a tag, and then what is stale behind it"],
    [
      "kubectl mesh-migrate -n production --to 1-20 --outdated",
      "after a patch of the revision: catch up with the proxy that it injects today",
    ],
  ],
  epilogue:
    "A canary goes first; until its first new pod is proven, any failure puts everything back. After that a failure stops what has not begun, and the command to go on and the command to go back are printed. With -A, injected pods of another revision that no namespace label moves are listed, and the run is not done (4; 3 where there was nothing else to do) until they have moved or are named: --leave 'NAMESPACE/*/*'.",
  run: async (args, io) => (await import("./mesh-migrate/run-migrate.ts")).runMigrate(args, io),
});

if (import.meta.main) void main(meshMigrate);
