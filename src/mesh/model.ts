/**
 * A mesh at one moment: control planes, tags, namespaces, workloads with their pods, and the proxies that each istiod
 * lists. Plain readonly data; `from/inventory.ts` makes it from the objects that were read.
 */

import type { PaceRecord } from "./from/pace-record.ts";
import type { LabelSelector, Labels, PodTemplateSpec, WebhookEntry } from "./kubernetes.ts";
import type { RestartWay } from "./operators/restart-way.ts";

/** A whole mesh. A list that could not be read is empty, with an entry in `unknown`. */
export interface Mesh {
  /** When it was read: RFC 3339, by the API server's clock. */
  readonly takenAt: string;
  readonly istioNamespace: string;
  readonly controlPlanes: readonly ControlPlane[];
  readonly tags: readonly Tag[];
  /** Every entry of every Istio injector, in the order in which the API server calls them. */
  readonly injectors: readonly Injector[];
  /** The Services by which an istiod is reached; absent where none was looked at. */
  readonly istiodServices?: readonly IstiodService[];
  /** Namespaces whose Services could not be read: what a webhook calls there is not known. */
  readonly servicesUnread?: readonly string[];
  /** The ValidatingWebhookConfiguration `istiod-default-validator` and its revision, if there is one. */
  readonly defaultValidator: { readonly name: string; readonly revision: string } | undefined;
  readonly namespaces: readonly Namespace[];
  readonly workloads: readonly Workload[];
  /** Every pod that was read, the pods of workloads included. */
  readonly pods: readonly Pod[];
  readonly gateways: readonly Gateway[];
  readonly answers: readonly IstiodAnswer[];
  /** What could not be read. Every read that failed has an entry here. */
  readonly unknown: readonly Unknown[];
}

/** Something that could not be read, and why. */
export interface Unknown {
  /** e.g. `istiod istio-system/istiod-1-20-abc`, `pods in namespace production`. */
  readonly subject: string;
  readonly reason: string;
  /** The namespace of which not all is known; absent where it is not about one namespace. */
  readonly namespace?: string;
}

/** The istiods of one revision. `revision` is `default` for an installation without a revision. */
export interface ControlPlane {
  readonly revision: string;
  readonly namespace: string;
  /** Undefined when the revision has no istiod Deployment, only a webhook or pods. */
  readonly deployment: { readonly name: string; readonly uid: string } | undefined;
  /** Istio's version, e.g. `1.20.0`; undefined when neither image nor labels name it. */
  readonly version: string | undefined;
  readonly installer: "istioctl" | "helm" | "operator" | "unknown";
  readonly desiredReplicas: number;
  readonly readyReplicas: number;
  readonly istiods: readonly Istiod[];
  /** Name of the ConfigMap with a mesh config of the user's, beside the revision's own (`SHARED_MESH_CONFIG`). */
  readonly sharedMeshConfig?: string;
  /** Variable `ENABLE_NATIVE_SIDECARS` of its istiod; absent without it. */
  readonly nativeSidecars?: string;
}

/** One istiod pod. */
export interface Istiod {
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
  readonly ready: boolean;
  readonly terminating: boolean;
  /** The pod's phase; only a Running istiod can be asked. Absent counts as Running. */
  readonly phase?: string;
}

/** An alias of a revision (`istioctl tag`). */
export interface Tag {
  readonly tag: string;
  readonly revision: string;
  /** False for a tag that has a Service only, or whose webhook is deactivated. */
  readonly injects: boolean;
  /** Name of the MutatingWebhookConfiguration, where there is one. */
  readonly webhook: string | undefined;
}

/**
 * How a Service leads to what answers it. `pods`: by its selector · `addresses`: it has no selector, and its endpoints
 * are written by hand · `name`: type ExternalName · `absent`: there is no such Service · `unread`: it could not be read.
 * https://kubernetes.io/docs/concepts/services-networking/service/#services-without-selectors
 */
export type ServiceLead = "pods" | "addresses" | "name" | "absent" | "unread";

/** A Service of which an istiod's revision is known. */
export interface IstiodService {
  readonly namespace: string;
  readonly name: string;
  readonly revision: string;
  readonly lead: Extract<ServiceLead, "pods" | "addresses" | "name">;
}

/** One entry of an Istio sidecar injector's MutatingWebhookConfiguration. */
export interface Injector {
  readonly configuration: string;
  readonly entry: WebhookEntry;
  /** The revision whose istiods answer: those behind the Service that the entry calls. */
  readonly revision: string;
  /** Label `istio.io/rev` of the configuration, where it names another revision than the one that is called. */
  readonly labelled?: string;
  /** Label `istio.io/tag`, where the configuration belongs to a tag. */
  readonly tag: string | undefined;
  readonly deactivated: boolean;
  readonly caBundle: boolean;
  /** How the entry's Service leads to an istiod; absent: the entry has a URL, or nothing is known (then by pods). */
  readonly service?: ServiceLead;
  /**
   * Ready endpoints of the entry's Service; undefined when the entry has a URL, when its Service is a name outside the
   * cluster, or when they could not be read.
   */
  readonly readyEndpoints: number | undefined;
  /**
   * The policy of the istiod that answers. Absent: Istio's default policy (every pod that the webhook sends is
   * injected). `unknown`: its ConfigMap could not be read.
   */
  readonly policy?: InjectorPolicy | "unknown";
  /** Version of the istiod that answers: the values of `sidecar.istio.io/inject` depend on it (injector-policy.ts). */
  readonly version?: string;
}

