/**
 * What comes next for a pod: the lives of test/real/README.md, step by step as the stages of its kwok
 * (test/real/mesh/stages.ts) have them.
 */
import { annotations, lifeLabel } from "../../real/mesh/stages.ts";
import { controllerOf, isGoing, isReady, type Json, type KubeJson } from "../object.ts";

export type Step =
  | "start"
  | "proxy-start"
  | "ready"
  | "unready"
  | "only-app-ready"
  | "only-proxy-ready"
  | "crash"
  | "restart"
  | "pull-error"
  | "pull-back-off"
  | "complete"
  | "delete";

/** What a pod cannot tell of itself. */
export interface Circumstances {
  /** Its proxy has acknowledged clusters and listeners. */
  readonly synced: boolean;
  /** An istiod's: whether it answers its probe; `undefined` for a pod that is none. */
  readonly answers: boolean | undefined;
  readonly random: () => number;
}

export interface Next {
  readonly step: Step;
  /** Milliseconds. */
  readonly after: number;
}

const proxyName = "istio-proxy";
const annotation = ({ metadata }: KubeJson, name: string): string | undefined => metadata.annotations?.[name];
const containersOf = ({ spec }: KubeJson): readonly Json[] => [...spec.containers, ...(spec.initContainers ?? [])];
export const proxyOf = (pod: KubeJson): Json | undefined => containersOf(pod).find(({ name }) => name === proxyName);
export const isNative = ({ spec }: KubeJson): boolean =>
  (spec.initContainers ?? []).some(({ name }: Json) => name === proxyName);

/** The revision whose proxy the pod has: injected, or deployed by istiod as a gateway. */
export function revisionOf(pod: KubeJson): string | undefined {
  if (!proxyOf(pod)) return undefined;
  return JSON.parse(annotation(pod, "sidecar.istio.io/status") ?? "{}").revision ?? annotation(pod, "istio.io/rev");
}

export function lifeOf(pod: KubeJson): string {
  const only = annotation(pod, annotations.onRevision);
  const applies = only === undefined || only === revisionOf(pod);
  return (applies ? pod.metadata.labels?.[lifeLabel] : undefined) ?? "well";
}

/** The container that a crash or a pull is about. */
export const affectedOf = (pod: KubeJson): string | undefined =>
  annotation(pod, annotations.container) ??
  pod.spec.containers.map(({ name }: Json) => name).find((name: string) => name !== proxyName);

export const statusesOf = ({ status }: KubeJson): readonly Json[] => [
  ...(status?.containerStatuses ?? []),
  ...(status?.initContainerStatuses ?? []),
];

/** `4000ms`, `5s`. */
export function millis(text: string | undefined, otherwise: number): number {
  const [, amount, unit] = /^(\d+)(ms|s|m)$/.exec(text ?? "") ?? [];
  return amount === undefined ? otherwise : Number(amount) * (unit === "ms" ? 1 : unit === "s" ? 1_000 : 60_000);
}

/** `undefined`: nothing until something changes. */
export function nextOf(pod: KubeJson, circumstances: Circumstances): Next | undefined {
  if (isGoing(pod)) return { step: "delete", after: millis(annotation(pod, annotations.terminateAfter), 0) };
  if (!pod.spec.nodeName || ["Succeeded", "Failed"].includes(pod.status?.phase)) return undefined;
  const life = lifeOf(pod);
  return pod.status?.podIP === undefined ? firstOf(pod, life) : laterOf(pod, life, circumstances);
}

const at = (step: Step, after = 0): Next => ({ step, after });

function firstOf(pod: KubeJson, life: string): Next {
  const native = revisionOf(pod) !== undefined && isNative(pod);
  if (life === "pull" && (!native || affectedOf(pod) === proxyName)) return at("pull-error");
  return at(native ? "proxy-start" : "start");
}

function laterOf(
  pod: KubeJson,
  life: string,
  { synced: proxySynced, answers, random }: Circumstances,
): Next | undefined {
  const revision = revisionOf(pod);
  const synced = revision === undefined || proxySynced;
  const statuses = statusesOf(pod);
  const state = statuses.find(({ name }) => name === affectedOf(pod))?.state;
  const doing = state?.running ? "running" : state?.waiting?.reason;
  if (life === "pull" && doing === "ErrImagePull") return at("pull-back-off", 1_000);
  if (life === "pull" && doing === "ImagePullBackOff") return undefined;
  if (life === "crash" && doing === "running")
    return at("crash", millis(annotation(pod, annotations.crashAfter), 1_000));
  if (life === "crash" && doing === "CrashLoopBackOff") return at("restart", 5_000);
  if (pod.status.phase === "Pending") return synced ? at(life === "pull" ? "pull-error" : "start") : undefined;
  if (isReady(pod)) return answers === false ? at("unready") : undefined;
  if (life === "crash") return undefined;
  if (controllerOf(pod)?.kind === "Job" && life !== "long" && synced)
    return at("complete", millis(annotation(pod, annotations.runFor), 500));
  if (answers === false) return undefined;
  if (life === "never-ready")
    return revision !== undefined && synced && statuses.some(({ name, ready }) => name === proxyName && !ready)
      ? at("only-proxy-ready")
      : undefined;
  if (synced) return at("ready", readyAfter(pod, random));
  const appReady = (pod.status.containerStatuses ?? []).every(({ name, ready }: Json) => name === proxyName || ready);
  return appReady ? undefined : at("only-app-ready", millis(annotation(pod, annotations.readyAfter), 2_000));
}

function readyAfter(pod: KubeJson, random: () => number): number {
  const least = millis(annotation(pod, annotations.readyAfter), 0);
  const most = millis(annotation(pod, annotations.readyBefore), least);
  return least + random() * (most - least);
}
