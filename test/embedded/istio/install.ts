/**
 * What `istioctl install` leaves in a cluster, from the manifests of each release as recorded in test/mesh/rendered;
 * and revision tags.
 */

import { installedObjects } from "../../mesh/installed.ts";
import { type Release, releases, rendered, revisionOfRelease } from "../../mesh/rendered.ts";
import type { Json } from "../object.ts";

export interface Revision {
  /** `default` is an install without a revision. */
  readonly name: string;
  readonly version: string;
  readonly replicas: number;
}

export const suffixed = (name: string, revision: string): string =>
  revision === "default" ? name : `${name}-${revision}`;
export const istioNamespace = "istio-system";

function releaseOf(version: string): Release {
  const release = releases.find((each) => each === version);
  if (!release) throw new Error(`no recorded manifests of Istio ${version}; there are ${releases.join(", ")}`);
  return release;
}

const minorOf = (version: string): number => Number(version.split(".")[1]);

/** Everything of a revision, as it is once its istiod has filled in its certificates. */
export function installed({ name, version, replicas }: Revision): readonly Json[] {
  const release = releaseOf(version);
  const found = rendered(release);
  const recorded = revisionOfRelease(release);
  const own = <T>(object: T): T =>
    name === "default" ? object : JSON.parse(JSON.stringify(object).replaceAll(recorded, name));
  const deployment = own(name === "default" ? found.unrevisionedIstiod : found.istiod) as Json;
  const webhook = own(name === "default" ? found.unrevisioned : found.revisioned) as Json;
  const labels = {
    ...deployment.metadata.labels,
    "operator.istio.io/managed": "Reconcile",
    "operator.istio.io/version": version,
  };
  const meta = (object: string) => ({ name: suffixed(object, name), namespace: istioNamespace, labels });
  return [
    configMap(meta("istio"), {
      mesh: `defaultConfig:\n  discoveryAddress: ${suffixed("istiod", name)}.istio-system.svc:15012\nrootNamespace: istio-system\ntrustDomain: cluster.local\n`,
    }),
    configMap(meta("istio-sidecar-injector"), {
      config: JSON.stringify(withImage(found.injectorConfig as Json)),
      values: JSON.stringify({ global: { hub: "docker.io/istio", tag: version, proxy: { image: "proxyv2" } } }),
    }),
    service(meta("istiod"), deployment.spec.selector.matchLabels),
    {
      ...{ apiVersion: "apps/v1", kind: "Deployment", ...deployment },
      metadata: { ...withoutUid(deployment.metadata), labels },
      spec: { ...deployment.spec, replicas, template: withArguments(deployment.spec.template, name) },
    },
    name === "default" ? deactivated(mutating(webhook)) : mutating(webhook),
    validator(`istio-validator${name === "default" ? "" : `-${name}`}-${istioNamespace}`, name, {
      matchLabels: { "istio.io/rev": name },
    }),
    ...accounts(release, name),
  ];
}

/** Of the templates, which are not recorded, the line that every one of them has. */
const withImage = (config: Json): Json => ({
  ...config,
  templates: Object.fromEntries(Object.keys(config.templates).map((name) => [name, 'image: "{{ .ProxyImage }}"\n'])),
});

/** The accounts of istiod with their rights, the reader's account, and what else istioctl creates beside what runs. */
const accounts = (release: Release, name: string): readonly Json[] => {
  const recorded = revisionOfRelease(release);
  const { revisioned, unrevisioned } = installedObjects(release);
  const kinds = ["ServiceAccount", "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"];
  const objects: readonly Json[] =
    name === "default" ? unrevisioned : JSON.parse(JSON.stringify(revisioned).replaceAll(recorded, name));
  return objects
    .filter(
      ({ kind, metadata }) =>
        (kinds.includes(kind) && ["istiod", "istio-reader"].includes(metadata.labels?.app)) ||
        (kind === "ConfigMap" && metadata.name === suffixed("values", name)),
    )
    .map((object) => ({
      ...object,
      ...(object.kind.endsWith("Role") && { rules: [] }),
      ...(object.kind === "ConfigMap" && { data: { "merged-values": "{}" } }),
      metadata: { ...object.metadata, labels: { ...object.metadata.labels, "istio.io/rev": name } },
    }));
};

/** What makes a revision the default: the tag, and with it the default validator. */
export const asDefault = (revision: Revision): readonly Json[] => tagged("default", revision);

/**
 * A revision tag as `istioctl tag set` writes it: with a Service of its own from 1.28 on, and for `default` the default
 * validator.
 */
