/**
 * The picture of a mesh at one moment: control planes, tags, namespaces, workloads with their pods, and what each
 * istiod says of its proxies. Plain readonly data; made from listed objects by `inventory.ts`.
 */
import type { LabelSelector, Labels, PodTemplateSpec, WebhookEntry } from "./kubernetes.ts";
import type { WorkloadKind } from "./workload-kinds.ts";

export interface Mesh {
  /** RFC 3339, the API server's clock. */
  readonly takenAt: string;
  readonly istioNamespace: string;
  readonly controlPlanes: readonly ControlPlane[];
  readonly tags: readonly Tag[];
  /** Every entry of every Istio injector, in the order in which the API server calls them. */
  readonly injectors: readonly Injector[];
  /** What the default validator (`istiod-default-validator`) points at, if there is one. */
  readonly defaultValidator: { readonly name: string; readonly revision: string } | undefined;
  readonly namespaces: readonly Namespace[];
  readonly workloads: readonly Workload[];
  /** Every pod read, those of workloads too. */
  readonly pods: readonly Pod[];
  readonly gateways: readonly Gateway[];
  readonly answers: readonly IstiodAnswer[];
  /** What could not be had. Never empty by assumption: a read that failed stands here. */
  readonly unknown: readonly Unknown[];
}

/** Evidence that could not be had: which, of what, and why. */
export interface Unknown {
  /** e.g. `istiod istio-system/istiod-1-20-abc`, `pods in namespace production`. */
  readonly subject: string;
  readonly reason: string;
  /** The namespace whose picture is incomplete; absent where it is not about one. */
  readonly namespace?: string;
}

/** istiod of one revision. `revision` is `default` for an un-revisioned install. */
export interface ControlPlane {
  readonly revision: string;
  readonly namespace: string;
  /** Absent when only a webhook is left of the revision. */
  readonly deployment: { readonly name: string; readonly uid: string } | undefined;
  /** Istio's version, e.g. `1.20.0`; undefined when nothing says it. */
  readonly version: string | undefined;
  readonly installer: "istioctl" | "helm" | "operator" | "unknown";
  readonly desiredReplicas: number;
  readonly readyReplicas: number;
  readonly istiods: readonly Istiod[];
}

/** One istiod pod. */
export interface Istiod {
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
  readonly ready: boolean;
  readonly terminating: boolean;
  /** The pod's phase; only a Running istiod can be asked. Absent: take it for Running. */
  readonly phase?: string;
}

/** An alias of a revision (`istioctl tag`). */
export interface Tag {
  readonly tag: string;
  readonly revision: string;
  /** A tag known only by its Service injects nothing. */
  readonly injects: boolean;
  /** Name of the MutatingWebhookConfiguration, where there is one. */
  readonly webhook: string | undefined;
}

/** One entry of an Istio sidecar injector's MutatingWebhookConfiguration. */
export interface Injector {
  readonly configuration: string;
  readonly entry: WebhookEntry;
  /** Label `istio.io/rev` of the configuration: the revision that answers. */
  readonly revision: string;
  /** Label `istio.io/tag`, where the configuration is a tag's. */
  readonly tag: string | undefined;
  readonly deactivated: boolean;
  readonly caBundle: boolean;
  /** Ready endpoints of the entry's Service; undefined when it is called by URL or could not be read. */
  readonly readyEndpoints: number | undefined;
  /**
   * What the istiod that answers is told to inject. Absent: Istio's own default (every pod that the webhook sends).
   * `unknown`: the ConfigMap could not be read.
   */
  readonly policy?: InjectorPolicy | "unknown";
  /** Version of the istiod that answers: releases read odd values of `sidecar.istio.io/inject` differently. */
  readonly version?: string;
}

/**
 * What ConfigMap `istio-sidecar-injector[-REVISION]` tells an istiod, as far as it decides whether a pod is injected.
 */
export interface InjectorPolicy {
  /** `global.proxy.autoInject`; any other value than these two disables, as istiod has it. */
  readonly policy: "enabled" | "disabled" | (string & {});
  readonly neverInject: readonly LabelSelector[];
  readonly alwaysInject: readonly LabelSelector[];
  /** Names that annotation `inject.istio.io/templates` may use: templates and aliases. */
  readonly templates: readonly string[];
}

export interface Namespace {
  readonly name: string;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly labels: Labels;
  readonly annotations: Labels;
  readonly terminating: boolean;
  /** What a pod without labels of its own would get today. */
  readonly injection: Injection;
  /** Managers that own the injection labels, by the server's managedFields: manager name and the label keys it owns. */
  readonly labelManagers: readonly { readonly manager: string; readonly labels: readonly string[] }[];
}

/**
 * Annotation of a namespace that holds what a migration found before it changed anything; its `state` is `open` while
 * it is unfinished.
 */
export const undoAnnotation = "kubectl-mesh/undo";

/** Who would inject a pod. `by` is the name of the MutatingWebhookConfiguration. */
export type Injection =
  /**
   * `also`: configurations of further entries that inject the same pod before it; the last one called has the last
   * word.
   */
  | { readonly kind: "injected"; readonly revision: string; readonly by: string; readonly also: readonly string[] }
  | { readonly kind: "none"; readonly reason: string }
  /** The API server would refuse the pod, e.g. a webhook without endpoints. */
  | { readonly kind: "refused"; readonly revision: string; readonly by: string; readonly reason: string }
  | { readonly kind: "unknown"; readonly reason: string };

/** Names an object of a namespace; `kind` is the API's, e.g. `Deployment`. */
export interface ObjectRef {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}

