/** Reads what there is of a revision: its objects by the names of the charts, and what refers to them. No Secret. */

import type { Cluster, ListQuery } from "../../cluster/cluster.ts";
import { type Kind, kinds } from "../../cluster/kinds.ts";
import type { WorkloadObject } from "../../mesh/kubernetes.ts";
import type { Unknown } from "../../mesh/model.ts";
import { revisionedName } from "../../mesh/revision-names.ts";
import { chartObjects, filterVersion, refKey } from "../../upgrade/cleanup/chart-objects.ts";
import { type InstalledObject, inventoryOf, type Live } from "../../upgrade/cleanup/inventory-of.ts";
import type { Inventory, ResourceRef } from "../../upgrade/cleanup/revision-inventory.ts";
import { itemsOf } from "../list-kind.ts";
import { type OptionalRead, recordingUnknown } from "../optional-read.ts";
import { snapshot } from "../snapshot.ts";
import { labelledKinds, readOwnerFacts } from "./read-owner-facts.ts";
import { kindOfResource, resourceRefOf } from "./resource-kind.ts";

/**
 * The inventory of a revision (`default`: the install without a revision). What cannot be read is in its `unknown`:
 * then it is not complete, and nothing may be deleted. Throws `ClusterError` where nothing can be read at all.
 */
export async function readInventory(cluster: Cluster, revision: string, istioNamespace: string): Promise<Inventory> {
  const unknown: Unknown[] = [];
  const optional = recordingUnknown(unknown);
  const labelSelector = `istio.io/rev=${revision}`;
  const charts = chartObjects(revision, istioNamespace);
  const roles = new Set(charts.filter(({ proof }) => proof === "role").map(({ ref }) => ref.name));
  const liveOf = (kind: Kind, query: ListQuery, keep: (object: InstalledObject) => boolean = () => true) =>
    listLive(cluster, optional, kind, query, keep);

  const [named, filters, settings, mutating, validating, services, bindings, globalBindings, users, labelled] =
    await Promise.all([
      Promise.all(charts.map(({ ref }) => readOne(cluster, optional, ref))),
      liveOf(
        kinds.envoyFilters,
        { labelSelector },
        ({ metadata }) => filterVersion(metadata.name, revision) !== undefined,
      ),
      liveOf(kinds.configMaps, { namespace: istioNamespace, labelSelector }),
      liveOf(kinds.mutatingWebhooks, {}),
      liveOf(kinds.validatingWebhooks, {}),
      liveOf(kinds.services, { namespace: istioNamespace }),
      liveOf(kinds.roleBindings, {}, ({ roleRef }) => roles.has(roleRef?.name ?? "")),
      liveOf(kinds.clusterRoleBindings, {}, ({ roleRef }) => roles.has(roleRef?.name ?? "")),
      readAccountUsers(cluster, optional, istioNamespace),
      readLabelled(cluster, optional, labelSelector),
    ]);
  const byKey = new Map([...named.flat(), ...filters, ...settings].map((live) => [refKey(live.ref), live]));
  const objects = [...byKey.values()];
  const webhooks = [...mutating, ...validating];
  const hasDeployment = objects.some(
    ({ ref }) => ref.kind === "Deployment" && ref.name === revisionedName("istiod", revision),
  );
  const owner = await readOwnerFacts(cluster, optional, {
    marks: objects.filter(({ ref }) => markKinds.has(ref.kind)).map(({ object }) => object.metadata),
    webhooks: webhooks.filter(({ object }) => object.metadata.labels?.["istio.io/rev"] === revision),
  });
  const connectedVersions =
    filters.length === 0 ? new Set<string>() : await readVersions(cluster, optional, istioNamespace);
  return inventoryOf(
    {
      ...{ revision, istioNamespace, objects, webhooks, services, accountUsers: users, labelled, connectedVersions },
      bindings: [...bindings, ...globalBindings],
      owner: { ...owner, complete: unknown.length === 0 },
      unknown,
    },
    { leftovers: !hasDeployment },
  );
}

/** The objects whose marks show who owns the revision. */
const markKinds = new Set(["Deployment", "Service", "MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"]);

/** One object as it is now; undefined where there is none, also where its optional kind is not installed. */
export async function readResource(cluster: Cluster, ref: ResourceRef): Promise<InstalledObject | undefined> {
  const kind = kindOfResource(ref);
  if (!kind.optional) return cluster.get(kind, ref.name, ref.namespace);
  const query = {
    fieldSelector: `metadata.name=${ref.name}`,
    ...(ref.namespace !== undefined && { namespace: ref.namespace }),
  };
  const found = await cluster.list(kind, query, (object) => object);
  return found?.items.find(({ metadata }) => metadata.name === ref.name);
}

async function readOne(cluster: Cluster, optional: OptionalRead, ref: ResourceRef): Promise<readonly Live[]> {
  const object = await optional(refKey(ref), readResource(cluster, ref));
  return object ? [{ ref, object }] : [];
}

async function listLive(
  cluster: Cluster,
  optional: OptionalRead,
  kind: Kind,
  query: ListQuery,
  keep: (object: InstalledObject) => boolean,
): Promise<readonly Live[]> {
  const list = cluster.list(kind, query, (object: InstalledObject) =>
    keep(object) ? [{ ref: resourceRefOf(kind, object), object }] : [],
  );
  return (await optional(kind.plural, itemsOf(list)))?.flat() ?? [];
}

async function readAccountUsers(cluster: Cluster, optional: OptionalRead, namespace: string) {
  const lists = [kinds.deployments, kinds.daemonSets, kinds.statefulSets].map(async (kind) => {
    const list = cluster.list(kind, { namespace }, (object: WorkloadObject) => ({
      ref: resourceRefOf(kind, object),
      account: object.spec.template?.spec.serviceAccountName ?? "default",
    }));
    return (await optional(`${kind.plural} in namespace ${namespace}`, itemsOf(list))) ?? [];
  });
  return (await Promise.all(lists)).flat();
}

/** What has the revision's label: to say what stays. */
async function readLabelled(
  cluster: Cluster,
  optional: OptionalRead,
  labelSelector: string,
): Promise<readonly ResourceRef[]> {
  const lists = labelledKinds.map(async (kind) => {
    const list = cluster.list(kind, { labelSelector, metadataOnly: true }, (object) => resourceRefOf(kind, object));
    return (await optional(`${kind.plural} with label ${labelSelector}`, itemsOf(list))) ?? [];
  });
  return (await Promise.all(lists)).flat();
}

/** Versions of the proxies of all istiods; undefined where one did not answer. */
async function readVersions(
  cluster: Cluster,
  optional: OptionalRead,
  istioNamespace: string,
): Promise<ReadonlySet<string> | undefined> {
  const mesh = await optional(
    "connected proxies",
    snapshot(cluster, { istioNamespace, namespaces: [], workloads: false, askIstiods: true }),
  );
  if (!mesh || mesh.answers.some(({ kind }) => kind === "unanswered")) return undefined;
  const versions = mesh.answers.flatMap((answer) => (answer.kind === "answered" ? answer.proxies : []));
  return new Set(versions.map(({ version = "" }) => version.split(".", 2).join(".")));
}
