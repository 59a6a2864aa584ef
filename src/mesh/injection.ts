/** Which revision injects a pod, if any. */
import { defaultPolicy, injectValueOf, policyInjects } from "./injector-policy.ts";
import type { Labels, PodTemplateSpec, WebhookRule } from "./kubernetes.ts";
import { labelOf, matchesSelector } from "./labels.ts";
import type { Injection, Injector } from "./model.ts";

/** The part of a pod that decides its injection. */
export interface Injectable {
  readonly labels?: Labels;
  readonly annotations?: Labels;
  readonly hostNetwork?: boolean;
}

/** The part of a pod template that decides its injection. */
export const injectableFrom = ({ metadata, spec }: PodTemplateSpec): Injectable => ({
  labels: metadata?.labels ?? {},
  annotations: metadata?.annotations ?? {},
  hostNetwork: spec.hostNetwork ?? false,
});

/**
 * Which revision would inject a new pod, by the real selectors: which injectors the API server calls for the pod,
 * whether it can call them, and what their istiod then does. `injectors` are all entries of all Istio injectors, in the
 * order in which the API server calls them (from/injectors.ts). `namespace` has today's labels, or those after a
 * planned change.
 *
 * The API server calls every entry that matches. Each istiod replaces the sidecar of the one before, so the last one
 * wins. Sources: `mutating/dispatcher.go` and `generic/webhook.go` (k8s.io/apiserver), `pkg/kube/inject/webhook.go`
 * (istio/istio).
 */
export const injectionOf = (
  injectors: readonly Injector[],
  namespace: { readonly name: string; readonly labels: Labels },
  pod: Injectable,
): Injection => {
  const answers: Injection[] = [];
  for (const injector of injectors) {
    const called = isCalled(injector, namespace.labels, pod.labels);
    if (called === "no") continue;
    const answer = called === "yes" ? answerOf(injector, namespace.name, pod) : called;
    answers.push(answer);
  }
  const certain =
    answers.find((answer) => answer.kind === "refused") ?? answers.find((answer) => answer.kind === "unknown");
  if (certain) return certain;
  const injected = answers.filter((answer) => answer.kind === "injected");
  const last = injected.at(-1);
  if (last) return { ...last, also: injected.slice(0, -1).map((answer) => answer.by) };
  return answers[0] ?? { kind: "none", reason: notSelectedReason(namespace.labels, pod.labels) };
};

/** Whether rules and selectors of the entry select the pod. Match conditions (CEL expressions) are not evaluated. */
const isCalled = (
  { entry, configuration }: Injector,
  namespace: Labels,
  pod: Labels | undefined,
): "yes" | "no" | Injection => {
  if (!(entry.rules ?? []).some(coversPodCreation)) return "no";
  try {
    if (!matchesSelector(entry.namespaceSelector, namespace) || !matchesSelector(entry.objectSelector, pod))
      return "no";
  } catch (error) {
    return { kind: "unknown", reason: `webhook ${configuration}: ${(error as Error).message}` };
  }
  const conditions = (entry.matchConditions ?? []).map((condition) => condition.name);
  return conditions.length === 0
    ? "yes"
    : {
        kind: "unknown",
        reason: `webhook ${configuration} has matchConditions (${conditions.join(", ")}), which are not evaluated here`,
      };
};

/** Source: `Matcher` (k8s.io/apiserver pkg/admission/plugin/webhook/predicates/rules/rules.go). */
const coversPodCreation = ({
  operations = [],
  apiGroups = [],
  apiVersions = [],
  resources = [],
  scope = "*",
}: WebhookRule): boolean =>
  ["*", "CREATE"].some((operation) => operations.includes(operation)) &&
  ["*", ""].some((group) => apiGroups.includes(group)) &&
  ["*", "v1"].some((version) => apiVersions.includes(version)) &&
  ["*", "pods", "*/*", "pods/*"].some((resource) => resources.includes(resource)) &&
  scope !== "Cluster";

