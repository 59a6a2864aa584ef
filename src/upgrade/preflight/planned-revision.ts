/** A mesh with a revision that is not installed yet, so that a move to it can be judged before. Pure. */
import type { LabelRequirement, LabelSelector } from "../../mesh/kubernetes.ts";
import type { Injector, Mesh } from "../../mesh/model.ts";
import type { Target } from "../record/undo-record.ts";

/** Whether the mesh has anything of this name: istiods, a webhook or a tag. */
export const isKnown = (mesh: Mesh, name: string): boolean =>
  mesh.controlPlanes.some(({ revision }) => revision === name) ||
  mesh.tags.some(({ tag }) => tag === name) ||
  mesh.injectors.some(({ revision, tag }) => revision === name || tag === name);

export const plannedTarget = (revision: string): Target => ({ label: revision, revision, tag: undefined });

/**
 * The mesh with the injection webhook that an install of the revision makes
 * (manifests/charts/istio-control/istio-discovery/templates/mutatingwebhook.yaml). Its istiods and its settings are not
 * in it.
 */
export const withPlannedRevision = (mesh: Mesh, revision: string): Mesh => ({
  ...mesh,
  injectors: [
    ...mesh.injectors,
    injector(
      revision,
      "rev.namespace.sidecar-injector.istio.io",
      [is("istio.io/rev", revision), hasNo("istio-injection")],
      [injectable],
    ),
    injector(
      revision,
      "rev.object.sidecar-injector.istio.io",
      [hasNo("istio.io/rev"), hasNo("istio-injection")],
      [injectable, is("istio.io/rev", revision)],
    ),
  ],
});

const injector = (
  revision: string,
  name: string,
  namespaces: readonly LabelRequirement[],
  objects: readonly LabelRequirement[],
): Injector => ({
  configuration: `istio-sidecar-injector-${revision}`,
  entry: {
    name,
    clientConfig: { service: { name: `istiod-${revision}`, namespace: "istio-system", path: "/inject" } },
    rules: [{ apiGroups: [""], apiVersions: ["v1"], operations: ["CREATE"], resources: ["pods"] }],
    failurePolicy: "Fail",
    namespaceSelector: all(namespaces),
    objectSelector: all(objects),
  },
  revision,
  tag: undefined,
  deactivated: false,
  caBundle: true,
  readyEndpoints: 1,
});

const all = (matchExpressions: readonly LabelRequirement[]): LabelSelector => ({ matchExpressions });
const is = (key: string, value: string): LabelRequirement => ({ key, operator: "In", values: [value] });
const hasNo = (key: string): LabelRequirement => ({ key, operator: "DoesNotExist" });
const injectable: LabelRequirement = { key: "sidecar.istio.io/inject", operator: "NotIn", values: ["false"] };
