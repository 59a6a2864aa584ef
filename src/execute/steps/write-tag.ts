/** Writes one object of a tag, with its undo record in the same write. */
import type { Cluster } from "../../cluster/cluster.ts";
import { ClusterError } from "../../cluster/cluster-error.ts";
import { type Kind, kinds } from "../../cluster/kinds.ts";
import { isMalformed } from "../../upgrade/record/record-fields.ts";
import { type TagRecord, tagRecordText } from "../../upgrade/record/tag-record.ts";
import {
  partsOf,
  stillHas,
  type TagChange,
  type TagObject,
  type TagObjectKind,
  tagBody,
  tagObjectText,
  tagRecordOf,
} from "../../upgrade/tags/tag-parts.ts";
import { goneIsDone, settle } from "../settle.ts";

const kindOf: Readonly<Record<TagObjectKind, Kind<TagObject>>> = {
  MutatingWebhookConfiguration: kinds.mutatingWebhooks as Kind<TagObject>,
  ValidatingWebhookConfiguration: kinds.validatingWebhooks as Kind<TagObject>,
  Service: kinds.services as Kind<TagObject>,
};

/**
 * Creates, changes or deletes the object as the change says, under a precondition on its UID and version. `record`: the
 * record that it gets; null: none. Written already: no write. Throws `ClusterError`: `conflict` where somebody else
 * changed the object meanwhile; `ambiguous` where it may have been written all the same.
 */
export const writeTagObject = (
  cluster: Cluster,
  change: TagChange,
  record: TagRecord | null,
  options: { readonly dryRun: boolean },
): Promise<"written"> => {
  const { ref, uid, before, after } = change;
  const kind = kindOf[ref.kind];
  const name = { name: ref.name, namespace: ref.namespace };
  return settle<TagObject | undefined, "written">({
    read: () => cluster.get(kind, ref.name, ref.namespace),
    settled: (now) => {
      if (now === undefined) {
        if (after === undefined) return "written";
        if (uid !== undefined) throw changedByOthers(change, "was deleted");
        return undefined;
      }
      const found = partsOf(now);
      if (after && stillHas(ref.kind, found, after, before) && hasRecord(now, record)) return "written";
      if (after && before === undefined && hasRun(now, record)) return undefined;
      if (before === undefined) throw changedByOthers(change, "was created");
      if (now.metadata.uid !== uid) {
        if (after === undefined) return "written";
        throw changedByOthers(change, "was deleted and created again");
      }
      const isAsRead = stillHas(ref.kind, found, before, after) || (after && stillHas(ref.kind, found, after, before));
      if (!isAsRead) throw changedByOthers(change, "was changed");
      return undefined;
    },
    write: async (now) => {
      if (after === undefined) {
        const { uid: known, resourceVersion } = (now as TagObject).metadata;
        await cluster.delete(kind, name, known, { ...options, resourceVersion }).catch(goneIsDone);
        return "written";
      }
      const body = tagBody(change, now, after, record);
      const reply = now
        ? await cluster.patch(kind, name, body, options)
        : await cluster.create(kind, body, { ...options, ...(ref.namespace ? { namespace: ref.namespace } : {}) });
      if (stillHas(ref.kind, partsOf(reply), after, before)) return "written";
      throw new ClusterError(`${tagObjectText(ref)}: admission changed what was asked for`, {
        reason: "denied",
        hint: "find the webhook or policy that mutates webhook configurations or Services, and let this one pass",
      });
    },
  });
};

/** Only the record of the object is changed. An object that is gone, or has the record of another run, is left. */
export const closeTagRecord = (
  cluster: Cluster,
  { ref, before, ...rest }: TagChange,
  run: string,
): Promise<"written"> =>
  settle<TagObject | undefined, "written">({
    read: () => cluster.get(kindOf[ref.kind], ref.name, ref.namespace),
    settled: (now) => {
      const record = now && tagRecordOf(now);
      return record === undefined || isMalformed(record) || record.run !== run || record.state === "done"
        ? "written"
        : undefined;
    },
    write: async (now) => {
      const found = now as TagObject;
      const record = tagRecordOf(found) as TagRecord;
      const { metadata } = tagBody({ ref, before, ...rest }, found, { labels: {} }, { ...record, state: "done" }) as {
        readonly metadata: { readonly [key: string]: unknown };
      };
      const { labels: _, ...others } = metadata;
      await cluster.patch(kindOf[ref.kind], { name: ref.name, namespace: ref.namespace }, { metadata: others }, {});
      return "written";
    },
  });

const hasRecord = (now: TagObject, record: TagRecord | null): boolean => {
  const found = tagRecordOf(now);
  if (record === null || found === undefined) return record === null && found === undefined;
  return !isMalformed(found) && tagRecordText(found) === tagRecordText(record);
};

/** Created by this run, whose answer was lost, and changed by istiod since. */
const hasRun = (now: TagObject, record: TagRecord | null): boolean => {
  const found = tagRecordOf(now);
  return found !== undefined && !isMalformed(found) && record !== null && found.run === record.run;
};

const changedByOthers = ({ ref }: TagChange, what: string): ClusterError =>
  new ClusterError(`${tagObjectText(ref)} ${what} by somebody else meanwhile`, {
    reason: "conflict",
    hint: "run the command again: it takes the object as it is now",
  });
