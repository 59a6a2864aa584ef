/** Workloads and their pods in the document of `mesh-revisions`. */

import type { LabelSelector } from "../mesh/kubernetes.ts";
import { matchesSelector } from "../mesh/labels.ts";
import type { Injection, Mesh, Namespace, ObjectRef, Pod, ProxyKind, Strategy, Workload } from "../mesh/model.ts";
import { refText } from "../mesh/object-ref.ts";
import type { PodState } from "../mesh/pod-state.ts";
import { versionAmong } from "../mesh/proxy/proxy-version.ts";

export interface WorkloadEntry extends ObjectRef {
  readonly gateway: boolean;
  /** Null for pods without a workload (pods without an owner, and those of Jobs or unknown owners). */
  readonly strategy: Strategy["type"] | null;
  readonly desired: number;
  readonly ready: number;
  /** The injection of a new pod; null without a template. */
  readonly injection: Injection | null;
  readonly pods: readonly PodEntry[];
  /** Whether a restart would change a proxy; null: unknown. */
  readonly restartNeeded: boolean | null;
}

export interface PodEntry {
  readonly name: string;
  readonly namespace: string;
  readonly proxy: ProxyKind | null;
  /** Revision that injected it; null without a proxy, and where no annotation names it. */
  readonly revision: string | null;
  readonly version: string | null;
  readonly ready: boolean;
  readonly terminating: boolean;
  /** Control planes that list a connection of it, the one of its own revision first; null: unknown. */
  readonly connectedTo: readonly string[] | null;
  /** CDS and LDS acknowledged on such a connection; null: not connected, or unknown. */
  readonly synced: boolean | null;
  /** A new pod would have another proxy, or one where this has none, or none where this has one; null: unknown. */
  readonly stale: boolean | null;
  /** Its proxy is older than the one that its revision injects today; null: cannot be told. */
  readonly outdated: boolean | null;
}

/** `complete`: every istiod answered, so that a connection that is not listed does not exist. */
export function podEntry(
  { pod, revision, stale, outdated, versions, connections }: PodState,
  complete: boolean,
): PodEntry {
  const held = [...new Set(connections.map((connection) => connection.revision))].sort(
    (a, b) => Number(b === revision) - Number(a === revision),
  );
  const connected = held.length > 0;
  return {
    name: pod.name,
    namespace: pod.namespace,
    proxy: pod.proxy?.kind ?? null,
    revision: revision ?? null,
    version: versionAmong(versions) ?? versions[0] ?? null,
    ready: pod.ready,
    terminating: pod.terminating,
    connectedTo: connected || complete ? held : null,
    synced: connected ? connections.some(({ proxy }) => proxy.cds === "synced" && proxy.lds === "synced") : null,
    stale: stale ?? null,
    outdated: outdated ?? null,
  };
}

/**
 * The workloads of the namespaces, each with its live pods, then the pods that no known workload owns, by their owner.
 */
export function workloadEntries(
  mesh: Mesh,
  namespaces: readonly Namespace[],
  states: readonly PodState[],
  entry: (state: PodState) => PodEntry,
  selector: LabelSelector | undefined,
): readonly WorkloadEntry[] {
  const selected = (labels: Pod["labels"]): boolean => selector === undefined || matchesSelector(selector, labels);
  const known = new Set(mesh.workloads.map(refText));
  const podsOf = Map.groupBy(states, ({ pod }) => refText(ownerOf(pod, known)));
  const workloadsIn = Map.groupBy(mesh.workloads, (workload) => workload.namespace);
  const wrongRevision = Map.groupBy(
    states.filter(({ pod }) => pod.workload === undefined || !known.has(refText(pod.workload))),
    ({ pod }) => pod.namespace,
  );
  return namespaces.flatMap(({ name }) => [
    ...(workloadsIn.get(name) ?? [])
      .filter((workload) => selected(workload.labels))
      .map((workload) => ofWorkload(workload, (podsOf.get(refText(workload)) ?? []).map(entry))),
    ...[
      ...Map.groupBy(
        (wrongRevision.get(name) ?? []).filter(({ pod }) => selected(pod.labels)),
        ({ pod }) => refText(ownerOf(pod, known)),
      ).values(),
    ].map((pods) => ofStrays(pods, known, entry)),
  ]);
}

function ofWorkload(workload: Workload, pods: readonly PodEntry[]): WorkloadEntry {
  return {
    kind: workload.kind,
    namespace: workload.namespace,
    name: workload.name,
    gateway: workload.gateway,
    strategy: workload.strategy.type,
    desired: workload.status.desired,
    ready: workload.status.ready,
    injection: workload.injection,
    pods,
    restartNeeded: restartNeeded(pods),
  };
}

function ofStrays(
  states: readonly PodState[],
  known: ReadonlySet<string>,
  entry: (state: PodState) => PodEntry,
): WorkloadEntry {
  const [first] = states as readonly [PodState, ...PodState[]];
  const pods = states.map(entry);
  return {
    ...ownerOf(first.pod, known),
    gateway: pods.some((pod) => pod.proxy !== null && pod.proxy !== "sidecar" && pod.proxy !== "ztunnel"),
    strategy: null,
    desired: pods.length,
    ready: pods.filter((pod) => pod.ready).length,
    injection: first.due ?? null,
    pods,
    restartNeeded: restartNeeded(pods),
  };
}

/** The workload, else the pod's controller, else the pod itself. A Node, which owns static pods, does not count. */
function ownerOf(pod: Pod, known: ReadonlySet<string>): ObjectRef {
  if (pod.workload !== undefined && known.has(refText(pod.workload))) return pod.workload;
  if (pod.owner === undefined || pod.owner.kind === "Node")
    return { kind: "Pod", namespace: pod.namespace, name: pod.name };
  return { kind: pod.owner.kind, namespace: pod.namespace, name: pod.owner.name };
}

function restartNeeded(pods: readonly PodEntry[]): boolean | null {
  if (pods.some((pod) => pod.stale === true || pod.outdated === true)) return true;
  return pods.some((pod) => pod.stale === null) ? null : false;
}
