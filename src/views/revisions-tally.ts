/** Pods counted by revision, as every row of `mesh-revisions` shows them. */
import type { PodEntry } from "./revisions-workloads.ts";

/** Numbers of live pods. Revision `null`: injected by an unknown revision, or (connected) not known. */
export interface Tally {
  readonly total: number;
  readonly injected: readonly Count[];
  readonly connected: readonly Count[];
  /** Proxies that no istiod lists, where every istiod answered; and proxies of which that is not known. */
  readonly notConnected: number;
  readonly connectionUnknown: number;
  readonly synced: number;
  readonly withoutSidecar: number;
  readonly stale: number;
  readonly staleUnknown: number;
  /** Proxies that are older than what their revision injects, and those of which that cannot be told. */
  readonly outdated: number;
  readonly outdatedUnknown: number;
}

export interface Count {
  readonly revision: string | null;
  readonly pods: number;
}

/** Counts pods by the revision that injected them, and by the revision that they are connected to. */
export function tally(pods: readonly PodEntry[]): Tally {
  const proxies = pods.filter((pod) => pod.proxy !== null);
  return {
    total: pods.length,
    injected: counts(proxies.map((pod) => pod.revision)),
    connected: counts(proxies.flatMap((pod) => pod.connectedTo?.slice(0, 1) ?? [])),
    notConnected: proxies.filter((pod) => pod.connectedTo?.length === 0).length,
    connectionUnknown: proxies.filter((pod) => pod.connectedTo === null).length,
    synced: proxies.filter((pod) => pod.synced === true).length,
    withoutSidecar: pods.length - proxies.length,
    stale: pods.filter((pod) => pod.stale === true).length,
    staleUnknown: pods.filter((pod) => pod.stale === null).length,
    outdated: pods.filter((pod) => pod.outdated === true).length,
    outdatedUnknown: pods.filter((pod) => pod.outdated === null).length,
  };
}

const counts = (revisions: readonly (string | null)[]): readonly Count[] =>
  [...Map.groupBy(revisions, (revision) => revision)]
    .map(([revision, same]) => ({ revision, pods: same.length }))
    .sort((a, b) => b.pods - a.pods || compare(a.revision ?? "", b.revision ?? ""));

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
