import type { OwnerKind } from "../../mesh/operators/restart-way.ts";

/** What a rollback was asked for. */
export interface RollbackRequest {
  /** Names, in the order given; `all`: every namespace with an undo record. */
  readonly namespaces: readonly string[] | "all";
  /** The tag that goes back, with the namespaces that moved with it: `namespaces` then is `all`. */
  readonly tag?: string | undefined;
  /** Only what this run changed. */
  readonly run: string | undefined;
  /** Only runs that began at or after this time: RFC 3339. */
  readonly toBefore: string | undefined;
  /** Label the namespaces with the old revision itself, and not with their labels of before. */
  readonly pin: boolean;
  readonly leave: readonly string[];
  readonly allowDowntime: readonly string[];
  /** `pods`: where istiods cannot be asked, the weaker proof is enough (proof/pods-proof.ts). Absent: it is not. */
  readonly proof?: "pods" | undefined;
  /** As in `MigrationRequest`. */
  readonly endsByItself: readonly string[];
  /** The operators of the user's file, beside those that are known; absent: none. */
  readonly owners?: readonly OwnerKind[] | undefined;
}
