/**
 * Builders of meshes for tests of findings and views: webhooks have Istio's own form, pods are given by their revisions.
 */

import { injectionOf } from "../../src/mesh/injection.ts";
import type { Labels, WebhookEntry } from "../../src/mesh/kubernetes.ts";
import type { ControlPlane, Gateway, Injector, IstiodAnswer, Mesh, Namespace, ObjectRef, Pod, PodProxy, ProxyConnection, Tag, Workload } from "../../src/mesh/model.ts"; // biome-ignore format: a list
import type { WorkloadKind } from "../../src/mesh/workload-kinds.ts";

type Change<T> = Partial<Omit<T, "name" | "kind">>;

export function plane(revision: string, change: Change<ControlPlane> = {}): ControlPlane {
  const name = revision === "default" ? "istiod" : `istiod-${revision}`;
  return {
    revision,
    namespace: "istio-system",
    deployment: { name, uid: `uid-of-${name}` },
    version: "1.20.0",
    installer: "istioctl",
    desiredReplicas: 1,
    readyReplicas: 1,
    istiods: [
      {
        name: `${name}-7f-abc`,
        namespace: "istio-system",
        uid: `uid-of-${name}-7f-abc`,
        ready: true,
        terminating: false,
        phase: "Running",
      },
    ],
    ...change,
  };
}

const rules = [{ apiGroups: [""], apiVersions: ["v1"], operations: ["CREATE"], resources: ["pods"] }];
const notOptedOut = { key: "sidecar.istio.io/inject", operator: "NotIn", values: ["false"] };
const absent = (key: string) => ({ key, operator: "DoesNotExist" });

/** The entries `rev.namespace.` and `rev.object.` of a revision or tag. */
const byRevisionLabel = (name: string, service: string): readonly WebhookEntry[] => {
  const clientConfig = {
    caBundle: "Y2E=",
    service: { name: service, namespace: "istio-system", path: "/inject", port: 443 },
  };
  const base = { clientConfig, rules, failurePolicy: "Fail" };
  return [
    {
      ...base,
      name: "rev.namespace.sidecar-injector.istio.io",
      namespaceSelector: {
        matchExpressions: [{ key: "istio.io/rev", operator: "In", values: [name] }, absent("istio-injection")],
      },
      objectSelector: { matchExpressions: [notOptedOut] },
    },
    {
      ...base,
      name: "rev.object.sidecar-injector.istio.io",
      namespaceSelector: { matchExpressions: [absent("istio.io/rev"), absent("istio-injection")] },
      objectSelector: { matchExpressions: [notOptedOut, { key: "istio.io/rev", operator: "In", values: [name] }] },
    },
  ];
};

/** The entry that selects `istio-injection=enabled`. */
const byInjectionLabel = (service: string): WebhookEntry => ({
  ...(byRevisionLabel("default", service)[0] as WebhookEntry),
  name: "namespace.sidecar-injector.istio.io",
  namespaceSelector: { matchExpressions: [{ key: "istio-injection", operator: "In", values: ["enabled"] }] },
});

function injector(
  configuration: string,
  revision: string,
  tag: string | undefined,
  change: Partial<Injector>,
): readonly Injector[] {
  const service = revision === "default" ? "istiod" : `istiod-${revision}`;
  const name = tag ?? revision;
  const entries = [...byRevisionLabel(name, service), ...(name === "default" ? [byInjectionLabel(service)] : [])];
  const never = { matchLabels: { "istio.io/deactivated": "never-match" } };
  return entries.map((entry) => ({
    configuration,
    entry: change.deactivated ? { ...entry, namespaceSelector: never, objectSelector: never } : entry,
    revision,
    tag,
    deactivated: false,
    caBundle: true,
    readyEndpoints: 1,
    ...change,
  }));
}

/** The own webhook of a revision. */
export const ownInjector = (revision: string, change: Partial<Injector> = {}): readonly Injector[] =>
  injector(
    revision === "default" ? "istio-sidecar-injector" : `istio-sidecar-injector-${revision}`,
    revision,
    undefined,
    change,
  );

