/** A namespace's life: what every one gets, and its end, when all that is in it has gone. */
import { isGoing, type KubeJson } from "../object.ts";
import type { Cluster, Controller } from "./controller.ts";

export const namespaces: Controller = {
  of: "namespaces",
  concerns: ({ type, object }, { store, resource }) => {
    const { namespace } = object.metadata;
    const found =
      type === "DELETED" && namespace !== undefined
        ? store.get(resource("namespaces"), undefined, namespace)
        : undefined;
    return found && isGoing(found) ? [found] : [];
  },
  reconcile,
};

async function reconcile(namespace: KubeJson, cluster: Cluster): Promise<undefined> {
  const { name } = namespace.metadata;
  if (!isGoing(namespace)) {
    await furnish(name, cluster);
    return;
  }
  const left = cluster.resources
    .all()
    .filter(({ namespaced }) => namespaced)
    .flatMap((resource) => cluster.store.list(resource, name));
  for (const object of left) if (!isGoing(object)) await cluster.remove(object);
  const still = cluster.resources
    .all()
    .some((resource) => resource.namespaced && cluster.store.list(resource, name).length > 0);
  if (!still)
    await cluster.writer.release(
      { resource: cluster.resource("namespaces"), namespace: undefined },
      name,
      "kubernetes",
    );
}

async function furnish(name: string, cluster: Cluster): Promise<void> {
  const missing = (plural: string, object: string): boolean =>
    cluster.store.get(cluster.resource(plural), name, object) === undefined;
  const metadata = (object: string) => ({ name: object, namespace: name });
  if (missing("serviceaccounts", "default"))
    await cluster.create("serviceaccounts", name, {
      apiVersion: "v1",
      kind: "ServiceAccount",
      metadata: metadata("default"),
    });
  if (missing("configmaps", "kube-root-ca.crt"))
    await cluster.create("configmaps", name, {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: metadata("kube-root-ca.crt"),
      data: { "ca.crt": "" },
    });
}
