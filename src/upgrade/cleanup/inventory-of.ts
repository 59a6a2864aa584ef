/** What is a revision's own, provably, and what only has its label or its name: from the objects that were read. */

import type { KubeObject, LabelSelector, Labels, WebhookEntry } from "../../mesh/kubernetes.ts";
import { labelOf } from "../../mesh/labels.ts";
import type { Unknown } from "../../mesh/model.ts";
import { defaultValidatorName, revisionedName } from "../../mesh/revision-names.ts";
import {
  type ChartObject,
  chartObjects,
  filterVersion,
  inRemovalOrder,
  isGatewayClassName,
  refKey,
} from "./chart-objects.ts";
import { type OwnerFacts, ownerOf } from "./owner.ts";
import type { Inventory, OwnedObject, ResourceRef, SharedObject } from "./revision-inventory.ts";

/** The fields by which an object is proven to be the revision's. All else of it is kept as it was read. */
export interface InstalledObject extends KubeObject {
  readonly roleRef?: { readonly kind: string; readonly name: string };
  readonly subjects?: readonly { readonly kind: string; readonly name: string; readonly namespace?: string }[];
  readonly webhooks?: readonly WebhookEntry[];
  readonly spec?: {
    readonly selector?: Labels | LabelSelector;
    readonly policyName?: string;
    readonly matchConstraints?: { readonly objectSelector?: LabelSelector };
    readonly revision?: string;
    readonly holderIdentity?: string;
  };
}

/** An object with its reference. */
export interface Live<T extends KubeObject = InstalledObject> {
  readonly ref: ResourceRef;
  readonly object: T;
}

export interface InventoryFacts {
  readonly revision: string;
  readonly istioNamespace: string;
  /** Those of the names of the charts that there are, and EnvoyFilters and ConfigMaps with the revision's label. */
  readonly objects: readonly Live[];
  /** All MutatingWebhookConfigurations and ValidatingWebhookConfigurations of the cluster. */
  readonly webhooks: readonly Live[];
  /** Services of the Istio namespace. */
  readonly services: readonly Live[];
  /** All RoleBindings and ClusterRoleBindings that refer to a role with a name of the revision's. */
  readonly bindings: readonly Live[];
  /** Workloads of the Istio namespace, with their service accounts. */
  readonly accountUsers: readonly { readonly ref: ResourceRef; readonly account: string }[];
  /** What else has the label `istio.io/rev` of the revision. */
  readonly labelled: readonly ResourceRef[];
  /** Versions (`1.19`) of the proxies that are connected to any istiod; undefined: an istiod did not answer. */
  readonly connectedVersions: ReadonlySet<string> | undefined;
  readonly owner: OwnerFacts;
  readonly unknown: readonly Unknown[];
}

/**
 * The inventory. `leftovers`: the revision has no istiod Deployment any more, so the default tag and the default
 * validator that lead to it lead to nothing, and are among what is removed.
 */
export const inventoryOf = (facts: InventoryFacts, { leftovers }: { readonly leftovers: boolean }): Inventory => {
  const { revision, istioNamespace } = facts;
  const owned: OwnedObject[] = [];
  const shared: SharedObject[] = [];
  const take = (live: Live, verdict: Ownership): void => {
    if ("owned" in verdict) owned.push(ownedObject(live, verdict.owned));
    else shared.push({ ref: live.ref, why: verdict.shared });
  };
  const expected = new Map(chartObjects(revision, istioNamespace).map((each) => [refKey(each.ref), each]));
  for (const live of facts.objects) {
    const chart = expected.get(refKey(live.ref));
    const verdict = chart ? chartOwnership(chart, live, facts) : labelledOwnership(live, facts);
    if (verdict) take(live, verdict);
  }
  for (const live of [...facts.webhooks, ...facts.services]) {
    if (expected.has(refKey(live.ref))) continue;
    const verdict = callerOwnership(live, facts, leftovers);
    if (verdict) take(live, verdict);
  }
  const known = new Set([...owned, ...shared].map(({ ref }) => refKey(ref)));
  for (const ref of facts.labelled)
    if (!known.has(refKey(ref))) shared.push({ ref, why: "it has the revision's label, and is no part of its istiod" });
  const ordered = inRemovalOrder(owned);
  return {
    revision,
    istioNamespace,
    owner: ownerOf(facts.owner, ordered, revision),
    owned: ordered,
    shared,
    unknown: facts.unknown,
  };
};

