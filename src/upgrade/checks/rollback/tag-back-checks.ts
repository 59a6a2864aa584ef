/** Can the tag go back, and to what? Nothing without `--tag`. */
import type { RollbackFacts } from "../../rollback/rollback-facts.ts";
import type { TagBack } from "../../tags/tag-back.ts";
import { tagObjectText } from "../../tags/tag-parts.ts";
import { blocker, type Check, note, type Observation, warning } from "../check.ts";

const tagGoesBack: Check<RollbackFacts> = {
  id: "tag-back",
  title: "the tag can go back to where it was",
  severity: "blocker",
  category: "rollback",
  run: ({ tag, mesh, places, request }) => {
    if (tag === undefined) return [];
    const object = `tag/${tag.tag}`;
    const from = tag.record?.from;
    const plane = from && mesh.controlPlanes.find(({ revision }) => revision === from.revision);
    return [
      ...tag.unusable.map(({ object, reason }) =>
        blocker(
          object,
          `its undo record (annotation kubectl-mesh/undo) cannot be used: ${reason}`,
          "a newer release may be able to; else move the tag by 'kubectl mesh-migrate --tag'",
        ),
      ),
      ...(tag.record === undefined && tag.unusable.length === 0 && places.length === 0
        ? [note(object, `nothing to put back: no object of tag ${request.tag} has an undo record`)]
        : []),
      ...(from && plane?.deployment === undefined
        ? [
            blocker(
              `revision/${from.revision}`,
              `its control plane is gone: tag ${tag.tag} has nothing to go back to`,
              "install the same release of it again before you go back",
            ),
          ]
        : []),
      ...(from && plane?.deployment && plane.deployment.uid !== from.deploymentUid
        ? [
            blocker(
              `revision/${from.revision}`,
              `its istiod is not the one it was when tag ${tag.tag} was moved (Deployment ${plane.deployment.name}): it may be another release`,
              `if it is what you want: kubectl mesh-migrate --tag ${tag.tag} --to ${from.revision}`,
            ),
          ]
        : []),
      ...(from && plane?.deployment && plane.readyReplicas === 0
        ? [
            blocker(
              `revision/${from.revision}`,
              "none of its istiods is ready",
              `kubectl -n ${plane.namespace} rollout status deployment/${plane.deployment.name}`,
            ),
          ]
        : []),
      ...changedSince(tag),
    ];
  },
};

/** Where somebody moved the tag itself since, there is nothing of ours to put back. */
const changedSince = ({ tag, record, changed, changes }: TagBack): readonly Observation[] =>
  changed.map((ref) =>
    (changes.length === 0 ? blocker : warning)(
      tagObjectText(ref),
      `somebody changed it since run ${record?.run}: it is left as it is`,
      `look at it: kubectl get ${ref.kind.toLowerCase()} ${ref.name}${ref.namespace ? ` -n ${ref.namespace}` : ""} -o yaml; to move the tag anew: kubectl mesh-migrate --tag ${tag} --to REVISION`,
    ),
  );

export const tagBackChecks: readonly Check<RollbackFacts>[] = [tagGoesBack];