/** The injection of a pod that the API server sends to this webhook. */
const answerOf = (injector: Injector, namespace: string, pod: Injectable): Injection => {
  const { configuration: by, entry, revision, version, policy = defaultPolicy } = injector;
  const broken = unreachableReason(injector);
  if (broken !== undefined) {
    return entry.failurePolicy === "Ignore"
      ? notInjected(`${broken}; its failure is ignored`)
      : { kind: "refused", revision, by, reason: broken };
  }
  const unsure = unsureReason(injector);
  if (unsure !== undefined) return { kind: "unknown", reason: unsure };
  if (pod.hostNetwork) return notInjected("istiod does not inject pods with hostNetwork");
  if (ignoredNamespaces.includes(namespace))
    return notInjected(`istiod does not inject pods in namespace ${namespace}`);
  const value = injectValueOf(pod);
  if (value === "false") return notInjected("the pod has sidecar.istio.io/inject=false");
  if (policy === "unknown") {
    if (value !== "true")
      return { kind: "unknown", reason: `the injector ConfigMap of revision ${revision} could not be read` };
    return { kind: "injected", revision, by, also: [] };
  }
  const injects = policyInjects(policy, version, value, pod.labels);
  if (injects === undefined)
    return {
      kind: "unknown",
      reason: `the meaning of sidecar.istio.io/inject=${value} depends on Istio's version, and that of revision ${revision} is unknown`,
    };
  if (!injects)
    return notInjected(
      value === "" || value === "true"
        ? `the injector ConfigMap of revision ${revision} excludes this pod`
        : `the pod has sidecar.istio.io/inject=${value}`,
    );
  const missing =
    injector.policy && templatesOf(pod.annotations).find((template) => !policy.templates.includes(template));
  if (missing !== undefined)
    return {
      kind: "refused",
      revision,
      by,
      reason: `revision ${revision} has no injection template ${JSON.stringify(missing)}`,
    };
  return { kind: "injected", revision, by, also: [] };
};

/**
 * Namespaces in which istiod injects nothing, whatever their labels. Source: `IgnoredNamespaces` (istio/istio
 * pkg/kube/inject/initializer.go).
 */
export const ignoredNamespaces: readonly string[] = [
  "kube-system",
  "kube-public",
  "kube-node-lease",
  "local-path-storage",
];

const notInjected = (reason: string): Injection => ({ kind: "none", reason });

/**
 * Why the API server cannot call the webhook, where that is certain. A webhook with a URL needs no CA bundle: its
 * certificate may be publicly trusted.
 */
const unreachableReason = ({ configuration, entry, caBundle, readyEndpoints }: Injector): string | undefined => {
  const service = entry.clientConfig.service;
  if (!service) return undefined;
  if (!caBundle) return `webhook ${configuration} has no CA bundle`;
  return readyEndpoints === 0
    ? `Service ${service.namespace}/${service.name} of webhook ${configuration} has no ready endpoints`
    : undefined;
};

/**
 * The API server calls a Service of type ExternalName by its name, unless it routes to endpoints itself
 * (`--enable-aggregator-routing`, as EKS does: istio/istio#45014); then it refuses the pod. Source: `ResolveCluster`,
 * `ResolveEndpoint` (k8s.io/apiserver pkg/util/proxy/proxy.go).
 */
const unsureReason = ({
  configuration,
  entry: { clientConfig },
  service,
  readyEndpoints,
}: Injector): string | undefined =>
  service === "name" && readyEndpoints === undefined
    ? `webhook ${configuration} is called by Service ${clientConfig.service?.namespace}/${clientConfig.service?.name} of type ExternalName, which not every API server calls`
    : undefined;

/** Source: `selectTemplates` (istio/istio pkg/kube/inject/inject.go). */
const templatesOf = (annotations: Labels | undefined): string[] => {
  const names = labelOf(annotations, "inject.istio.io/templates");
  return names === undefined ? [] : names.split(",").map((name) => name.trim());
};

/** Why no injector selects a pod with these labels, in the order of precedence of Istio's own selectors. */
const notSelectedReason = (namespace: Labels, pod: Labels | undefined): string => {
  const [enabled, revision] = [labelOf(namespace, "istio-injection"), labelOf(namespace, "istio.io/rev")];
  const [inject, podRevision] = [labelOf(pod, "sidecar.istio.io/inject"), labelOf(pod, "istio.io/rev")];
  if (inject === "false") return "the pod has sidecar.istio.io/inject=false";
  if (enabled === "enabled")
    return "no injector serves istio-injection=enabled (there is no default revision and no default tag)";
  if (enabled !== undefined) return `the namespace has istio-injection=${enabled}`;
  if (revision !== undefined) return `no injector serves istio.io/rev=${revision}`;
  if (podRevision !== undefined) return `no injector serves the pod's istio.io/rev=${podRevision}`;
  return inject === "true"
    ? "no injector serves the pod's sidecar.istio.io/inject=true"
    : "neither the namespace nor the pod has an injection label";
};