/** The part of ConfigMap `istio-sidecar-injector[-REVISION]` that decides whether a pod is injected. */
export interface InjectorPolicy {
  /** `global.proxy.autoInject`; istiod injects nothing with any other value than these two. */
  readonly policy: "enabled" | "disabled" | (string & {});
  readonly neverInject: readonly LabelSelector[];
  readonly alwaysInject: readonly LabelSelector[];
  /** Names of templates and aliases, which annotation `inject.istio.io/templates` may use. */
  readonly templates: readonly string[];
  /** The proxy's image that it injects, e.g. `docker.io/istio/proxyv2:1.20.0`; absent where that cannot be told. */
  readonly image?: string;
  /** `global.proxy.holdApplicationUntilProxyStarts`; absent where it cannot be told what becomes of it (`heldByValues`). */
  readonly holdsApplication?: boolean;
}

/** A namespace, with its injection. */
export interface Namespace {
  readonly name: string;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly labels: Labels;
  readonly annotations: Labels;
  readonly terminating: boolean;
  /** What a new pod without labels would get today. */
  readonly injection: Injection;
  /** Field managers of the two injection labels, from `metadata.managedFields`: the manager and the labels it owns. */
  readonly labelManagers: readonly { readonly manager: string; readonly labels: readonly string[] }[];
  /** What it belongs to, e.g. a Profile of Kubeflow: its controller, else its first owner. */
  readonly owner?: ObjectOwner;
}

/** Annotation of a namespace with the undo record of a migration (upgrade/record/undo-record.ts). */
export const undoAnnotation = "kubectl-mesh/undo";

/** Who would inject a pod. `by` is the name of the MutatingWebhookConfiguration. */
export type Injection =
  /**
   * `also`: configurations of entries that are called before this one and inject the same pod too; the last one wins.
   */
  | { readonly kind: "injected"; readonly revision: string; readonly by: string; readonly also: readonly string[] }
  | { readonly kind: "none"; readonly reason: string }
  /** The API server would refuse the pod, e.g. a webhook without endpoints. */
  | { readonly kind: "refused"; readonly revision: string; readonly by: string; readonly reason: string }
  | { readonly kind: "unknown"; readonly reason: string };

/** The reference to an object in a namespace; `kind` is the API's, e.g. `Deployment`. */
export interface ObjectRef {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}

/**
 * An object that another one belongs to (`metadata.ownerReferences`). Only group and kind together say what it is: a
 * `Job` of `batch.volcano.sh` is no Job of `batch`.
 */
export interface ObjectOwner {
  /** API group, e.g. `apps`; `""` is the core group. */
  readonly group: string;
  readonly kind: string;
  readonly name: string;
  /** It manages the object (`controller: true`); else it only wants it deleted with itself. */
  readonly controller: boolean;
}

/**
 * A Deployment, StatefulSet, DaemonSet or Argo Rollout, with its pods; or an operator's own object whose pods have no
 * other controller (`way.direct`).
 */
export interface Workload extends ObjectRef {
  /** One of `workloadKinds`, or the kind of an operator's object with its group: `Cluster.postgresql.cnpg.io`. */
  readonly kind: string;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly generation: number;
  readonly labels: Labels;
  readonly annotations: Labels;
  readonly selector: LabelSelector | undefined;
  readonly template: PodTemplateSpec | undefined;
  /** What a new pod of this template would get today. */
  readonly injection: Injection;
  /** A gateway (annotation `inject.istio.io/templates: gateway`, managed, or static) and not an application. */
  readonly gateway: boolean;
  readonly strategy: Strategy;
  /** How long a pod has to be ready before it counts as available; absent: 0. */
  readonly minReadySeconds?: number;
  /** Of a Deployment: without progress for so long its controller says so, and goes on all the same; absent: 600. */
  readonly progressDeadlineSeconds?: number;
  readonly paused: boolean;
  readonly status: WorkloadStatus;
  /** `kubectl.kubernetes.io/restartedAt` of the template, or `spec.restartAt` of a Rollout. */
  readonly restartedAt: string | undefined;
  /** Of an Argo Rollout that uses a Deployment's template: that Deployment. */
  readonly workloadRef: ObjectRef | undefined;
  /** PersistentVolumeClaims of the pod template (not those of a StatefulSet's `volumeClaimTemplates`). */
  readonly claims: readonly string[];
  readonly hostPorts: readonly number[];
  readonly pods: readonly Pod[];
  /** What it belongs to, e.g. an object of an operator: its controller, else its first owner. */
  readonly owner?: ObjectOwner;
  /** How it is restarted, where it is asked of its operator; absent: by its own template. */
  readonly way?: RestartWay;
  /** An unfinished run holds it at a pace: `paused` and `strategy` then are its owner's. Absent: none does. */
  readonly pace?: PaceRecord;
}

