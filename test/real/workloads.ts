/** Builders of what tests apply: workloads whose pods have a life (see README.md). */
import { annotations, lifeLabel } from "./mesh/stages.ts";

export interface Life {
  /**
   * What the pods live through; well unless given. `no-istiod`: the proxy never connects. `nack`: the proxy rejects its
   * listeners.
   */
  readonly life?: "never-ready" | "crash" | "pull" | "no-istiod" | "nack" | "long";
  /** Only pods injected by this revision live that life; others are well. */
  readonly onRevision?: string;
  /** The container that crashes or cannot be pulled: `app` unless given, or `istio-proxy`. */
  readonly container?: string;
  /** Milliseconds from running (and in sync) to ready: a number, or at least and at most. */
  readonly readyAfter?: number | readonly [number, number];
  readonly crashAfter?: number;
  /** Milliseconds that a Job's pod runs. */
  readonly runFor?: number;
  /** Milliseconds from the deletion of a pod to its being gone. */
  readonly terminateAfter?: number;
}

export interface Workload extends Life {
  readonly namespace: string;
  readonly name: string;
  /** 3 unless given. */
  readonly replicas?: number;
  /** Added to the labels and annotations of the pod template. */
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  /** Merged over the workload's spec. */
  readonly spec?: object;
  /** Merged over the pod's spec. */
  readonly podSpec?: object;
}

export const deployment = (workload: Workload) => replicated("apps/v1", "Deployment", workload);
export const statefulSet = (workload: Workload) =>
  replicated("apps/v1", "StatefulSet", { ...workload, spec: { serviceName: workload.name, ...workload.spec } });
/** A Rollout of Argo; a canary unless `spec.strategy` says otherwise. */
export const rollout = (workload: Workload) =>
  replicated("argoproj.io/v1alpha1", "Rollout", { ...workload, spec: { strategy: { canary: {} }, ...workload.spec } });

/** One pod on each of the four nodes. */
export function daemonSet(workload: Omit<Workload, "replicas">): object {
  const { metadata, template } = partsOf(workload);
  return {
    apiVersion: "apps/v1",
    kind: "DaemonSet",
    metadata,
    spec: { selector: selectorOf(workload), template, ...workload.spec },
  };
}

/** An injected gateway: a Deployment of the proxy alone, as `istio/gateway`'s chart makes it. */
export function gateway(workload: Workload): object {
  return deployment({
    ...workload,
    labels: { "sidecar.istio.io/inject": "true", ...workload.labels },
    annotations: { "inject.istio.io/templates": "gateway", ...workload.annotations },
    podSpec: { containers: [{ name: "istio-proxy", image: "auto" }], ...workload.podSpec },
  });
}

export function job(workload: Omit<Workload, "replicas">): object {
  return { apiVersion: "batch/v1", kind: "Job", metadata: partsOf(workload).metadata, spec: jobSpec(workload) };
}

/** A CronJob that never fires by itself unless `spec.schedule` says otherwise. */
export function cronJob(workload: Omit<Workload, "replicas">): object {
  const spec = { schedule: "0 0 31 2 *", jobTemplate: { spec: jobSpec({ ...workload, spec: {} }) }, ...workload.spec };
  return { apiVersion: "batch/v1", kind: "CronJob", metadata: partsOf(workload).metadata, spec };
}

/** A pod that nobody owns. */
export function barePod(workload: Omit<Workload, "replicas" | "spec">): object {
  const { metadata, template } = partsOf(workload);
  return { apiVersion: "v1", kind: "Pod", metadata: { ...metadata, ...template.metadata }, spec: template.spec };
}

function replicated(apiVersion: string, kind: string, workload: Workload): object {
  const { metadata, template } = partsOf(workload);
  return {
    apiVersion,
    kind,
    metadata,
    spec: { replicas: workload.replicas ?? 3, selector: selectorOf(workload), template, ...workload.spec },
  };
}

function jobSpec(workload: Omit<Workload, "replicas">): object {
  const { template } = partsOf(workload);
  return { template: { ...template, spec: { restartPolicy: "Never", ...template.spec } }, ...workload.spec };
}

const selectorOf = ({ name }: { readonly name: string }) => ({ matchLabels: { app: name } });

function partsOf(workload: Omit<Workload, "replicas">) {
  const { namespace, name, podSpec } = workload;
  const spec = { containers: [{ name: "app", image: "registry.example/app:1" }], ...podSpec };
  const template = {
    metadata: {
      labels: { app: name, ...lifeLabels(workload), ...workload.labels },
      annotations: { ...lifeAnnotations(workload), ...workload.annotations },
    },
    spec,
  };
  return { metadata: { name, namespace }, template };
}

function lifeLabels({ life }: Life): Record<string, string> {
  return life === undefined ? {} : { [lifeLabel]: life };
}

function lifeAnnotations({
  onRevision,
  container,
  readyAfter,
  crashAfter,
  runFor,
  terminateAfter,
}: Life): Record<string, string> {
  const [least, most] = typeof readyAfter === "number" ? [readyAfter] : (readyAfter ?? []);
  const ms = (value: number | undefined) => (value === undefined ? undefined : `${value}ms`);
  const wanted: [string, string | undefined][] = [
    [annotations.onRevision, onRevision],
    [annotations.container, container],
    [annotations.readyAfter, ms(least)],
    [annotations.readyBefore, ms(most)],
    [annotations.crashAfter, ms(crashAfter)],
    [annotations.runFor, ms(runFor)],
    [annotations.terminateAfter, ms(terminateAfter)],
  ];
  return Object.fromEntries(wanted.filter((each): each is [string, string] => each[1] !== undefined));
}