/** The webhook of a tag. */
export const tagInjector = (tag: string, revision: string, change: Partial<Injector> = {}): readonly Injector[] =>
  injector(`istio-revision-tag-${tag}`, revision, tag, change);

export const tag = (name: string, revision: string, change: Partial<Tag> = {}): Tag => ({
  tag: name,
  revision,
  injects: true,
  webhook: `istio-revision-tag-${name}`,
  ...change,
});

/** A namespace with its labels; `injection` is computed from the webhooks, unless it is given. */
export interface NamespaceWords extends Change<Namespace> {
  readonly name: string;
}

/** A workload, by the revisions of its pods; null is a pod without a sidecar. */
export interface WorkloadWords extends Change<Workload> {
  readonly namespace: string;
  readonly kind?: WorkloadKind;
  readonly name: string;
  readonly runs: readonly (string | null)[];
  readonly podLabels?: Labels;
  readonly pod?: Partial<Omit<Pod, "proxy">>;
  readonly proxy?: Partial<PodProxy>;
}

export interface MeshWords extends Partial<Omit<Mesh, "namespaces" | "workloads" | "answers">> {
  readonly namespaces?: readonly NamespaceWords[];
  readonly workloads?: readonly WorkloadWords[];
  /** istiods (`NAMESPACE/POD`) that do not answer. */
  readonly silent?: readonly string[];
  /** Pods whose proxy is connected to the istiod of another revision than its own, or to no istiod (null). */
  readonly connected?: Readonly<Record<string, string | null>>;
  readonly gateways?: readonly Gateway[];
}

export function mesh(words: MeshWords): Mesh {
  const { namespaces = [], workloads = [], silent = [], connected = {}, pods: strays = [], injectors = [], controlPlanes = [], ...rest } = words;
  const labelsOf = new Map(namespaces.map((namespace) => [namespace.name, namespace.labels ?? {}]));
  const pods = [...workloads.flatMap(podsOf), ...strays];
  const inject = (namespace: string, labels: Labels) => injectionOf(injectors, { name: namespace, labels: labelsOf.get(namespace) ?? {} }, { labels });
  return {
    takenAt: "2026-11-03T04:05:06.000Z",
    istioNamespace: "istio-system",
    controlPlanes,
    injectors,
    tags: [],
    defaultValidator: undefined,
    gateways: [],
    unknown: [],
    ...rest,
    namespaces: namespaces.map((words) => ({
      uid: `uid-of-${words.name}`, resourceVersion: "1", labels: {}, annotations: {}, terminating: false, injection: inject(words.name, {}), labelManagers: [], ...words,
    })),
    workloads: workloads.map((words) => workloadOf(words, inject(words.namespace, words.podLabels ?? {}), pods)),
    pods,
    answers: answersOf(controlPlanes, pods, silent, connected),
  };
} // biome-ignore format: one line of fields

function workloadOf({ runs, podLabels, pod: _, proxy: __, ...words }: WorkloadWords, injection: Workload["injection"], pods: readonly Pod[]): Workload {
  const ready = runs.length;
  const self: ObjectRef = { kind: words.kind ?? "Deployment", namespace: words.namespace, name: words.name };
  return {
    uid: `uid-of-${words.name}`, resourceVersion: "1", generation: 1, labels: {}, annotations: {}, selector: { matchLabels: { app: words.name } },
    template: { metadata: { labels: { app: words.name, ...podLabels } }, spec: { containers: [{ name: "app" }] } },
    injection, gateway: false, strategy: { type: "RollingUpdate", maxSurge: 1, maxUnavailable: 0, partition: 0 }, paused: false, restartedAt: undefined,
    workloadRef: undefined, claims: [], hostPorts: [],
    status: { desired: ready, observedGeneration: 1, replicas: ready, updated: ready, ready, available: ready, currentRevision: undefined, updateRevision: undefined, phase: undefined, restartedAt: undefined, conditions: [] },
    pods: pods.filter((pod) => pod.workload?.name === self.name && pod.workload.kind === self.kind && pod.namespace === self.namespace),
    ...words,
    kind: words.kind ?? "Deployment",
  };
} // biome-ignore format: one line of fields

