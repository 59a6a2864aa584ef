/** What is let in: the namespace's state, mutating and validating webhooks by their selectors, and quotas. */
import { matchesSelector } from "../../../src/mesh/labels.ts";
import { isGoing, type Json, type KubeJson } from "../object.ts";
import type { By, Place } from "./place.ts";
import { assertWithinQuota } from "./quota.ts";
import type { Resource, Resources } from "./resources.ts";
import { forbidden, internalError, notFound, Refusal } from "./status.ts";
import type { Store } from "./store.ts";

/** What a webhook is asked. */
export interface Review {
  readonly operation: "CREATE" | "UPDATE" | "DELETE";
  readonly resource: Resource;
  readonly namespace: string | undefined;
  readonly object: KubeJson | undefined;
  readonly oldObject: KubeJson | undefined;
  readonly dryRun: boolean;
}

/** `object`: as a mutating webhook would have it. */
export type Verdict =
  | { readonly allowed: true; readonly object?: Json }
  | { readonly allowed: false; readonly message?: string; readonly code?: number };

/** Calls what stands behind a webhook entry. Throws an Error with the words of a failed call. */
export type CallWebhook = (entry: Json, review: Review) => Promise<Verdict>;

export interface Admission {
  create(place: Place, object: Json, by: By): Promise<Json>;
  update(place: Place, before: KubeJson, after: KubeJson, by: By): Promise<Json>;
  remove(place: Place, object: KubeJson, by: By): Promise<void>;
  /** Throws where a quota is exceeded. */
  count(place: Place, object: KubeJson): void;
}

export interface AdmissionParts {
  readonly store: Store;
  readonly resources: Resources;
  readonly call: CallWebhook;
  /** A namespace as this API server's cache has it, which may lag. */
  readonly cachedNamespace: (name: string) => KubeJson | undefined;
}

export function createAdmission({ store, resources, call, cachedNamespace }: AdmissionParts): Admission {
  const namespaces = resources.named("namespaces");

  const assertNamespace = ({ resource, namespace }: Place, name: string): void => {
    if (!resource.namespaced || namespace === undefined) return;
    const found = store.get(namespaces, undefined, namespace);
    if (!found) throw notFound(namespaces, namespace);
    if (!isGoing(found)) return;
    const cause = {
      reason: "NamespaceTerminating",
      message: `namespace ${namespace} is being terminated`,
      field: "metadata.namespace",
    };
    throw forbidden(
      resource,
      name,
      `unable to create new content in namespace ${namespace} because it is being terminated`,
      [cause],
    );
  };

  const entriesFor = (
    plural: "mutatingwebhookconfigurations" | "validatingwebhookconfigurations",
    review: Review,
  ): readonly Json[] =>
    // What keeps webhooks away from their own configurations (apiserver's
    // `rules.IsExemptAdmissionConfigurationResource`).
    review.resource.group === "admissionregistration.k8s.io"
      ? []
      : store
          .list(resources.named(plural))
          .flatMap(({ webhooks }) => webhooks ?? [])
          .filter((entry: Json) => selects(entry, review, cachedNamespace));

  const ask = async (entry: Json, review: Review): Promise<Verdict> => {
    try {
      return await call(entry, review);
    } catch (error) {
      if (entry.failurePolicy === "Ignore") return { allowed: true };
      throw internalError(`failed calling webhook "${entry.name}": ${(error as Error).message}`);
    }
  };

  const review = async (first: Review): Promise<Json> => {
    let object: Json = first.object;
    for (const entry of entriesFor("mutatingwebhookconfigurations", first)) {
      const verdict = await ask(entry, { ...first, object });
      if (!verdict.allowed) throw denied(entry, verdict);
      object = verdict.object ?? object;
    }
    const last = { ...first, object };
    for (const entry of entriesFor("validatingwebhookconfigurations", last)) {
      const verdict = await ask(entry, last);
      if (!verdict.allowed) throw denied(entry, verdict);
    }
    return object;
  };

  return {
    create: async (place, object, by) => {
      assertNamespace(place, object.metadata.name);
      const asked = {
        ...place,
        operation: "CREATE",
        object,
        oldObject: undefined,
        dryRun: by.dryRun ?? false,
      } as const;
      return review(asked);
    },
    update: (place, before, after, by) =>
      review({ ...place, operation: "UPDATE", object: after, oldObject: before, dryRun: by.dryRun ?? false }),
    remove: async (place, object, by) => {
      const { name } = object.metadata;
      if (place.resource.plural === "namespaces" && immortal.includes(name))
        throw forbidden(place.resource, name, "this namespace may not be deleted");
      await review({ ...place, operation: "DELETE", object: undefined, oldObject: object, dryRun: by.dryRun ?? false });
    },
    count: (place, object) => assertWithinQuota(store, resources, place, object),
  };
}

/** k8s.io/apiserver pkg/admission/plugin/namespace/lifecycle */
const immortal = ["default", "kube-system", "kube-public"];

function selects(entry: Json, review: Review, cachedNamespace: (name: string) => KubeJson | undefined): boolean {
  const { operation, resource, object, oldObject } = review;
  const covered = (entry.rules ?? []).some(
    ({ operations = [], apiGroups = [], apiVersions = [], resources = [], scope = "*" }: Json) =>
      ["*", operation].some((each) => operations.includes(each)) &&
      ["*", resource.group].some((each) => apiGroups.includes(each)) &&
      ["*", resource.version].some((each) => apiVersions.includes(each)) &&
      ["*", resource.plural, "*/*"].some((each) => resources.includes(each)) &&
      (scope === "*" || (scope === "Namespaced") === resource.namespaced),
  );
  if (!covered) return false;
  const namespaced =
    resource.plural === "namespaces"
      ? (object ?? oldObject)
      : review.namespace === undefined
        ? undefined
        : cachedNamespace(review.namespace);
  // A selector of namespaces lets through what is in none.
  if (namespaced && !matchesSelector(entry.namespaceSelector, namespaced.metadata.labels)) return false;
  const objects = [object, oldObject].filter((each) => each !== undefined);
  return (
    objects.some(({ metadata }) => matchesSelector(entry.objectSelector, metadata.labels)) &&
    (entry.matchConditions ?? []).every((condition: Json) => holds(condition, review))
  );
}

/** Of CEL only what a test of ours says; anything else is an error of that test. */
function holds({ expression }: Json, { dryRun }: Review): boolean {
  const trial = /^\(has\(request\.dryRun\) && request\.dryRun\) == (true|false)$/.exec(expression);
  if (!trial) throw new Error(`matchConditions are not evaluated here: ${expression}`);
  return String(dryRun) === trial[1];
}

const denied = ({ name }: Json, { message, code = 400 }: Exclude<Verdict, { allowed: true }>): Refusal => {
  const by = `admission webhook "${name}" denied the request`;
  return new Refusal(Math.max(400, code), "", message ? `${by}: ${message}` : `${by} without explanation`);
};