export function tagged(tag: string, { name, version }: Revision): readonly Json[] {
  const { unrevisioned, prodStable } = rendered(releaseOf(version));
  const source = (tag === "default" ? unrevisioned : prodStable) as Json;
  const service = suffixed("istiod", name);
  const text = JSON.stringify(source.webhooks).replaceAll('"prod-stable"', JSON.stringify(tag));
  const webhooks = JSON.parse(text).map((entry: Json) => ({
    ...entry,
    clientConfig: { service: { ...entry.clientConfig.service, name: service } },
  }));
  const labels = { "istio.io/tag": tag, "istio.io/rev": name, app: "sidecar-injector" };
  const configuration = mutating({ metadata: { name: `istio-revision-tag-${tag}`, labels }, webhooks });
  const absent = { matchExpressions: [{ key: "istio.io/rev", operator: "DoesNotExist" }] };
  const validators =
    tag === "default" ? [validator("istiod-default-validator", name, absent, { "istio.io/tag": "default" })] : [];
  if (minorOf(version) < 28) return [configuration, ...validators];
  const selector = name === "default" ? { istio: "pilot" } : { app: "istiod", "istio.io/rev": name };
  const metadata = {
    name: `istiod-revision-tag-${tag}`,
    namespace: istioNamespace,
    labels: { ...labels, app: "istiod", istio: "pilot" },
  };
  return [configuration, serviceOf(metadata, selector), ...validators];
}

const withoutUid = ({ uid: _, ...metadata }: Json): Json => metadata;

const mutating = ({ metadata, webhooks }: Json): Json => ({
  ...{
    apiVersion: "admissionregistration.k8s.io/v1",
    kind: "MutatingWebhookConfiguration",
    metadata: withoutUid(metadata),
  },
  webhooks: webhooks.map((entry: Json) => ({
    ...entry,
    clientConfig: { ...entry.clientConfig, caBundle: "Q0E=" },
    ...{ sideEffects: "None", admissionReviewVersions: ["v1"], timeoutSeconds: 10 },
  })),
});

/** As `istioctl` leaves the own webhook of an un-revisioned install: tag `default` does its work. */
const deactivated = (configuration: Json): Json => {
  const never = { matchLabels: { "istio.io/deactivated": "never-match" } };
  const webhooks = configuration.webhooks.map((entry: Json) => ({
    ...entry,
    namespaceSelector: never,
    objectSelector: never,
  }));
  return { ...configuration, webhooks };
};

const validator = (name: string, revision: string, objectSelector: object, labels: object = {}): Json => ({
  apiVersion: "admissionregistration.k8s.io/v1",
  kind: "ValidatingWebhookConfiguration",
  metadata: { name, labels: { app: "istiod", istio: "istiod", "istio.io/rev": revision, ...labels } },
  webhooks: [
    {
      name: "rev.validation.istio.io",
      clientConfig: {
        service: { name: suffixed("istiod", revision), namespace: istioNamespace, path: "/validate", port: 443 },
        caBundle: "Q0E=",
      },
      rules: [
        {
          operations: ["CREATE", "UPDATE"],
          apiGroups: ["security.istio.io", "networking.istio.io", "telemetry.istio.io", "extensions.istio.io"],
          apiVersions: ["*"],
          resources: ["*"],
        },
      ],
      ...{ objectSelector, failurePolicy: "Fail", sideEffects: "None", admissionReviewVersions: ["v1"] },
    },
  ],
});

const configMap = (metadata: object, data: object): Json => ({ apiVersion: "v1", kind: "ConfigMap", metadata, data });

const service = (metadata: object, selector: object): Json => serviceOf(metadata, selector);
const serviceOf = (metadata: object, selector: object): Json => ({
  ...{ apiVersion: "v1", kind: "Service", metadata },
  spec: {
    selector,
    ports: [
      { name: "grpc-xds", port: 15010, protocol: "TCP" },
      { name: "https-dns", port: 15012, protocol: "TCP" },
      { name: "https-webhook", port: 443, targetPort: 15017, protocol: "TCP" },
      { name: "http-monitoring", port: 15014, protocol: "TCP" },
    ],
  },
});

const withArguments = (template: Json, revision: string): Json => ({
  ...template,
  spec: {
    ...template.spec,
    serviceAccountName: suffixed("istiod", revision),
    containers: template.spec.containers.map((container: Json) => ({
      ...container,
      args: ["discovery", "--monitoringAddr=:15014"],
      env: [...(container.env ?? []), { name: "REVISION", value: revision }],
      ports: [15014, 15010, 15012, 15017].map((containerPort) => ({ containerPort, protocol: "TCP" })),
    })),
  },
});
