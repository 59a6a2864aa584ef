/** Istio's mesh config as it is in the ConfigMaps of a revision: merged as istiod merges it, and read by its keys. Pure. */

/** A mesh config, or a part of it: YAML as it was parsed. Of unknown form; nothing is checked. */
export type MeshSettings = Readonly<Record<string, unknown>>;

/** The part under a key; empty where there is none, or none that is a mapping. */
export const settingsIn = (settings: MeshSettings, key: string): MeshSettings => {
  const value = valueIn(settings, key);
  return isSettings(value) ? value : {};
};

/** The value of a key. */
export const valueIn = (settings: MeshSettings, key: string): unknown =>
  Object.hasOwn(settings, key) ? settings[key] : undefined;

/** The text under a key; undefined where there is none. */
export const textIn = (settings: MeshSettings, key: string): string | undefined => {
  const value = valueIn(settings, key);
  return typeof value === "string" && value !== "" ? value : undefined;
};

/** The list under a key; empty where there is none. */
export const listIn = (settings: MeshSettings, key: string): readonly unknown[] => {
  const value = valueIn(settings, key);
  return Array.isArray(value) ? value : [];
};

/** Whether it is a mapping. */
export const isSettings = (value: unknown): value is MeshSettings =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/**
 * The settings of a revision out of the ConfigMap that `SHARED_MESH_CONFIG` of its istiod names, and its own. The own
 * ones win, field by field; `defaultConfig`, its `proxyMetadata` and `defaultProviders` are merged, providers by their
 * names, and aliases of the trust domain are added. Source: `getConfigurationSources` (istio/istio
 * pilot/pkg/bootstrap/mesh.go) and `ApplyMeshConfig` (pkg/config/mesh/mesh.go).
 */
export const mergedSettings = (shared: MeshSettings, own: MeshSettings): MeshSettings => {
  const [before, after] = [settingsIn(shared, "defaultConfig"), settingsIn(own, "defaultConfig")];
  const merged = (a: MeshSettings, b: MeshSettings, key: string): MeshSettings =>
    key in a || key in b ? { [key]: { ...settingsIn(a, key), ...settingsIn(b, key) } } : {};
  const joined = (key: string, list: readonly unknown[]): MeshSettings => (list.length === 0 ? {} : { [key]: list });
  return {
    ...shared,
    ...own,
    ...merged(shared, own, "defaultConfig"),
    ...("proxyMetadata" in before || "proxyMetadata" in after
      ? { defaultConfig: { ...before, ...after, ...merged(before, after, "proxyMetadata") } }
      : {}),
    ...merged(shared, own, "defaultProviders"),
    ...joined("extensionProviders", providersByName(shared, own)),
    ...joined("trustDomainAliases", [
      ...new Set([...listIn(shared, "trustDomainAliases"), ...listIn(own, "trustDomainAliases")]),
    ]),
  };
};

const providersByName = (shared: MeshSettings, own: MeshSettings): readonly unknown[] => {
  const all = [...listIn(shared, "extensionProviders"), ...listIn(own, "extensionProviders")].filter(isSettings);
  return [...new Map(all.map((provider) => [textIn(provider, "name"), provider])).values()];
};

/** Providers that every istiod has. Source: `DefaultMeshConfig` (istio/istio pkg/config/mesh/mesh.go), 1.19 to 1.29. */
const builtInProviders: readonly string[] = ["prometheus", "stackdriver", "envoy"];

/** The names of all providers of these settings, Istio's own ones included. */
export const providerNames = (settings: MeshSettings): readonly string[] => [
  ...builtInProviders,
  ...listIn(settings, "extensionProviders")
    .filter(isSettings)
    .flatMap((provider) => textIn(provider, "name") ?? []),
];

/** The trust domain; Istio's default is `cluster.local` (pkg/config/constants `DefaultClusterLocalDomain`). */
export const trustDomainOf = (settings: MeshSettings): string => textIn(settings, "trustDomain") ?? "cluster.local";

/**
 * Whether each of two lists the trust domain of the other among its aliases
 * (https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/#MeshConfig-trust_domain_aliases).
 */
export const areAliased = (a: MeshSettings, b: MeshSettings): boolean =>
  listIn(a, "trustDomainAliases").includes(trustDomainOf(b)) &&
  listIn(b, "trustDomainAliases").includes(trustDomainOf(a));

/**
 * The id of the mesh: `defaultConfig.meshId`, else the trust domain. Source: `ISTIO_META_MESH_ID` (istio/istio
 * manifests/charts/istio-control/istio-discovery/files/injection-template.yaml).
 */
export const meshIdOf = (settings: MeshSettings): string =>
  textIn(settingsIn(settings, "defaultConfig"), "meshId") ?? trustDomainOf(settings);
