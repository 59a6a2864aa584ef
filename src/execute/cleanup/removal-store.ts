/** Keeps the record of a removal and the manifests of its objects in ConfigMap `kubectl-mesh-cleanup`. */
import { gunzipSync, gzipSync } from "node:zlib";
import type { Cluster } from "../../cluster/cluster.ts";
import { ClusterError } from "../../cluster/cluster-error.ts";
import { kinds } from "../../cluster/kinds.ts";
import type { ConfigMapObject } from "../../mesh/kubernetes.ts";
import { labelOf } from "../../mesh/labels.ts";
import { safe } from "../../mesh/safe.ts";
import {
  manifestsKey,
  manifestsText,
  mostRemovalBytes,
  parseManifests,
  parseRemoval,
  type RemovalRecord,
  removalKey,
  removalName,
  removalText,
} from "../../upgrade/cleanup/removal-record.ts";
import { isMalformed, type RecordFields } from "../../upgrade/record/record-fields.ts";
import { stateLabels } from "../../upgrade/record/run-journal.ts";
import { goneIsConflict, settle } from "../settle.ts";

/** A record with the manifests of its objects, in their order. */
export interface KeptRemoval {
  readonly record: RemovalRecord;
  readonly manifests: readonly RecordFields[];
}

export interface RemovalStore {
  /** What was read when it was opened; undefined: the revision has no record. */
  readonly found: KeptRemoval | undefined;
  /**
   * Resolves when it is in the cluster. Throws `ClusterError` where it is not, also where somebody else has changed
   * it meanwhile.
   */
  save(kept: KeptRemoval): Promise<void>;
}

/** A text of this beginning is compressed: gzip, then base64. */
const gzipMark = "gzip:";
/** Decompressed texts are no larger than this: a forged one cannot fill the memory. */
const mostDecompressed = 20_000_000;

/**
 * Reads the record of the revision. Throws `ClusterError` where it cannot be read, or is torn, forged, of a later
 * release or of another cluster: nothing was changed then.
 */
export async function openRemovalStore(
  cluster: Cluster,
  { istioNamespace, revision }: { readonly istioNamespace: string; readonly revision: string },
): Promise<RemovalStore> {
  const [recordKey, listKey] = [removalKey(revision), manifestsKey(revision)];
  const where = `ConfigMap ${istioNamespace}/${removalName}, key ${recordKey}`;
  const opened = await cluster.get(kinds.configMaps, removalName, istioNamespace);
  const found = opened && (await readKept(cluster, opened, istioNamespace, revision, where));
  let known: ConfigMapObject | undefined = opened;
  let last = textsOf(opened, recordKey, listKey);

  return {
    found,
    save: async ({ record, manifests }) => {
      const texts = { [recordKey]: removalText(record), [listKey]: fitting(manifestsText(manifests)) };
      const others = otherRecords(known, revision);
      const size = [...Object.entries(texts), ...Object.entries(others.kept)].reduce(
        (sum, [, text]) => sum + text.length,
        0,
      );
      if (size > mostRemovalBytes) throw tooLarge(where, size);
      known = await settle<ConfigMapObject | undefined, ConfigMapObject>({
        read: async () => known ?? cluster.get(kinds.configMaps, removalName, istioNamespace),
        settled: (now) => {
          const there = textsOf(now, recordKey, listKey);
          if (now && there === JSON.stringify([texts[recordKey], texts[listKey]])) return now;
          if (now && there !== last) throw changedByOthers(where);
          return undefined;
        },
        write: async (now) => {
          known = undefined;
          const body = {
            metadata: {
              labels: stateLabels,
              ...(now
                ? { resourceVersion: now.metadata.resourceVersion, uid: now.metadata.uid }
                : { name: removalName }),
            },
            data: { ...(now ? others.dropped : {}), ...texts },
          };
          return now
            ? cluster
                .patch(kinds.configMaps, { namespace: istioNamespace, name: removalName }, body, {})
                .catch(goneIsConflict)
            : cluster.create(kinds.configMaps, body, { namespace: istioNamespace });
        },
      });
      last = textsOf(known, recordKey, listKey);
    },
  };
}

