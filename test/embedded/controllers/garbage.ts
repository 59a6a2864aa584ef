/**
 * The garbage collector: what nobody owns any more goes too; with foreground deletion before its owner, with orphaning
 * not at all. https://kubernetes.io/docs/concepts/architecture/garbage-collection/
 */
import { Refusal } from "../api/status.ts";
import { isGoing, type KubeJson, type OwnerReference } from "../object.ts";
import type { Cluster } from "./controller.ts";

/** Milliseconds after which the collector comes. */
const lag = 20;
const [foreground, orphan] = ["foregroundDeletion", "orphan"];

export function collectGarbage(cluster: Cluster): () => void {
  const { store, clock } = cluster;
  const later = (act: () => Promise<void>): void => void clock.after(lag, () => void act().catch(unlessRefused));
  return store.onChange(({ type, object, before }) => {
    const { uid, ownerReferences = [] } = object.metadata;
    if (type === "ADDED" && ownerReferences.length > 0) later(() => judge(object, cluster));
    if (type === "DELETED") {
      for (const each of store.dependents(uid)) later(() => judge(each, cluster));
      for (const each of ownerReferences) later(() => finish(each, object, cluster));
    } else if (isGoing(object) && !(before && isGoing(before))) later(() => begin(object, cluster));
  });
}

/** A write that somebody else was faster with, or that is refused: it is looked at again with the next change. */
const unlessRefused = (error: unknown): void => {
  if (!(error instanceof Refusal)) throw error;
};

const isWaiting = (owner: KubeJson): boolean =>
  isGoing(owner) && (owner.metadata.finalizers?.includes(foreground) ?? false);

/** The owner that a reference of an object means; `undefined` when it is not there (any more). */
function ownerOf(
  reference: OwnerReference,
  { metadata }: KubeJson,
  { resources, store }: Cluster,
): KubeJson | undefined {
  const resource = resources.of(reference);
  const found = resource && store.get(resource, resource.namespaced ? metadata.namespace : undefined, reference.name);
  return found?.metadata.uid === reference.uid ? found : undefined;
}

/** Deletes what has no owner but such as wait for its end; else takes off the references to those that are gone. */
async function judge(object: KubeJson, cluster: Cluster): Promise<void> {
  const { writer, resources, store } = cluster;
  const resource = resources.of(object);
  const place = resource && { resource, namespace: object.metadata.namespace };
  const now = place && store.get(place.resource, place.namespace, object.metadata.name);
  if (!place || now?.metadata.uid !== object.metadata.uid || isGoing(now)) return;
  const references = now.metadata.ownerReferences ?? [];
  const there = references.filter((each) => ownerOf(each, now, cluster) !== undefined);
  const owners = there.flatMap((each) => ownerOf(each, now, cluster) ?? []);
  if (owners.every(isWaiting)) {
    const propagation =
      owners.length > 0 && store.dependents(now.metadata.uid).length > 0 ? "Foreground" : "Background";
    await writer.delete(
      place,
      now.metadata.name,
      { uid: now.metadata.uid, propagation },
      { user: "garbage-collector" },
    );
  } else if (there.length < references.length) await refer(now, there, cluster);
}

const refer = async (object: KubeJson, ownerReferences: readonly OwnerReference[], cluster: Cluster): Promise<void> =>
  void (await cluster.change(object, (now) => ({ ...now, metadata: { ...now.metadata, ownerReferences } })));

/** What a deletion with a policy begins with. */
async function begin(owner: KubeJson, cluster: Cluster): Promise<void> {
  const { uid, finalizers = [] } = owner.metadata;
  const dependents = cluster.store.dependents(uid);
  if (finalizers.includes(orphan)) {
    for (const each of dependents)
      await refer(
        each,
        (each.metadata.ownerReferences ?? []).filter((reference) => reference.uid !== uid),
        cluster,
      );
    await release(owner, orphan, cluster);
  }
  if (!finalizers.includes(foreground)) return;
  for (const each of dependents) await judge(each, cluster);
  await releaseIfAlone(owner, cluster);
}

/** A dependent is gone: its owner may go now. */
async function finish(reference: OwnerReference, dependent: KubeJson, cluster: Cluster): Promise<void> {
  const owner = ownerOf(reference, dependent, cluster);
  if (owner && isWaiting(owner)) await releaseIfAlone(owner, cluster);
}

async function releaseIfAlone(owner: KubeJson, cluster: Cluster): Promise<void> {
  const { uid } = owner.metadata;
  const blocks = ({ metadata }: KubeJson): boolean =>
    metadata.ownerReferences?.some((each) => each.uid === uid && each.blockOwnerDeletion) ?? false;
  if (!cluster.store.dependents(uid).some(blocks)) await release(owner, foreground, cluster);
}

async function release(owner: KubeJson, finalizer: string, cluster: Cluster): Promise<void> {
  const resource = cluster.resources.of(owner);
  if (resource)
    await cluster.writer.release({ resource, namespace: owner.metadata.namespace }, owner.metadata.name, finalizer);
}
