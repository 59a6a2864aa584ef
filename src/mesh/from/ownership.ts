/** Which pods belong to which workload. */
import type { KubeObject } from "../kubernetes.ts";
import { labelOf } from "../labels.ts";
import type { ObjectOwner, Pod } from "../model.ts";
import { refText } from "../object-ref.ts";
import { isWorkloadKind, type WorkloadKind, workloadResources } from "../workload-kinds.ts";
import { controllerOf } from "./owner-references.ts";
import { type BareWorkload, withTemplate } from "./workload.ts";

/** A workload with its pods. */
export type ManagedWorkload = BareWorkload & { readonly pods: readonly Pod[] };

/**
 * Joins pods and workloads: every pod gets its workload, every workload its pods. They are found by the owner's UID; if
 * a ReplicaSet was not read, by its name, which ends with the pod's template hash. A Rollout that uses a Deployment's
 * template gets that template. An owner of another group is none of ours: OpenKruise has a StatefulSet of its own
 * (`apps.kruise.io`). Source: `GetDeployMetaFromPod` (istio/istio pkg/kube/util.go) finds the owner in the
 * same way.
 */
export const attachPods = (
  workloads: readonly BareWorkload[],
  replicaSets: readonly KubeObject[],
  pods: readonly Pod[],
): { readonly workloads: readonly ManagedWorkload[]; readonly pods: readonly Pod[] } => {
  const owners = new Map(replicaSets.map(({ metadata }) => [metadata.uid, controllerOf(metadata)]));
  const byKey = new Map(workloads.map((workload) => [refText(workload), workload]));
  const owned = pods.map((pod): Pod => {
    const owner: WorkloadOwner | undefined =
      pod.owner?.kind === "ReplicaSet" && pod.owner.group === "apps"
        ? owners.has(pod.owner.uid)
          ? owners.get(pod.owner.uid)
          : ownerByName(pod)
        : pod.owner;
    if (!owner || !isWorkloadKind(owner.kind) || owner.group !== workloadResources[owner.kind].group) return pod;
    const workload = { kind: owner.kind, namespace: pod.namespace, name: owner.name };
    const known = byKey.get(refText(workload))?.uid;
    return owner.uid === undefined || known === undefined || known === owner.uid ? { ...pod, workload } : pod;
  });
  const byWorkload = Map.groupBy(owned, (pod) => (pod.workload ? refText(pod.workload) : ""));
  return {
    pods: owned,
    workloads: workloads.map((workload) => {
      const source = workload.workloadRef && byKey.get(refText(workload.workloadRef));
      return {
        ...(source ? withTemplate(workload, source.template) : workload),
        pods: byWorkload.get(refText(workload)) ?? [],
      };
    }),
  };
};

const hashes: readonly (readonly [label: string, kind: WorkloadKind])[] = [
  ["rollouts-pod-template-hash", "Rollout"],
  ["pod-template-hash", "Deployment"],
];

type WorkloadOwner = Pick<ObjectOwner, "group" | "kind" | "name"> & { readonly uid?: string };

const ownerByName = ({ owner, labels }: Pod): WorkloadOwner | undefined => {
  for (const [label, kind] of hashes) {
    const hash = labelOf(labels, label);
    if (owner && hash && owner.name.endsWith(`-${hash}`))
      return { group: workloadResources[kind].group, kind, name: owner.name.slice(0, -hash.length - 1) };
  }
  return undefined;
};
