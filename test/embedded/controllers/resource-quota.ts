/** The status of ResourceQuotas: what of them is used. That nothing exceeds them is admission's (api/quota.ts). */
import { quotaStatus } from "../api/quota.ts";
import type { Controller } from "./controller.ts";

export const resourceQuotas: Controller = {
  of: "resourcequotas",
  concerns: ({ resource, object }, { store, resource: named }) =>
    resource.plural === "pods" ? store.list(named("resourcequotas"), object.metadata.namespace) : [],
  reconcile: async (quota, cluster) => {
    await cluster.setStatus(quota, quotaStatus(cluster.store, cluster.resources, quota));
    return undefined;
  },
};
