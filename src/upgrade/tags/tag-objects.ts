/**
 * The objects that a tag consists of, as `istioctl tag set TAG --revision REVISION --overwrite` of the target's own
 * version makes them (istioctl/pkg/tag/generate.go; test/real/tag-objects.test.ts holds them against real istioctls).
 * Pure.
 *
 * Two differences are on purpose. A tag keeps no label of an installer: istioctl before 1.19.5 and 1.20.1 copies them, and
 * `istioctl install` and `uninstall` of that revision then remove the tag (istio/istio#47423). And a tag that injects
 * namespaces without labels (`--auto-inject-namespaces`) goes on doing so.
 */

import { isSidecarInjector, neverMatch } from "../../mesh/from/injectors.ts";
import { hasServiceTags } from "../../mesh/istio-version.ts";
import type { LabelSelector, Labels, WebhookEntry } from "../../mesh/kubernetes.ts";
import { labelOf } from "../../mesh/labels.ts";
import { defaultValidatorName, labelledRevision, revisionedName } from "../../mesh/revision-names.ts";
import { isMalformed } from "../record/record-fields.ts";
import type { TagParts, TagRecord } from "../record/tag-record.ts";
import {
  caBundlesOf,
  calledBy,
  partsOf,
  sameParts,
  type TagChange,
  type TagObject,
  type TagObjectKind,
  type TagObjectRef,
  tagRecordOf,
} from "./tag-parts.ts";

/** The objects of the cluster that tags are made of and made from, whole. */
export interface TagObjects {
  readonly istioNamespace: string;
  readonly mutating: readonly TagObject[];
  readonly validating: readonly TagObject[];
  /** Of the Istio namespace. */
  readonly services: readonly TagObject[];
}

/** A tag and the revision that it is to have. `version`: of that revision's istiod, where it is known. */
export interface TagTarget {
  readonly tag: string;
  readonly revision: string;
  readonly version: string | undefined;
}

/** An object with what is to become of it. */
export interface TagPiece {
  readonly ref: TagObjectRef;
  readonly found: TagObject | undefined;
  readonly after: TagParts;
}

export const tagLabel = "istio.io/tag";
const revisionLabel = "istio.io/rev";
const injectorSuffix = "sidecar-injector.istio.io";

/** The own webhooks of a revision: those that belong to no tag. More than one, or none, leaves nothing to copy from. */
export const ownWebhooks = ({ mutating }: TagObjects, revision: string): readonly TagObject[] =>
  mutating.filter(
    (each) =>
      isSidecarInjector(each) &&
      labelOf(each.metadata.labels, tagLabel) === undefined &&
      labelledRevision(each.metadata.labels) === revision,
  );

/** The webhooks of a tag, also those of another name (`istioctl tag set --webhook-name`). */
export const tagWebhooks = ({ mutating }: TagObjects, tag: string): readonly TagObject[] =>
  mutating.filter((each) => isSidecarInjector(each) && labelOf(each.metadata.labels, tagLabel) === tag);

/**
 * What the tag consists of once it has its revision, in the order in which it is written: new pods are injected by one
 * revision or the other at each moment, so the un-revisioned injector is switched off last. Undefined where the
 * revision does not have exactly one own webhook, or the tag has several.
 */
export const tagPieces = (objects: TagObjects, target: TagTarget): readonly TagPiece[] | undefined => {
  const own = ownWebhooks(objects, target.revision);
  const tagged = tagWebhooks(objects, target.tag);
  const base = own[0]?.webhooks?.find(({ name }) => name.endsWith(injectorSuffix));
  if (own.length !== 1 || tagged.length > 1 || !own[0] || !base) return undefined;
  const isDefault = target.tag === "default";
  return [
    ...servicePieces(objects, target),
    webhookPiece(objects, target, own[0], base, tagged[0]),
    ...(isDefault ? validatorPieces(objects, target) : []),
    ...(isDefault ? deactivation(objects) : []),
  ];
};

/**
 * What of the pieces has to be written. A piece that is as it shall be needs nothing, unless an unfinished move to this
 * revision wrote it: then its record is closed.
 */
