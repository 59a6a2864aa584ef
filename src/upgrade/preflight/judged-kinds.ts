/** Which restarts an admission webhook or policy could judge one by one. Pure. */
import type { WebhookRule } from "../../mesh/kubernetes.ts";
import { type WorkloadKind, workloadKinds, workloadResources } from "../../mesh/workload-kinds.ts";
import type { RestartStep } from "../plan/step.ts";

/**
 * The kinds of whose updates these rules take some
 * (https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#matching-requests-rules).
 */
export const judgedKinds = (rules: readonly WebhookRule[]): ReadonlySet<WorkloadKind> =>
  new Set(
    workloadKinds.filter((kind) => {
      const { group, plural } = workloadResources[kind];
      return rules.some(
        (rule) =>
          hasOne(rule.operations, ["UPDATE", "*"]) &&
          hasOne(rule.apiGroups, [group, "*"]) &&
          hasOne(rule.resources, [plural, "*", "*/*"]),
      );
    }),
  );

const hasOne = (values: readonly string[] = [], wanted: readonly string[]): boolean =>
  values.some((value) => wanted.includes(value));

/**
 * The restarts to send as dry runs: all of a judged kind. Of another, the server's answer is that of the rights, which
 * are the same for all of a kind in a namespace: one of each.
 */
export const restartsToTry = (
  steps: readonly RestartStep[],
  judged: ReadonlySet<WorkloadKind>,
): readonly RestartStep[] =>
  [
    ...Map.groupBy(steps, ({ workload }) =>
      judged.has(workload.kind as WorkloadKind)
        ? JSON.stringify([workload.namespace, workload.kind, workload.name])
        : JSON.stringify([workload.namespace, workload.kind]),
    ).values(),
  ].flatMap(([first]) => first ?? []);
