/**
 * Objects of the charts of four Istio releases (`istioctl manifest generate`, `helm template`), with the used fields
 * only.
 */
import { readFileSync } from "node:fs";
import { injectorsFrom } from "../../src/mesh/from/injectors.ts";
import { injectorPolicyFrom } from "../../src/mesh/injector-policy.ts";
import type { LabelSelector, WebhookConfigurationObject, WorkloadObject } from "../../src/mesh/kubernetes.ts";
import type { Injector } from "../../src/mesh/model.ts";

export const releases = ["1.19.0", "1.20.0", "1.28.2", "1.29.1"] as const;
export type Release = (typeof releases)[number];

export interface Rendered {
  readonly unrevisioned: WebhookConfigurationObject;
  readonly revisioned: WebhookConfigurationObject;
  /** The tags of the revision: `default` (with namespaces enabled by default) and `prod-stable`. */
  readonly defaultTag: WebhookConfigurationObject;
  readonly prodStable: WebhookConfigurationObject;
  readonly injectorConfig: unknown;
  readonly istiod: WorkloadObject;
  readonly unrevisionedIstiod: WorkloadObject;
  readonly helmIstiod: WorkloadObject;
}

export const rendered = (release: Release): Rendered =>
  JSON.parse(readFileSync(new URL(`rendered/${release}.json`, import.meta.url), "utf8"));

/** `1-20`, the revision of release `1.20.0`. */
export const revisionOfRelease = (release: Release): string => release.split(".").slice(0, 2).join("-");

/** The configuration after its istiod has started: with the CA bundle. */
export const live = (configuration: WebhookConfigurationObject): WebhookConfigurationObject => ({
  ...configuration,
  webhooks: (configuration.webhooks ?? []).map((entry) => ({
    ...entry,
    clientConfig: { ...entry.clientConfig, caBundle: "Q0E=" },
  })),
});

/** The own webhook of revision `default` after `istioctl tag set default`. */
export const deactivated = (configuration: WebhookConfigurationObject): WebhookConfigurationObject => {
  const never: LabelSelector = { matchLabels: { "istio.io/deactivated": "never-match" } };
  return {
    ...configuration,
    webhooks: (configuration.webhooks ?? []).map((entry) => ({
      ...entry,
      namespaceSelector: never,
      objectSelector: never,
    })),
  };
};

/** Injectors of these configurations, with every istiod reachable, and the release's own policy. */
export const injectorsOf = (release: Release, ...configurations: readonly WebhookConfigurationObject[]): Injector[] => {
  const services = configurations.flatMap(({ webhooks = [] }) =>
    webhooks.flatMap((entry) => entry.clientConfig.service ?? []),
  );
  const policy = injectorPolicyFrom(rendered(release).injectorConfig);
  const revisions = configurations.map(({ metadata }) => metadata.labels?.["istio.io/rev"] ?? "default");
  return injectorsFrom(configurations, {
    behind: new Map(),
    readyEndpoints: new Map(services.map(({ namespace, name }) => [`${namespace}/${name}`, 1])),
    policies: new Map(revisions.map((revision) => [revision, policy])),
    versions: new Map(revisions.map((revision) => [revision, release])),
  });
};
