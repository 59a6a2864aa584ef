/** The objects that evidence is read from: the fields that count, as they are on the wire, and what is kept of them. */
import type { KubeObject, LabelSelector, Labels } from "../mesh/kubernetes.ts";
import type { Quota } from "../upgrade/evidence/cluster-evidence.ts";

export type GatewayClassObject = KubeObject & { readonly spec?: { readonly controllerName?: string } };

export const placeOf = ({ metadata }: KubeObject) => ({ namespace: metadata.namespace ?? "", name: metadata.name });

export type QuotaObject = KubeObject & {
  readonly spec?: { readonly hard?: Labels; readonly scopes?: readonly string[]; readonly scopeSelector?: unknown };
  readonly status?: { readonly hard?: Labels; readonly used?: Labels };
};

/**
 * A quota of `Terminating` pods counts none of a workload's: those have no deadline.
 * https://kubernetes.io/docs/concepts/policy/resource-quotas/#quota-scopes
 */
export const quotaFrom = (quota: QuotaObject): readonly Quota[] => {
  const { scopes = [], scopeSelector, hard = {} } = quota.spec ?? {};
  if (scopes.includes("Terminating")) return [];
  const scoped = scopeSelector !== undefined || scopes.some((scope) => scope !== "NotTerminating");
  return [{ ...placeOf(quota), hard: quota.status?.hard ?? hard, used: quota.status?.used ?? {}, scoped }];
};

export type AutoscalerObject = KubeObject & {
  readonly spec: {
    readonly scaleTargetRef: { readonly kind: string; readonly name: string };
    readonly maxReplicas: number;
  };
  readonly status?: { readonly currentReplicas?: number };
};

export const autoscalerFrom = (autoscaler: AutoscalerObject) => ({
  ...placeOf(autoscaler),
  target: autoscaler.spec.scaleTargetRef,
  max: autoscaler.spec.maxReplicas,
  current: autoscaler.status?.currentReplicas ?? 0,
});

export type BudgetObject = KubeObject & {
  readonly spec?: { readonly selector?: LabelSelector };
  readonly status?: { readonly disruptionsAllowed?: number };
};

export const budgetFrom = (budget: BudgetObject) => ({
  ...placeOf(budget),
  selector: budget.spec?.selector,
  allowed: budget.status?.disruptionsAllowed ?? 0,
});

export type ClaimObject = KubeObject & { readonly spec?: { readonly accessModes?: readonly string[] } };

export const claimFrom = (claim: ClaimObject) => ({ ...placeOf(claim), accessModes: claim.spec?.accessModes ?? [] });
