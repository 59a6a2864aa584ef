import { main } from "../src/cli/main.ts";
import { definePlugin } from "../src/cli/plugin.ts";
import { preflightFlags } from "./mesh-preflight/preflight-flags.ts";

export const meshPreflight = definePlugin({
  name: "mesh-preflight",
  describe:
    "Tell whether an upgrade may start: what would break, what is lacking, what does not move by itself, and whether the way back is open",
  changes: false,
  options: preflightFlags,
  examples: [
    ["kubectl mesh-preflight --to 1-20", "judge the whole mesh, before or after revision 1-20 is installed"],
    ["kubectl mesh-preflight --to 1-20 -n production -o short", "what speaks against moving one namespace"],
    ["kubectl mesh-preflight --to 1-20 --wait 5m", "wait until nothing speaks against it"],
    ["kubectl mesh-preflight --to 1-20 --skip target-exists", "before the revision is installed, in a script"],
    ["kubectl mesh-preflight --list", "the checks"],
  ],
  epilogue:
    "Everything that mesh-migrate would refuse is found here before, under the same id. Nothing is changed: writes are sent as dry runs. Where istioctl is on the PATH (or $ISTIOCTL names it), what its analyze and precheck say is shown too, under its own codes.",
  run: async (args, io) => (await import("./mesh-preflight/run-preflight.ts")).runPreflight(args, io),
});

if (import.meta.main) void main(meshPreflight);
