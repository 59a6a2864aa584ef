/** Creates the objects that were kept again: what istiod needs, then istiod, and its webhooks when it is ready. */

import { type Clock, sleep } from "../../cluster/clock.ts";
import type { Cluster } from "../../cluster/cluster.ts";
import { ClusterError } from "../../cluster/cluster-error.ts";
import { kinds } from "../../cluster/kinds.ts";
import { readResource } from "../../gather/inventory/read-inventory.ts";
import { kindOfResource } from "../../gather/inventory/resource-kind.ts";
import { revisionedName } from "../../mesh/revision-names.ts";
import { refKey, type removalOrder } from "../../upgrade/cleanup/chart-objects.ts";
import type { InstalledObject } from "../../upgrade/cleanup/inventory-of.ts";
import { isKept } from "../../upgrade/cleanup/kept-manifest.ts";
import type { ResourceRef } from "../../upgrade/cleanup/revision-inventory.ts";
import { fields, type RecordFields } from "../../upgrade/record/record-fields.ts";
import { settle } from "../settle.ts";

/**
 * In this order objects are created again: istiod's pods need their account, its rights and their settings to start, and
 * a webhook must not call an istiod that does not answer yet. Leases are istiod's own.
 */
export const restoreOrder: readonly (readonly (typeof removalOrder)[number][])[] = [
  [
    "ServiceAccount",
    "ClusterRole",
    "Role",
    "ClusterRoleBinding",
    "RoleBinding",
    "ConfigMap",
    "IstioOperator",
    "NetworkPolicy",
  ],
  ["Service", "Deployment"],
  ["PodDisruptionBudget", "HorizontalPodAutoscaler", "EnvoyFilter"],
  ["ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"],
  ["ValidatingWebhookConfiguration"],
  ["MutatingWebhookConfiguration"],
];

export const isWebhookKind = ({ kind }: ResourceRef): boolean => /WebhookConfiguration$|AdmissionPolicy/.test(kind);

/** The object of this name is not the one that was kept, and not one that a restore created. */
export const isOfOthers = (
  live: InstalledObject | undefined,
  uid: string,
  begun: boolean,
  kept: RecordFields,
): boolean => live !== undefined && live.metadata.uid !== uid && !(begun && isKept(comparable(kept), live));

/** The address of a Service may be another one, where its old one is taken by now; a CA bundle is istiod's. */
const comparable = (kept: RecordFields): RecordFields => {
  if (kept.kind === "Service") {
    const { clusterIP: _, clusterIPs: __, ...spec } = fields(kept.spec);
    return { ...kept, spec };
  }
  if (!Array.isArray(kept.webhooks)) return kept;
  const webhooks = kept.webhooks.map((entry) => {
    const { clientConfig, failurePolicy: _, ...rest } = fields(entry);
    const { caBundle: __, ...config } = fields(clientConfig);
    return { ...rest, clientConfig: config };
  });
  return { ...kept, webhooks };
};

/** Creates it unless it is there, and gives the UID that it has. Throws `ClusterError` where another object has its name. */
export async function createKept(cluster: Cluster, ref: ResourceRef, uid: string, kept: RecordFields): Promise<string> {
  return settle<InstalledObject | undefined, string>({
    read: () => readResource(cluster, ref),
    settled: (now) => {
      if (!now) return undefined;
      if (now.metadata.deletionTimestamp !== undefined)
        throw new ClusterError(`${refKey(ref)} is being deleted`, {
          reason: "conflict",
          hint: "run the command again",
        });
      if (!isOfOthers(now, uid, true, kept)) return now.metadata.uid;
      throw new ClusterError(`${refKey(ref)} was created by somebody else meanwhile`, {
        reason: "conflict",
        hint: "compare it with what is kept, and remove the one that is not wanted",
      });
    },
    write: async () => {
      const options = ref.namespace === undefined ? {} : { namespace: ref.namespace };
      const created = await cluster.create(kindOfResource(ref), kept, options).catch((error: unknown) => {
        const isTaken = ref.kind === "Service" && error instanceof ClusterError && error.reason === "invalid";
        if (!isTaken) throw error;
        return cluster.create(kindOfResource(ref), comparable(kept), options);
      });
      return created.metadata.uid;
    },
  });
}

/** Waits until istiod's Deployment has a ready replica, if it wants one; gives whether it has. */
export async function istiodIsReady(
  cluster: Cluster,
  { revision, istioNamespace }: { readonly revision: string; readonly istioNamespace: string },
  clock: Clock,
  signal: AbortSignal,
  timeoutMs: number,
): Promise<boolean> {
  const until = clock.now() + timeoutMs;
  for (;;) {
    const found = await cluster.get(kinds.deployments, revisionedName("istiod", revision), istioNamespace);
    if ((found?.status?.readyReplicas ?? 0) > 0) return true;
    if (found?.spec.replicas === 0) return true;
    if (signal.aborted || clock.now() >= until) return false;
    await sleep(clock, 1_000, signal);
  }
}
