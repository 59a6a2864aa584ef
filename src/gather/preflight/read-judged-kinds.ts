import type { Cluster } from "../../cluster/cluster.ts";
import { ClusterError } from "../../cluster/cluster-error.ts";
import { type Kind, kinds } from "../../cluster/kinds.ts";
import type { WebhookConfigurationObject, WebhookRule } from "../../mesh/kubernetes.ts";
import { type WorkloadKind, workloadKinds } from "../../mesh/workload-kinds.ts";
import type { AdmissionPolicyObject } from "../../upgrade/evidence/namespace-readers.ts";
import { judgedKinds } from "../../upgrade/preflight/judged-kinds.ts";
import { itemsOf } from "../list-kind.ts";

/**
 * The kinds of workloads of whose updates an admission webhook or policy takes some. Every kind where that cannot be
 * read.
 */
export const readJudgedKinds = async (cluster: Cluster): Promise<ReadonlySet<WorkloadKind>> => {
  const ofWebhook = ({ webhooks = [] }: WebhookConfigurationObject): readonly WebhookRule[] =>
    webhooks.flatMap(({ rules = [] }) => rules);
  const ofPolicy = ({ spec }: AdmissionPolicyObject): readonly WebhookRule[] =>
    spec?.matchConstraints?.resourceRules ?? [];
  try {
    const rules = await Promise.all([
      itemsOf(cluster.list(kinds.mutatingWebhooks, {}, ofWebhook)),
      itemsOf(cluster.list(kinds.validatingWebhooks, {}, ofWebhook)),
      itemsOf(cluster.list(kinds.mutatingPolicies as Kind<AdmissionPolicyObject>, {}, ofPolicy)),
      itemsOf(cluster.list(kinds.validatingPolicies as Kind<AdmissionPolicyObject>, {}, ofPolicy)),
    ]);
    return judgedKinds(rules.flat(2));
  } catch (error) {
    if (error instanceof ClusterError) return new Set(workloadKinds);
    throw error;
  }
};
