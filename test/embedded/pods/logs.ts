/** What containers write: a few lines, that say why where a life is odd. The same as in the real harness. */
import { badRequest, Refusal } from "../api/status.ts";
import type { Json, KubeJson } from "../object.ts";
import { affectedOf, lifeOf, statusesOf } from "./life.ts";

const texts = {
  app: ["starting", "listening on :8080"],
  crashed: ["starting", "fatal: cannot open the database: connection refused"],
  proxy: [
    "info\txdsproxy\tconnected to upstream XDS server",
    "info\tReadiness succeeded",
    "info\tEnvoy proxy is ready",
  ],
  "no-istiod": [
    "warning\tenvoy config external/envoy/source/extensions/config_subscription/grpc/grpc_stream.h:193\tStreamAggregatedResources gRPC config stream to xds-grpc closed since 40s ago: 14, connection error: dial tcp: i/o timeout",
    "warn\tEnvoy proxy is NOT ready: config not received from XDS server (was Pilot running?): cds updates: 0 successful, 0 rejected; lds updates: 0 successful, 0 rejected",
  ],
  nack: [
    "warning\tenvoy config external/envoy/source/extensions/config_subscription/grpc/grpc_subscription_impl.cc:138\tgRPC config for type.googleapis.com/envoy.config.listener.v3.Listener rejected: Error adding/updating listener(s) virtualInbound: unknown extension",
    "warn\tEnvoy proxy is NOT ready: config received from XDS server, but was rejected: cds updates: 1 successful, 0 rejected; lds updates: 0 successful, 1 rejected",
  ],
} as const;

/** Throws `Refusal` for a container that is not there or has written nothing. */
export function logOf(pod: KubeJson, container: string | undefined, previous: boolean): string {
  const namesOf = (containers: readonly Json[]): readonly string[] => containers.map(({ name }) => name);
  const [own, init] = [namesOf(pod.spec.containers), namesOf(pod.spec.initContainers ?? [])];
  const names = [...own, ...init];
  if (container === undefined && names.length > 1) {
    const others = init.length > 0 ? ` or one of the init containers: [${init.join(" ")}]` : "";
    throw badRequest(
      `a container name must be specified for pod ${pod.metadata.name}, choose one of: [${own.join(" ")}]${others}`,
    );
  }
  const name = container ?? names[0] ?? "";
  if (!names.includes(name)) throw badRequest(`container ${name} is not valid for pod ${pod.metadata.name}`);
  const status = statusesOf(pod).find((each) => each.name === name);
  const waiting = status?.state?.waiting?.reason;
  if (!status || ["ErrImagePull", "ImagePullBackOff", "PodInitializing"].includes(waiting)) {
    const why =
      waiting === "PodInitializing" || !waiting
        ? "is waiting to start: PodInitializing"
        : `is waiting to start: trying and failing to pull image`;
    throw badRequest(`container "${name}" in pod "${pod.metadata.name}" ${why}`);
  }
  if (previous && status.restartCount === 0)
    throw new Refusal(
      400,
      "BadRequest",
      `previous terminated container "${name}" in pod "${pod.metadata.name}" not found`,
    );
  return texts[textOf(pod, name)].map((line) => `${line}\n`).join("");
}

function textOf(pod: KubeJson, name: string): keyof typeof texts {
  const life = lifeOf(pod);
  if (life === "crash" && name === affectedOf(pod)) return "crashed";
  if (name !== "istio-proxy") return "app";
  return life === "no-istiod" || life === "nack" ? life : "proxy";
}
