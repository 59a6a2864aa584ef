/** The parts of an object that a tag move writes: read, compared, and turned into a patch. Pure. */
import type {
  KubeObject,
  Labels,
  ServiceObject,
  WebhookConfigurationObject,
  WebhookEntry,
} from "../../mesh/kubernetes.ts";
import { labelOf } from "../../mesh/labels.ts";
import { undoAnnotation } from "../../mesh/model.ts";
import { parseTagRecord, type TagParts, type TagRecord, tagRecordText } from "../record/tag-record.ts";

export type TagObjectKind = "MutatingWebhookConfiguration" | "ValidatingWebhookConfiguration" | "Service";

/** An object that a tag consists of. Only a Service has a namespace. */
export interface TagObjectRef {
  readonly kind: TagObjectKind;
  readonly namespace: string | undefined;
  readonly name: string;
}

/** What a move makes of one object; `undefined`: the object is not there before, or after. */
export interface TagChange {
  readonly ref: TagObjectRef;
  /** Undefined where it is created. */
  readonly uid: string | undefined;
  readonly before: TagParts | undefined;
  readonly after: TagParts | undefined;
  /** The record that the object has. */
  readonly record: TagRecord | undefined;
  /** CA bundles by what an entry calls (`calledBy`). They are istiod's: no record has them. */
  readonly caBundles: Labels;
}

/** Any of the objects that a tag consists of, as it was read. */
export type TagObject = WebhookConfigurationObject & ServiceObject;

/** `MutatingWebhookConfiguration/istio-revision-tag-prod`, `istio-system/Service/istiod-revision-tag-prod`. */
export const tagObjectText = ({ kind, namespace, name }: TagObjectRef): string =>
  namespace === undefined ? `${kind}/${name}` : `${namespace}/${kind}/${name}`;

export const partsOf = ({ metadata, webhooks, spec }: TagObject): TagParts => ({
  labels: metadata.labels ?? {},
  ...(webhooks === undefined ? {} : { webhooks: webhooks.map(withoutBundle) }),
  ...(spec === undefined
    ? {}
    : { service: { selector: spec.selector ?? {}, ports: (spec.ports ?? []).map(withoutNodePort) } }),
});

const withoutBundle = ({ clientConfig: { caBundle: _, ...clientConfig }, ...entry }: WebhookEntry): WebhookEntry => ({
  ...entry,
  clientConfig,
});

/** A node port belongs to one Service alone. */
const withoutNodePort = (port: object): object =>
  Object.fromEntries(Object.entries(port).filter(([key]) => key !== "nodePort"));

/**
 * Whether two objects of a kind have the same parts. Istiod itself changes the failure policy of a validator: it is
 * `Ignore` until a wrong object was refused through it (pkg/webhooks/validation/controller/controller.go).
 */
export const sameParts = (kind: TagObjectKind, a: TagParts | undefined, b: TagParts | undefined): boolean =>
  canonical(comparable(kind, a)) === canonical(comparable(kind, b));

const comparable = (kind: TagObjectKind, parts: TagParts | undefined): unknown =>
  kind === "ValidatingWebhookConfiguration"
    ? { ...parts, webhooks: parts?.webhooks?.map((entry) => ({ ...entry, failurePolicy: undefined })) }
    : parts;

/** JSON whose fields are sorted. */
const canonical = (value: unknown): string =>
  JSON.stringify(value, (_, part) =>
    typeof part === "object" && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  ) ?? "";

/**
 * Whether the object still is what `parts` has, in what `other` differs from it: labels that neither of the two changes
 * may have been added by anybody.
 */
export const stillHas = (
  kind: TagObjectKind,
  found: TagParts,
  parts: TagParts,
  other: TagParts | undefined,
): boolean => {
  const keys = new Set(Object.keys({ ...parts.labels, ...other?.labels }));
  const labels = Object.fromEntries(Object.entries(found.labels).filter(([key]) => keys.has(key)));
  return sameParts(kind, { ...found, labels }, parts);
};

/** The record in the annotation of an object; a reason where it cannot be used; undefined where there is none. */
export const tagRecordOf = ({ metadata }: KubeObject): TagRecord | { readonly malformed: string } | undefined => {
  const text = labelOf(metadata.annotations, undoAnnotation);
  return text === undefined ? undefined : parseTagRecord(text);
};

/**
 * The body of the write that gives the object these parts: of a merge patch where `now` is there, else of a create.
 * `record`: null removes the annotation.
 */
export const tagBody = (
  { ref: { kind, name }, caBundles, before, after }: TagChange,
  now: TagObject | undefined,
  parts: TagParts,
  record: TagRecord | null,
): object => {
  const known = Object.keys({ ...before?.labels, ...after?.labels });
  const gone = now ? known.filter((key) => !Object.hasOwn(parts.labels, key)) : [];
  return {
    ...(now ? {} : { apiVersion: kind === "Service" ? "v1" : "admissionregistration.k8s.io/v1", kind }),
    metadata: {
      ...(now ? { uid: now.metadata.uid, resourceVersion: now.metadata.resourceVersion } : { name }),
      labels: { ...Object.fromEntries(gone.map((key) => [key, null])), ...parts.labels },
      annotations: { [undoAnnotation]: record && tagRecordText(record) },
    },
    ...(parts.webhooks && { webhooks: parts.webhooks.map((entry) => withBundle(entry, caBundles)) }),
    ...(parts.service && {
      spec: {
        ports: parts.service.ports,
        selector: {
          ...Object.fromEntries(Object.keys(now?.spec?.selector ?? {}).map((key) => [key, null])),
          ...parts.service.selector,
        },
      },
    }),
  };
};

const withBundle = (entry: WebhookEntry, bundles: Labels): WebhookEntry => {
  const caBundle = labelOf(bundles, calledBy(entry));
  return caBundle === undefined ? entry : { ...entry, clientConfig: { ...entry.clientConfig, caBundle } };
};

/** What a webhook's entry calls: `NAMESPACE/SERVICE`, or a URL. */
export const calledBy = ({ clientConfig: { service, url } }: WebhookEntry): string =>
  service ? `${service.namespace}/${service.name}` : (url ?? "");

/** The CA bundle that each Service or URL is called with; those of the revisions' own webhooks first. */
export const caBundlesOf = (configurations: readonly WebhookConfigurationObject[]): Labels => {
  const own = (each: WebhookConfigurationObject): number =>
    Number(labelOf(each.metadata.labels, "istio.io/tag") !== undefined);
  const found = new Map<string, string>();
  for (const { webhooks = [] } of configurations.toSorted((a, b) => own(a) - own(b)))
    for (const entry of webhooks) {
      const { caBundle = "" } = entry.clientConfig;
      if (caBundle !== "" && !found.has(calledBy(entry))) found.set(calledBy(entry), caBundle);
    }
  return Object.fromEntries(found);
};
