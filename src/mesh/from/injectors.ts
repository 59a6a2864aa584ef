import type { WebhookConfigurationObject, WebhookEntry } from "../kubernetes.ts";
import { labelOf } from "../labels.ts";
import type { Injector, InjectorPolicy } from "../model.ts";

/**
 * What is known beside the webhook configurations: ready endpoints by `NAMESPACE/SERVICE`, policy and version by
 * revision.
 */
export interface InjectorFacts {
  readonly readyEndpoints: ReadonlyMap<string, number>;
  readonly policies: ReadonlyMap<string, InjectorPolicy | "unknown">;
  readonly versions: ReadonlyMap<string, string>;
}

/**
 * Every entry of every Istio sidecar injector, in the order in which the API server calls them: configurations by name,
 * entries as listed. Other webhooks are left out. A Service that `readyEndpoints` does not name could not be read.
 * Source: `MutatingWebhookConfigurationSorter` (k8s.io/apiserver
 * pkg/admission/configuration/mutating_webhook_manager.go).
 */
export const injectorsFrom = (
  configurations: readonly WebhookConfigurationObject[],
  { readyEndpoints, policies, versions }: InjectorFacts,
): Injector[] =>
  configurations.toSorted(byName).flatMap((configuration) => {
    const revision = revisionOf(configuration);
    const policy = policies.get(revision);
    const version = versions.get(revision);
    return sidecarEntries(configuration).map((entry) => {
      const service = entry.clientConfig.service;
      return {
        configuration: configuration.metadata.name,
        entry,
        revision,
        tag: labelOf(configuration.metadata.labels, "istio.io/tag"),
        deactivated: isDeactivated(entry),
        caBundle: (entry.clientConfig.caBundle ?? "") !== "",
        readyEndpoints: service && readyEndpoints.get(`${service.namespace}/${service.name}`),
        ...(policy === undefined ? {} : { policy }),
        ...(version === undefined ? {} : { version }),
      };
    });
  });

/** Is there a sidecar injector of Istio among the entries of this configuration? */
export const isSidecarInjector = (configuration: WebhookConfigurationObject): boolean =>
  sidecarEntries(configuration).length > 0;

/**
 * Revision that answers a webhook; Istio counts one without the label as `default` (istio/istio
 * operator/cmd/mesh/uninstall.go).
 */
export const revisionOf = (configuration: WebhookConfigurationObject): string =>
  labelOf(configuration.metadata.labels, "istio.io/rev") ?? "default";

/** Name of the ConfigMap that tells an istiod what to inject, as the istiod chart names it. */
export const injectorConfigMap = (revision: string): string =>
  revision === "default" ? "istio-sidecar-injector" : `istio-sidecar-injector-${revision}`;

/** Go by Istio's labels and entry names: `istioctl tag set --webhook-name` gives the object any name. */
const sidecarEntries = ({ metadata, webhooks = [] }: WebhookConfigurationObject): readonly WebhookEntry[] =>
  labelOf(metadata.labels, "app") === "sidecar-injector" && labelOf(metadata.labels, "istio.io/rev") !== undefined
    ? webhooks
    : webhooks.filter((entry) => /(^|\.)sidecar-injector\.istio\.io$/.test(entry.name));

/** Source: `NeverMatch` (istio/istio istioctl/pkg/util/common.go): how istioctl switches an injector off. */
const isDeactivated = (entry: WebhookEntry): boolean =>
  [entry.namespaceSelector, entry.objectSelector].some(
    (selector) => labelOf(selector?.matchLabels, "istio.io/deactivated") === "never-match",
  );

const byName = (a: WebhookConfigurationObject, b: WebhookConfigurationObject): number =>
  a.metadata.name < b.metadata.name ? -1 : a.metadata.name > b.metadata.name ? 1 : 0;