/** Whether an object is the revision's, and why. */
export type Ownership = { readonly owned: string } | { readonly shared: string };

type Premises = Pick<InventoryFacts, "revision" | "istioNamespace" | "bindings" | "accountUsers" | "connectedVersions">;

/** Of an object with a name of the charts. */
export function chartOwnership({ ref, proof }: ChartObject, { object }: Live, facts: Premises): Ownership {
  const { revision, istioNamespace } = facts;
  const { labels } = object.metadata;
  const labelled = labelOf(labels, "istio.io/rev");
  if (labelled !== undefined && labelled !== revision)
    return { shared: `its label istio.io/rev is ${labelled}, and not ${revision}` };
  switch (proof) {
    case "revision label":
      return labelled === revision
        ? { owned: "name of the chart and label istio.io/rev" }
        : { shared: "it has a name of the chart, and not the label istio.io/rev that the chart gives it" };
    case "app label":
      return accountOwnership(ref, labels, facts);
    case "binding":
      return bindsOnlyTheChart(object, ref, facts)
        ? { owned: "name of the chart, and it binds accounts of the chart alone" }
        : { shared: "it has a name of the chart, and binds other subjects or another role" };
    case "role": {
      const other = facts.bindings.find(
        ({ object: binding, ref: from }) => refersTo(binding, ref, from) && !isChartBinding(binding, from, facts),
      );
      if (other) return { shared: `${refKey(other.ref)} refers to it` };
      return isIstioApp(labels) || labelled === revision
        ? { owned: "name and label of the chart, and no other binding refers to it" }
        : { shared: "it has a name of the chart, and not its label app" };
    }
    case "policy":
      return isPolicyOf(object, revision, istioNamespace)
        ? { owned: "name of the chart, and it is about objects of the revision" }
        : { shared: "it has a name of the chart, and is not about objects of the revision" };
    case "name":
      return isNamedOwn(ref, object, revision)
        ? { owned: "name with the revision" }
        : { shared: "it has a name with the revision, and is used by something else" };
  }
}

function accountOwnership(ref: ResourceRef, labels: Labels | undefined, facts: Premises): Ownership {
  const { revision, accountUsers } = facts;
  const own = revisionedName("istiod", revision);
  const other = accountUsers.find(({ ref: user, account }) => account === ref.name && user.name !== own);
  if (other) return { shared: `${refKey(other.ref)} runs with it` };
  return isIstioApp(labels) || labelOf(labels, "istio.io/rev") === revision
    ? { owned: "name and label of the chart" }
    : { shared: "it has a name of the chart, and not its label app" };
}

const isIstioApp = (labels: Labels | undefined): boolean =>
  ["istiod", "istio-reader"].includes(labelOf(labels, "app") ?? "");

/** The role and the account that the chart binds by an object of this name, and nobody else. */
const bindsOnlyTheChart = (
  { roleRef, subjects = [] }: InstalledObject,
  { kind, name }: ResourceRef,
  { revision, istioNamespace }: Pick<InventoryFacts, "revision" | "istioNamespace">,
): boolean => {
  const account = name.startsWith("istio-reader-")
    ? "istio-reader-service-account"
    : revisionedName("istiod", revision);
  return (
    roleRef?.kind === (kind === "RoleBinding" ? "Role" : "ClusterRole") &&
    roleRef.name === name &&
    subjects.every(
      (each) => each.kind === "ServiceAccount" && each.name === account && each.namespace === istioNamespace,
    )
  );
};

const isChartBinding = (binding: InstalledObject, ref: ResourceRef, facts: Premises): boolean =>
  chartObjects(facts.revision, facts.istioNamespace).some(
    (each) => each.proof === "binding" && refKey(each.ref) === refKey(ref),
  ) && bindsOnlyTheChart(binding, ref, facts);

const refersTo = ({ roleRef }: InstalledObject, role: ResourceRef, from: ResourceRef): boolean =>
  roleRef?.kind === role.kind &&
  roleRef.name === role.name &&
  (role.namespace === undefined || role.namespace === from.namespace);

