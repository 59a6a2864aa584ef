/** Istio's mesh config in a ConfigMap: YAML under the key `mesh`. */
import { loadAll } from "js-yaml";
import { ClusterError } from "../../cluster/cluster-error.ts";
import type { ConfigMapObject } from "../../mesh/kubernetes.ts";
import { labelOf } from "../../mesh/labels.ts";

/**
 * The mesh config as it is written; empty where there is none. Throws `ClusterError` (malformed) for one that cannot be
 * read.
 */
export const meshConfigOf = (config: ConfigMapObject | undefined): Readonly<Record<string, unknown>> => {
  let mesh: unknown;
  try {
    mesh = loadAll(labelOf(config?.data, "mesh") ?? "")[0] ?? {};
  } catch (error) {
    throw malformedConfig(placeOf(config), (error as Error).message.split("\n", 1)[0] ?? "not YAML");
  }
  if (typeof mesh !== "object" || mesh === null || Array.isArray(mesh))
    throw malformedConfig(placeOf(config), "it is not a YAML mapping");
  return mesh as Readonly<Record<string, unknown>>;
};

const placeOf = (config: ConfigMapObject | undefined): string =>
  `${config?.metadata.namespace}/${config?.metadata.name}`;

/** The error of a mesh config that does not have the expected form; `configMap` is `NAMESPACE/NAME`. */
export const malformedConfig = (configMap: string, why: string): ClusterError =>
  new ClusterError(`ConfigMap ${configMap}: its mesh config cannot be read: ${why}`, { reason: "malformed" });
