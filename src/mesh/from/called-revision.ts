/** Which revision's istiods a Service leads to: what a webhook calls, whatever its labels say. */
import type { Labels, ServiceObject, WebhookConfigurationObject, WebhookEntry, WorkloadObject } from "../kubernetes.ts";
import { labelOf, matchesSelector } from "../labels.ts";
import type { Pod } from "../model.ts";
import { labelledRevision } from "../revision-names.ts";
import { leadOf } from "./istiod-services.ts";

/** The revision behind each Service, by `NAMESPACE/SERVICE`. */
export type RevisionsBehind = ReadonlyMap<string, string>;

/**
 * The revision of the istiods that each Service selects: of its pods, or of the pod templates of istiod's Deployments
 * where no pod runs. A Service that selects no istiod, or those of several revisions, is left out: it leads nowhere for
 * certain. One without a selector leads out of the cluster: what it has as `istio.io/rev` is believed, which charts
 * before 1.27 do not set (istio/istio#56142; istio-discovery/templates/remote-istiod-service.yaml).
 */
export const revisionsBehind = (
  services: readonly ServiceObject[],
  deployments: readonly WorkloadObject[],
  pods: readonly Pod[],
): RevisionsBehind =>
  new Map(
    services.flatMap((service) => {
      const { metadata, spec } = service;
      const selector = spec?.selector;
      const namespace = metadata.namespace ?? "";
      if (leadOf(service) !== "pods") {
        const named = labelOf(metadata.labels, "istio.io/rev");
        return named === undefined ? [] : [[`${namespace}/${metadata.name}`, named] as const];
      }
      if (selector === undefined) return [];
      const selected = (labels: Labels | undefined): boolean => matchesSelector({ matchLabels: selector }, labels);
      const ofPods = pods
        .filter((pod) => pod.namespace === namespace && selected(pod.labels))
        .map(({ labels }) => labelledRevision(labels));
      const ofTemplates = deployments
        .filter((each) => each.metadata.namespace === namespace && selected(each.spec.template?.metadata?.labels))
        .map((each) => labelledRevision(each.metadata.labels));
      const [revision, ...others] = new Set(ofPods.length > 0 ? ofPods : ofTemplates);
      return revision === undefined || others.length > 0 ? [] : [[`${namespace}/${metadata.name}`, revision] as const];
    }),
  );

/**
 * The revision that answers the calls of a webhook's entry: that of the istiods behind its Service. The label of the
 * configuration is believed only where the entry has a URL, or where its Service is unknown or leads to no istiod.
 */
export const calledRevision = (
  configuration: WebhookConfigurationObject,
  { clientConfig: { service } }: WebhookEntry,
  behind: RevisionsBehind,
): string =>
  (service && behind.get(`${service.namespace}/${service.name}`)) ?? labelledRevision(configuration.metadata.labels);

/** Each revision that the configuration calls; the label's where it has no entry. */
export const calledRevisions = (
  configuration: WebhookConfigurationObject,
  behind: RevisionsBehind,
): readonly string[] => {
  const called = (configuration.webhooks ?? []).map((entry) => calledRevision(configuration, entry, behind));
  return called.length === 0 ? [labelledRevision(configuration.metadata.labels)] : [...new Set(called)];
};
