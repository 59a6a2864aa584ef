import type { OwnerKind } from "../../mesh/operators/restart-way.ts";
import type { PaceWish } from "../pace/workload-pace.ts";

/** What a migration was asked for. */
export interface MigrationRequest {
  readonly to: string;
  /** The tag that is moved to the revision `to`, with everything behind it: `namespaces` then is `all`. */
  readonly tag?: string | undefined;
  /** Names, in the order in which they start; `all`: every namespace that is injected today. */
  readonly namespaces: readonly string[] | "all";
  readonly from: string | undefined;
  /** Label selector limiting the restarts, as text; the objects it matches are given to the planner as `selected`. */
  readonly selector: string | undefined;
  readonly leave: readonly string[];
  readonly allowDowntime: readonly string[];
  /** Workloads of operators that are restarted all the same. */
  readonly restartOwned: readonly string[];
  /** Kinds of owners, `KIND` or `KIND.GROUP`, whose pods end by themselves as those of a Job do. */
  readonly endsByItself: readonly string[];
  readonly skipCheck: readonly string[];
  /** Labels that are written beside the two, in the same patch: `KEY` to value. Absent: none. */
  readonly setLabels?: Readonly<Record<string, string>> | undefined;
  /** `pods`: where istiods cannot be asked, the weaker proof is enough (proof/pods-proof.ts). Absent: it is not. */
  readonly proof?: "pods" | undefined;
  /** Restart too what is on the target already with an older proxy than the target injects today. */
  readonly outdated?: boolean | undefined;
  /** `--workload-timeout` (ms); absent: the flag's default. */
  readonly workloadTimeoutMs?: number;
  /** `--workload-pods` and `--workload-pause`; absent: each workload goes as its own strategy says. */
  readonly pace?: PaceWish;
  /** The operators of the user's file, beside those that are known; absent: none. */
  readonly owners?: readonly OwnerKind[] | undefined;
}
