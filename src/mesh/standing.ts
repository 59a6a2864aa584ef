/**
 * How each pod stands: the revision that injected it, the one that would today, and the control planes its proxy is
 * connected to.
 */
import { injectionOf } from "./injection.ts";
import type { ControlPlane, Injection, Mesh, Pod, ProxyConnection } from "./model.ts";
import { refText } from "./object-ref.ts";
import { isExternal, isRunningIstiod } from "./revision-state.ts";

export interface Standing {
  readonly pod: Pod;
  /** What its workload's template would get today; undefined where it is not known. */
  readonly due: Injection | undefined;
  /**
   * Runs a proxy that comes from a webhook, and so changes at its next start (Istio: injection happens at pod creation
   * only).
   */
  readonly injected: boolean;
  /** Revision that injected it, as the pod says; undefined without a proxy, and where the pod does not say. */
  readonly revision: string | undefined;
  /**
   * Its next pod would be another: other revision, or a sidecar instead of none, or none instead of a sidecar.
   * Undefined: cannot be told.
   */
  readonly stale: boolean | undefined;
  /** A sidecar is due and there is none. */
  readonly lacksSidecar: boolean;
  /** Connections of its proxy, by the control plane that holds them. */
  readonly connections: readonly {
    readonly revision: string;
    readonly istiod: string;
    readonly proxy: ProxyConnection;
  }[];
}

/** The pods that run or are to run: finished ones (of Jobs) are history. */
export const isLive = (pod: Pod): boolean => pod.phase !== "Succeeded" && pod.phase !== "Failed";

/** Every live pod of the mesh, in the order in which it was read. */
export function standings(mesh: Mesh): readonly Standing[] {
  const due = dueIn(mesh);
  const connections = connectionsByPod(mesh);
  return mesh.pods.filter(isLive).map((pod) => {
    const injection = due(pod);
    return {
      pod,
      due: injection,
      ...judged(pod, injection),
      connections: connections.get(`${pod.namespace}/${pod.name}`) ?? [],
    };
  });
}

/**
 * What a pod's successor would get. Of a pod without a known workload there is no template: its own labels stand for it
 * if it has a sidecar (a pod on the host's network, which istiod passes by, has none).
 */
function dueIn(mesh: Mesh): (pod: Pod) => Injection | undefined {
  const workloads = new Map(mesh.workloads.map((workload) => [refText(workload), workload.injection]));
  const namespaces = new Map(mesh.namespaces.map((namespace) => [namespace.name, namespace]));
  return (pod) => {
    const known = pod.workload === undefined ? undefined : workloads.get(refText(pod.workload));
    const namespace = namespaces.get(pod.namespace);
    if (known !== undefined || pod.proxy === undefined || namespace === undefined) return known;
    return injectionOf(mesh.injectors, namespace, { labels: pod.labels });
  };
}

function judged(
  pod: Pod,
  due: Injection | undefined,
): Pick<Standing, "injected" | "revision" | "stale" | "lacksSidecar"> {
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

/** Live or not, what each istiod holds, by `namespace/pod`. */
function connectionsByPod(mesh: Mesh): Map<string, Standing["connections"][number][]> {
  const byPod = new Map<string, Standing["connections"][number][]>();
  for (const answer of mesh.answers) {
    if (answer.kind !== "answered") continue;
    for (const proxy of answer.proxies) {
      const key = `${proxy.namespace}/${proxy.pod}`;
      const held = { revision: answer.revision, istiod: answer.istiod, proxy };
      const all = byPod.get(key);
      if (all === undefined) byPod.set(key, [held]);
      else all.push(held);
    }
  }
  return byPod;
}

/**
 * Proxies connected to the control plane of a revision, each counted once: while a proxy reconnects, two istiods may
 * list it. Undefined when an istiod of it did not answer, or when it runs somewhere else and is only reached by its
 * webhook's URL.
 */
export function connectedProxies(mesh: Mesh, plane: ControlPlane): number | undefined {
  const answers = mesh.answers.filter((answer) => answer.revision === plane.revision);
  if (isExternal(mesh, plane.revision) || answers.length < plane.istiods.filter(isRunningIstiod).length)
    return undefined;
  const proxies = new Set<string>();
  for (const answer of answers) {
    if (answer.kind === "unanswered") return undefined;
    for (const proxy of answer.proxies) proxies.add(`${proxy.cluster ?? ""}/${proxy.namespace}/${proxy.pod}`);
  }
  return proxies.size;
}

/** Whether every control plane said what it holds: only then does a connection that is not found not exist. */
export const everyConnectionKnown = (mesh: Mesh): boolean =>
  mesh.controlPlanes.every((plane) => connectedProxies(mesh, plane) !== undefined);
