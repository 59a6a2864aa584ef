/** The status that a kubelet writes at each step of a pod's life. */
import { type Json, type KubeJson, withCondition } from "../object.ts";
import { affectedOf, isNative, type Step, statusesOf } from "./life.ts";

/** What a container does: these words, or the reason for which it waits. */
type Doing =
  | "ready"
  | "running"
  | "PodInitializing"
  | "ErrImagePull"
  | "ImagePullBackOff"
  | "CrashLoopBackOff"
  | "completed";

interface Picture {
  readonly phase: "Pending" | "Running" | "Succeeded" | "keep";
  readonly app: Doing;
  /** `by-sync`: ready once the proxy is in sync. */
  readonly proxy: Doing | "by-sync";
  /** What the container that the life is about does, where that differs. */
  readonly affected?: Doing;
  readonly restarted?: true;
}

const pictures: Readonly<Record<Exclude<Step, "delete">, Picture>> = {
  start: { phase: "Running", app: "running", proxy: "by-sync" },
  "proxy-start": { phase: "Pending", app: "PodInitializing", proxy: "running" },
  ready: { phase: "Running", app: "ready", proxy: "ready" },
  unready: { phase: "Running", app: "running", proxy: "running" },
  "only-app-ready": { phase: "Running", app: "ready", proxy: "running" },
  "only-proxy-ready": { phase: "Running", app: "running", proxy: "ready" },
  crash: { phase: "keep", app: "running", proxy: "by-sync", affected: "CrashLoopBackOff", restarted: true },
  restart: { phase: "keep", app: "running", proxy: "by-sync", affected: "running" },
  "pull-error": { phase: "Pending", app: "running", proxy: "by-sync", affected: "ErrImagePull" },
  "pull-back-off": { phase: "Pending", app: "running", proxy: "by-sync", affected: "ImagePullBackOff" },
  complete: { phase: "Succeeded", app: "completed", proxy: "completed" },
};

const waits = new Set<Doing>(["PodInitializing", "ErrImagePull", "ImagePullBackOff", "CrashLoopBackOff"]);
const unpulled = new Set<Doing>(["PodInitializing", "ErrImagePull", "ImagePullBackOff"]);

export interface Surroundings {
  readonly now: string;
  readonly synced: boolean;
  /** Given to the pod at its first step. */
  readonly podIP: string;
  readonly hostIP: string;
}

export function statusAt(
  pod: KubeJson,
  step: Exclude<Step, "delete">,
  { now, synced, podIP, hostIP }: Surroundings,
): Json {
  const picture = pictures[step];
  const before = statusesOf(pod);
  const since: string = pod.status?.startTime ?? now;
  const affected = affectedOf(pod);
  const proxyFails = picture.affected !== undefined && affected === "istio-proxy";
  const containerStatus = (container: Json, init: boolean): Json => {
    const isProxy = container.name === "istio-proxy";
    const known = before.find(({ name }) => name === container.name);
    let doing: Doing = isProxy
      ? picture.proxy === "by-sync"
        ? synced
          ? "ready"
          : "running"
        : picture.proxy
      : picture.app;
    if (!init && isNative(pod) && proxyFails) doing = "PodInitializing";
    if (init && container.restartPolicy !== "Always") doing = "completed";
    if (container.name === affected && picture.affected) doing = picture.affected;
    const restarts = (known?.restartCount ?? 0) + (container.name === affected && picture.restarted ? 1 : 0);
    return {
      ...{
        name: container.name,
        image: container.image,
        imageID: unpulled.has(doing) ? "" : container.image,
        restartCount: restarts,
      },
      ready: doing === "ready" || (doing === "completed" && init),
      started: doing === "ready" || (doing === "running" && !(init && isProxy)),
      state: stateOf(doing, container, since, now, known),
      lastState:
        restarts > 0 ? { terminated: { exitCode: 1, reason: "Error", startedAt: since, finishedAt: now } } : {},
    };
  };
  const containers: readonly Json[] = pod.spec.containers.map((each: Json) => containerStatus(each, false));
  const unready = containers.filter(({ ready }) => !ready).map(({ name }) => name);
  const readiness =
    picture.phase === "Succeeded"
      ? { status: "False", reason: "PodCompleted" }
      : unready.length === 0
        ? { status: "True" }
        : {
            status: "False",
            reason: "ContainersNotReady",
            message: `containers with unready status: [${unready.join(" ")}]`,
          };
  const initialized =
    picture.app === "PodInitializing" ? { status: "False", reason: "ContainersNotInitialized" } : { status: "True" };
  const conditions = [
    { type: "PodReadyToStartContainers", status: "True" },
    { type: "Initialized", ...initialized },
    { type: "Ready", ...readiness },
    { type: "ContainersReady", ...readiness },
  ].reduce((all, each) => withCondition(all, each, now), pod.status?.conditions as readonly Json[] | undefined);
  return {
    ...pod.status,
    phase: picture.phase === "keep" ? pod.status.phase : picture.phase,
    ...{
      conditions,
      hostIP,
      podIP: pod.status?.podIP ?? podIP,
      podIPs: [{ ip: pod.status?.podIP ?? podIP }],
      startTime: since,
    },
    ...(pod.spec.initContainers && {
      initContainerStatuses: pod.spec.initContainers.map((each: Json) => containerStatus(each, true)),
    }),
    containerStatuses: containers,
  };
}

function stateOf(doing: Doing, { name, image }: Json, since: string, now: string, known: Json): Json {
  if (doing === "completed")
    return {
      terminated: {
        exitCode: 0,
        reason: "Completed",
        startedAt: since,
        finishedAt: known?.state?.terminated?.finishedAt ?? now,
      },
    };
  if (!waits.has(doing)) return { running: { startedAt: known?.state?.running?.startedAt ?? now } };
  const messages: Readonly<Record<string, string>> = {
    CrashLoopBackOff: `back-off 10s restarting failed container=${name}`,
    ImagePullBackOff: `Back-off pulling image "${image}"`,
    ErrImagePull: `failed to pull and unpack image "${image}": not found`,
  };
  const message = messages[doing];
  return { waiting: { reason: doing, ...(message && { message }) } };
}