/** How the controller replaces pods; bounds are numbers of pods. */
export type Strategy =
  | {
      readonly type: "RollingUpdate";
      readonly maxSurge: number;
      readonly maxUnavailable: number;
      readonly partition: number;
    }
  | { readonly type: "Recreate" }
  | { readonly type: "OnDelete" }
  /** Argo Rollouts: its controller evicts at most `maxUnavailable` pods at a time during a restart. */
  | { readonly type: "RolloutRestart"; readonly maxUnavailable: number };

/** The counters of the four kinds in one form. Absent counters are 0, because the API leaves zero out. */
export interface WorkloadStatus {
  readonly desired: number;
  readonly observedGeneration: number;
  /** All pods of the workload, old ones included. */
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

/** A pod, in or outside the mesh. */
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
  /** Of a terminating pod: when it is to be gone at the latest (`metadata.deletionTimestamp`, RFC 3339). */
  readonly goneBy?: string;
  /** The controlling owner as the API names it: for a Deployment's pod its ReplicaSet. */
  readonly owner: (ObjectOwner & { readonly uid: string }) | undefined;
  /** The workload that the pod belongs to, where it is known. */
  readonly workload: ObjectRef | undefined;
  /** Its proxy; undefined for a pod outside the mesh. */
  readonly proxy: PodProxy | undefined;
  /** Containers that are not running and ready, with the kubelet's reason. */
  readonly unreadyContainers: readonly UnreadyContainer[];
  /** Pod conditions that are not `True`, e.g. `PodScheduled`. */
  readonly conditions: readonly {
    readonly type: string;
    readonly status: string;
    readonly reason: string;
    readonly message: string;
  }[];
}

/** `gateway`: injected · `managed-gateway`, `waypoint`: deployed by istiod · `static-gateway`: by an installer. */
export type ProxyKind = "sidecar" | "gateway" | "managed-gateway" | "waypoint" | "static-gateway" | "ztunnel";

/** The proxy of a pod. */
export interface PodProxy {
  readonly kind: ProxyKind;
  /** `revision` of annotation `sidecar.istio.io/status`, or annotation `istio.io/rev` where there is no status. */
  readonly revision: string | undefined;
  readonly container: string;
  /** Runs as an init container with `restartPolicy: Always`. */
  readonly native: boolean;
  readonly ready: boolean;
  /** Tag of its image, where the image has one. */
  readonly version: string | undefined;
  /** Annotation `sidecar.istio.io/proxyImage`: the image that it has whatever the injector's is; absent without one. */
  readonly pinnedImage?: string;
  /** `discoveryAddress` of `PROXY_CONFIG`: the address of its istiod. */
  readonly discoveryAddress: string | undefined;
  /** `CA_ADDR`, of a ztunnel `CA_ADDRESS`: where it gets its certificates; absent where it has no such variable. */
  readonly caAddress?: string;
}

/** A container that is not running and ready; `reason` and `message` are the kubelet's, empty without one. */
export interface UnreadyContainer {
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
  /** Its own label `istio.io/rev`: it stays on this revision when the namespace moves. */
  readonly pinned: string | undefined;
}

/** The proxies that one istiod pod lists, or why it did not answer. `istiod` is `NAMESPACE/POD`. */
export type IstiodAnswer =
  | {
      readonly kind: "answered";
      readonly istiod: string;
      readonly revision: string;
      readonly version: string | undefined;
      readonly proxies: readonly ProxyConnection[];
    }
  | {
      readonly kind: "unanswered";
      readonly istiod: string;
      readonly revision: string;
      readonly reason: string;
      /** What keeps it from answering however often it is asked; absent: it may answer the next time. */
      readonly barrier?: Barrier;
      /** False: its pod is not ready, so no Service leads to it; absent counts as ready. */
      readonly ready?: boolean;
    };

/**
 * `debug-off`: it has no debug endpoints (`ENABLE_DEBUG_ON_HTTP=false`) · `debug-closed`: they want credentials ·
 * `no-port-forward`: the right to reach it is missing.
 */
export type Barrier = "debug-off" | "debug-closed" | "no-port-forward";

/** A connected proxy, as one istiod lists it (`/debug/syncz` joined with `/debug/connections`). */
export interface ProxyConnection {
  readonly namespace: string;
  readonly pod: string;
  readonly type: string;
  readonly version: string | undefined;
  readonly cluster: string | undefined;
  readonly cds: SyncState;
  readonly lds: SyncState;
  /** Configuration that the proxy rejected: the type, and the proxy's message. */
  readonly rejected: readonly { readonly type: string; readonly message: string }[];
  /**
   * RFC 3339, with Go's fractions and offset. If one pod has several connections, the oldest, because istiod's answers
   * do not tell them apart. Undefined when `/debug/connections` does not list the proxy.
   */
  readonly connectedAt: string | undefined;
  /** The client address of the connection: the pod's IP, unless something on the way rewrites it. */
  readonly ip: string | undefined;
}

/** `stale`: sent, and not acknowledged yet. */
export type SyncState = "synced" | "stale" | "not sent" | "rejected";
