/** Tags, from injection webhooks and Services. */
import type { ServiceObject, WebhookConfigurationObject } from "../kubernetes.ts";
import { labelOf } from "../labels.ts";
import type { Injector, Tag } from "../model.ts";
import { calledRevisions, type RevisionsBehind } from "./called-revision.ts";

/**
 * The tags, by name: those of injection webhooks and those of Services (Istio 1.28 and later creates both). The
 * revision of a tag is the one that its webhook calls; a webhook whose entries call several is an entry of each. If the
 * label of a tag's Service names another revision than its webhook calls, it is one more entry, which injects nothing,
 * because istiod uses both. Source: `tagWatcher` (istio/istio pkg/revisions/tag_watcher.go).
 */
export const tagsFrom = (
  configurations: readonly WebhookConfigurationObject[],
  injectors: readonly Injector[],
  services: readonly ServiceObject[],
  behind: RevisionsBehind,
): Tag[] => {
  const fromWebhooks = configurations.flatMap((configuration): Tag[] => {
    const tag = labelOf(configuration.metadata.labels, "istio.io/tag");
    const webhook = configuration.metadata.name;
    const injects = injectors.some((injector) => injector.configuration === webhook && !injector.deactivated);
    return tag === undefined
      ? []
      : calledRevisions(configuration, behind).map((revision) => ({ tag, revision, injects, webhook }));
  });
  const fromServices = services.flatMap(({ metadata }): Tag[] => {
    const [tag, revision] = [labelOf(metadata.labels, "istio.io/tag"), labelOf(metadata.labels, "istio.io/rev")];
    const known = fromWebhooks.some((other) => other.tag === tag && other.revision === revision);
    return tag === undefined || revision === undefined || known
      ? []
      : [{ tag, revision, injects: false, webhook: undefined }];
  });
  return [...fromWebhooks, ...fromServices].toSorted((a, b) => (a.tag < b.tag ? -1 : a.tag > b.tag ? 1 : 0));
};
