/**
 * What containers wrote: the same few lines for all, by kwok's ClusterLogs, and for a pod whose life is odd the lines
 * that tell why, by a Logs object of its name. A container whose image could not be pulled has written nothing: an
 * error.
 */
import fs from "node:fs";
import path from "node:path";
import type { Api } from "./api.ts";

const texts = {
  app: ["starting", "listening on :8080"],
  crashed: ["starting", "fatal: cannot open the database: connection refused"],
  proxy: [
    "info\txdsproxy\tconnected to upstream XDS server",
    "info\tReadiness succeeded",
    "info\tEnvoy proxy is ready",
  ],
  "proxy-no-istiod": [
    "warning\tenvoy config external/envoy/source/extensions/config_subscription/grpc/grpc_stream.h:193\tStreamAggregatedResources gRPC config stream to xds-grpc closed since 40s ago: 14, connection error: dial tcp: i/o timeout",
    "warn\tEnvoy proxy is NOT ready: config not received from XDS server (was Pilot running?): cds updates: 0 successful, 0 rejected; lds updates: 0 successful, 0 rejected",
  ],
  "proxy-nack": [
    "warning\tenvoy config external/envoy/source/extensions/config_subscription/grpc/grpc_subscription_impl.cc:138\tgRPC config for type.googleapis.com/envoy.config.listener.v3.Listener rejected: Error adding/updating listener(s) virtualInbound: unknown extension",
    "warn\tEnvoy proxy is NOT ready: config received from XDS server, but was rejected: cds updates: 1 successful, 0 rejected; lds updates: 0 successful, 1 rejected",
  ],
} as const;

type Text = keyof typeof texts;
const kind = "kwok.x-k8s.io/v1alpha1";
const log = (dir: string, containers: readonly string[], text: Text, previous?: Text) => ({
  ...(containers.length > 0 && { containers }),
  logsFile: fileOf(dir, text),
  previousLogsFile: fileOf(dir, previous ?? text),
  follow: false,
});
const fileOf = (dir: string, text: Text) => path.join(dir, "container-logs", `${text}.log`);

/** Writes the files and says what every container wrote. */
export async function installLogs(api: Api, dir: string): Promise<void> {
  fs.mkdirSync(path.join(dir, "container-logs"));
  const now = new Date().toISOString().replace("Z", "000000Z");
  for (const [text, lines] of Object.entries(texts)) {
    fs.writeFileSync(fileOf(dir, text as Text), lines.map((line) => `${now} stdout F ${line}\n`).join(""));
  }
  const logs = [log(dir, ["istio-proxy"], "proxy"), log(dir, [], "app")];
  await api.post("/apis/kwok.x-k8s.io/v1alpha1/clusterlogs", {
    apiVersion: kind,
    kind: "ClusterLogs",
    metadata: { name: "all" },
    spec: { logs },
  });
}

/** Says what the containers of a pod wrote whose life is odd. `affected` is the container that it is about. */
export async function installOddLogs(
  api: Api,
  dir: string,
  pod: {
    readonly namespace: string;
    readonly name: string;
    readonly life: string;
    readonly containers: readonly string[];
    readonly affected: string;
  },
): Promise<void> {
  const others = pod.containers.filter((container) => container !== pod.affected && container !== "istio-proxy");
  const logs = others.map((container) => log(dir, [container], "app"));
  if (pod.life === "no-istiod" || pod.life === "nack")
    logs.push(log(dir, ["istio-proxy"], `proxy-${pod.life}`), log(dir, [pod.affected], "app"));
  else if (pod.affected !== "istio-proxy") logs.push(log(dir, ["istio-proxy"], "proxy"));
  if (pod.life === "crash") logs.push(log(dir, [pod.affected], "crashed"));
  const { namespace, name } = pod;
  const path = `/apis/kwok.x-k8s.io/v1alpha1/namespaces/${namespace}/logs`;
  await api
    .post(path, { apiVersion: kind, kind: "Logs", metadata: { name, namespace }, spec: { logs } })
    .catch(() => {}); // the namespace is going, or it is there
}
