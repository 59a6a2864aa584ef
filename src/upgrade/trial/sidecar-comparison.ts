/** What a move would change in the sidecar of a workload: before anything is written. Pure. */
import type { Finding } from "../../mesh/finding.ts";
import type { ObjectRef } from "../../mesh/model.ts";
import { refText } from "../../mesh/object-ref.ts";
import { blocker, note, type Observation, observe, warning } from "../checks/check.ts";
import { trialPodMesh } from "../checks/single-checks.ts";
import type { SidecarDifference } from "./sidecar-differences.ts";
import { type Compared, judged } from "./trial-verdict.ts";

/** One workload of a namespace, injected by the revision that it has and by another one. */
export interface SidecarComparison {
  readonly workload: ObjectRef;
  /** The revision that injects it today. */
  readonly from: string;
  readonly to: string;
  readonly differences: readonly SidecarDifference[];
  /** Why the two could not be compared; then there are no differences. */
  readonly unknown: string | undefined;
}

/** What the comparison speaks against or warns of; what only behaves otherwise is a note. */
export const comparisonFindings = (
  { workload, to, differences, unknown }: SidecarComparison,
  { accepted, trustsBoth }: Compared,
): readonly Finding[] => {
  const object = refText(workload);
  if (unknown !== undefined)
    return [observe(trialPodMesh, note(object, `its sidecar of ${to} could not be looked at before: ${unknown}`))];
  const { breaking, unsure, behaviour } = judged(differences, trustsBoth);
  const remedy = `kubectl mesh-revisions diff -n ${workload.namespace} --to ${to}`;
  return [
    ...(breaking === ""
      ? []
      : [otherMesh(object, `its sidecar of ${to} is of another mesh: ${breaking}`, remedy, accepted)]),
    ...(unsure === "" ? [] : [warning(object, `its sidecar of ${to} shows another mesh or place: ${unsure}`, remedy)]),
    ...(behaviour === "" ? [] : [note(object, `its sidecar of ${to} behaves otherwise: ${behaviour}`, remedy)]),
  ].map((each) => observe(trialPodMesh, each));
};

const otherMesh = (object: string, message: string, remedy: string, accepted: readonly string[]): Observation =>
  accepted.includes(trialPodMesh.id)
    ? warning(object, `${message} (accepted by --skip-check ${trialPodMesh.id})`, remedy)
    : blocker(object, message, remedy, "--skip-check");
