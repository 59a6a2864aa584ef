/** The objects of control planes that a preflight reads: the fields that count, and what is kept of them. */
import type { Condition, KubeObject, PodObject, WorkloadObject } from "../../mesh/kubernetes.ts";
import { labelOf } from "../../mesh/labels.ts";
import { labelledRevision } from "../../mesh/revision-names.ts";
import type {
  IstiodAutoscaler,
  IstiodDeployment,
  IstiodStart,
  NamedProvider,
} from "../../upgrade/preflight/evidence/control-plane-evidence.ts";
import { type AutoscalerObject, autoscalerFrom, placeOf } from "../evidence-objects.ts";

export const istiodDeploymentFrom = ({ metadata, spec }: WorkloadObject): IstiodDeployment => ({
  ...placeOf({ metadata }),
  revision: labelledRevision(metadata.labels),
  createdAt: metadata.creationTimestamp ?? "",
  podLabels: spec.template?.metadata?.labels ?? {},
  env: Object.fromEntries(
    (spec.template?.spec.containers ?? [])
      .filter(({ name }) => name === "discovery")
      .flatMap(({ env = [] }) => env.flatMap(({ name, value }) => (value === undefined ? [] : [[name, value]]))),
  ),
});

/** A container that crashed is started again without a new pod. */
export const istiodStartFrom = ({ metadata, status }: PodObject): IstiodStart => ({
  ...placeOf({ metadata }),
  revision: labelledRevision(metadata.labels),
  startedAt:
    status?.containerStatuses?.find(({ name }) => name === "discovery")?.state?.running?.startedAt ??
    metadata.creationTimestamp ??
    "",
});

export type IstiodAutoscalerObject = AutoscalerObject & {
  readonly spec: { readonly minReplicas?: number };
  readonly status?: { readonly conditions?: readonly Condition[] };
};

/** Without `minReplicas` it is 1 (https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/). */
export const istiodAutoscalerFrom = (autoscaler: IstiodAutoscalerObject): IstiodAutoscaler => ({
  ...autoscalerFrom(autoscaler),
  min: autoscaler.spec.minReplicas ?? 1,
  failing: (autoscaler.status?.conditions ?? [])
    .filter(({ status }) => status === "False")
    .map(({ type, reason = "" }) => ({ type, reason })),
});

export type PolicyObject = KubeObject & {
  readonly spec?: { readonly action?: string | number; readonly provider?: { readonly name?: string } };
};

export const policyProviders = (policy: PolicyObject): readonly NamedProvider[] => {
  const provider = policy.spec?.provider?.name;
  if (policy.spec?.action !== "CUSTOM" || typeof provider !== "string" || provider === "") return [];
  return [named("AuthorizationPolicy", policy, provider)];
};

type TelemetryPart = readonly {
  readonly providers?: readonly { readonly name?: string }[] | null;
}[];

export type TelemetryObject = KubeObject & {
  readonly spec?: {
    readonly tracing?: TelemetryPart | null;
    readonly metrics?: TelemetryPart | null;
    readonly accessLogging?: TelemetryPart | null;
  };
};

export const telemetryProviders = (telemetry: TelemetryObject): readonly NamedProvider[] => {
  const { tracing, metrics, accessLogging } = telemetry.spec ?? {};
  const names = [tracing, metrics, accessLogging]
    .flatMap((part) => part ?? [])
    .flatMap(({ providers }) => (providers ?? []).flatMap(({ name }) => name ?? []));
  return [...new Set(names)].map((provider) => named("Telemetry", telemetry, provider));
};

const named = (kind: NamedProvider["kind"], object: KubeObject, provider: string): NamedProvider => ({
  kind,
  ...placeOf(object),
  provider,
  revision: labelOf(object.metadata.labels, "istio.io/rev"),
});
