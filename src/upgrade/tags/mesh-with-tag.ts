/** The mesh as it will be once the objects of a tag are changed. Pure. */

import { isDeactivated } from "../../mesh/from/injectors.ts";
import type { WebhookEntry } from "../../mesh/kubernetes.ts";
import { labelOf } from "../../mesh/labels.ts";
import type { Injector, Mesh, Tag } from "../../mesh/model.ts";
import { defaultValidatorName, labelledRevision } from "../../mesh/revision-names.ts";
import type { TagParts } from "../record/tag-record.ts";
import { tagLabel } from "./tag-objects.ts";
import { calledBy, type TagChange } from "./tag-parts.ts";

/**
 * The mesh with these changes: who injects, the tags and the default validator. The injection of its namespaces and
 * workloads stays the one of today.
 */
export const meshWithTag = (mesh: Mesh, changes: readonly TagChange[]): Mesh =>
  changes.reduce((now, change) => withChange(now, change, mesh.injectors), mesh);

const withChange = (mesh: Mesh, change: TagChange, known: readonly Injector[]): Mesh => {
  const { ref, before, after } = change;
  const tag = labelOf((after ?? before)?.labels, tagLabel);
  switch (ref.kind) {
    case "MutatingWebhookConfiguration": {
      const added = (after?.webhooks ?? []).map((entry) => injectorOf(entry, change, after, known));
      const injectors = [...mesh.injectors.filter(({ configuration }) => configuration !== ref.name), ...added];
      return {
        ...mesh,
        injectors: injectors.toSorted((a, b) => compare(a.configuration, b.configuration)),
        tags: tag === undefined ? mesh.tags : withWebhook(mesh.tags, tag, ref.name, added),
      };
    }
    case "Service": {
      const others = mesh.tags.filter((each) => each.tag !== tag || each.webhook !== undefined);
      return { ...mesh, tags: others };
    }
    case "ValidatingWebhookConfiguration": {
      const revision = after && labelledRevision(after.labels);
      return {
        ...mesh,
        defaultValidator: revision === undefined ? undefined : { name: defaultValidatorName, revision },
      };
    }
  }
};

/** The revision, where the Service leads, its endpoints and its policy are those of another entry that calls the same Service. */
const injectorOf = (
  entry: WebhookEntry,
  { ref, caBundles }: TagChange,
  after: TagParts | undefined,
  known: readonly Injector[],
): Injector => {
  const alike = known.find((each) => calledBy(each.entry) === calledBy(entry));
  const revision = alike?.revision ?? labelledRevision(after?.labels);
  return {
    configuration: ref.name,
    entry,
    revision,
    tag: labelOf(after?.labels, tagLabel),
    deactivated: isDeactivated(entry),
    caBundle: labelOf(caBundles, calledBy(entry)) !== undefined,
    ...(alike?.service === undefined ? {} : { service: alike.service }),
    readyEndpoints: alike?.readyEndpoints,
    ...(alike?.policy === undefined ? {} : { policy: alike.policy }),
    ...(alike?.version === undefined ? {} : { version: alike.version }),
  };
};

const withWebhook = (
  tags: readonly Tag[],
  tag: string,
  webhook: string,
  added: readonly Injector[],
): readonly Tag[] => {
  const injects = added.some(({ deactivated }) => !deactivated);
  const revisions = [...new Set(added.map(({ revision }) => revision))];
  return [
    ...tags.filter((each) => each.webhook !== webhook),
    ...revisions.map((revision) => ({ tag, revision, injects, webhook })),
  ].toSorted((a, b) => compare(a.tag, b.tag));
};

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