const podsOf = ({
  namespace,
  kind = "Deployment",
  name,
  runs,
  podLabels,
  pod: change,
  proxy,
}: WorkloadWords): readonly Pod[] =>
  runs.map((revision, index) =>
    pod(
      namespace,
      `${name}-${index}`,
      revision,
      { workload: { kind, namespace, name }, labels: { app: name, ...podLabels }, ...change },
      proxy,
    ),
  );

/** A ready pod with the sidecar of a revision, or without a sidecar. */
export const pod = (namespace: string, name: string, revision: string | null, change: Partial<Omit<Pod, "proxy">> = {}, proxy: Partial<PodProxy> = {}): Pod => ({
  namespace, name, uid: `uid-of-${name}`, labels: {}, createdAt: "2026-11-03T04:00:00Z", phase: "Running", ip: undefined, node: "node-1", ready: true,
  terminating: false, owner: undefined, workload: undefined, unreadyContainers: [], conditions: [],
  proxy: revision === null ? undefined : { kind: "sidecar", revision, container: "istio-proxy", native: false, ready: true, version: "1.20.0", discoveryAddress: undefined, ...proxy },
  ...change,
}); // biome-ignore format: one line of fields

function answersOf(
  planes: readonly ControlPlane[],
  pods: readonly Pod[],
  silent: readonly string[],
  connected: Readonly<Record<string, string | null>>,
): readonly IstiodAnswer[] {
  return planes.flatMap(({ revision, istiods, version }) =>
    istiods.map((istiod, index): IstiodAnswer => {
      const name = `${istiod.namespace}/${istiod.name}`;
      if (silent.includes(name)) return { kind: "unanswered", istiod: name, revision, reason: "no answer within 5s" };
      const held = pods.filter(
        (pod) =>
          pod.proxy !== undefined &&
          (Object.hasOwn(connected, pod.name) ? connected[pod.name] : pod.proxy.revision) === revision,
      );
      return {
        kind: "answered",
        istiod: name,
        revision,
        version,
        proxies: held
          .filter((_, at) => at % istiods.length === index)
          .map((pod) => connection(pod.namespace, pod.name)),
      };
    }),
  );
}

/** A proxy that acknowledged all its configuration. */
export const connection = (namespace: string, pod: string, change: Partial<ProxyConnection> = {}): ProxyConnection => ({
  namespace, pod, type: "sidecar", version: "1.20.0", cluster: "Kubernetes", cds: "synced", lds: "synced", rejected: [], connectedAt: "2026-11-03T04:00:05Z", ip: undefined, ...change,
}); // biome-ignore format: one line of fields

/** Two revisions (the old one is `default`), a tag, and a half-moved namespace. */
export const halfMoved: Mesh = mesh({
  controlPlanes: [plane("1-20", { readyReplicas: 2, desiredReplicas: 2 }), plane("default", { version: "1.19.0" })],
  injectors: [...ownInjector("1-20"), ...tagInjector("default", "default"), ...tagInjector("prod", "1-20"), ...ownInjector("default", { deactivated: true })],
  tags: [tag("default", "default"), tag("prod", "1-20")],
  defaultValidator: { name: "istiod-default-validator", revision: "default" },
  namespaces: [
    { name: "default" },
    { name: "kube-system" },
    { name: "istio-system" },
    { name: "production", labels: { "istio.io/rev": "1-20" } },
    { name: "shop", labels: { "istio-injection": "enabled" } },
  ],
  workloads: [
    { namespace: "istio-system", name: "istiod", runs: [null] },
    { namespace: "production", name: "web", runs: ["1-20", "1-20", "1-20"] },
    { namespace: "production", name: "api", runs: ["default", "default", "1-20"] },
    { namespace: "production", name: "batch", podLabels: { "sidecar.istio.io/inject": "false" }, runs: [null] },
    { namespace: "production", kind: "StatefulSet", name: "db", runs: ["default"], pod: { ready: false } },
    { namespace: "shop", name: "cart", runs: ["default", "default"] },
  ],
}); // biome-ignore format: a table
