/** Proxies that a run with `--outdated` catches up: on the target already, and older than what it injects today. */
import type { Mesh, Pod, Workload } from "../../mesh/model.ts";
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

/** The versions of the proxies of a mesh, held against what one revision injects. */
export interface ProxyVersions {
  /** Whether a pod that the revision injected runs an older proxy than a new one would; not where it cannot be told. */
  readonly isOutdated: (pod: Pod, workload: Workload | undefined) => boolean;
  /** The version that the new pods of a workload are to have; undefined where it cannot be told. */
  readonly due: (workload: Workload) => string | undefined;
  /** The versions that pods run, each once, sorted; those that are not known are left out. */
  readonly running: (pods: readonly Pod[]) => readonly string[];
}

export const proxyVersionsIn = (mesh: Mesh, revision: string): ProxyVersions => {
  const injected = injectedVersion(mesh, revision);
  const connections = connectionsByPod(mesh);
  const known = (pod: Pod): readonly string[] =>
    knownVersions(
      pod,
      (connections.get(`${pod.namespace}/${pod.name}`) ?? []).map(({ proxy }) => proxy),
    );
  return {
    isOutdated: (pod, workload) =>
      pod.proxy?.revision === revision && isOutdated(known(pod), dueVersionOf(pod, workload, injected)) === true,
    due: ({ template }) => dueVersion(template, injected),
    running: (pods) => [...new Set(pods.flatMap((pod) => versionAmong(known(pod)) ?? []))].sort(),
  };
};

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
