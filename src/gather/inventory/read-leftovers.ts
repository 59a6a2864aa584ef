/** Looks for what earlier removals left: objects of revisions that have no istiod any more. */

import type { Cluster } from "../../cluster/cluster.ts";
import { kinds } from "../../cluster/kinds.ts";
import { isSidecarInjector } from "../../mesh/from/injectors.ts";
import type { KubeObject, WebhookConfigurationObject } from "../../mesh/kubernetes.ts";
import { labelOf } from "../../mesh/labels.ts";
import { defaultValidatorName, labelledRevision } from "../../mesh/revision-names.ts";
import { filterVersion } from "../../upgrade/cleanup/chart-objects.ts";
import type { Inventory } from "../../upgrade/cleanup/revision-inventory.ts";
import { isLabelValue } from "../../upgrade/record/record-fields.ts";
import { itemsOf } from "../list-kind.ts";
import { readInventory } from "./read-inventory.ts";

/**
 * The inventories of all revisions without an istiod Deployment, by name; those without an object of their own are left
 * out. Throws `ClusterError` where the revisions cannot be read: leftovers that are not seen are not "none".
 */
export async function readLeftovers(cluster: Cluster, istioNamespace: string): Promise<readonly Inventory[]> {
  const rev = ({ metadata }: KubeObject): string => labelledRevision(metadata.labels);
  const named = (text: string | undefined): readonly string[] => (text === undefined ? [] : [text]);
  const [deployed, ...found] = await Promise.all([
    itemsOf(cluster.list(kinds.deployments, { labelSelector: "app=istiod", metadataOnly: true }, rev)),
    itemsOf(
      cluster.list(kinds.mutatingWebhooks, {}, (each: WebhookConfigurationObject) =>
        isSidecarInjector(each) ? [rev(each), ...serviceRevisions(each, istioNamespace)] : [],
      ),
    ),
    itemsOf(
      cluster.list(kinds.validatingWebhooks, {}, (each: WebhookConfigurationObject) =>
        labelOf(each.metadata.labels, "app") === "istiod" || each.metadata.name === defaultValidatorName
          ? [...named(labelOf(each.metadata.labels, "istio.io/rev")), ...serviceRevisions(each, istioNamespace)]
          : [],
      ),
    ),
    itemsOf(
      cluster.list(
        kinds.services,
        { namespace: istioNamespace, labelSelector: "app=istiod", metadataOnly: true },
        (each) => [rev(each)],
      ),
    ),
    itemsOf(
      cluster.list(kinds.envoyFilters, { labelSelector: "istio.io/rev", metadataOnly: true }, (each) =>
        filterVersion(each.metadata.name, rev(each)) === undefined ? [] : [rev(each)],
      ),
    ),
    itemsOf(
      cluster.list(kinds.clusterRoles, { labelSelector: "app=istiod", metadataOnly: true }, ({ metadata }) =>
        named(roleRevision(metadata.name, istioNamespace)),
      ),
    ),
  ]);
  const live = new Set(deployed);
  // Names of others need not have the form of a revision.
  const gone = [...new Set(found.flat(2))].filter((name) => isLabelValue(name) && !live.has(name)).toSorted();
  const inventories = await Promise.all(gone.map((revision) => readInventory(cluster, revision, istioNamespace)));
  return inventories.filter(({ owned, unknown }) => owned.length > 0 || unknown.length > 0);
}

/** The revisions whose Service of the chart it calls: a hand-set tag's label may have any value. */
const serviceRevisions = ({ webhooks = [] }: WebhookConfigurationObject, istioNamespace: string): readonly string[] =>
  webhooks.flatMap(({ clientConfig: { service } }) => {
    const name = service?.namespace === istioNamespace ? /^istiod(?:-(.+))?$/.exec(service.name) : null;
    return name === null || name[1]?.startsWith("revision-tag-") ? [] : [name[1] ?? "default"];
  });

/** The revision in the name of a ClusterRole of the chart. */
const roleRevision = (name: string, istioNamespace: string): string | undefined => {
  const found = /^istiod-clusterrole-(?:(.+)-)?$/.exec(
    name.endsWith(istioNamespace) ? name.slice(0, -istioNamespace.length) : "",
  );
  return found ? (found[1] ?? "default") : undefined;
};
