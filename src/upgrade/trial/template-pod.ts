/** The pod that a controller would create from a template. Pure. */
import type { KubeObject, PodTemplateSpec } from "../../mesh/kubernetes.ts";
import type { ObjectRef } from "../../mesh/model.ts";

/** A StatefulSet's claim templates become volumes, as its controller makes them. */
export const podOfTemplate = (
  ref: ObjectRef,
  template: PodTemplateSpec,
  claimTemplates: readonly KubeObject[] = [],
): object => {
  const claimed = new Set(claimTemplates.map(({ metadata }) => metadata.name));
  const volumes = [
    ...(template.spec.volumes ?? []).filter(({ name }) => !claimed.has(name)),
    ...[...claimed].map((name) => ({ name, emptyDir: {} })),
  ];
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { ...template.metadata, generateName: `${ref.name.slice(0, 50)}-`, namespace: ref.namespace },
    spec: { ...template.spec, ...(volumes.length > 0 ? { volumes } : {}) },
  };
};
