/**
 * Observes a migration while others change things too: which lost pods are the migration's own fault, and which claims
 * of a success are false. A success claims that every pod was seen to have arrived. The claim is false if a pod never
 * arrived, or is not on the revision any more for long, unless others changed its workload seconds ago.
 */
import { keyOf, podsUnder, watchViolations, workloadsIn } from "./availability-violations.ts";
import type { EmbeddedMesh } from "./mesh.ts";
import { conditionOf, isGoing, isOver, isReady, type KubeJson } from "./object.ts";
import { revisionOf } from "./pods/life.ts";

/** Milliseconds: the longest rest between two looks (src/gather/watch/poller.ts), twice. */
const graceMs = 10_000;

export interface Observer extends Disposable {
  /**
   * None of our doing: that this pod goes down, that the labels of this Namespace change, that this workload becomes
   * another.
   */
  blame(object: KubeJson): void;
  /** Where a workload had fewer ready pods than its bound and than what others took explains. */
  fell(): readonly string[];
  /** What is not so of "the namespace is on this revision", now. */
  falseClaims(): readonly string[];
}

export function observe(mesh: EmbeddedMesh, namespace: string, revision: string): Observer {
  const { store, resources, clock, planes } = mesh;
  const violations = watchViolations(mesh, namespace);
  const known = new Set(workloadsIn(mesh, namespace).map(({ metadata }) => metadata.uid));
  /** By others; by `Kind/name`. */
  const touched = new Map<string, number>();
  const arrived = new Set<string>();

  const isRecent = (since: number | undefined): boolean => since !== undefined && clock.now() - since < graceMs;
  const age = (time: string | undefined): number => clock.wall() - Date.parse(time ?? "1970-01-01T00:00:00Z");
  const heldBy = ({ metadata }: KubeJson) =>
    planes.held().filter(({ connection }) => connection.proxy === `${metadata.name}.${namespace}`);
  const hasArrived = (pod: KubeJson): boolean => {
    const held = heldBy(pod);
    return (
      revisionOf(pod) === revision &&
      isReady(pod) &&
      held.length > 0 &&
      held.every(
        ({ revision: of, connection: { cds, lds } }) =>
          of === revision && cds.state === "acked" && lds.state === "acked",
      )
    );
  };
  const look = (): void => {
    for (const pod of store.list(resources.named("pods"), namespace))
      if (hasArrived(pod)) arrived.add(pod.metadata.uid);
  };
  const stop = store.onChange(({ object }) => {
    if (object.kind === "Pod" && object.metadata.namespace === namespace) look();
  });

  const falseClaimOf = (workload: KubeJson, pod: KubeJson): string | undefined => {
    const { name, uid, creationTimestamp } = pod.metadata;
    if (revisionOf(pod) !== revision) return `${name} is injected by ${revisionOf(pod)}`;
    const others = !known.has(workload.metadata.uid) || isRecent(touched.get(keyOf(workload)));
    if (others && age(creationTimestamp) < graceMs) return undefined;
    if (!arrived.has(uid)) return `${name} never arrived: ${JSON.stringify(heldBy(pod))}`;
    const ready = conditionOf(pod, "Ready");
    if (ready?.status !== "True" && age(ready?.lastTransitionTime) > graceMs)
      return `${name} is not ready since ${ready?.lastTransitionTime}`;
    const elsewhere = heldBy(pod).find(
      (held) => held.revision !== revision && age(held.connection.connectedAt) > graceMs,
    );
    return elsewhere && `${name} is connected to ${elsewhere.revision}`;
  };
  const labelClaim = (): string | undefined => {
    const found = store.get(resources.named("namespaces"), undefined, namespace);
    const { "istio-injection": injection, "istio.io/rev": rev } = found?.metadata.labels ?? {};
    const leads =
      revision === "default"
        ? injection === "enabled" && rev === undefined
        : injection === undefined && rev === revision;
    if (isRecent(touched.get("Namespace")) || (found && !isGoing(found) && leads)) return undefined;
    return `its labels are ${JSON.stringify(found?.metadata.labels)}${found && isGoing(found) ? ", and it is going" : ""}`;
  };

  return {
    blame: (object) => {
      if (object.kind === "Namespace") touched.set("Namespace", clock.now());
      if (object.metadata.namespace !== namespace) return;
      const isPod = object.kind === "Pod";
      for (const workload of workloadsIn(mesh, namespace)) {
        const own = isPod
          ? podsUnder(mesh, workload).some(({ metadata }) => metadata.uid === object.metadata.uid)
          : keyOf(workload) === keyOf(object);
        if (!own) continue;
        touched.set(keyOf(workload), clock.now());
        if (isPod) violations.take(workload, object);
      }
    },
    fell: violations.fell,
    falseClaims: () => {
      look();
      const pods = workloadsIn(mesh, namespace).flatMap((workload) =>
        podsUnder(mesh, workload)
          .filter((pod) => !isGoing(pod) && !isOver(pod))
          .flatMap((pod) => falseClaimOf(workload, pod) ?? []),
      );
      return [labelClaim(), ...pods].filter((claim) => claim !== undefined);
    },
    [Symbol.dispose]: () => {
      stop();
      violations[Symbol.dispose]();
    },
  };
}
