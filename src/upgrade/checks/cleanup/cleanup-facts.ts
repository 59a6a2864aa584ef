/**
 * What the checks of a cleanup judge: everything that can need a control plane. Plain readonly data, read by
 * src/gather/disuse.
 */
import type { Labels, PodTemplateSpec, WebhookEntry } from "../../../mesh/kubernetes.ts";
import type { Mesh, ObjectRef } from "../../../mesh/model.ts";
import type { RevisionService } from "../../cleanup/service-names.ts";
import type { MissingEvidence } from "../../evidence/cluster-evidence.ts";
import type { HistoryFacts } from "../../history.ts";

export interface CleanupFacts {
  readonly revision: string;
  /** The whole mesh: all namespaces, their workloads and whole pods, and the answers of all istiods. */
  readonly mesh: Mesh;
  /** The Services of the revision. */
  readonly services: readonly RevisionService[];
  /** Every webhook configuration of the cluster, Istio's and others. */
  readonly webhooks: readonly WebhookFacts[];
  /** Pod templates that are not those of workloads: of CronJobs, Jobs that have not ended, and of bare controllers. */
  readonly templates: readonly TemplateFacts[];
  /** Gateways of the Gateway API that Istio serves. */
  readonly gateways: readonly GatewayFacts[];
  /** Objects of Istio's and of the Gateway API with label `istio.io/rev` of the revision; Gateways are not in it. */
  readonly labelled: readonly ConfigObject[];
  /** Objects that contain the address of a Service of the revision. */
  readonly callers: readonly Caller[];
  /** What the other revisions give their proxies as addresses. */
  readonly addresses: readonly MeshAddresses[];
  /** Answers of the revision's istiods to `/debug/clusterz`. */
  readonly remoteClusters: readonly RemoteClusters[];
  /** Runs and undo records; undefined where they could not be read. */
  readonly history: HistoryFacts | undefined;
  /** Reads that failed, each with the route that lacks it. */
  readonly missing: readonly MissingEvidence[];
}

export interface WebhookFacts {
  readonly kind: "MutatingWebhookConfiguration" | "ValidatingWebhookConfiguration";
  readonly name: string;
  readonly labels: Labels;
  readonly entries: readonly WebhookEntry[];
}

/** A pod template, and the object that creates pods from it. */
export interface TemplateFacts extends ObjectRef {
  readonly template: PodTemplateSpec | undefined;
}

export interface GatewayFacts {
  readonly namespace: string;
  readonly name: string;
  readonly className: string;
  readonly labels: Labels;
}

/** An object of any kind; `namespace` is undefined for one that is cluster-scoped. */
export interface ConfigObject {
  readonly kind: string;
  readonly group: string;
  readonly namespace: string | undefined;
  readonly name: string;
  readonly labels: Labels;
}

export interface Caller {
  readonly kind: string;
  readonly namespace: string | undefined;
  readonly name: string;
  /** The address as it is in the object. */
  readonly address: string;
}

/** Of one other revision. */
export interface MeshAddresses {
  readonly revision: string;
  /** Namespace and name of its ConfigMap, e.g. `istio-system/istio-1-20`. */
  readonly configMap: string;
  /** Where its proxies get their configuration; Istio's default where the ConfigMap has no such field. */
  readonly discoveryAddress: string;
  /** Every other text of its mesh config and its injection values. */
  readonly texts: readonly string[];
}

export type RemoteClusters =
  | { readonly kind: "answered"; readonly istiod: string; readonly clusters: readonly string[] }
  | { readonly kind: "unanswered"; readonly istiod: string; readonly reason: string };
