/** Which versions the proxies have that the target injects, and those that are on it already. */
import { releaseOf } from "../../../mesh/istio-version.ts";
import { counted, listed } from "../../../mesh/phrase.ts";
import { injectedVersion } from "../../../mesh/proxy/proxy-version.ts";
import type { Facts } from "../../plan/moves.ts";
import { proxyVersionsIn } from "../../plan/outdated.ts";
import { type Check, note, type Observation, warning } from "../check.ts";

/**
 * The values of an installation may hold an old tag or a hub with other images while its istiod is of another release.
 * https://github.com/istio/istio/issues/51930
 */
const injectedRelease: Check<Facts> = {
  id: "injected-release",
  title: "the target injects proxies of the release of its istiod",
  severity: "warning",
  category: "versions",
  run: ({ mesh, target: { revision } }) => {
    const plane = mesh.controlPlanes.find((each) => each.revision === revision);
    const injects = injectedVersion(mesh, revision);
    const [own, given] = [releaseOf(plane?.version), releaseOf(injects)];
    return own === undefined || given === undefined || own === given
      ? []
      : [
          warning(
            `revision/${revision}`,
            `it injects proxies of ${injects}, and its istiod is ${plane?.version}`,
            "look at global.tag and global.hub in the values of its installation (ConfigMap istio-sidecar-injector)",
          ),
        ];
  },
};

/** A rollback brings back what a revision injects today: there is nothing to catch up. */
const alreadyOutdated: Check<Facts> = {
  id: "already-outdated",
  title: "no proxy that is on the target already is older than the ones that the target injects",
  severity: "note",
  category: "versions",
  run: ({ mesh, target: { revision }, inScope, request, verb }) => {
    if (request.outdated === true || verb === "rollback") return [];
    const versions = proxyVersionsIn(mesh, revision);
    return inScope.flatMap(({ namespace, workloads }): readonly Observation[] => {
      const old = workloads.filter(
        ({ workload, disposition }) =>
          disposition === "already" && workload.pods.some((pod) => versions.isOutdated(pod, workload)),
      );
      if (old.length === 0) return [];
      const names = listed(old.map(({ workload }) => `${workload.kind.toLowerCase()}/${workload.name}`));
      return [
        note(
          `namespace/${namespace.name}`,
          `${counted(old.length, "workload")} on ${revision} already ${old.length === 1 ? "runs" : "run"} an older proxy than the ${injectedVersion(mesh, revision)} that it injects: ${names}`,
          "to restart them too: --outdated",
        ),
      ];
    });
  },
};

export const proxyVersionChecks: readonly Check<Facts>[] = [injectedRelease, alreadyOutdated];
