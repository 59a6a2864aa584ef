/** The objects that evidence is read from: the fields that count, as they are on the wire, and what is kept of them. */
import type { Condition, KubeObject, LabelSelector, Labels, ServiceObject } from "../mesh/kubernetes.ts";
import type { Autoscaler, Quota, ServiceSelector } from "../upgrade/evidence/cluster-evidence.ts";

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
  readonly status?: { readonly currentReplicas?: number; readonly conditions?: readonly Condition[] };
};

export const autoscalerFrom = (autoscaler: AutoscalerObject): Autoscaler => {
  const blind = blindness(autoscaler.status?.conditions ?? []);
  return {
    ...placeOf(autoscaler),
    target: autoscaler.spec.scaleTargetRef,
    max: autoscaler.spec.maxReplicas,
    current: autoscaler.status?.currentReplicas ?? 0,
    ...(blind === undefined ? {} : { blind }),
  };
};

/**
 * The reason of `ScalingActive=False`; `ScalingDisabled` is none, because it says that somebody scaled to 0.
 * https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale-walkthrough/#appendix-horizontal-pod-autoscaler-status-conditions
 */
const blindness = (conditions: readonly Condition[]): string | undefined => {
  const inactive = conditions.find(({ type, status }) => type === "ScalingActive" && status === "False");
  return inactive === undefined || inactive.reason === "ScalingDisabled" ? undefined : (inactive.reason ?? "no reason");
};

export type BudgetObject = KubeObject & {
  readonly spec?: { readonly selector?: LabelSelector };
  readonly status?: { readonly disruptionsAllowed?: number };
};

export const budgetFrom = (budget: BudgetObject) => ({
  ...placeOf(budget),
  selector: budget.spec?.selector,
  allowed: budget.status?.disruptionsAllowed ?? 0,
});

/** A Service without a selector selects no pods. */
export const selectorsFrom = (service: ServiceObject): readonly ServiceSelector[] => {
  const selector = service.spec?.selector ?? {};
  return Object.keys(selector).length === 0 ? [] : [{ ...placeOf(service), selector }];
};

export type ClaimObject = KubeObject & { readonly spec?: { readonly accessModes?: readonly string[] } };

export const claimFrom = (claim: ClaimObject) => ({ ...placeOf(claim), accessModes: claim.spec?.accessModes ?? [] });
