/** May the tag be moved, and who else looks after it? Nothing without `--tag`. */

import { labelOf } from "../../../mesh/labels.ts";
import { listed } from "../../../mesh/phrase.ts";
import { labelledRevision } from "../../../mesh/revision-names.ts";
import { shellWord } from "../../commands.ts";
import type { Facts } from "../../plan/moves.ts";
import { isMalformed } from "../../record/record-fields.ts";
import type { TagMove } from "../../tags/tag-move.ts";
import { tagLabel } from "../../tags/tag-objects.ts";
import { tagObjectText } from "../../tags/tag-parts.ts";
import { blocker, type Check, note, type Observation, warning } from "../check.ts";
import { toolOf } from "./label-owner.ts";

const ofTag =
  (run: (tag: TagMove, facts: Facts) => readonly Observation[]): Check<Facts>["run"] =>
  (facts) =>
    facts.tag ? run(facts.tag, facts) : [];

/** istioctl refuses it too (istioctl/pkg/tag/generate.go): what a namespace labelled with the name gets would be unclear. */
const tagName: Check<Facts> = {
  id: "tag-name",
  title: "the tag does not have the name of a revision",
  severity: "blocker",
  category: "control-planes",
  run: ofTag(({ tag }, { mesh }) =>
    tag !== "default" && mesh.controlPlanes.some(({ revision, deployment }) => revision === tag && deployment)
      ? [blocker(`tag/${tag}`, `a revision has this name: ${tag} can be no tag`, "choose another name for the tag")]
      : [],
  ),
};

const tagUnfinished: Check<Facts> = {
  id: "tag-unfinished",
  title: "no move of the tag to another revision is unfinished",
  severity: "blocker",
  category: "control-planes",
  run: ofTag(({ tag, target, records }) =>
    records.flatMap(({ object, record }): readonly Observation[] => {
      if (isMalformed(record))
        return [
          blocker(
            object,
            `the record of an earlier move (annotation kubectl-mesh/undo) cannot be read: ${record.malformed}`,
            "look at it; a newer release may be able to read it; if it is of no use, remove the annotation",
          ),
        ];
      if (record.state === "done" || (record.tag === tag && record.target === target.revision)) return [];
      const [of, to] = [shellWord(record.tag), shellWord(record.target)];
      return [
        blocker(
          object,
          `a move of tag ${record.tag} to revision ${record.target} was begun and is not finished`,
          `finish it: kubectl mesh-migrate --tag ${of} --to ${to}; or put it back: kubectl mesh-rollback --tag ${of}`,
        ),
      ];
    }),
  ),
};

/** The Service that the target's own webhook calls may lead elsewhere: then so would the tag. */
const tagTarget: Check<Facts> = {
  id: "tag-target",
  title: "the webhook that the tag is made from calls the target",
  severity: "blocker",
  category: "control-planes",
  run: ofTag(({ tag, target, webhook }, { mesh }) => {
    const other = mesh.injectors.find((each) => each.configuration === webhook && each.revision !== target.revision);
    return other === undefined
      ? []
      : [
          blocker(
            `tag/${tag}`,
            `the own webhook of revision ${target.revision} calls revision ${other.revision}: the tag would too`,
            `install revision ${target.revision} again, so that its webhook calls its own Service`,
          ),
        ];
  }),
};

/** Argo CD, Flux and Helm write the objects as their source has them. */
const tagOwner: Check<Facts> = {
  id: "tag-owner",
  title: "nobody puts the objects of the tag back",
  severity: "blocker",
  category: "control-planes",
  accepts: ["--skip-check"],
  run: ofTag(({ tag, target, changes, pieces }) =>
    pieces.flatMap(({ ref, found }): readonly Observation[] => {
      if (found === undefined || !changes.some(({ ref: changed }) => changed === ref)) return [];
      const { labels = {}, annotations = {}, managedFields = [] } = found.metadata;
      const managers = managedFields.map(({ manager = "" }) => manager);
      const owner = toolOf({ labels, annotations }, managers);
      if (owner === undefined) return [];
      const { name, source = "that keeps it" } = owner;
      const object = tagObjectText(ref);
      const { revision } = target;
      if (labelOf(labels, tagLabel) === undefined && ref.kind === "MutatingWebhookConfiguration")
        return [
          warning(
            object,
            `${name} (${source}) keeps this injector, which is switched off: with its next upgrade it would inject beside the tag`,
            `remove revision ${labelledRevision(labels)} before ${name} writes it again, or run this again after that`,
          ),
        ];
      const change =
        name !== "Helm"
          ? `change it in the source of ${name} ${source}, and let it write the objects`
          : ref.kind === "ValidatingWebhookConfiguration"
            ? `set defaultRevision=${revision} in the values of Helm release ${source} and upgrade it`
            : `take ${tag} out of revisionTags in the values of Helm release ${source}, put it into those of the release of revision ${revision}, and upgrade both`;
      return [
        blocker(
          object,
          `${name} (${source}) keeps this object of tag ${tag} and would put it back`,
          `${change}; then run this again: only the restarts are left to do`,
          "--skip-check",
        ),
      ];
    }),
  ),
};

const tagMoves: Check<Facts> = {
  id: "tag-moves",
  title: "what moves with the tag",
  severity: "warning",
  category: "control-planes",
  run: ofTag(({ tag, from, target, changes, labelled, newcomers, pieces }, { mesh }) => {
    const object = `tag/${tag}`;
    const created = from === undefined && changes.length > 0;
    const plane = mesh.controlPlanes.find(({ revision }) => revision === from?.revision);
    return [
      ...(created ? [note(object, `there is no tag ${tag}: it is created`)] : []),
      ...(labelled === undefined
        ? []
        : [
            note(
              object,
              `its label names revision ${labelled}, and its webhook calls ${from?.revision}: the call counts`,
            ),
          ]),
      ...(newcomers.length === 0 || changes.length === 0
        ? []
        : [
            warning(
              object,
              `it begins to inject ${listed(newcomers, 12)}, where no pod has a sidecar today: from their next pod on`,
              "label these namespaces otherwise if they are not to join the mesh",
            ),
          ]),
      ...(from !== undefined && from.revision !== target.revision && plane?.deployment === undefined
        ? [warning(object, `there is no way back: the control plane of revision ${from.revision} is gone`)]
        : []),
      ...(tag === "default" && !pieces.some(({ ref }) => ref.kind === "ValidatingWebhookConfiguration")
        ? [
            warning(
              object,
              `revision ${target.revision} has no validator of its own: the default validator stays where it is`,
            ),
          ]
        : []),
    ];
  }),
};

export const tagMoveChecks: readonly Check<Facts>[] = [tagName, tagUnfinished, tagTarget, tagOwner, tagMoves];
