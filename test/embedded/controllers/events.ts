/**
 * The events of an ordinary day, which `kubectl describe` shows: who made which pods and ReplicaSets, and where pods
 * went. What went wrong the controllers tell themselves.
 */
import { Refusal } from "../api/status.ts";
import type { Change } from "../api/store.ts";
import { conditionOf, controllerOf, type KubeJson } from "../object.ts";
import type { Cluster } from "./controller.ts";

type Told = readonly [about: KubeJson, reason: string, message: string];

/** Until what is given back is called. */
export function tellOfChanges(cluster: Cluster): () => void {
  let last: Promise<void> = Promise.resolve();
  return cluster.store.onChange((change) => {
    const told = toldOf(change, cluster);
    if (told)
      last = last
        .then(() => cluster.tell(told[0], "Normal", told[1], told[2]))
        .catch((error) => {
          // Of a namespace that is going nothing can be told.
          if (!(error instanceof Refusal)) throw error;
        });
  });
}

function toldOf({ type, resource, object, before }: Change, { store, resources }: Cluster): Told | undefined {
  if (type === "DELETED") return undefined;
  const { name, namespace } = object.metadata;
  if (resource.plural === "jobs" && conditionOf(object, "Complete") && !(before && conditionOf(before, "Complete")))
    return [object, "Completed", "Job completed"];
  if (resource.plural === "pods" && before && !before.spec.nodeName && object.spec.nodeName)
    return [object, "Scheduled", `Successfully assigned ${namespace}/${name} to ${object.spec.nodeName}`];
  if (!["pods", "replicasets"].includes(resource.plural)) return undefined;
  const by = controllerOf(object);
  const kind = by && resources.of(by);
  const owner = kind && store.get(kind, namespace, by.name);
  if (!owner) return undefined;
  if (resource.plural === "pods") {
    if (before) return undefined;
    const text =
      owner.kind === "StatefulSet"
        ? `Create Pod ${name} in StatefulSet ${owner.metadata.name} successful`
        : `Created pod: ${name}`;
    return [owner, "SuccessfulCreate", text];
  }
  const [from, to]: readonly number[] = [before?.spec.replicas ?? 0, object.spec.replicas];
  return from === to
    ? undefined
    : [
        owner,
        "ScalingReplicaSet",
        `Scaled ${(to ?? 0) > (from ?? 0) ? "up" : "down"} replica set ${name} from ${from} to ${to}`,
      ];
}
