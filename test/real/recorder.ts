/**
 * The availability recorder: watches every pod and workload, and keeps for each workload the lowest number of ready,
 * not terminating pods it ever saw and the bound that the workload's own strategy promises.
 *
 * Bounds: Deployment `replicas - maxUnavailable` (a percentage rounded down; where that and the surge are 0 it is 1:
 * kubernetes pkg/controller/deployment/util ResolveFenceposts), Recreate 0; StatefulSet `replicas - 1` (its
 * maxUnavailable is behind a gate that is off), OnDelete all; DaemonSet `desired - maxUnavailable` (rounded up,
 * pkg/controller/daemon/util); Rollout `replicas - max(1, maxUnavailable)` (its restart evicts: argo-rollouts
 * rollout/restart.go; its default rounds to 0).
 */
import type { Api, Json } from "./mesh/api.ts";

export interface Availability {
  /** `namespace/Kind/name`. */
  readonly workload: string;
  /** The fewest ready, not terminating pods at any instant of the run; what there was at the start counts. */
  readonly lowest: number;
  /** What must never be undercut: the smallest bound that the workload had during the run. */
  readonly bound: number;
  readonly ok: boolean;
}

export interface Recorder extends Disposable {
  /** What was seen until now, sorted by workload; those of the namespace where one is given. */
  report(namespace?: string): readonly Availability[];
  stop(): void;
}

interface Record {
  bound: number;
  lowest: number;
}

const sources: readonly { readonly path: string; readonly kind: string; readonly optional?: boolean }[] = [
  { path: "/apis/apps/v1/deployments", kind: "Deployment" },
  { path: "/apis/apps/v1/statefulsets", kind: "StatefulSet" },
  { path: "/apis/apps/v1/daemonsets", kind: "DaemonSet" },
  { path: "/apis/argoproj.io/v1alpha1/rollouts", kind: "Rollout", optional: true },
];

/** Begins to record; comes back when everything there is has been seen. */
export async function startRecorder(api: Api): Promise<Recorder> {
  const ending = new AbortController();
  // all by `namespace/Kind/name`
  const workloads = new Map<string, Json>();
  const readyPods = new Map<string, Set<string>>();
  const records = new Map<string, Record>();
  let recording = false;

  const readyOf = (key: string): number => readyPods.get(key)?.size ?? 0;
  const note = (key: string): void => {
    const workload = workloads.get(key);
    if (!recording || workload === undefined) return;
    const [ready, bound] = [readyOf(key), boundOf(workload)];
    const known = records.get(key);
    if (known === undefined) {
      // a workload that came after the start is recorded from when it first held its bound, as far as its controller
      // has said what that is
      if (ready >= bound && workload.status?.observedGeneration !== undefined)
        records.set(key, { bound, lowest: ready });
      return;
    }
    known.bound = Math.min(known.bound, bound);
    known.lowest = Math.min(known.lowest, ready);
  };

  await Promise.all([
    ...sources.map(async ({ path, kind, optional }) => {
      if (
        optional &&
        !(await api.get(path).then(
          () => true,
          () => false,
        ))
      )
        return;
      await api.watch(
        path,
        ({ type, object }) => {
          if (type === "DELETED") return;
          const key = `${object.metadata.namespace}/${kind}/${object.metadata.name}`;
          workloads.set(key, { ...object, kind });
          note(key);
        },
        ending.signal,
      );
    }),
    api.watch(
      "/api/v1/pods",
      ({ type, object: pod }) => {
        const key = workloadOf(pod);
        if (key === undefined) return;
        const ready = readyPods.get(key) ?? new Set();
        readyPods.set(key, ready);
        if (type !== "DELETED" && isReadyPod(pod)) ready.add(pod.metadata.uid);
        else ready.delete(pod.metadata.uid);
        note(key);
      },
      ending.signal,
    ),
  ]);
  recording = true;
  for (const [key, workload] of workloads) records.set(key, { bound: boundOf(workload), lowest: readyOf(key) });

  return {
    report(namespace) {
      const rows = [...records]
        .filter(([key]) => namespace === undefined || key.startsWith(`${namespace}/`))
        .map(([workload, { lowest, bound }]) => ({ workload, lowest, bound, ok: lowest >= bound }));
      return rows.sort((a, b) => (a.workload < b.workload ? -1 : 1));
    },
    stop: () => ending.abort(),
    [Symbol.dispose]: () => ending.abort(),
  };
}

function isReadyPod(pod: Json): boolean {
  const ready = pod.status?.conditions?.some((each: Json) => each.type === "Ready" && each.status === "True");
  return ready === true && pod.metadata.deletionTimestamp === undefined;
}

/**
 * The workload of a pod. A ReplicaSet's comes from its name, which ends in the hash that the pod carries: what another
 * watch would tell of the ReplicaSet may come later than its pods do, and they would be missed for so long.
 */
function workloadOf({ metadata }: Json): string | undefined {
  const owner = metadata.ownerReferences?.find((each: Json) => each.controller);
  if (owner?.kind !== "ReplicaSet") return owner && `${metadata.namespace}/${owner.kind}/${owner.name}`;
  const rollout = metadata.labels?.["rollouts-pod-template-hash"];
  const hash = rollout ?? metadata.labels?.["pod-template-hash"];
  return `${metadata.namespace}/${rollout === undefined ? "Deployment" : "Rollout"}/${owner.name.slice(0, -`-${hash}`.length)}`;
}

/** The fewest ready pods that a workload's own strategy allows while it is replaced. */
export function boundOf({ kind, spec, status = {} }: Json): number {
  const replicas: number = spec.replicas ?? 1;
  if (kind === "DaemonSet") {
    const desired: number = status.desiredNumberScheduled ?? 0;
    if (spec.updateStrategy?.type === "OnDelete") return desired;
    return Math.max(0, desired - scaled(spec.updateStrategy?.rollingUpdate?.maxUnavailable ?? 1, desired, Math.ceil));
  }
  if (kind === "StatefulSet") return spec.updateStrategy?.type === "OnDelete" ? replicas : Math.max(0, replicas - 1);
  if (kind === "Rollout") {
    const strategy = spec.strategy?.canary ?? spec.strategy?.blueGreen ?? {};
    return Math.max(0, replicas - Math.max(1, scaled(strategy.maxUnavailable ?? 0, replicas, Math.floor)));
  }
  if (spec.strategy?.type === "Recreate") return 0;
  const { maxSurge = "25%", maxUnavailable = "25%" } = spec.strategy?.rollingUpdate ?? {};
  const unavailable = scaled(maxUnavailable, replicas, Math.floor);
  return Math.max(0, replicas - (unavailable === 0 && scaled(maxSurge, replicas, Math.ceil) === 0 ? 1 : unavailable));
}

function scaled(value: number | string, of: number, round: (value: number) => number): number {
  return typeof value === "number" ? value : round((Number.parseInt(value, 10) * of) / 100);
}