export const tagChanges = (
  objects: TagObjects,
  pieces: readonly TagPiece[],
  revision: string,
): readonly TagChange[] => {
  const caBundles = caBundlesOf([...objects.mutating, ...objects.validating]);
  return pieces.flatMap(({ ref, found, after }): readonly TagChange[] => {
    const before = found && partsOf(found);
    const record = found && usable(found);
    const isOpen = record?.state === "open" && record.target === revision;
    if (sameParts(ref.kind, before, after) && !isOpen) return [];
    return [{ ref, uid: found?.metadata.uid, before, after, record, caBundles: called(after, caBundles) }];
  });
};

const usable = (found: TagObject): TagRecord | undefined => {
  const record = tagRecordOf(found);
  return record === undefined || isMalformed(record) ? undefined : record;
};

/** The bundles of what these entries call. */
export const called = ({ webhooks = [] }: TagParts, bundles: Labels): Labels =>
  Object.fromEntries(
    webhooks.flatMap((entry) => {
      const bundle = labelOf(bundles, calledBy(entry));
      return bundle === undefined ? [] : [[calledBy(entry), bundle]];
    }),
  );

const webhookPiece = (
  { istioNamespace }: TagObjects,
  { tag, revision }: TagTarget,
  own: TagObject,
  base: WebhookEntry,
  found: TagObject | undefined,
): TagPiece => {
  const keepsAuto = found?.webhooks?.some(({ name }) => name.startsWith("auto.")) ?? false;
  const entries = [...byRevision(tag), ...(tag === "default" ? byInjection : []), ...(keepsAuto ? [auto] : [])];
  return {
    ref: {
      kind: "MutatingWebhookConfiguration",
      namespace: undefined,
      name:
        found?.metadata.name ??
        `istio-revision-tag-${tag}${istioNamespace === "istio-system" ? "" : `-${istioNamespace}`}`,
    },
    found,
    after: {
      labels: labelsOfTag(found, own, { app: "sidecar-injector", [revisionLabel]: revision, [tagLabel]: tag }),
      webhooks: partsOf({ ...own, webhooks: entries.map((entry) => ({ ...base, ...entry })) } as TagObject).webhooks,
    },
  };
};

/** Labels of others stay. Those of the revision's own object are copied, but for the installer's. */
const labelsOfTag = (found: TagObject | undefined, own: TagObject, labels: Labels): Labels => ({
  ...ofNobody(found?.metadata.labels),
  ...ofNobody(own.metadata.labels),
  ...labels,
});

const ofNobody = (labels: Labels = {}): Labels =>
  Object.fromEntries(Object.entries(labels).filter(([key]) => !key.includes("operator.istio.io")));

type Selectors = Pick<WebhookEntry, "name"> & Record<"namespaceSelector" | "objectSelector", LabelSelector>;

const needs = (key: string, operator: string, ...values: readonly string[]) =>
  values.length === 0 ? { key, operator } : { key, operator, values };
const noLabel = (key: string) => needs(key, "DoesNotExist");
const notOptedOut = needs("sidecar.istio.io/inject", "NotIn", "false");

const byRevision = (tag: string): readonly Selectors[] => [
  {
    name: `rev.namespace.${injectorSuffix}`,
    namespaceSelector: { matchExpressions: [needs(revisionLabel, "In", tag), noLabel("istio-injection")] },
    objectSelector: { matchExpressions: [notOptedOut] },
  },
  {
    name: `rev.object.${injectorSuffix}`,
    namespaceSelector: { matchExpressions: [noLabel(revisionLabel), noLabel("istio-injection")] },
    objectSelector: { matchExpressions: [notOptedOut, needs(revisionLabel, "In", tag)] },
  },
];

const byInjection: readonly Selectors[] = [
  {
    name: `namespace.${injectorSuffix}`,
    namespaceSelector: { matchExpressions: [needs("istio-injection", "In", "enabled")] },
    objectSelector: { matchExpressions: [notOptedOut] },
  },
  {
    name: `object.${injectorSuffix}`,
    namespaceSelector: { matchExpressions: [noLabel("istio-injection"), noLabel(revisionLabel)] },
    objectSelector: { matchExpressions: [needs("sidecar.istio.io/inject", "In", "true"), noLabel(revisionLabel)] },
  },
];

