/** Proxies that a run with `--outdated` catches up: on the target already, and older than what it injects today. */
import type { Mesh, Pod, ProxyConnection, Workload } from "../../mesh/model.ts";
import { connectionsByPod } from "../../mesh/pod-state.ts";
import {
  dueVersion,
  dueVersionOf,
  injectedVersion,
  isOutdated,
  knownVersions,
  versionAmong,
} from "../../mesh/proxy/proxy-version.ts";
import { sameRevisionLabels } from "../../mesh/revision-labels.ts";
import type { RunRecord } from "../record/run-journal.ts";

/** Whether a pod that this revision injected runs an older proxy than a new one would; not where it cannot be told. */
export const isOutdatedIn = (mesh: Mesh, revision: string, pod: Pod, workload: Workload | undefined): boolean =>
  pod.proxy?.revision === revision &&
  isOutdated(
    knownVersions(pod, connectionsOf(mesh, pod)),
    dueVersionOf(pod, workload, injectedVersion(mesh, revision)),
  ) === true;

/** The version that the new pods of a workload are to have from this revision; undefined where it cannot be told. */
export const versionFrom = (mesh: Mesh, revision: string, { template }: Workload): string | undefined =>
  dueVersion(template, injectedVersion(mesh, revision));

/** The versions that pods run, each once, sorted; those that are not known are left out. */
export const runningVersions = (mesh: Mesh, pods: readonly Pod[]): readonly string[] =>
  [...new Set(pods.flatMap((pod) => versionAmong(knownVersions(pod, connectionsOf(mesh, pod))) ?? []))].sort();

const connectionsOf = (mesh: Mesh, { namespace, name }: Pod): readonly ProxyConnection[] => {
  const known = indices.get(mesh.answers) ?? connectionsByPod(mesh);
  indices.set(mesh.answers, known);
  return (known.get(`${namespace}/${name}`) ?? []).map(({ proxy }) => proxy);
};

const indices = new WeakMap<Mesh["answers"], ReturnType<typeof connectionsByPod>>();

/**
 * Whether a run only replaced proxies by newer ones of the same revision: it wrote no labels, and there is nothing to go
 * back to, because the revision injects the newer version now.
 */
export const onlyCaughtUp = ({
  verb,
  from,
  to,
  before,
  after,
  workloads,
}: Pick<RunRecord, "verb" | "from" | "to" | "before" | "after" | "workloads">): boolean =>
  verb === "migrate" && from === to && sameRevisionLabels(before, after) && workloads.length > 0;