export interface Workload extends ObjectRef {
  readonly kind: WorkloadKind;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly generation: number;
  readonly labels: Labels;
  readonly annotations: Labels;
  readonly selector: LabelSelector | undefined;
  readonly template: PodTemplateSpec | undefined;
  /** What a new pod of this template would get today. */
  readonly injection: Injection;
  /** A gateway (template `inject.istio.io/templates: gateway`, managed, or static) and not an application. */
  readonly gateway: boolean;
  readonly strategy: Strategy;
  readonly paused: boolean;
  readonly status: WorkloadStatus;
  /** `kubectl.kubernetes.io/restartedAt` of the template, or `spec.restartAt` of a Rollout. */
  readonly restartedAt: string | undefined;
  /** Argo Rollouts that use a Deployment's template: that Deployment. */
  readonly workloadRef: ObjectRef | undefined;
  /** Claims its pods mount by name (not a StatefulSet's own templates). */
  readonly claims: readonly string[];
  readonly hostPorts: readonly number[];
  readonly pods: readonly Pod[];
}

export type Strategy =
  | {
      readonly type: "RollingUpdate";
      readonly maxSurge: number;
      readonly maxUnavailable: number;
      readonly partition: number;
    }
  | { readonly type: "Recreate" }
  | { readonly type: "OnDelete" }
  /** Argo Rollouts: restarts evict at most `maxUnavailable` pods at a time. */
  | { readonly type: "RolloutRestart"; readonly maxUnavailable: number };

/** The counters that the four kinds report, brought to one form. Absent counters are 0, as the API leaves zero out. */
export interface WorkloadStatus {
  readonly desired: number;
  readonly observedGeneration: number;
  /** Pods of the workload in all, old ones included. */
  readonly replicas: number;
  readonly updated: number;
  readonly ready: number;
  readonly available: number;
  /** StatefulSet. */
  readonly currentRevision: string | undefined;
  readonly updateRevision: string | undefined;
  /** Argo Rollouts. */
  readonly phase: string | undefined;
  readonly restartedAt: string | undefined;
  readonly conditions: readonly {
    readonly type: string;
    readonly status: string;
    readonly reason: string;
    readonly message: string;
  }[];
}

export interface Pod {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly labels: Labels;
  /** RFC 3339, seconds. */
  readonly createdAt: string;
  readonly phase: string;
  readonly ip: string | undefined;
  readonly node: string | undefined;
  readonly ready: boolean;
  readonly terminating: boolean;
  /** The controlling owner as the API names it: for a Deployment's pod its ReplicaSet. */
  readonly owner: { readonly kind: string; readonly name: string; readonly uid: string } | undefined;
  /** The workload behind the owner, where it is known. */
  readonly workload: ObjectRef | undefined;
  /** What kind of proxy the pod is or holds; `none` for a pod outside the mesh. */
  readonly proxy: PodProxy | undefined;
  /** Containers that are not running and ready, with the reason the kubelet gives. */
  readonly troubles: readonly ContainerTrouble[];
  /** Pod conditions that are not `True`, e.g. `PodScheduled`. */
  readonly conditions: readonly {
    readonly type: string;
    readonly status: string;
    readonly reason: string;
    readonly message: string;
  }[];
}

export type ProxyKind = "sidecar" | "gateway" | "managed-gateway" | "waypoint" | "static-gateway" | "ztunnel";

export interface PodProxy {
  readonly kind: ProxyKind;
  /**
   * `revision` of the `sidecar.istio.io/status` annotation, or the `istio.io/rev` annotation where there is no status.
   */
  readonly revision: string | undefined;
  readonly container: string;
  /** Runs as an init container with `restartPolicy: Always`. */
  readonly native: boolean;
  readonly ready: boolean;
  /** Tag of its image, where it has one. */
  readonly version: string | undefined;
  /** `discoveryAddress` of `PROXY_CONFIG`: the istiod it is told to talk to. */
  readonly discoveryAddress: string | undefined;
}

export interface ContainerTrouble {
  readonly container: string;
  readonly init: boolean;
  readonly state: "waiting" | "terminated" | "not ready";
  readonly reason: string;
  readonly message: string;
  readonly restarts: number;
  readonly exitCode: number | undefined;
}

/** gateway.networking.k8s.io Gateway, waypoints included. */
export interface Gateway {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly className: string;
  readonly waypoint: boolean;
  /** Its own `istio.io/rev`, which keeps it where it is when the namespace moves. */
  readonly pinned: string | undefined;
}

/** What one istiod pod said of its proxies, or why it said nothing. `istiod` is `NAMESPACE/POD`. */
export type IstiodAnswer =
  | {
      readonly kind: "answered";
      readonly istiod: string;
      readonly revision: string;
      readonly version: string | undefined;
      readonly proxies: readonly ProxyConnection[];
    }
  | { readonly kind: "unanswered"; readonly istiod: string; readonly revision: string; readonly reason: string };

/**
 * A proxy as one istiod sees it (`/debug/syncz` joined with `/debug/connections`). istioctl's own connections are left
 * out.
 */
export interface ProxyConnection {
  readonly namespace: string;
  readonly pod: string;
  readonly type: string;
  readonly version: string | undefined;
  readonly cluster: string | undefined;
  readonly cds: SyncState;
  readonly lds: SyncState;
  /** Types that istiod says were rejected, with the proxy's words. */
  readonly rejected: readonly { readonly type: string; readonly message: string }[];
  /**
   * RFC 3339, fractions and offset as Go writes them. Of several connections of one pod the oldest, because istiod does
   * not say which is which. Undefined when it was not found in `/debug/connections`.
   */
  readonly connectedAt: string | undefined;
  /** Where the connection comes from: the pod's address, unless something rewrites it on the way. */
  readonly ip: string | undefined;
}

export type SyncState = "synced" | "stale" | "not sent" | "rejected";
