/** The flags of `kubectl mesh-cleanup`. */
import { clusterFlags } from "../../src/cli/flags/cluster-flags.ts";
import { durationOf, nameOf } from "../../src/cli/flags/flag-values.ts";
import { commonFlags, writeFlags } from "../../src/cli/flags/flags.ts";
import type { Args } from "../../src/cli/plugin.ts";

export const cleanupFlags = {
  revision: {
    type: "string",
    coerce: nameOf("a revision"),
    completes: "revision",
    describe: "revision to look at; default is an install without a revision; needed, but for --leftovers",
  },
  leftovers: {
    type: "boolean",
    default: false,
    describe: "what earlier removals left, of all revisions without an istiod, or of --revision",
  },
  checkOnly: { type: "boolean", default: false, describe: "prove only, and change nothing" },
  soak: {
    type: "string",
    default: "24h",
    coerce: durationOf,
    describe: "how long the revision has to have been unused",
  },
  reason: { type: "string", describe: "why the soak is skipped: needed with --soak 0s, and kept with the removal" },
  drain: {
    type: "string",
    coerce: durationOf,
    describe:
      "how long istiod is watched after its injector is off; by default 30m, or 1m after a soak that was longer",
  },
  yes: { type: "boolean", alias: "y", default: false, describe: "do not ask; overrides no refusal" },
  restore: { type: "boolean", default: false, describe: "create again what a removal of the revision deleted" },
  wait: {
    type: "boolean",
    default: false,
    describe: "wait until the soak is over; a use meanwhile ends it with exit code 3, and the soak starts again",
  },
  ...writeFlags,
  ...commonFlags,
  ...clusterFlags,
} as const;

export type CleanupArgs = Args<typeof cleanupFlags>;

/** With the revision that it is about. */
export type RevisionArgs = CleanupArgs & { readonly revision: string };
