/** How far apart the revisions are, and whether there is a way back. */
import { parseVersion } from "../../../mesh/istio-version.ts";
import { type IstiodPlace, whereabouts } from "../../../mesh/revision-state.ts";
import { type Facts, writesLabels } from "../../plan/moves.ts";
import type { Target } from "../../record/undo-record.ts";
import { type Check, note, type Observation, warning } from "../check.ts";

const wayBack: Check<Facts> = {
  id: "way-back",
  title: "there is a way back",
  severity: "warning",
  category: "control-planes",
  run: ({ mesh, moves, target, tag }) =>
    moves.flatMap((move): readonly Observation[] => {
      const { namespace, from, workloads } = move;
      const object = `namespace/${namespace.name}`;
      if (from.revision === target.revision) {
        return writesLabels(move)
          ? [note(object, `it is on revision ${target.revision} already: only its label changes`)]
          : [];
      }
      const plane = mesh.controlPlanes.find(({ revision }) => revision === from.revision);
      if (plane?.deployment === undefined)
        return withoutDeployment(object, from.revision, whereabouts(mesh, from.revision));
      if (from.deploymentUid !== undefined && plane.deployment.uid !== from.deploymentUid)
        return [
          warning(
            object,
            `the control plane of revision ${from.revision} is not the one it was when this migration began: going back may not bring back what was`,
          ),
        ];
      if (plane.readyReplicas === 0)
        return [
          warning(
            object,
            `there is no way back while no istiod of revision ${from.revision} is ready`,
            `kubectl -n ${plane.namespace} rollout status deployment/${plane.deployment.name}`,
          ),
        ];
      const stale = workloads.some(({ disposition }) => disposition === "restart");
      if (tag === undefined && !writesLabels(move) && move.open === undefined && stale)
        return [note(object, unknownBefore(target))];
      return [];
    }),
};

/** Only what is certain to be gone is called so. */
const withoutDeployment = (object: string, revision: string, where: IstiodPlace): readonly Observation[] => {
  if (where === "external" || where === "managed")
    return [
      note(
        object,
        `the way back leads to revision ${revision}, whose control plane runs outside this cluster: whether it is ready cannot be seen from here`,
      ),
    ];
  return [
    where === "unknown"
      ? warning(
          object,
          `whether there is a way back is not known: nothing is known of the control plane of revision ${revision}`,
        )
      : warning(object, `there is no way back: the control plane of revision ${revision} is gone`),
  ];
};

/** The labels gave the target before this migration began: by a tag that was moved, or by somebody else's hand. */
const unknownBefore = ({ label, tag }: Target): string =>
  tag === undefined
    ? `its labels say ${label} already, and what they said before is not known: going back means to change them by hand`
    : `its labels stay as they are: going back means to move tag ${label} back first`;

/**
 * Each proxy is connected to an istiod of its own revision, so only the distance of the two revisions counts. A
 * revisioned upgrade may skip one minor release (https://istio.io/latest/docs/setup/upgrade/canary/). A control plane
 * may not be older than the data plane that it serves.
 */
const skew: Check<Facts> = {
  id: "version-skew",
  title: "the revisions are at most two minor releases apart",
  severity: "warning",
  category: "control-planes",
  run: (facts: Facts) => {
    const versionOf = (revision: string): string | undefined =>
      parseVersion(facts.mesh.controlPlanes.find((plane) => plane.revision === revision)?.version);
    const to = versionOf(facts.target.revision);
    const froms = [...new Set(facts.moves.map(({ from }) => from.revision))].filter(
      (revision) => revision !== facts.target.revision,
    );
    return froms.flatMap((from): readonly Observation[] => {
      const old = versionOf(from);
      const object = `revision/${from}`;
      if (old === undefined || to === undefined)
        return [
          note(
            object,
            `how far ${from} and ${facts.target.revision} are apart is unknown: ${old === undefined ? from : facts.target.revision} does not say its version`,
          ),
        ];
      const apart = minorsBetween(old, to);
      if (apart === undefined)
        return [
          note(
            object,
            `${from} is ${old} and ${facts.target.revision} is ${to}: these are versions of different products, and how far apart they are is not known`,
          ),
        ];
      if (apart > 2)
        return [
          warning(
            object,
            `from Istio ${old} to ${to} is more than Istio promises for one step: a revisioned upgrade may skip one minor release`,
            "go by a release between them",
          ),
        ];
      if (apart < 0)
        return [
          warning(
            object,
            `Istio ${to} is older than ${old}: configuration made for the newer one may not be understood`,
          ),
        ];
      return [];
    });
  },
};

/** Minor releases from one version to the other; `undefined` across a major one. */
const minorsBetween = (from: string, to: string): number | undefined => {
  const [[fromMajor, fromMinor], [toMajor, toMinor]] = [from.split(".").map(Number), to.split(".").map(Number)] as [
    number[],
    number[],
  ];
  return fromMajor === toMajor ? (toMinor ?? 0) - (fromMinor ?? 0) : undefined;
};

export const wayBackChecks: readonly Check<Facts>[] = [wayBack, skew];
