/** What a preflight reads of Istio's and the Gateway API's objects, and of those who keep objects as they are. */
import type { Labels } from "../../../mesh/kubernetes.ts";
import type { ObjectRef } from "../../../mesh/model.ts";

export interface ConfigEvidence {
  readonly envoyFilters: readonly EnvoyFilter[];
  /** Gateways of networking.istio.io: which proxies they select, and the ports that these serve. */
  readonly servers: readonly GatewayServers[];
  /** Services in the namespaces of injected gateways, without those that select no pods. */
  readonly services: readonly GatewayService[];
  /** Argo CD's Applications of this cluster. */
  readonly applications: readonly Application[];
  readonly workloadEntries: readonly MachineEntry[];
  readonly workloadGroups: readonly Named[];
  /** Clusters, beside this one, that a control plane watches. */
  readonly remoteClusters: readonly { readonly revision: string; readonly clusters: readonly string[] }[];
  /** Revisions without an istiod of which there are objects. */
  readonly leftovers: readonly Leftover[];
  /** Objects of Istio's configuration with a label `istio.io/rev`, without EnvoyFilters. */
  readonly labelled: readonly LabelledObject[];
  /** Of one pod of each gateway: the certificates for its clients. */
  readonly certificates: readonly GatewayCertificates[];
}

interface Named {
  readonly namespace: string;
  readonly name: string;
}

export interface LabelledObject extends ObjectRef {
  readonly revision: string;
}

export interface EnvoyFilter extends Named {
  /** Label `istio.io/rev`: only this revision reads it. */
  readonly revision: string | undefined;
  /** `workloadSelector`; undefined: every proxy of its namespace, in the root namespace every proxy of the mesh. */
  readonly selector: Labels | undefined;
  /** It names its proxies by `targetRefs`, as those of waypoints and Gateways do. */
  readonly targeted: boolean;
  readonly patches: readonly {
    /** e.g. `HTTP_FILTER`. */
    readonly applyTo: string;
    /** `match.proxy.proxyVersion`, a regular expression; undefined: proxies of every version. */
    readonly versions: string | undefined;
    /** Names of filters that it looks for, e.g. `envoy.filters.http.router`. */
    readonly filters: readonly string[];
  }[];
}

export interface GatewayServers extends Named {
  readonly selector: Labels;
  readonly ports: readonly number[];
}

export interface GatewayService extends Named {
  readonly selector: Labels;
  /** It has the label `experimental.istio.io/disable-gateway-port-translation`. */
  readonly untranslated: boolean;
  /** `target`: a number, or the name of a port of the pods. */
  readonly ports: readonly { readonly port: number; readonly target: number | string }[];
}

export interface Application extends Named {
  /** It syncs by itself (`syncPolicy.automated`), where its source changes. */
  readonly automated: boolean;
  /** It syncs by itself where the cluster differs (`selfHeal`). */
  readonly selfHeal: boolean;
  /** It replaces objects instead of patching them (sync option `Replace=true`). */
  readonly replaces: boolean;
  /** Where `managedNamespaceMetadata` has labels: the namespace and these. */
  readonly managed: { readonly namespace: string; readonly labels: Labels } | undefined;
  /** Workloads and Namespaces among `status.resources`, of the namespaces that move. */
  readonly owns: readonly ObjectRef[];
}

export interface MachineEntry extends Named {
  /** Annotation `istio.io/autoRegistrationGroup`: a proxy outside the cluster registered itself. */
  readonly group: string | undefined;
}

export interface Leftover {
  readonly revision: string;
  /** How many objects are certainly its own. */
  readonly objects: number;
}

export type GatewayCertificates =
  | { readonly kind: "answered"; readonly gateway: ObjectRef; readonly certificates: readonly ServedCertificate[] }
  | { readonly kind: "unanswered"; readonly gateway: ObjectRef; readonly reason: string };

export interface ServedCertificate {
  /** DNS names and addresses of its subject. */
  readonly names: readonly string[];
  /** RFC 3339. */
  readonly expires: string;
}

/** Nothing was found; tests begin with it. */
export const noConfigEvidence: ConfigEvidence = {
  envoyFilters: [],
  servers: [],
  services: [],
  applications: [],
  workloadEntries: [],
  workloadGroups: [],
  remoteClusters: [],
  leftovers: [],
  labelled: [],
  certificates: [],
};
