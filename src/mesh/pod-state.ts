/**
 * The state of each pod: the revision that injected it, the revision that would inject it today, and the control planes
 * to which its proxy is connected.
 */
import { injectionOf } from "./injection.ts";
import type { Injection, Mesh, Pod, ProxyConnection } from "./model.ts";
import { refText } from "./object-ref.ts";
import { dueVersionOf, injectedVersion, isOutdated, knownVersions } from "./proxy/proxy-version.ts";
import type { ControlPlanesOf } from "./revision-state.ts";

/** A pod, and how its proxy compares with the one that a new pod would get. */
export interface PodState {
  readonly pod: Pod;
  /** What a new pod of its workload would get today; undefined where that is not known. */
  readonly due: Injection | undefined;
  /** Its proxy was added by a webhook. Injection happens at pod creation only: only a new pod gets another proxy. */
  readonly injected: boolean;
  /**
   * Revision that injected it, by the pod's annotations; undefined without a proxy, and where no annotation names it.
   */
  readonly revision: string | undefined;
  /**
   * A new pod would differ: it would have another revision, or a sidecar where this one has none, or no sidecar where
   * this one has one. Undefined: not known.
   */
  readonly stale: boolean | undefined;
  /**
   * An injected proxy that is older than the one that its revision would give a new pod today. False where another
   * revision would inject it (`stale` says so). Undefined: cannot be told.
   */
  readonly outdated: boolean | undefined;
  /** What is known of its proxy's version: see `knownVersions`. */
  readonly versions: readonly string[];
  /** The version that a new pod in its place would have from its own revision; undefined: not known. */
  readonly dueVersion: string | undefined;
  /** A new pod would get a sidecar, and this one has none. */
  readonly lacksSidecar: boolean;
  /** Connections of its proxy, each with the istiod (`NAMESPACE/POD`) that lists it. */
  readonly connections: readonly {
    readonly revision: string;
    readonly istiod: string;
    readonly proxy: ProxyConnection;
  }[];
}

/** Whether a pod runs or will run. Finished pods (of Jobs) do not count. */
export const isLive = (pod: Pod): boolean => pod.phase !== "Succeeded" && pod.phase !== "Failed";

/** The state of every live pod of the mesh, in the order in which the pods were read. */
export function podStates(mesh: Mesh): readonly PodState[] {
  const due = injectionDueIn(mesh);
  const connections = connectionsByPod(mesh);
  const versions = versionStatesIn(mesh);
  return mesh.pods.filter(isLive).map((pod) => {
    const injection = due(pod);
    const held = connections.get(`${pod.namespace}/${pod.name}`) ?? [];
    return {
      pod,
      due: injection,
      ...injectionState(pod, injection),
      ...versions(pod, injection, held),
      connections: held,
    };
  });
}

/**
 * The injection that a new pod in place of this one would get. A pod without a known workload has no template: then its
 * own labels are used, but only if it has a proxy (the pod could be one with hostNetwork, which istiod does not
 * inject).
 */
function injectionDueIn(mesh: Mesh): (pod: Pod) => Injection | undefined {
  const workloads = new Map(mesh.workloads.map((workload) => [refText(workload), workload.injection]));
  const namespaces = new Map(mesh.namespaces.map((namespace) => [namespace.name, namespace]));
  return (pod) => {
    const known = pod.workload === undefined ? undefined : workloads.get(refText(pod.workload));
    const namespace = namespaces.get(pod.namespace);
    if (known !== undefined || pod.proxy === undefined || namespace === undefined) return known;
    return injectionOf(mesh.injectors, namespace, { labels: pod.labels });
  };
}

/** How the version of a pod's proxy compares with the one that its own revision injects today. */
export function versionStatesIn(
  mesh: ControlPlanesOf & Pick<Mesh, "workloads">,
): (
  pod: Pod,
  due: Injection | undefined,
  connections: PodState["connections"],
) => Pick<PodState, "outdated" | "versions" | "dueVersion"> {
  const workloads = new Map(mesh.workloads.map((workload) => [refText(workload), workload]));
  const injected = new Map(mesh.injectors.map(({ revision }) => [revision, injectedVersion(mesh, revision)] as const));
  return (pod, due, connections) => {
    const versions = knownVersions(
      pod,
      connections.map(({ proxy }) => proxy),
    );
    const revision = pod.proxy?.revision;
    if (pod.proxy?.kind !== "sidecar" && pod.proxy?.kind !== "gateway")
      return { outdated: false, versions, dueVersion: undefined };
    if (revision === undefined || due?.kind !== "injected" || due.revision !== revision)
      return {
        outdated: due?.kind === "injected" && revision !== undefined ? false : undefined,
        versions,
        dueVersion: undefined,
      };
    const workload = pod.workload && workloads.get(refText(pod.workload));
    const dueVersion = dueVersionOf(pod, workload, injected.get(revision));
    return { outdated: isOutdated(versions, dueVersion), versions, dueVersion };
  };
}

function injectionState(
  pod: Pod,
  due: Injection | undefined,
): Pick<PodState, "injected" | "revision" | "stale" | "lacksSidecar"> {
  const revision = pod.proxy?.revision;
  if (pod.proxy !== undefined && pod.proxy.kind !== "sidecar" && pod.proxy.kind !== "gateway") {
    return { injected: false, revision, stale: false, lacksSidecar: false };
  }
  const injected = pod.proxy !== undefined;
  const lacksSidecar = !injected && due?.kind === "injected";
  return { injected, revision, stale: lacksSidecar || isStale(injected, revision, due), lacksSidecar };
}

function isStale(injected: boolean, revision: string | undefined, due: Injection | undefined): boolean | undefined {
  if (due?.kind === "none") return injected;
  if (!injected) return due?.kind === "unknown" ? undefined : false;
  if (due === undefined || due.kind === "unknown" || revision === undefined) return undefined;
  return revision !== due.revision;
}

/** All connections that the istiods list, by `namespace/pod`; the pod may be gone already. */
export function connectionsByPod(mesh: Pick<Mesh, "answers">): ReadonlyMap<string, PodState["connections"][number][]> {
  const byPod = new Map<string, PodState["connections"][number][]>();
  for (const answer of mesh.answers) {
    if (answer.kind !== "answered") continue;
    for (const proxy of answer.proxies) {
      const key = `${proxy.namespace}/${proxy.pod}`;
      const connection = { revision: answer.revision, istiod: answer.istiod, proxy };
      const all = byPod.get(key);
      if (all === undefined) byPod.set(key, [connection]);
      else all.push(connection);
    }
  }
  return byPod;
}
