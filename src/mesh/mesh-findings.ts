/** Everything about a mesh that a person who upgrades it should know, with the way to mend it. */
import { controlPlaneFindings, missingEvidence } from "./control-plane-findings.ts";
import type { Finding } from "./finding.ts";
import type { Mesh } from "./model.ts";
import { namespaceFindings } from "./namespace-findings.ts";

/**
 * Control planes first, then namespaces, then what could not be read. An empty list is a mesh in which all of this was
 * looked at and found right.
 */
export const meshFindings = (mesh: Mesh): readonly Finding[] => [
  ...controlPlaneFindings(mesh),
  ...namespaceFindings(mesh),
  ...unread(mesh),
];

/** istiods that did not answer are told with their revision. */
function unread(mesh: Mesh): readonly Finding[] {
  const silent = mesh.answers.flatMap((answer) => (answer.kind === "unanswered" ? [`istiod ${answer.istiod}`] : []));
  return mesh.unknown
    .filter(({ subject }) => !silent.includes(subject))
    .map((unknown) =>
      missingEvidence(
        "unread",
        unknown.namespace === undefined ? unknown.subject : `namespace/${unknown.namespace}`,
        `${unknown.subject} could not be read: ${unknown.reason}`,
        undefined,
      ),
    );
}
