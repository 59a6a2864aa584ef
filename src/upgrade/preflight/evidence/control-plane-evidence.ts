/** What a preflight reads of the control planes beside the mesh: their settings, their age, and what scales them. */
import type { LabelSelector, Labels } from "../../../mesh/kubernetes.ts";
import type { MeshSettings } from "../mesh-settings.ts";

export interface ControlPlaneEvidence {
  /** Version of the API server as it says itself, e.g. `v1.29.3`; undefined where it could not be read. */
  readonly kubernetes: string | undefined;
  readonly deployments: readonly IstiodDeployment[];
  readonly pods: readonly IstiodStart[];
  /** The mesh config of each revision that has a Deployment; a revision whose ConfigMap could not be read is missing. */
  readonly meshConfigs: readonly RevisionConfig[];
  /** `root-cert.pem` of ConfigMap `istio-ca-root-cert` of the Istio namespace. */
  readonly rootCertificates: string | undefined;
  /** HorizontalPodAutoscalers in the namespaces of the control planes. */
  readonly autoscalers: readonly IstiodAutoscaler[];
  /** PodDisruptionBudgets in the namespaces of the control planes. */
  readonly disruptionBudgets: readonly IstiodBudget[];
  /** Providers that policies of the moving namespaces and of the root namespace name. */
  readonly providers: readonly NamedProvider[];
  /** What the target's istiods answer when they are asked for their version. */
  readonly versions: readonly ReportedVersion[];
}

export interface IstiodDeployment {
  readonly revision: string;
  readonly namespace: string;
  readonly name: string;
  /** RFC 3339, seconds. */
  readonly createdAt: string;
  /** Labels of its pods. */
  readonly podLabels: Labels;
  /** Environment of its container `discovery`; values from elsewhere are missing. */
  readonly env: Labels;
}

export interface IstiodStart {
  readonly revision: string;
  readonly namespace: string;
  readonly name: string;
  /** RFC 3339, seconds: when its container was started last, else when the pod was created. */
  readonly startedAt: string;
}

export interface RevisionConfig {
  readonly revision: string;
  /** Namespace and name of the ConfigMap, e.g. `istio-system/istio-1-20`. */
  readonly configMap: string;
  readonly settings: MeshSettings;
  /** The ConfigMap that `SHARED_MESH_CONFIG` of its istiod names, and whether it exists. */
  readonly shared: { readonly configMap: string; readonly exists: boolean } | undefined;
}

export interface IstiodAutoscaler {
  readonly namespace: string;
  readonly name: string;
  readonly target: { readonly kind: string; readonly name: string };
  readonly min: number;
  readonly max: number;
  readonly current: number;
  /** Its conditions that are `False`. */
  readonly failing: readonly { readonly type: string; readonly reason: string }[];
}

export interface IstiodBudget {
  readonly namespace: string;
  readonly name: string;
  readonly selector: LabelSelector | undefined;
  readonly allowed: number;
}

/** A provider of the mesh config that an object names. */
export interface NamedProvider {
  readonly kind: "AuthorizationPolicy" | "Telemetry";
  readonly namespace: string;
  readonly name: string;
  readonly provider: string;
  /** Its label `istio.io/rev`: an istiod of another revision does not see the object. */
  readonly revision: string | undefined;
}

export interface ReportedVersion {
  /** `NAMESPACE/POD`. */
  readonly istiod: string;
  readonly text: string;
}

/** Nothing was found; tests begin with it. */
export const noControlPlaneEvidence: ControlPlaneEvidence = {
  kubernetes: undefined,
  deployments: [],
  pods: [],
  meshConfigs: [],
  rootCertificates: undefined,
  autoscalers: [],
  disruptionBudgets: [],
  providers: [],
  versions: [],
};
