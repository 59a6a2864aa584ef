/** Reads which namespaces each istiod sees. */
import type { Cluster } from "../../cluster/cluster.ts";
import type { LabelSelector } from "../../mesh/kubernetes.ts";
import type { Mesh } from "../../mesh/model.ts";
import type { Discovery } from "../../upgrade/evidence/cluster-evidence.ts";
import type { RevisionConfig } from "../../upgrade/preflight/evidence/control-plane-evidence.ts";
import { type MeshSettings, valueIn } from "../../upgrade/preflight/mesh-settings.ts";
import type { OptionalRead } from "../optional-read.ts";
import { malformedConfig } from "./mesh-config.ts";
import { readRevisionConfigs } from "./revision-configs.ts";

/** `discoverySelectors` of each istiod. An istiod without a ConfigMap has Istio's default: it sees all namespaces. */
export const readDiscovery = async (
  cluster: Cluster,
  mesh: Mesh,
  optional: OptionalRead,
): Promise<readonly Discovery[]> => {
  const configs = await readRevisionConfigs(cluster, mesh, optional);
  const found = configs.map(async (config): Promise<readonly Discovery[]> => {
    const selectors = await optional(`ConfigMap ${config.configMap}`, selectorsOf(config));
    return selectors === undefined ? [] : [{ ...config, selectors }];
  });
  return (await Promise.all(found)).flat();
};

const selectorsOf = async ({ settings, configMap }: RevisionConfig): Promise<readonly LabelSelector[]> =>
  discoverySelectors(settings, configMap);

/**
 * The selectors of a mesh config; `configMap` is where it stands. Throws `ClusterError` (malformed) for one that cannot
 * be read.
 */
export const discoverySelectors = (settings: MeshSettings, configMap: string): readonly LabelSelector[] => {
  const selectors = valueIn(settings, "discoverySelectors") ?? [];
  if (!Array.isArray(selectors) || !selectors.every(isSelector))
    throw malformedConfig(configMap, "discoverySelectors is not a list of label selectors");
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
