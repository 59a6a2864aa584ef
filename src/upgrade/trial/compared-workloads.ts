/** Whose sidecar is compared: the first workload of each namespace that a revision injects. Pure. */
import type { Mesh, Workload } from "../../mesh/model.ts";
import type { Target } from "../record/undo-record.ts";

export interface ComparedWorkload {
  readonly workload: Workload;
  readonly from: string;
  readonly to: string;
}

/**
 * Of each of these namespaces the smallest application that another revision than the target injects today, by name
 * among equals; a gateway only where there is nothing else. `all`: of every namespace.
 */
export const comparedWorkloads = (
  { workloads }: Pick<Mesh, "workloads">,
  namespaces: readonly string[] | "all",
  { revision: to }: Pick<Target, "revision">,
): readonly ComparedWorkload[] => {
  const injected = workloads.flatMap((workload): readonly ComparedWorkload[] => {
    const { injection, namespace } = workload;
    const isAsked = namespaces === "all" || namespaces.includes(namespace);
    if (!isAsked || injection.kind !== "injected" || injection.revision === to) return [];
    return [{ workload, from: injection.revision, to }];
  });
  return [...Map.groupBy(injected, ({ workload }) => workload.namespace)]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([, each]) => each.sort((a, b) => bySize(a.workload, b.workload)).slice(0, 1));
};

/** Of these, the first that each revision injects: what a sidecar belongs to is a setting of its revision. */
export const onePerRevision = (compared: readonly ComparedWorkload[]): readonly ComparedWorkload[] =>
  [...Map.groupBy(compared, ({ from }) => from).values()].flatMap((each) => each.slice(0, 1));

const bySize = (a: Workload, b: Workload): number =>
  Number(a.gateway) - Number(b.gateway) || a.status.desired - b.status.desired || (a.name < b.name ? -1 : 1);
