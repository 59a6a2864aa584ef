/** Tags, from injection webhooks and Services. */
import type { KubeObject, WebhookConfigurationObject } from "../kubernetes.ts";
import { labelOf } from "../labels.ts";
import type { Injector, Tag } from "../model.ts";
import { revisionOf } from "./injectors.ts";

/**
 * The tags, by name: those of injection webhooks and those of Services (Istio 1.28 and later creates both). If the
 * Service of a tag names another revision than its webhook, it is a second entry, which injects nothing, because istiod
 * uses both. Source: `tagWatcher` (istio/istio pkg/revisions/tag_watcher.go).
 */
export const tagsFrom = (
  configurations: readonly WebhookConfigurationObject[],
  injectors: readonly Injector[],
  services: readonly KubeObject[],
): Tag[] => {
  const fromWebhooks = configurations.flatMap((configuration): Tag[] => {
    const tag = labelOf(configuration.metadata.labels, "istio.io/tag");
    const webhook = configuration.metadata.name;
    const injects = injectors.some((injector) => injector.configuration === webhook && !injector.deactivated);
    return tag === undefined ? [] : [{ tag, revision: revisionOf(configuration), injects, webhook }];
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
