/** Reads the mesh config of each istiod: its own ConfigMap, and the one that it shares with others. */
import type { Cluster } from "../../cluster/cluster.ts";
import { kinds } from "../../cluster/kinds.ts";
import type { Mesh } from "../../mesh/model.ts";
import { revisionedName } from "../../mesh/revision-names.ts";
import type { RevisionConfig } from "../../upgrade/preflight/evidence/control-plane-evidence.ts";
import { type MeshSettings, mergedSettings } from "../../upgrade/preflight/mesh-settings.ts";
import type { OptionalRead } from "../optional-read.ts";
import { meshConfigOf } from "./mesh-config.ts";

/**
 * The mesh config of every revision that has a Deployment, merged as istiod does it; a revision of which a ConfigMap
 * could not be read is missing. An istiod without one has Istio's defaults. Names and key as in the istiod chart
 * (manifests/charts/istio-control/istio-discovery/templates/configmap.yaml).
 */
export const readRevisionConfigs = async (
  cluster: Cluster,
  { controlPlanes }: Pick<Mesh, "controlPlanes">,
  optional: OptionalRead,
): Promise<readonly RevisionConfig[]> => {
  const read = (name: string, namespace: string): Promise<MeshSettings | null | undefined> =>
    optional(
      `ConfigMap ${namespace}/${name}`,
      cluster
        .get(kinds.configMaps, name, namespace)
        .then((found) => (found === undefined ? null : meshConfigOf(found))),
    );
  const found = controlPlanes
    .filter(({ deployment }) => deployment !== undefined)
    .map(async ({ revision, namespace, sharedMeshConfig: shared }): Promise<readonly RevisionConfig[]> => {
      const name = revisionedName("istio", revision);
      const [own, common] = await Promise.all([
        read(name, namespace),
        shared === undefined ? null : read(shared, namespace),
      ]);
      if (own === undefined || common === undefined) return [];
      return [
        {
          revision,
          configMap: `${namespace}/${name}`,
          settings: mergedSettings(common ?? {}, own ?? {}),
          shared: shared === undefined ? undefined : { configMap: `${namespace}/${shared}`, exists: common !== null },
        },
      ];
    });
  return (await Promise.all(found)).flat();
};
