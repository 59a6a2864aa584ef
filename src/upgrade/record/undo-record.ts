/** The undo record of a namespace: what a migration found before it changed anything, as data and as text. */
import type { OtherLabels, RevisionLabels } from "../../mesh/revision-labels.ts";
import {
  fields,
  isInstant,
  isLabelValue,
  isMalformed,
  isText,
  labelsOf,
  type Malformed,
  otherLabelsOf,
  type RecordFields,
  versionedFields,
} from "./record-fields.ts";

/** Where a migration goes: the value of the label that is written, and the revision that this value means. */
export interface Target {
  /** The value of `--to` and of the label: a revision or a tag. */
  readonly label: string;
  readonly revision: string;
  readonly tag: string | undefined;
}

/** The revision that a namespace comes from, resolved: a rollback goes to it. */
export interface FromRevision {
  readonly revision: string;
  /** UID of its istiod Deployment; undefined when that control plane is gone (then there is no way back). */
  readonly deploymentUid: string | undefined;
}

/** The undo record of one namespace. Its text is the value of annotation `kubectl-mesh/undo`. */
export interface UndoRecord {
  readonly version: 1;
  /** Id of the run that wrote it. */
  readonly run: string;
  readonly target: Target;
  /** The restart stamp of the run: RFC 3339, by the API server's clock. */
  readonly stamp: string;
  /**
   * When the first of the runs to this target began that this one continues: their pods are not of before. Absent where
   * it continues none.
   */
  readonly since?: string | undefined;
  /**
   * The run moved this tag, whose webhook injects the namespace, and left the labels as they are: the namespace goes back
   * with the tag. Absent where the run wrote the labels.
   */
  readonly movedTag?: string | undefined;
  readonly namespaceUid: string;
  readonly before: RevisionLabels;
  readonly from: FromRevision;
  /** The labels that the run was told to write beside the two (`--set-label`); `before` has them as they were. */
  readonly set?: OtherLabels | undefined;
  /** `pods`: arrival was proven by the pods alone, because istiods could not be asked. Absent: by connections. */
  readonly proof?: "pods" | undefined;
  /** `open` from the first write to the last proof. */
  readonly state: "open" | "done";
}

/** The text of a record, for the annotation. The order of the fields is always the same. */
export const undoText = ({
  version,
  run,
  target,
  stamp,
  since,
  movedTag,
  namespaceUid,
  before,
  from,
  set,
  proof,
  state,
}: UndoRecord): string =>
  JSON.stringify({
    version,
    run,
    target: { label: target.label, revision: target.revision, tag: target.tag },
    stamp,
    since,
    movedTag,
    namespaceUid,
    before: {
      "istio-injection": before["istio-injection"],
      "istio.io/rev": before["istio.io/rev"],
      also: sorted(before.also),
    },
    from: { revision: from.revision, deploymentUid: from.deploymentUid },
    set: sorted(set),
    proof,
    state,
  });

const sorted = (labels: OtherLabels | undefined): OtherLabels | undefined =>
  labels && Object.fromEntries(Object.entries(labels).toSorted(([a], [b]) => (a < b ? -1 : 1)));

/** Whether two records have the same values; the order of the fields in their texts does not matter. */
export const sameRecord = (a: UndoRecord, b: UndoRecord): boolean => undoText(a) === undoText(b);

/** The record in a text of the annotation. Unknown fields are ignored. Never throws. */
export const parseUndoRecord = (text: string): UndoRecord | Malformed => {
  const read = versionedFields(text);
  if (isMalformed(read)) return read;
  const { record } = read;
  const { run, stamp, since, movedTag, namespaceUid, state } = record;
  const target = targetOf(fields(record.target));
  const before = labelsOf(fields(record.before));
  const from = fromRevisionOf(fields(record.from));
  if (!isLabelValue(run) || !isInstant(stamp) || !isText(namespaceUid))
    return { malformed: "its field run, stamp or namespaceUid is missing" };
  if (!(since === undefined || isText(since))) return { malformed: "its field since is not a text" };
  if (!(movedTag === undefined || isLabelValue(movedTag))) return { malformed: "its field movedTag is not a tag" };
  if (state !== "open" && state !== "done") return { malformed: "its field state is neither open nor done" };
  const set = record.set === undefined ? undefined : otherLabelsOf(record.set);
  if (record.set !== undefined && (set === undefined || !isSameKeys(set, before?.also)))
    return { malformed: "its field set does not have labels that its field before has as they were" };
  if (!target || !before || !from)
    return { malformed: `its field ${!target ? "target" : !before ? "before" : "from"} is incomplete` };
  return {
    version: 1,
    run,
    target,
    stamp,
    ...(since === undefined ? {} : { since }),
    ...(movedTag === undefined ? {} : { movedTag }),
    namespaceUid,
    before,
    from,
    ...(set === undefined ? {} : { set }),
    ...(record.proof === "pods" ? { proof: record.proof } : {}),
    state,
  };
};

const isSameKeys = (a: OtherLabels, b: OtherLabels = {}): boolean =>
  Object.keys(a).every((key) => Object.hasOwn(b, key)) && Object.keys(b).every((key) => Object.hasOwn(a, key));

const targetOf = ({ label, revision, tag }: RecordFields): Target | undefined =>
  isLabelValue(label) && isLabelValue(revision) && (tag === undefined || isLabelValue(tag))
    ? { label, revision, tag }
    : undefined;

/** The revision that a record names as the one of before; undefined where its fields have another form. */
export const fromRevisionOf = ({ revision, deploymentUid }: RecordFields): FromRevision | undefined =>
  isLabelValue(revision) && (deploymentUid === undefined || isText(deploymentUid))
    ? { revision, deploymentUid }
    : undefined;
