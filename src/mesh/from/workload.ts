/** Workloads of the four kinds, in one form. */
import type { PodTemplateSpec, WorkloadObject } from "../kubernetes.ts";
import { labelOf } from "../labels.ts";
import type { Workload, WorkloadStatus } from "../model.ts";
import type { WorkloadKind } from "../workload-kinds.ts";
import { firstOwnerOf } from "./owner-references.ts";
import { ownSpec, paceRecordOf } from "./pace-record.ts";
import { asksForGateway, isStaticGateway, managedGatewayOf } from "./pod-proxy.ts";
import { strategyFrom } from "./strategy.ts";

/** A workload without its injection and its pods (inventory.ts adds them). */
export type BareWorkload = Omit<Workload, "injection" | "pods">;

/** A workload from an object of one of the four kinds. The API leaves out fields that are zero, false or empty. */
export const workloadFrom = (kind: WorkloadKind, object: WorkloadObject): BareWorkload => {
  const { metadata, status = {} } = object;
  const pace = paceRecordOf(kind, object);
  const spec = ownSpec(object.spec, pace);
  const desired = kind === "DaemonSet" ? (status.desiredNumberScheduled ?? 0) : (spec.replicas ?? 1);
  const namespace = metadata.namespace ?? "";
  const reference = spec.workloadRef;
  const owner = firstOwnerOf(metadata);
  return {
    kind,
    namespace,
    name: metadata.name,
    uid: metadata.uid,
    resourceVersion: metadata.resourceVersion ?? "",
    generation: metadata.generation ?? 0,
    labels: metadata.labels ?? {},
    annotations: metadata.annotations ?? {},
    selector: spec.selector,
    paused: spec.paused ?? false,
    ...(spec.minReadySeconds !== undefined && { minReadySeconds: spec.minReadySeconds }),
    ...(spec.progressDeadlineSeconds !== undefined && { progressDeadlineSeconds: spec.progressDeadlineSeconds }),
    strategy: strategyFrom(kind, spec, desired),
    status: statusFrom(kind, desired, status),
    workloadRef: reference && { kind: reference.kind, namespace, name: reference.name },
    restartedAt: kind === "Rollout" ? spec.restartAt : templateRestartedAt(spec.template),
    ...templateFacts(spec.template, metadata.labels),
    ...(owner && { owner }),
    ...(pace && { pace }),
  };
};

/** The workload with the template of another one (Argo Rollouts with `workloadRef`). */
export const withTemplate = (workload: BareWorkload, template: PodTemplateSpec | undefined): BareWorkload => ({
  ...workload,
  ...templateFacts(template, workload.labels),
});

type TemplateFacts = Pick<Workload, "template" | "gateway" | "claims" | "hostPorts">;

const templateFacts = (
  template: PodTemplateSpec | undefined,
  labels: WorkloadObject["metadata"]["labels"],
): TemplateFacts => ({
  template,
  gateway:
    asksForGateway(template?.metadata?.annotations) ||
    [template?.metadata?.labels, labels].some((set) => managedGatewayOf(set) !== undefined || isStaticGateway(set)),
  claims: (template?.spec.volumes ?? []).flatMap((volume) => volume.persistentVolumeClaim?.claimName ?? []),
  hostPorts: hostPortsOf(template),
});

/** Ports that a pod occupies on its node: every `hostPort`, and with `hostNetwork` all its ports. */
const hostPortsOf = (template: PodTemplateSpec | undefined): number[] =>
  (template?.spec.containers ?? [])
    .flatMap((container) => container.ports ?? [])
    .flatMap((port) => port.hostPort ?? (template?.spec.hostNetwork ? (port.containerPort ?? []) : []))
    .filter((port) => port > 0);

const templateRestartedAt = (template: PodTemplateSpec | undefined): string | undefined =>
  labelOf(template?.metadata?.annotations, "kubectl.kubernetes.io/restartedAt");

const statusFrom = (
  kind: WorkloadKind,
  desired: number,
  status: NonNullable<WorkloadObject["status"]>,
): WorkloadStatus => ({
  desired,
  observedGeneration: Number(status.observedGeneration ?? 0),
  ...(kind === "DaemonSet"
    ? {
        replicas: status.currentNumberScheduled ?? 0,
        updated: status.updatedNumberScheduled ?? 0,
        ready: status.numberReady ?? 0,
        available: status.numberAvailable ?? 0,
      }
    : {
        replicas: status.replicas ?? 0,
        updated: status.updatedReplicas ?? 0,
        ready: status.readyReplicas ?? 0,
        available: status.availableReplicas ?? 0,
      }),
  currentRevision: status.currentRevision,
  updateRevision: status.updateRevision,
  phase: kind === "Rollout" ? status.phase : undefined,
  restartedAt: status.restartedAt,
  conditions: (status.conditions ?? []).map(({ type, status, reason = "", message = "" }) => ({
    type,
    status,
    reason,
    message,
  })),
});
