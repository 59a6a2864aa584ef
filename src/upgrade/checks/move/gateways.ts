/** Gateways: those that follow the label of their namespace, and those that are restarted among its workloads. */

import { dropsConfigOfMovedGateways } from "../../../mesh/istio-version.ts";
import type { Labels } from "../../../mesh/kubernetes.ts";
import { labelOf } from "../../../mesh/labels.ts";
import type { Gateway, Mesh } from "../../../mesh/model.ts";
import { refText } from "../../../mesh/object-ref.ts";
import type { ClusterEvidence } from "../../evidence/cluster-evidence.ts";
import { type Facts, type NamespaceMove, restarts, writesLabels } from "../../plan/moves.ts";
import { isNamed } from "../../plan/object-pattern.ts";
import type { TagMove } from "../../tags/tag-move.ts";
import { allowDowntime, blocker, type Check, type Observation, warning } from "../check.ts";

/**
 * A managed Gateway belongs to the revision of its own `istio.io/rev`, else of its namespace's, else of the default;
 * the new owner rewrites its Deployment at once. Source: pilot/pkg/config/kube/gatewaycommon/deploymentcontroller.go,
 * pkg/revisions/tag_watcher.go.
 */
const managedGateways: Check<Facts> = {
  id: "gateways-pinned",
  title: "Gateways and waypoints stay where they are",
  severity: "blocker",
  category: "gateways",
  accepts: ["--allow-downtime", "--skip-check"],
  run: ({ mesh, evidence, moves, target, request, tag }) => [
    ...(tag ? followers(tag, mesh, request) : []),
    ...moves.filter(writesLabels).flatMap((move) =>
      mesh.gateways
        .filter((gateway) => movesAlong(gateway, move, evidence))
        .flatMap((gateway) => {
          const owner = gatewayOwner(mesh, move.namespace, undefined);
          if (owner === target.revision) return [];
          const ref = { kind: "Gateway", namespace: gateway.namespace, name: gateway.name };
          const message = `${gateway.waypoint ? "this waypoint" : "this Gateway"} follows the namespace's label and would move to ${target.revision} at once; ${outage(mesh, owner)}`;
          if (isNamed(request.allowDowntime, ref))
            return [warning(refText(ref), `${message} (accepted by --allow-downtime)`)];
          const pin = `kubectl -n ${gateway.namespace} label gateways.gateway.networking.k8s.io ${gateway.name} istio.io/rev=${owner}`;
          return [
            blocker(
              refText(ref),
              message,
              `pin it to where it is (${owner} then replaces its pods once, by a rolling update), and move it by itself later: ${pin}`,
              allowDowntime(ref),
            ),
          ];
        }),
    ),
  ],
};

/**
 * They follow the tag, and each is proven to be programmed after its move. Where the old control plane cannot be relied
 * on to serve them until then, that has to be accepted.
 */
const followers = (
  { tag, from, target, gateways, changes }: TagMove,
  mesh: Mesh,
  { allowDowntime: accepted }: Facts["request"],
): readonly Observation[] =>
  changes.length === 0 || from === undefined || from.revision === target.revision
    ? []
    : gateways.map((gateway) => {
        const ref = { kind: "Gateway", namespace: gateway.namespace, name: gateway.name };
        const message = `${gateway.waypoint ? "this waypoint" : "this Gateway"} follows tag ${tag} and moves to ${target.revision} at once; ${outage(mesh, from.revision)}`;
        const version = mesh.controlPlanes.find(({ revision }) => revision === from.revision)?.version;
        if (dropsConfigOfMovedGateways(version) === false) return warning(refText(ref), message);
        if (isNamed(accepted, ref)) return warning(refText(ref), `${message} (accepted by --allow-downtime)`);
        return blocker(
          refText(ref),
          message,
          `pin it to where it is, and move it by itself later: kubectl -n ${gateway.namespace} label gateways.gateway.networking.k8s.io ${gateway.name} istio.io/rev=${from.revision} --overwrite`,
          allowDowntime(ref),
        );
      });

const movesAlong = (gateway: Gateway, { namespace }: NamespaceMove, { gatewayClasses }: ClusterEvidence): boolean =>
  gateway.namespace === namespace.name && gateway.pinned === undefined && gatewayClasses.includes(gateway.className);

/**
 * The revision that owns a Gateway today: by its own label, else by that of its namespace, else the default; each may be
 * a tag (pkg/revisions/tag_watcher.go).
 */
export const gatewayOwner = (
  mesh: Mesh,
  { labels }: { readonly labels: Labels },
  pinned: string | undefined,
): string => {
  const label = pinned ?? labelOf(labels, "istio.io/rev") ?? "default";
  return (
    mesh.tags.find(({ tag }) => tag === label)?.revision ??
    (label === "default" ? (mesh.defaultValidator?.revision ?? label) : label)
  );
};

const outage = (mesh: Mesh, owner: string): string => {
  const version = mesh.controlPlanes.find(({ revision }) => revision === owner)?.version;
  switch (dropsConfigOfMovedGateways(version)) {
    case true:
      return `Istio ${version} of revision ${owner} then empties the configuration of its running pods: up to 30 s of failed requests (istio/istio#59959; fixed in 1.29.5, 1.30.2 and 1.31.0)`;
    case false:
      return `its pods are replaced by a rollout of their Deployment that nothing here watches`;
    case undefined:
      return `the version of revision ${owner} is unknown, and some versions then drop the traffic of its running pods for up to 30 s (istio/istio#59959)`;
  }
};

const injectedGateways: Check<Facts> = {
  id: "gateway-workloads",
  title: "no gateway is restarted among the applications",
  severity: "blocker",
  category: "gateways",
  accepts: ["--allow-downtime"],
  run: (facts) =>
    restarts(facts)
      .filter(({ workload }) => workload.gateway)
      .map(({ workload }) =>
        isNamed(facts.request.allowDowntime, workload)
          ? warning(
              refText(workload),
              "this gateway is restarted with the rest; connections through its pods end with them (accepted by --allow-downtime)",
            )
          : blocker(
              refText(workload),
              "this is a gateway: connections from outside end with its pods, so it is best moved by itself",
              "leave it with --leave and move it later, or accept its restart",
              allowDowntime(workload),
            ),
      ),
};

export const gatewayChecks: readonly Check<Facts>[] = [managedGateways, injectedGateways];
