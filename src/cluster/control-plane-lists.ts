import type { WebhookConfigurationObject, WorkloadObject } from "../mesh/kubernetes.ts";
import type { Pod } from "../mesh/model.ts";
import { podFrom } from "../mesh/pod.ts";
import type { Cluster, Listed } from "./cluster.ts";
import { kinds } from "./kinds.ts";

/** What tells of the control planes, on which all else of a picture hangs. */
export interface ControlPlaneLists {
  readonly webhooks: Promise<readonly WebhookConfigurationObject[]>;
  /** Of istiod, as are the pods. */
  readonly deployments: Promise<readonly WorkloadObject[]>;
  readonly istiods: Promise<readonly Pod[]>;
}

/** Asks at once. Apart from snapshot.ts, so that it can be done before the rest of the program is loaded; whoever awaits a list hears of its error. */
export const listControlPlanes = (cluster: Cluster): ControlPlaneLists => {
  const lists = {
    webhooks: itemsOf(cluster.list(kinds.mutatingWebhooks, {}, whole<WebhookConfigurationObject>)),
    deployments: itemsOf(cluster.list(kinds.deployments, { labelSelector: "app=istiod" }, whole<WorkloadObject>)),
    istiods: itemsOf(cluster.list(kinds.pods, { labelSelector: "app=istiod" }, podFrom)),
  };
  for (const list of Object.values(lists)) list.catch(() => {});
  return lists;
};

/** For `Cluster.list`: keeps an object as it is. */
export const whole = <T>(object: T): T => object;

/** An optional kind that is not installed has no objects. */
export const itemsOf = async <R>(list: Promise<Listed<R> | undefined>): Promise<readonly R[]> => (await list)?.items ?? [];
