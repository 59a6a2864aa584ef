import type { WebhookConfigurationObject } from "../mesh/kubernetes.ts";
import type { Cluster, Listed } from "./cluster.ts";
import { kinds } from "./kinds.ts";

/** All mutating webhooks. Apart from snapshot.ts, so that they can be asked for before the rest of the program is loaded. */
export const readWebhooks = (cluster: Cluster): Promise<readonly WebhookConfigurationObject[]> =>
  itemsOf(cluster.list(kinds.mutatingWebhooks, {}, whole<WebhookConfigurationObject>));

/** For `Cluster.list`: keeps an object as it is. */
export const whole = <T>(object: T): T => object;

/** An optional kind that is not installed has no objects. */
export const itemsOf = async <R>(list: Promise<Listed<R> | undefined>): Promise<readonly R[]> => (await list)?.items ?? [];
