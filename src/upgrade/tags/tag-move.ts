/** A tag that is to be moved: where it is, where it goes, and what that changes. Pure. */
import type { Finding } from "../../mesh/finding.ts";
import { labelOf } from "../../mesh/labels.ts";
import type { Gateway, Mesh } from "../../mesh/model.ts";
import { listed } from "../../mesh/phrase.ts";
import { blocker, type Observation, observe } from "../checks/check.ts";
import { targetExists } from "../checks/single-checks.ts";
import { resolveTarget } from "../plan/target.ts";
import { isMalformed } from "../record/record-fields.ts";
import type { TagRecord } from "../record/tag-record.ts";
import type { FromRevision, Target } from "../record/undo-record.ts";
import { ownWebhooks, type TagObjects, type TagPiece, tagChanges, tagPieces, tagWebhooks } from "./tag-objects.ts";
import { type TagChange, tagObjectText, tagRecordOf } from "./tag-parts.ts";

export interface TagMove {
  readonly tag: string;
  readonly istioNamespace: string;
  /** The revision that it has; undefined: there is no such tag. */
  readonly from: FromRevision | undefined;
  readonly target: Target;
  /** Name of its MutatingWebhookConfiguration. */
  readonly webhook: string;
  readonly pieces: readonly TagPiece[];
  /** Empty: the tag has the revision already, and nothing of it is unfinished. */
  readonly changes: readonly TagChange[];
  /** The record of an unfinished move to this revision, which is gone on with. */
  readonly resumed: TagRecord | undefined;
  /** The label of its webhook names this revision, and the webhook calls `from`. */
  readonly labelled: string | undefined;
  /** Records of its objects that are of another move, or cannot be read: `OBJECT` and what it is. */
  readonly records: readonly { readonly object: string; readonly record: TagRecord | { readonly malformed: string } }[];
  /** Namespaces without sidecars today that the tag would inject. */
  readonly newcomers: readonly string[];
  /** Managed Gateways and waypoints whose owner it names. */
  readonly gateways: readonly Gateway[];
}

export type ResolvedTag =
  | { readonly ok: true; readonly move: Omit<TagMove, "newcomers" | "gateways"> }
  | { readonly ok: false; readonly findings: readonly Finding[] };

/** `to`: a revision. It may be one whose own webhook is deactivated, as the one of an un-revisioned install is. */
export const resolveTagMove = (mesh: Mesh, objects: TagObjects, tag: string, to: string): ResolvedTag => {
  const refuse = (observation: Observation): ResolvedTag => ({
    ok: false,
    findings: [observe(targetExists, observation)],
  });
  const own = ownWebhooks(objects, to);
  const plane = mesh.controlPlanes.find(({ revision }) => revision === to);
  if (own.length === 0) {
    const resolved = resolveTarget(mesh, to);
    if (!resolved.ok) return resolved;
    const { revision } = resolved.target;
    return refuse(
      blocker(
        `revision/${to}`,
        `it is a tag of revision ${revision}: a tag is moved to a revision`,
        `--to ${revision}`,
      ),
    );
  }
  const several = own.length > 1 ? own : tagWebhooks(objects, tag).length > 1 ? tagWebhooks(objects, tag) : [];
  const pieces = tagPieces(objects, { tag, revision: to, version: plane?.version });
  if (several.length > 0 || pieces === undefined)
    return refuse(
      blocker(
        own.length === 1 && several.length > 0 ? `tag/${tag}` : `revision/${to}`,
        several.length > 0
          ? `it has several webhooks: ${listed(
              several.map(({ metadata }) => metadata.name),
              6,
            )}`
          : `its webhook ${own[0]?.metadata.name} has no entry of a sidecar injector`,
        "keep one of them: 'istioctl analyze -A' names them (IST0139)",
      ),
    );
  const records = pieces.flatMap(({ ref, found }) => {
    const record = found && tagRecordOf(found);
    return record === undefined ? [] : [{ object: tagObjectText(ref), record }];
  });
  const readable = records.flatMap(({ record }) => (isMalformed(record) ? [] : [record]));
  const resumed = readable.find(({ state, target, tag: of }) => state === "open" && target === to && of === tag);
  const has = mesh.tags.find((each) => each.tag === tag && each.webhook !== undefined);
  const label = labelOf(tagWebhooks(objects, tag)[0]?.metadata.labels, "istio.io/rev");
  return {
    ok: true,
    move: {
      tag,
      istioNamespace: objects.istioNamespace,
      from: resumed ? (resumed.from ?? undefined) : has && fromOf(mesh, has.revision),
      target: { label: tag, revision: to, tag },
      webhook: pieces.find(({ ref }) => ref.kind === "MutatingWebhookConfiguration")?.ref.name ?? "",
      pieces,
      changes: tagChanges(objects, pieces, to),
      resumed,
      labelled: has && label !== has.revision ? label : undefined,
      records,
    },
  };
};

const fromOf = (mesh: Mesh, revision: string): FromRevision => ({
  revision,
  deploymentUid: mesh.controlPlanes.find((plane) => plane.revision === revision)?.deployment?.uid,
});
