/** The flags of `kubectl mesh-revisions`. */
import { clusterFlags } from "../../src/cli/flags/cluster-flags.ts";
import { commonFlags, scopeFlags } from "../../src/cli/flags/flags.ts";
import type { Args } from "../../src/cli/plugin.ts";

export const revisionsFlags = {
  ...scopeFlags,
  watch: { alias: "w", type: "boolean", default: false, describe: "show it anew whenever it changes" },
  ...commonFlags,
  ...clusterFlags,
} as const;

export type RevisionsArgs = Args<typeof revisionsFlags>;
