/** ControllerRevisions: the templates that a StatefulSet or DaemonSet has had, one object each. */
import { type Json, type KubeJson, ownerReference } from "../object.ts";
import type { Cluster } from "./controller.ts";
import { hashOf } from "./template.ts";

export const revisionLabel = "controller-revision-hash";

/** The revision of the template as it stands, made where it is not there yet. */
export async function currentRevision(owner: KubeJson, cluster: Cluster): Promise<KubeJson> {
  const hash = hashOf(owner.spec.template);
  const name = `${owner.metadata.name}-${hash}`;
  const revisions = revisionsOf(owner, cluster);
  const latest = Math.max(0, ...revisions.map(({ revision }) => revision));
  const known = revisions.find(({ metadata }) => metadata.name === name);
  if (known?.revision === latest) return known;
  if (known) return (await cluster.change(known, (now) => ({ ...now, revision: latest + 1 }))) ?? known;
  return cluster.create("controllerrevisions", owner.metadata.namespace, {
    ...{ apiVersion: "apps/v1", kind: "ControllerRevision", revision: latest + 1 },
    metadata: {
      name,
      labels: { ...owner.spec.template.metadata.labels, [revisionLabel]: hash },
      ownerReferences: [ownerReference(owner)],
    },
    data: { spec: { template: { ...owner.spec.template, $patch: "replace" } } },
  });
}

export const revisionsOf = (owner: KubeJson, { store }: Cluster): readonly KubeJson[] =>
  store.controlled(owner.metadata.uid).filter(({ kind }) => kind === "ControllerRevision");

/** The template that a revision holds. */
export const templateOf = ({ data }: KubeJson): Json => {
  const { $patch: _, ...template } = data.spec.template;
  return template;
};
