/** Scale and eviction: writes to an object by another name. */
import { matchesSelector } from "../../../src/mesh/labels.ts";
import type { Json, KubeJson } from "../object.ts";
import { patched } from "./patch.ts";
import type { By, Place } from "./place.ts";
import type { Resource, Resources } from "./resources.ts";
import { invalid, invalidValue, Refusal } from "./status.ts";
import type { Store } from "./store.ts";
import type { Writer } from "./write.ts";

/** autoscaling/v1 Scale of a workload. */
export const scaleOf = ({ metadata, spec, status }: KubeJson): Json => ({
  kind: "Scale",
  apiVersion: "autoscaling/v1",
  metadata: {
    ...{ name: metadata.name, namespace: metadata.namespace, uid: metadata.uid },
    ...{ resourceVersion: metadata.resourceVersion, creationTimestamp: metadata.creationTimestamp },
  },
  spec: spec.replicas ? { replicas: spec.replicas } : {},
  status: {
    replicas: status?.replicas ?? 0,
    selector: Object.entries<string>(spec.selector?.matchLabels ?? {})
      .map(([key, value]) => `${key}=${value}`)
      .join(),
  },
});

/** `type`: a patch's; absent for a whole Scale. */
/** Throws `Refusal`. */
export async function rescale(
  writer: Writer,
  place: Place,
  name: string,
  type: string | undefined,
  body: Json,
  by: By,
): Promise<Json> {
  const change = (current: KubeJson): Json => {
    const scale = type === undefined ? body : patched(scaleOf(current), type, body);
    const { resourceVersion } = scale.metadata ?? {};
    const replicas = scale.spec?.replicas ?? 0;
    if (replicas < 0)
      throw invalid({ group: "autoscaling", kind: "Scale" }, name, [
        invalidValue("spec.replicas", replicas, "must be greater than or equal to 0"),
      ]);
    return {
      ...current,
      metadata: { ...current.metadata, ...(resourceVersion && { resourceVersion }) },
      spec: { ...current.spec, replicas },
    };
  };
  return scaleOf(await writer.update(place, name, change, by));
}

/** policy/v1 Eviction: a deletion that PodDisruptionBudgets may forbid for now. */
export async function evict(
  store: Store,
  resources: Resources,
  writer: Writer,
  place: Place,
  name: string,
  body: Json,
  by: By,
): Promise<Json> {
  const pod = store.get(place.resource, place.namespace, name);
  const budgets = store
    .list(resources.named("poddisruptionbudgets"), place.namespace)
    .filter(({ spec }) => matchesSelector(spec?.selector, pod?.metadata.labels));
  /** A budget with one disruption less. */
  const taken = (budget: KubeJson): KubeJson => {
    const { disruptionsAllowed = 0, desiredHealthy = 0, currentHealthy = 0 } = budget.status ?? {};
    if (disruptionsAllowed > 0)
      return { ...budget, status: { ...budget.status, disruptionsAllowed: disruptionsAllowed - 1 } };
    const message = `The disruption budget ${budget.metadata.name} needs ${desiredHealthy} healthy pods and has ${currentHealthy} currently`;
    throw new Refusal(429, "TooManyRequests", "Cannot evict pod as it would violate the pod's disruption budget.", {
      causes: [{ reason: "DisruptionBudget", message }],
    });
  };
  // At once, and not only when the controller has seen it: two at a time do not both have the last one.
  for (const budget of budgets) {
    const of = { ...place, resource: resources.named("poddisruptionbudgets") };
    if (by.dryRun) taken(budget);
    else await writer.update(of, budget.metadata.name, taken, { ...by, subresource: "status" });
  }
  const { uid, resourceVersion } = body.deleteOptions?.preconditions ?? {};
  await writer.delete(place, name, { uid, resourceVersion, graceSeconds: body.deleteOptions?.gracePeriodSeconds }, by);
  return success();
}

/** metav1.Status of what was done. */
export const success = (
  resource?: Resource,
  { name, uid }: { readonly name?: string; readonly uid?: string } = {},
): Json => ({
  kind: "Status",
  apiVersion: "v1",
  metadata: {},
  status: "Success",
  ...(resource && { details: { name, ...(resource.group && { group: resource.group }), kind: resource.plural, uid } }),
});
