/** Reads which addresses of a control plane the other revisions give their proxies. */

import { load, loadAll } from "js-yaml";
import type { Cluster } from "../../cluster/cluster.ts";
import { ClusterError } from "../../cluster/cluster-error.ts";
import { kinds } from "../../cluster/kinds.ts";
import { injectorConfigMap } from "../../mesh/from/injectors.ts";
import { defaultDiscoveryAddress } from "../../mesh/from/pod-proxy.ts";
import { labelOf } from "../../mesh/labels.ts";
import type { ControlPlane, Mesh } from "../../mesh/model.ts";
import { revisionedName } from "../../mesh/revision-names.ts";
import type { MeshAddresses } from "../../upgrade/checks/cleanup/cleanup-facts.ts";
import type { NeededRead } from "./needed-read.ts";

/**
 * Of every revision but this one that has an istiod Deployment: its mesh config (ConfigMap `istio[-REVISION]`, and the
 * one that `SHARED_MESH_CONFIG` of its istiod names) and its injection values (`istio-sidecar-injector[-REVISION]`).
 * Names and keys as the istiod chart has them.
 */
export const readMeshAddresses = async (
  cluster: Cluster,
  needed: NeededRead,
  mesh: Mesh,
  revision: string,
): Promise<readonly MeshAddresses[]> => {
  const others = mesh.controlPlanes.filter((plane) => plane.deployment !== undefined && plane.revision !== revision);
  const found = others.map(async (plane) => {
    const name = revisionedName("istio", plane.revision);
    const shared = sharedConfigMap(mesh, plane);
    const dataOf = async (configMap: string, key: string, isYaml: boolean): Promise<unknown> =>
      needed(
        ["cleanup-mesh-config"],
        `ConfigMap ${plane.namespace}/${configMap}`,
        cluster
          .get(kinds.configMaps, configMap, plane.namespace)
          .then((object) => parsed(`${plane.namespace}/${configMap}`, labelOf(object?.data, key) ?? "", isYaml)),
      );
    const [own, common, values] = await Promise.all([
      dataOf(name, "mesh", true),
      shared === undefined ? {} : dataOf(shared, "mesh", true),
      dataOf(injectorConfigMap(plane.revision), "values", false),
    ]);
    if (own === undefined || common === undefined || values === undefined) return [];
    return [
      {
        revision: plane.revision,
        configMap: `${plane.namespace}/${name}`,
        discoveryAddress: addressOf(own) ?? addressOf(common) ?? defaultDiscoveryAddress,
        texts: [own, common, values].flatMap(textsIn),
      },
    ];
  });
  return (await Promise.all(found)).flat();
};

/** Name of the second mesh config that istiod merges into its own (pilot/pkg/features, `SHARED_MESH_CONFIG`). */
const sharedConfigMap = ({ workloads }: Mesh, { deployment }: ControlPlane): string | undefined =>
  workloads
    .find(({ uid }) => uid === deployment?.uid)
    ?.template?.spec.containers.flatMap(({ env = [] }) => env)
    .find(({ name }) => name === "SHARED_MESH_CONFIG")?.value;

/** Throws `ClusterError` (malformed) for a text that is not a mapping; an empty one is an empty mapping. */
const parsed = (place: string, text: string, isYaml: boolean): object => {
  try {
    const value: unknown = (isYaml ? loadAll(text)[0] : text === "" ? {} : load(text)) ?? {};
    if (typeof value === "object" && !Array.isArray(value)) return value as object;
  } catch {
    // Not YAML: the same as another form.
  }
  throw new ClusterError(`ConfigMap ${place}: it cannot be read as a YAML mapping`, { reason: "malformed" });
};

const addressOf = (mesh: unknown): string | undefined => {
  const { defaultConfig } = mesh as { readonly defaultConfig?: { readonly discoveryAddress?: unknown } | null };
  const address = defaultConfig?.discoveryAddress;
  return typeof address === "string" ? address : undefined;
};

/** Every text of a value that may be an address. */
const textsIn = (value: unknown): readonly string[] =>
  typeof value === "string"
    ? value.includes(".")
      ? [value]
      : []
    : typeof value === "object" && value !== null
      ? Object.values(value).flatMap(textsIn)
      : [];
