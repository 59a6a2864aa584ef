/** The flags of `kubectl mesh-revisions diff`. */
import { clusterFlags } from "../../src/cli/flags/cluster-flags.ts";
import { nameOf } from "../../src/cli/flags/flag-values.ts";
import { commonFlags, scopeFlags } from "../../src/cli/flags/flags.ts";
import type { Args } from "../../src/cli/plugin.ts";

const { selector: _, ...namespaces } = scopeFlags;

export const diffFlags = {
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
