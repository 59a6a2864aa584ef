/** The kinds of workloads that can be restarted, and their names in the API and in kubectl. */

export const workloadKinds = ["Deployment", "StatefulSet", "DaemonSet", "Rollout"] as const;
export type WorkloadKind = (typeof workloadKinds)[number];

export interface WorkloadResource {
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  /** kubectl's short names (https://kubernetes.io/docs/reference/kubectl/#resource-types). */
  readonly shortNames: readonly string[];
}

export const workloadResources: Readonly<Record<WorkloadKind, WorkloadResource>> = {
  Deployment: { group: "apps", version: "v1", plural: "deployments", shortNames: ["deploy"] },
  StatefulSet: { group: "apps", version: "v1", plural: "statefulsets", shortNames: ["sts"] },
  DaemonSet: { group: "apps", version: "v1", plural: "daemonsets", shortNames: ["ds"] },
  Rollout: { group: "argoproj.io", version: "v1alpha1", plural: "rollouts", shortNames: ["ro"] },
};

/** Whether this kind can be restarted. */
export const isWorkloadKind = (kind: string): kind is WorkloadKind => Object.hasOwn(workloadResources, kind);