const isPolicyOf = ({ spec }: InstalledObject, revision: string, istioNamespace: string): boolean => {
  if (spec?.policyName !== undefined)
    return spec.policyName === `${revisionedName("stable-channel-policy", revision)}-${istioNamespace}.istio.io`;
  return (
    spec?.matchConstraints?.objectSelector?.matchExpressions?.some(
      ({ key, operator, values = [] }) =>
        key === "istio.io/rev" && operator === "In" && values.length === 1 && values[0] === revision,
    ) ?? false
  );
};

const isNamedOwn = ({ kind }: ResourceRef, { spec }: InstalledObject, revision: string): boolean => {
  if (kind === "IstioOperator") return (spec?.revision || "default") === revision;
  const holder = spec?.holderIdentity ?? "";
  return holder === "" || holder.startsWith(`${revisionedName("istiod", revision)}-`);
};

/** Of an EnvoyFilter or a ConfigMap with the revision's label; undefined: it is none of the charts. */
function labelledOwnership({ ref, object }: Live, facts: Premises): Ownership | undefined {
  const { revision, connectedVersions } = facts;
  if (labelOf(object.metadata.labels, "istio.io/rev") !== revision) return undefined;
  if (ref.kind === "ConfigMap" && isGatewayClassName(ref.name, revision))
    return { owned: "name of the chart and label istio.io/rev" };
  const version = ref.kind === "EnvoyFilter" ? filterVersion(ref.name, revision) : undefined;
  if (version === undefined) return undefined;
  if (connectedVersions === undefined) return { shared: `whether proxies of ${version} are connected is unknown` };
  return connectedVersions.has(version)
    ? { shared: `proxies of ${version} are connected` }
    : { owned: `name of the chart and label istio.io/rev, and no proxy of ${version} is connected` };
}

/** Of a webhook configuration or a Service that no chart names: a tag, or something that calls the revision. */
function callerOwnership({ ref, object }: Live, facts: InventoryFacts, leftovers: boolean): Ownership | undefined {
  const tag = labelOf(object.metadata.labels, "istio.io/tag");
  const leads = ref.kind === "Service" ? selectsRevision(object, facts.revision) : callsOf(object, facts);
  if (!leads || (ref.kind === "Service" && tag === undefined)) return undefined;
  const isDefault = tag === "default" || ref.name === defaultValidatorName;
  if (leads === "some") return { shared: "one of its webhooks calls the revision" };
  if (isDefault && !leftovers)
    return {
      shared: "it leads to the revision: move it first with 'kubectl mesh-migrate --tag default --to REVISION'",
    };
  if (isDefault || tag !== undefined) return { owned: `the tag ${tag ?? "default"} leads to the revision alone` };
  return { shared: "it calls the Service of the revision, and is no part of its installation" };
}

/** The selectors of the chart's Service: `app=istiod,istio.io/rev=REV`, or `istio=pilot` without a revision. */
const selectsRevision = ({ spec }: InstalledObject, revision: string): "all" | undefined => {
  const selector = (spec?.selector ?? {}) as Labels;
  const wanted: Labels = revision === "default" ? { istio: "pilot" } : { app: "istiod", "istio.io/rev": revision };
  const keys = Object.keys(selector);
  const isOwn = keys.length > 0 && Object.entries(wanted).every(([key, value]) => selector[key] === value);
  return isOwn ? "all" : undefined;
};

/** Whether its entries call the Service of the revision, or a Service of a tag that leads to it. */
function callsOf({ webhooks = [] }: InstalledObject, facts: InventoryFacts): "all" | "some" | undefined {
  const own = revisionedName("istiod", facts.revision);
  const ofTags = facts.services
    .filter(({ object }) => labelOf(object.metadata.labels, "istio.io/tag") !== undefined)
    .filter(({ object }) => selectsRevision(object, facts.revision))
    .map(({ ref }) => ref.name);
  const calling = webhooks.filter(
    ({ clientConfig: { service } }) =>
      service?.namespace === facts.istioNamespace && (service.name === own || ofTags.includes(service.name)),
  );
  return calling.length === 0 ? undefined : calling.length === webhooks.length ? "all" : "some";
}

const ownedObject = ({ ref, object }: Live, why: string): OwnedObject => ({
  ref,
  uid: object.metadata.uid,
  resourceVersion: object.metadata.resourceVersion ?? "",
  why,
  manifest: object as unknown as Readonly<Record<string, unknown>>,
});
