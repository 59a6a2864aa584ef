/** Takes every pod through its life, one step after the other, and ends it. */
import type { Cluster } from "../controllers/controller.ts";
import { isUp } from "../controllers/node-lifecycle.ts";
import { isGoing, type KubeJson } from "../object.ts";
import { type Circumstances, type Next, nextOf, type Step } from "./life.ts";
import { statusAt } from "./status.ts";

export interface Kubelet {
  /** Looks at a pod again: something outside of it has changed. */
  look(uid: string): void;
  stop(): void;
}

interface Plan {
  readonly step: Step;
  readonly cancel: () => void;
}

/** Milliseconds from a pod's being bound to its first container's running, and for each further step at the least. */
const least = { start: 50, delete: 10, other: 1 };

export function startKubelet(
  cluster: Cluster,
  circumstancesOf: (pod: KubeJson) => Omit<Circumstances, "random">,
): Kubelet {
  const { store, clock, random } = cluster;
  const pods = cluster.resource("pods");
  const places = new Map<string, { readonly namespace: string | undefined; readonly name: string }>();
  const plans = new Map<string, Plan>();
  let addresses = 0;

  const podOf = (uid: string): KubeJson | undefined => {
    const place = places.get(uid);
    const pod = place && store.get(pods, place.namespace, place.name);
    return pod?.metadata.uid === uid ? pod : undefined;
  };
  const runs = ({ spec }: KubeJson): boolean =>
    isUp(store.get(cluster.resource("nodes"), undefined, spec.nodeName ?? ""));
  const forget = (uid: string): void => {
    plans.get(uid)?.cancel();
    plans.delete(uid);
  };
  const look = (uid: string): void => {
    const pod = podOf(uid);
    const next = pod && runs(pod) && nextOf(pod, { ...circumstancesOf(pod), random });
    if (!next) {
      forget(uid);
      return;
    }
    // The same step that is due already stays due when it was.
    if (plans.get(uid)?.step === next.step) return;
    forget(uid);
    plans.set(uid, { step: next.step, cancel: clock.after(waitOf(next), () => void take(uid, next.step)) });
  };
  const waitOf = ({ step, after }: Next): number =>
    Math.max(
      after,
      step === "delete"
        ? least.delete
        : step === "start" || step === "proxy-start" || step === "pull-error"
          ? least.start
          : least.other,
    );

  const take = async (uid: string, step: Step): Promise<void> => {
    plans.delete(uid);
    const pod = podOf(uid);
    if (!pod) return;
    if (step === "delete") return cluster.remove(pod, 0);
    addresses += pod.status?.podIP === undefined ? 1 : 0;
    const podIP = `10.244.${(addresses >> 8) & 255}.${addresses & 255}`;
    const hostIP = `10.0.0.${Number(/\d+$/.exec(pod.spec.nodeName)?.[0] ?? 0) + 1}`;
    const { synced } = circumstancesOf(pod);
    await cluster.setStatus(pod, statusAt(pod, step, { now: cluster.now(), synced, podIP, hostIP }));
    look(uid);
  };

  const unsubscribe = store.onChange(({ type, resource, object }) => {
    if (resource.plural === "nodes") {
      for (const { spec, metadata } of store.list(pods)) if (spec.nodeName === object.metadata.name) look(metadata.uid);
    }
    if (resource !== pods) return;
    const { uid, namespace, name } = object.metadata;
    if (type === "DELETED") {
      forget(uid);
      places.delete(uid);
      return;
    }
    places.set(uid, { namespace, name });
    if (object.spec.nodeName || isGoing(object)) look(uid);
  });
  return {
    look,
    stop: () => {
      unsubscribe();
      for (const uid of [...plans.keys()]) forget(uid);
    },
  };
}