const auto: Selectors = {
  name: `auto.${injectorSuffix}`,
  namespaceSelector: {
    matchExpressions: [
      noLabel("istio-injection"),
      noLabel(revisionLabel),
      needs(
        "kubernetes.io/metadata.name",
        "NotIn",
        "kube-system",
        "kube-public",
        "kube-node-lease",
        "local-path-storage",
      ),
    ],
  },
  objectSelector: { matchExpressions: [noLabel("sidecar.istio.io/inject"), noLabel(revisionLabel)] },
};

/** Istio 1.28 and later writes a Service beside the webhook (istio/istio#56963); one that is there moves along. */
const servicePieces = (objects: TagObjects, { tag, revision, version }: TagTarget): readonly TagPiece[] => {
  const found = objects.services.find(({ metadata }) => labelOf(metadata.labels, tagLabel) === tag);
  const own = objects.services.find(({ metadata }) => metadata.name === revisionedName("istiod", revision));
  if (!own || !(found || hasServiceTags(version))) return [];
  const name = found?.metadata.name ?? `istiod-revision-tag-${tag}`;
  return [
    {
      ref: { kind: "Service", namespace: objects.istioNamespace, name },
      found,
      after: {
        ...partsOf(own),
        labels: labelsOfTag(found, own, { app: "istiod", istio: "pilot", [revisionLabel]: revision, [tagLabel]: tag }),
      },
    },
  ];
};

/** It judges the Istio objects that name no revision. */
const validatorPieces = ({ validating }: TagObjects, { revision }: TagTarget): readonly TagPiece[] => {
  const own = validating.find(
    ({ metadata }) =>
      labelOf(metadata.labels, tagLabel) === undefined &&
      metadata.name !== defaultValidatorName &&
      labelOf(metadata.labels, "app") === "istiod" &&
      labelOf(metadata.labels, revisionLabel) === revision,
  );
  const base = own?.webhooks?.[0];
  if (!own || !base) return [];
  const found = validating.find(({ metadata }) => metadata.name === defaultValidatorName);
  const entry = {
    ...base,
    name: "validation.istio.io",
    objectSelector: { matchExpressions: [noLabel(revisionLabel)] },
  };
  return [
    {
      ref: { kind: "ValidatingWebhookConfiguration", namespace: undefined, name: defaultValidatorName },
      found,
      after: {
        labels: labelsOfTag(found, own, {
          app: "istiod",
          istio: "istiod",
          [revisionLabel]: revision,
          [tagLabel]: "default",
        }),
        webhooks: partsOf({ ...own, webhooks: [entry] } as TagObject).webhooks,
      },
    },
  ];
};

/** The injector of an un-revisioned install would inject `istio-injection=enabled` beside the tag. */
const deactivation = (objects: TagObjects): readonly TagPiece[] =>
  ownWebhooks(objects, "default").map((found) => ({
    ref: { kind: "MutatingWebhookConfiguration", namespace: undefined, name: found.metadata.name },
    found,
    after: {
      ...partsOf(found),
      webhooks: partsOf(found).webhooks?.map((entry) => ({
        ...entry,
        namespaceSelector: neverMatch,
        objectSelector: neverMatch,
      })),
    },
  }));

/** The kind of the API of each object of a tag. */
const objectsOf = (objects: TagObjects, kind: TagObjectKind): readonly TagObject[] =>
  kind === "Service"
    ? objects.services
    : kind === "ValidatingWebhookConfiguration"
      ? objects.validating
      : objects.mutating;

export const allTagObjects = (
  objects: TagObjects,
): readonly { readonly ref: TagObjectRef; readonly found: TagObject }[] =>
  (["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration", "Service"] as const).flatMap((kind) =>
    objectsOf(objects, kind).map((found) => ({
      ref: { kind, namespace: kind === "Service" ? objects.istioNamespace : undefined, name: found.metadata.name },
      found,
    })),
  );
