/** Whether an object that a record has kept may be created: only what the charts make of the revision. */

import { labelOf } from "../../mesh/labels.ts";
import { defaultValidatorName } from "../../mesh/revision-names.ts";
import { chartObjects, filterVersion, isGatewayClassName, refKey } from "./chart-objects.ts";
import { chartOwnership, type InstalledObject } from "./inventory-of.ts";
import type { ResourceRef } from "./revision-inventory.ts";

/**
 * The same proof as before a removal, of the kept object itself: who can write the record cannot have other objects
 * created by it, such as a binding of another account.
 */
export function isRestorable(ref: ResourceRef, kept: object, revision: string, istioNamespace: string): boolean {
  const object = kept as InstalledObject;
  const labels = object.metadata.labels;
  const chart = chartObjects(revision, istioNamespace).find((each) => refKey(each.ref) === refKey(ref));
  if (chart) {
    const premises = { revision, istioNamespace, bindings: [], accountUsers: [], connectedVersions: new Set<string>() };
    return "owned" in chartOwnership(chart, { ref, object }, premises);
  }
  if (ref.kind === "EnvoyFilter") return filterVersion(ref.name, revision) !== undefined;
  if (ref.kind === "ConfigMap") return ref.namespace === istioNamespace && isGatewayClassName(ref.name, revision);
  if (ref.name === defaultValidatorName) return ref.kind === "ValidatingWebhookConfiguration";
  const isTagKind =
    ref.kind === "MutatingWebhookConfiguration" || (ref.kind === "Service" && ref.namespace === istioNamespace);
  return isTagKind && labelOf(labels, "istio.io/tag") !== undefined;
}
