/**
 * The record of a removal: what is removed of which revision and how far it is, as data and as text. It is in ConfigMap
 * `kubectl-mesh-cleanup` of the Istio namespace, under a key of the revision, beside the manifests of all objects, so
 * that a removal can be continued or undone from any machine.
 */
import {
  fields,
  isInstant,
  isLabelValue,
  isMalformed,
  isText,
  type Malformed,
  type RecordFields,
  versionedFields,
} from "../record/record-fields.ts";
import { chartRef, isChartKind, refKey } from "./chart-objects.ts";
import type { ResourceRef } from "./revision-inventory.ts";

/** Name of the ConfigMap. */
export const removalName = "kubectl-mesh-cleanup";
export const removalKey = (revision: string): string => `removal.${revision}`;
export const manifestsKey = (revision: string): string => `manifests.${revision}`;

/**
 * `proven`: nothing is changed yet · `injector-off`: its injection webhooks are deactivated, or some are · `draining`:
 * istiod runs and its connections are watched · `deleting` · `done` · `restoring`: what was deleted is created again ·
 * `restored`: it is as it was before.
 */
export type RemovalPhase = (typeof removalPhases)[number];
const removalPhases = ["proven", "injector-off", "draining", "deleting", "done", "restoring", "restored"] as const;

/** How far an object is. `…ing`: it is written, or it may have been. */
export type RemovalStage = (typeof removalStages)[number];
const removalStages = ["kept", "deactivating", "deactivated", "deleting", "deleted", "restoring", "restored"] as const;

export interface RemovalObject {
  readonly ref: ResourceRef;
  /** Of the object that is removed. */
  readonly uid: string;
  readonly stage: RemovalStage;
}

export interface RemovalRecord {
  readonly version: 1;
  /** UID of Namespace kube-system: it identifies the cluster. */
  readonly clusterUid: string;
  readonly revision: string;
  readonly istioNamespace: string;
  readonly run: string;
  /** USER@HOST of the user who ran it last. */
  readonly by: string;
  /** RFC 3339, by the API server's clock. */
  readonly startedAt: string;
  readonly updatedAt: string;
  readonly phase: RemovalPhase;
  /** Why the soak was skipped; null where it was not. */
  readonly reason: string | null;
  /** In the order of their deletion. */
  readonly objects: readonly RemovalObject[];
}

/** Bytes that the ConfigMap may have, with room for the rest of the object (Kubernetes allows 1 MiB). */
export const mostRemovalBytes = 900_000;

/** Whether a removal was begun and neither finished nor put back. */
export const isOpenRemoval = ({ phase }: RemovalRecord): boolean => phase !== "done" && phase !== "restored";

/** Objects are written with kind, namespace and name alone: a text can name no other resource than the charts have. */
export const removalText = (record: RemovalRecord): string => {
  const { version, clusterUid, revision, istioNamespace, run, by, startedAt, updatedAt, phase, reason } = record;
  return JSON.stringify({
    ...{ version, clusterUid, revision, istioNamespace, run, by, startedAt, updatedAt, phase, reason },
    objects: record.objects.map(({ ref: { kind, namespace, name }, uid, stage }) => ({
      ...{ kind, namespace, name, uid, stage },
    })),
  });
};

/** The record in a text. Never throws. What a later release wrote is not guessed at: it is malformed here. */
export const parseRemoval = (text: string): RemovalRecord | Malformed => {
  if (text.length > mostRemovalBytes) return { malformed: `it has more than ${mostRemovalBytes} characters` };
  const head = versionedFields(text);
  if (isMalformed(head)) return head;
  const { clusterUid, revision, istioNamespace, run, by, startedAt, updatedAt, phase, reason, objects } = head.record;
  if (
    !isText(clusterUid) ||
    !isLabelValue(revision) ||
    !isLabelValue(istioNamespace) ||
    !isLabelValue(run) ||
    !isText(by)
  )
    return { malformed: "one of its fields clusterUid, revision, istioNamespace, run and by is missing" };
  if (!isInstant(startedAt) || !isInstant(updatedAt)) return { malformed: "one of its times is missing" };
  if (!isOneOf(removalPhases, phase)) return { malformed: "its field phase has a value that is not known" };
  if (!(reason === null || isText(reason))) return { malformed: "its field reason is missing" };
  if (!Array.isArray(objects)) return { malformed: "its field objects is no list" };
  const read = objects.map((each) => objectOf(fields(each)));
  const damaged = read.indexOf(undefined);
  if (damaged >= 0) return { malformed: `entry ${damaged + 1} of its objects is incomplete` };
  const all = read as readonly RemovalObject[];
  if (new Set(all.map(({ ref }) => refKey(ref))).size < all.length) return { malformed: "it names an object twice" };
  const known = { clusterUid, revision, istioNamespace, run, by, startedAt, updatedAt, phase, reason };
  return { version: 1, ...known, objects: all };
};

const objectOf = ({ kind, namespace, name, uid, stage }: RecordFields): RemovalObject | undefined => {
  if (!isText(kind) || !isChartKind(kind) || !isObjectName(name) || !isText(uid)) return undefined;
  if (!(namespace === undefined || isObjectName(namespace)) || !isOneOf(removalStages, stage)) return undefined;
  return { ref: chartRef(kind, name, namespace), uid, stage };
};

const isOneOf = <T extends string>(known: readonly T[], value: unknown): value is T => known.includes(value as T);

/** Names of RBAC objects are freer than those of others; a path's segment they are all. */
const isObjectName = (value: unknown): value is string =>
  isText(value) && value.length <= 253 && /^[A-Za-z0-9]([-A-Za-z0-9_.:]*[A-Za-z0-9])?$/.test(value);

/** The manifests of the objects of a record, as a List that `kubectl apply` takes. */
export const manifestsText = (manifests: readonly RecordFields[]): string =>
  JSON.stringify({ apiVersion: "v1", kind: "List", items: manifests });

/** The manifests of a record, in the order of its objects. Never throws. */
export const parseManifests = (
  text: string,
  { objects }: Pick<RemovalRecord, "objects">,
): readonly RecordFields[] | Malformed => {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { malformed: "it is not JSON" };
  }
  const { items } = fields(value);
  if (!Array.isArray(items)) return { malformed: "it has no list of items" };
  if (items.length !== objects.length)
    return { malformed: `it has ${items.length} objects, and its record ${objects.length}` };
  const wrong = objects.findIndex(({ ref }, index) => !isAbout(fields(items[index]), ref));
  return wrong < 0 ? items.map(fields) : { malformed: `entry ${wrong + 1} is another object than in its record` };
};

const isAbout = ({ apiVersion, kind, metadata }: RecordFields, ref: ResourceRef): boolean => {
  const { name, namespace } = fields(metadata);
  const wanted = ref.group === "" ? ref.version : `${ref.group}/${ref.version}`;
  return apiVersion === wanted && kind === ref.kind && name === ref.name && namespace === ref.namespace;
};