async function readKept(
  cluster: Cluster,
  { data = {} }: ConfigMapObject,
  istioNamespace: string,
  revision: string,
  where: string,
): Promise<KeptRemoval | undefined> {
  const text = labelOf(data, removalKey(revision));
  const list = labelOf(data, manifestsKey(revision));
  if (text === undefined && list === undefined) return undefined;
  if (text === undefined || list === undefined) throw unusable(where, "one of its two parts is missing");
  const record = parseRemoval(text);
  if (isMalformed(record)) throw unusable(where, record.malformed);
  if (record.revision !== revision || record.istioNamespace !== istioNamespace)
    throw unusable(where, `it is about revision ${record.revision} in namespace ${record.istioNamespace}`);
  const system = await cluster.get(kinds.namespaces, "kube-system");
  if (system?.metadata.uid !== record.clusterUid) throw unusable(where, "it was written in another cluster");
  const manifests = parseManifests(expanded(list, where), record);
  if (isMalformed(manifests)) throw unusable(where, `the list of its manifests is damaged: ${manifests.malformed}`);
  return { record, manifests };
}

/** Both texts as one, to compare them. */
const textsOf = (object: ConfigMapObject | undefined, ...keys: readonly string[]): string =>
  JSON.stringify(keys.map((key) => labelOf(object?.data ?? {}, key) ?? null));

/** Compressed where it would need more than a third of the room, so that several removals fit. */
const fitting = (text: string): string =>
  text.length <= mostRemovalBytes / 3 ? text : `${gzipMark}${gzipSync(text).toString("base64")}`;

function expanded(text: string, where: string): string {
  if (!text.startsWith(gzipMark)) return text;
  try {
    return gunzipSync(Buffer.from(text.slice(gzipMark.length), "base64"), {
      maxOutputLength: mostDecompressed,
    }).toString("utf8");
  } catch {
    throw unusable(where, "its manifests cannot be decompressed");
  }
}

/** Records of other revisions: while there is little room, those of finished removals make it, the oldest first. */
function otherRecords(object: ConfigMapObject | undefined, revision: string) {
  const data = object?.data ?? {};
  const revisions = Object.keys(data)
    .filter((key) => key.startsWith("removal.") && key !== removalKey(revision))
    .map((key) => key.slice("removal.".length));
  const read = revisions.flatMap((name) => {
    const record = parseRemoval(data[removalKey(name)] ?? "");
    return isMalformed(record) ? [] : [record];
  });
  const ended = read
    .filter(({ phase }) => phase === "done" || phase === "restored")
    .toSorted((a, b) => (a.updatedAt < b.updatedAt ? -1 : 1));
  let room =
    mostRemovalBytes / 3 - Object.values(data).reduce((sum, text) => sum + text.length, 0) + mostRemovalBytes / 3;
  const dropped: Record<string, null> = {};
  for (const { revision: name } of ended) {
    if (room >= 0) break;
    for (const key of [removalKey(name), manifestsKey(name)]) {
      room += data[key]?.length ?? 0;
      dropped[key] = null;
    }
  }
  const own = new Set([removalKey(revision), manifestsKey(revision)]);
  const kept = Object.fromEntries(
    Object.entries(data).filter(([key]) => !own.has(key) && !Object.hasOwn(dropped, key)),
  );
  return { dropped, kept };
}

const unusable = (where: string, why: string): ClusterError =>
  new ClusterError(`the record of a removal (${where}) cannot be used: ${safe(why, 300)}`, {
    reason: "malformed",
    hint: "look at it with kubectl; where it is of no use any more, remove both of its keys: what it kept cannot be restored then",
  });

const changedByOthers = (where: string): ClusterError =>
  new ClusterError(`the record of the removal (${where}) was changed by somebody else meanwhile`, {
    reason: "conflict",
    hint: "run the command again: it goes on from what is there",
  });

const tooLarge = (where: string, size: number): ClusterError =>
  new ClusterError(
    `the record of the removal (${where}) would have ${size} bytes, and there is room for ${mostRemovalBytes}`,
    {
      reason: "invalid",
      hint: "keep records of earlier removals elsewhere, and remove their keys from the ConfigMap",
    },
  );
