import { UsageError } from "../exit-errors.ts";

/** Throws `UsageError` where both `-A` and `-n` are given. */
export const refuseBothScopes = ({
  allNamespaces,
  namespace,
}: {
  readonly allNamespaces: boolean;
  readonly namespace: readonly string[];
}): void => {
  if (allNamespaces && namespace.length > 0) throw new UsageError("-A means every namespace: give either -A or -n");
};
