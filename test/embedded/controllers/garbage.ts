/** The garbage collector: what its controller has left behind goes too; with foreground deletion before it, with orphaning not at all. */
import type { Store } from "../api/store.ts";
import { controllerOf, isGoing, type KubeJson } from "../object.ts";
import type { Cluster } from "./controller.ts";

/** Milliseconds after which the collector comes. */
const lag = 20;

export function collectGarbage(cluster: Cluster): () => void {
  const { store, clock } = cluster;
  return store.onChange(({ type, object }) => {
    if (type === "DELETED") clock.after(lag, () => void collect(object, cluster));
    else if (isGoing(object) && object.metadata.finalizers?.includes("orphan")) clock.after(lag, () => void orphan(object, cluster));
    else if (isGoing(object) && object.metadata.finalizers?.includes("foregroundDeletion"))
      clock.after(lag, () => void collect(object, cluster));
    const owner = type === "DELETED" ? controllerOf(object) : undefined;
    const waiting = owner && ownerIn(store, cluster, object, owner.uid);
    if (waiting?.metadata.finalizers?.includes("foregroundDeletion")) clock.after(lag, () => void collect(waiting, cluster));
  });
}

const ownerIn = (store: Store, { resources }: Cluster, object: KubeJson, uid: string): KubeJson | undefined => {
  const reference = controllerOf(object);
  const resource = reference && resources.of(reference);
  const found = resource && store.get(resource, resource.namespaced ? object.metadata.namespace : undefined, reference.name);
  return found?.metadata.uid === uid ? found : undefined;
};

/** Objects that an owner controls are still known after it has gone: they name its UID. */
async function collect(owner: KubeJson, cluster: Cluster): Promise<void> {
  const dependents = cluster.store.controlled(owner.metadata.uid);
  for (const each of dependents) if (!isGoing(each)) await cluster.remove(each);
  if (dependents.length > 0 || !owner.metadata.finalizers?.includes("foregroundDeletion")) return;
  await release(owner, "foregroundDeletion", cluster);
}

async function orphan(owner: KubeJson, cluster: Cluster): Promise<void> {
  for (const each of cluster.store.controlled(owner.metadata.uid))
    await cluster.change(each, (now) => ({
      ...now,
      metadata: { ...now.metadata, ownerReferences: now.metadata.ownerReferences?.filter(({ uid }) => uid !== owner.metadata.uid) },
    }));
  await release(owner, "orphan", cluster);
}

async function release(owner: KubeJson, finalizer: string, cluster: Cluster): Promise<void> {
  const resource = cluster.resources.of(owner);
  if (resource) await cluster.writer.release({ resource, namespace: owner.metadata.namespace }, owner.metadata.name, finalizer);
}
