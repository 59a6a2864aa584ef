/** A tag that goes back: which of its objects a run wrote, and which of them nobody changed since. Pure. */
import { labelOf } from "../../mesh/labels.ts";
import type { ObjectRef } from "../../mesh/model.ts";
import { isMalformed } from "../record/record-fields.ts";
import type { TagRecord } from "../record/tag-record.ts";
import { allTagObjects, called, type TagObjects, tagLabel } from "./tag-objects.ts";
import {
  caBundlesOf,
  partsOf,
  stillHas,
  type TagChange,
  type TagObject,
  type TagObjectRef,
  tagObjectText,
  tagRecordOf,
} from "./tag-parts.ts";

export interface TagBack {
  readonly tag: string;
  readonly istioNamespace: string;
  /** The record of the run that is undone; undefined: no object of the tag has one. */
  readonly record: TagRecord | undefined;
  /** In the order of their writes: the un-revisioned injector is switched on again before the tag leaves it. */
  readonly changes: readonly TagChange[];
  /** Objects that somebody else changed since: they are left as they are. */
  readonly changed: readonly TagObjectRef[];
  /** Objects whose record cannot be used, and why. */
  readonly unusable: readonly { readonly object: string; readonly reason: string }[];
}

interface Recorded {
  readonly ref: TagObjectRef;
  readonly found: TagObject;
  readonly record: TagRecord;
}

/**
 * The run that is undone is the one that wrote the tag's webhook last: what an earlier run wrote belongs to an earlier
 * revision of the tag. Without a record there only the tag's Service may be left of a rollback that was stopped, or of a
 * move that was: it is the first to be written and the last to go back.
 */
export const tagBack = (objects: TagObjects, tag: string): TagBack => {
  const read = allTagObjects(objects).flatMap(({ ref, found }) => {
    const record = tagRecordOf(found);
    return record === undefined ? [] : [{ ref, found, record }];
  });
  const ofTag = ({ ref, found }: { readonly ref: TagObjectRef; readonly found: TagObject }): boolean =>
    labelOf(found.metadata.labels, tagLabel) === tag && ref.kind !== "ValidatingWebhookConfiguration";
  const unusable = read.flatMap((each) =>
    isMalformed(each.record) && ofTag(each) ? [{ object: tagObjectText(each.ref), reason: each.record.malformed }] : [],
  );
  const recorded = read.filter((each): each is Recorded => !isMalformed(each.record) && each.record.tag === tag);
  const webhook = recorded.find((each) => each.ref.kind === "MutatingWebhookConfiguration" && ofTag(each));
  const service = recorded.find((each) => each.ref.kind === "Service");
  const main = webhook ?? service;
  const written = recorded.filter((each) => each === main || (webhook && each.record.run === webhook.record.run));
  const inOrder = written.toSorted((a, b) => rank(a) - rank(b));
  const bundles = caBundlesOf([...objects.mutating, ...objects.validating]);
  const isOurs = ({ ref, found, record }: Recorded): boolean =>
    stillHas(ref.kind, partsOf(found), record.after, record.before ?? undefined) ||
    (record.before !== null && stillHas(ref.kind, partsOf(found), record.before, record.after));
  return {
    tag,
    istioNamespace: objects.istioNamespace,
    record: main?.record,
    changes: inOrder.filter(isOurs).map(({ ref, found, record }) => ({
      ref,
      uid: found.metadata.uid,
      before: partsOf(found),
      after: record.before === null ? undefined : withOthers(record.before, record.after.labels, found),
      record,
      caBundles: record.before === null ? {} : called(record.before, bundles),
    })),
    changed: inOrder.filter((each) => !isOurs(each)).map(({ ref }) => ref),
    unusable,
  };
};

/** Labels that somebody added since stay. */
const withOthers = (before: TagRecord["after"], written: TagRecord["after"]["labels"], { metadata }: TagObject) => ({
  ...before,
  labels: {
    ...Object.fromEntries(
      Object.entries(metadata.labels ?? {}).filter(
        ([key]) => !Object.hasOwn(written, key) && !Object.hasOwn(before.labels, key),
      ),
    ),
    ...before.labels,
  },
});

const rank = ({ ref: { kind }, found }: Recorded): number =>
  kind === "Service"
    ? 3
    : kind === "ValidatingWebhookConfiguration"
      ? 1
      : labelOf(found.metadata.labels, tagLabel) === undefined
        ? 0
        : 2;

/** Whether the tag's own webhook is among them. */
export const hasWebhook = (refs: readonly TagObjectRef[], tag: string, { mutating }: TagObjects): boolean =>
  refs.some(
    ({ kind, name }) =>
      kind === "MutatingWebhookConfiguration" &&
      mutating.some(({ metadata }) => metadata.name === name && labelOf(metadata.labels, tagLabel) === tag),
  );

/** The object as results show it. */
export const tagObjectRef = ({ kind, namespace = "", name }: TagObjectRef): ObjectRef => ({ kind, namespace, name });
