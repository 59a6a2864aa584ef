/** Istio's sidecar injectors, from the MutatingWebhookConfigurations. */

import type { LabelSelector, WebhookConfigurationObject, WebhookEntry } from "../kubernetes.ts";
import { labelOf } from "../labels.ts";
import type { Injector, InjectorPolicy, IstiodService } from "../model.ts";
import { labelledRevision, revisionedName } from "../revision-names.ts";
import { calledRevision, type RevisionsBehind } from "./called-revision.ts";
import { leadTo } from "./istiod-services.ts";

/**
 * Facts about injectors that their webhook configurations do not contain: the revision behind each Service and its
 * ready endpoints by `NAMESPACE/SERVICE`, policy and version by revision.
 */
export interface InjectorFacts {
  readonly behind: RevisionsBehind;
  readonly readyEndpoints: ReadonlyMap<string, number>;
  /** How each Service leads on, and the namespaces whose Services could not be read; absent: nothing is known of them. */
  readonly services?: {
    readonly leads: ReadonlyMap<string, IstiodService["lead"]>;
    readonly unread: readonly string[];
  };
  readonly policies: ReadonlyMap<string, InjectorPolicy | "unknown">;
  readonly versions: ReadonlyMap<string, string>;
}

/**
 * Every entry of every Istio sidecar injector, in the order in which the API server calls them: configurations by name,
 * entries in the order of their list. Other webhooks are not included. The endpoints of a Service that is not in
 * `readyEndpoints` could not be read.
 * Source: `MutatingWebhookConfigurationSorter` (k8s.io/apiserver
 * pkg/admission/configuration/mutating_webhook_manager.go).
 */
export const injectorsFrom = (
  configurations: readonly WebhookConfigurationObject[],
  { behind, readyEndpoints, policies, versions, services }: InjectorFacts,
): Injector[] =>
  configurations.toSorted(byName).flatMap((configuration) => {
    const labelled = labelledRevision(configuration.metadata.labels);
    return sidecarEntries(configuration).map((entry) => {
      const service = entry.clientConfig.service;
      const revision = calledRevision(configuration, entry, behind);
      const policy = policies.get(revision);
      const version = versions.get(revision);
      return {
        configuration: configuration.metadata.name,
        entry,
        revision,
        ...(labelled === revision ? {} : { labelled }),
        tag: labelOf(configuration.metadata.labels, "istio.io/tag"),
        deactivated: isDeactivated(entry),
        caBundle: (entry.clientConfig.caBundle ?? "") !== "",
        ...(service && services && { service: leadTo(service, services.leads, services.unread) }),
        readyEndpoints: service && readyEndpoints.get(`${service.namespace}/${service.name}`),
        ...(policy === undefined ? {} : { policy }),
        ...(version === undefined ? {} : { version }),
      };
    });
  });

/** Whether one of the configuration's entries is a sidecar injector of Istio. */
export const isSidecarInjector = (configuration: WebhookConfigurationObject): boolean =>
  sidecarEntries(configuration).length > 0;

/** Name of the ConfigMap with the injection policy of a revision (istiod's Helm chart). */
export const injectorConfigMap = (revision: string): string => revisionedName("istio-sidecar-injector", revision);

/** Found by labels and entry names, because `istioctl tag set --webhook-name` can give the object any name. */
const sidecarEntries = ({ metadata, webhooks = [] }: WebhookConfigurationObject): readonly WebhookEntry[] =>
  labelOf(metadata.labels, "app") === "sidecar-injector" && labelOf(metadata.labels, "istio.io/rev") !== undefined
    ? webhooks
    : webhooks.filter((entry) => /(^|\.)sidecar-injector\.istio\.io$/.test(entry.name));

/** istioctl deactivates an injector with this selector. Source: `NeverMatch` (istioctl/pkg/util/common.go). */
export const neverMatch: LabelSelector = { matchLabels: { "istio.io/deactivated": "never-match" } };

/** Whether it is the selector that matches nothing. */
export const isNeverMatch = (selector: LabelSelector | undefined): boolean =>
  labelOf(selector?.matchLabels, "istio.io/deactivated") === "never-match";

export const isDeactivated = ({ namespaceSelector, objectSelector }: WebhookEntry): boolean =>
  isNeverMatch(namespaceSelector) || isNeverMatch(objectSelector);

const byName = (a: WebhookConfigurationObject, b: WebhookConfigurationObject): number =>
  a.metadata.name < b.metadata.name ? -1 : a.metadata.name > b.metadata.name ? 1 : 0;
