import type { Identity } from "../cluster/cluster.ts";

/** The first line on stderr: which cluster, as whom, and what is done there. */
export const headlineOf = (
  { context, server, user }: Identity,
  { as, dryRun = "none" }: { readonly as?: string | undefined; readonly dryRun?: string },
  what: string,
): string =>
  `context ${context ?? "<none>"}, server ${server}, user ${user ?? "<none>"}${as === undefined ? "" : ` as ${as}`}: ${what}${dryRun === "none" ? "" : ` (dry run: ${dryRun})`}`;
