/** What a change may change, and what counts as one. */
import { isDeepStrictEqual } from "node:util";
import type { Json, KubeJson, Meta } from "../object.ts";
import type { By, Place } from "./place.ts";
import type { Resource } from "./resources.ts";
import { badRequest, conflict, invalid, invalidValue } from "./status.ts";

/** Throws `Refusal` for an object that means another than the path does, or another state of it. */
export function assertMeant(place: Place, name: string, current: KubeJson, next: Json): void {
  const { resourceVersion, uid: wanted, name: named = name, namespace, deletionTimestamp } = next.metadata ?? {};
  if (named !== name)
    throw badRequest(`the name of the object (${named}) does not match the name on the URL (${name})`);
  if ((namespace || place.namespace) !== place.namespace)
    throw badRequest("the namespace of the provided object does not match the namespace sent on the request");
  if (resourceVersion && resourceVersion !== current.metadata.resourceVersion) throw conflict(place.resource, name);
  if (wanted !== undefined && wanted !== current.metadata.uid)
    throw invalid(place.resource, name, [invalidValue("metadata.uid", wanted, "field is immutable")]);
  if (deletionTimestamp && deletionTimestamp !== current.metadata.deletionTimestamp)
    throw invalid(place.resource, name, [
      invalidValue("metadata.deletionTimestamp", deletionTimestamp, "field is immutable"),
    ]);
}

/** What no write changes, and what a write to this subresource may not. */
export function settled(resource: Resource, current: KubeJson, next: Json, { subresource }: By): KubeJson {
  const {
    uid,
    creationTimestamp,
    deletionTimestamp,
    deletionGracePeriodSeconds,
    generation,
    resourceVersion,
    name,
    namespace,
  } = current.metadata;
  const kept = {
    ...{ name, uid, creationTimestamp, resourceVersion },
    ...(namespace !== undefined && { namespace }),
    ...(generation !== undefined && { generation }),
    ...(deletionTimestamp !== undefined && { deletionTimestamp, deletionGracePeriodSeconds }),
  };
  if (subresource === "status") return { ...current, status: next.status };
  const { status, ...rest } = next;
  const { deletionTimestamp: _, deletionGracePeriodSeconds: __, generation: ___, ...given } = rest.metadata ?? {};
  const managedFields = given.managedFields?.length > 0 ? given.managedFields : current.metadata.managedFields;
  const metadata = cleaned({ ...given, ...kept, managedFields });
  return {
    ...(resource.status ? rest : next),
    metadata,
    ...(resource.status && current.status && { status: current.status }),
  };
}

/** Resources whose objects are not replaced without their version (`AllowUnconditionalUpdate` of their strategies). */
export const isConditional = ({ group, plural, custom }: Resource): boolean =>
  custom || plural === "leases" || group === "admissionregistration.k8s.io" || group === "apiextensions.k8s.io";

const cleaned = ({ labels, annotations, finalizers, ownerReferences, managedFields, ...rest }: Json): Meta => ({
  ...rest,
  ...(ownerReferences?.length > 0 && { ownerReferences }),
  ...(managedFields?.length > 0 && { managedFields }),
  ...(labels && Object.keys(labels).length > 0 && { labels }),
  ...(annotations && Object.keys(annotations).length > 0 && { annotations }),
  ...(finalizers && finalizers.length > 0 && { finalizers }),
});

/** An object as it is compared: the time of a manager's last write is no difference. */
const untimed = ({ metadata, ...rest }: KubeJson): Json => ({
  ...rest,
  metadata: { ...metadata, managedFields: (metadata.managedFields ?? []).map(({ time, ...entry }) => entry) },
});
/**
 * What a generation counts: of Deployments the annotations too (kubernetes pkg/registry/apps/deployment/strategy.go),
 * but that of the revision, which the controller writes with the status.
 */
const contentOf = ({ plural }: Resource, { metadata, status, ...rest }: KubeJson): Json =>
  plural === "deployments"
    ? { ...rest, annotations: { ...metadata.annotations, "deployment.kubernetes.io/revision": "" } }
    : rest;

/** Whether nothing but the time of a manager's last write is different. */
export const isUnchanged = (before: KubeJson, after: KubeJson): boolean =>
  isDeepStrictEqual(untimed(before), untimed(after));
/** Whether the generation counts it. */
export const isOfSpec = (resource: Resource, before: KubeJson, after: KubeJson): boolean =>
  resource.generation && !isDeepStrictEqual(contentOf(resource, before), contentOf(resource, after));
