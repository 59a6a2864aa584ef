/** Reads which namespaces each istiod sees. */
import type { Cluster } from "../cluster/cluster.ts";
import { kinds } from "../cluster/kinds.ts";
import type { ConfigMapObject, LabelSelector } from "../mesh/kubernetes.ts";
import type { Mesh } from "../mesh/model.ts";
import { revisionedName } from "../mesh/revision-names.ts";
import type { Discovery } from "../upgrade/evidence/cluster-evidence.ts";
import { malformedConfig, meshConfigOf } from "./mesh-config.ts";
import type { OptionalRead } from "./optional-read.ts";

/**
 * `discoverySelectors` of each istiod. An istiod without a ConfigMap has Istio's default: it sees all namespaces.
 * Names and key as the istiod chart has them (manifests/charts/istio-control/istio-discovery/templates/configmap.yaml).
 */
export const readDiscovery = async (
  cluster: Cluster,
  mesh: Mesh,
  optional: OptionalRead,
): Promise<readonly Discovery[]> => {
  const found = mesh.controlPlanes
    .filter(({ deployment }) => deployment !== undefined)
    .map(async ({ revision, namespace }): Promise<readonly Discovery[]> => {
      const name = revisionedName("istio", revision);
      const configMap = `${namespace}/${name}`;
      const selectors = await optional(
        `ConfigMap ${configMap}`,
        cluster.get(kinds.configMaps, name, namespace).then(discoverySelectors),
      );
      return selectors === undefined ? [] : [{ revision, configMap, selectors }];
    });
  return (await Promise.all(found)).flat();
};

/** The selectors of a mesh config. Throws `ClusterError` (malformed) for one that cannot be read. */
export const discoverySelectors = (config: ConfigMapObject | undefined): readonly LabelSelector[] => {
  const selectors = (meshConfigOf(config) as { readonly discoverySelectors?: unknown }).discoverySelectors ?? [];
  if (!Array.isArray(selectors) || !selectors.every(isSelector))
    throw malformedConfig(config, "discoverySelectors is not a list of label selectors");
  return selectors;
};

const isSelector = (value: unknown): value is LabelSelector => {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  const { matchLabels = {}, matchExpressions = [] } = value as {
    readonly matchLabels?: unknown;
    readonly matchExpressions?: unknown;
  };
  return (
    typeof matchLabels === "object" &&
    matchLabels !== null &&
    Array.isArray(matchExpressions) &&
    matchExpressions.every(isRequirement)
  );
};

const isRequirement = (value: unknown): boolean => {
  const {
    key,
    operator,
    values = [],
  } = (value ?? {}) as { readonly key?: unknown; readonly operator?: unknown; readonly values?: unknown };
  return typeof key === "string" && typeof operator === "string" && Array.isArray(values);
};
