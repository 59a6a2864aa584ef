/**
 * What a kubelet does for the pods of istiod: for each pod of theirs one real istiod runs, of the version of the pod's
 * image, with the pod's arguments and environment, and is probed; the pod is ready when it is (a stage waits for the
 * annotation). So scaling, restarting, upgrading and deleting istiod is done by `kubectl`, as anywhere.
 */
import fs from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Api, Json } from "./api.ts";
import type { Machine } from "./machine.ts";
import type { Running } from "./process.ts";
import { fileOf } from "./programs.ts";
import type { FindPort } from "./services.ts";

/** Written on istiod's pods: `true` when the process answers its readiness probe, `false` when not. */
export const readyAnnotation = "machine/ready";

/**
 * How an istiod is stopped: `unready`: its pod is seen not to be ready; `unnoticed`: its pod goes on claiming to be;
 * `frozen`: it accepts connections and never answers, its pod claims to be ready.
 */
export type Stop = "unready" | "unnoticed" | "frozen";

export interface Istiods {
  readonly findPort: FindPort;
  stop(revision: string, how: Stop): Promise<void>;
  start(revision: string): Promise<void>;
}

interface Istiod {
  readonly pod: Json;
  readonly ports: ReadonlyMap<number, number>;
  process?: Running;
  stopped?: Stop;
  gone: boolean;
}

/** Flags for where an istiod listens, by the port that its pod has. */
const listeners = new Map([
  [8080, "--httpAddr"],
  [15010, "--grpcAddr"],
  [15012, "--secureGRPCAddr"],
  [15014, "--monitoringAddr"],
  [15017, "--httpsAddr"],
]);

/** Runs istiods for the pods of the Istio namespace until `signal` aborts. `env` is added to that of the pods. */
export async function runIstiods(
  machine: Machine,
  api: Api,
  options: { namespace: string; kubeconfig: string; env: Readonly<Record<string, string>> },
  signal: AbortSignal,
): Promise<Istiods> {
  const istiods = new Map<string, Istiod>(); // by the pod's name, which is never used twice

  async function launch(pod: Json): Promise<void> {
    const ports = new Map<number, number>();
    for (const port of listeners.keys()) ports.set(port, await machine.ports.next());
    const istiod: Istiod = { pod, ports, gone: false };
    istiods.set(pod.metadata.name, istiod);
    await Promise.all([announce(istiod), run(istiod)]);
    void probe(istiod);
  }

  async function run(istiod: Istiod): Promise<void> {
    const { name, labels } = istiod.pod.metadata;
    const [container] = istiod.pod.spec.containers;
    const version = container.image.split(":").pop().split("-")[0];
    const cwd = path.join(machine.dir, name);
    fs.mkdirSync(cwd, { recursive: true });
    const listen = [...listeners].flatMap(([port, flag]) => [flag, `127.0.0.1:${istiod.ports.get(port)}`]);
    const program = await machine.start(
      name,
      fileOf(`istio-${version}`, "bin/pilot-discovery"),
      [
        ...container.args,
        ...listen,
        "--ctrlz_port",
        String(await machine.ports.next()),
        "--kubeconfig",
        options.kubeconfig,
      ],
      {
        cwd,
        env: {
          PATH: process.env.PATH,
          HOME: cwd,
          PILOT_MAX_REQUESTS_PER_SECOND: "1000",
          ...environmentOf(istiod.pod),
          ...options.env,
        },
      },
    );
    istiod.process = program;
    void program.ended.then(async () => {
      if (istiod.process === program) delete istiod.process;
      await sleep(500);
      const wanted = !istiod.gone && !istiod.stopped && !istiod.process && !signal.aborted;
      if (wanted)
        await run(istiod).catch((error: Error) => console.log(`istiod of ${labels["istio.io/rev"]}: ${error.message}`));
    });
  }

  /** The kubelet's port-forward to the pod leads to the process. */
  async function announce(istiod: Istiod): Promise<void> {
    const forwards = [...istiod.ports].map(([port, local]) => ({
      ports: [port],
      target: { address: "127.0.0.1", port: local },
    }));
    const { name } = istiod.pod.metadata;
    await api.post(`/apis/kwok.x-k8s.io/v1alpha1/namespaces/${options.namespace}/portforwards`, {
      ...{
        apiVersion: "kwok.x-k8s.io/v1alpha1",
        kind: "PortForward",
        metadata: { name, namespace: options.namespace },
        spec: { forwards },
      },
    });
  }

  async function probe(istiod: Istiod): Promise<void> {
    let said: string | undefined;
    while (!istiod.gone && !signal.aborted) {
      const pretends = istiod.stopped === "unnoticed" || istiod.stopped === "frozen";
      const ready = pretends ? said : String(istiod.process !== undefined && (await answers(istiod.ports.get(8080))));
      if (ready !== said && ready !== undefined) {
        const path = `/api/v1/namespaces/${options.namespace}/pods/${istiod.pod.metadata.name}`;
        said = await api.merge(path, { metadata: { annotations: { [readyAnnotation]: ready } } }).then(
          () => ready,
          () => said,
        );
      }
      await sleep(said === "true" ? 300 : 100);
    }
  }

  function observe(event: { type: string; object: Json }): void {
    const { name, deletionTimestamp } = event.object.metadata;
    const known = istiods.get(name);
    if (event.type === "DELETED" || deletionTimestamp) {
      if (known === undefined) return;
      known.gone = true;
      istiods.delete(name);
      known.process?.child.kill("SIGKILL");
      api.delete(`/apis/kwok.x-k8s.io/v1alpha1/namespaces/${options.namespace}/portforwards/${name}`).catch(() => {});
    } else if (known === undefined && event.object.spec.nodeName) {
      launch(event.object).catch((error: Error) => console.log(`pod ${name}: ${error.message}`));
    }
  }

  const selector = encodeURIComponent("app=istiod");
  await api.watch(`/api/v1/namespaces/${options.namespace}/pods?labelSelector=${selector}`, observe, signal);

  const ofRevision = (revision: string) => {
    const found = [...istiods.values()].filter((istiod) => istiod.pod.metadata.labels["istio.io/rev"] === revision);
    if (found.length === 0) throw new Error(`revision ${revision} has no istiod pod`);
    return found;
  };
  return {
    findPort: (pod, port) => istiods.get(pod.name)?.ports.get(port),
    async stop(revision, how) {
      for (const istiod of ofRevision(revision)) {
        istiod.stopped = how;
        istiod.process?.child.kill(how === "frozen" ? "SIGSTOP" : "SIGKILL");
        if (how !== "frozen") await istiod.process?.ended;
      }
    },
    async start(revision) {
      for (const istiod of ofRevision(revision)) {
        delete istiod.stopped;
        if (istiod.process === undefined) await run(istiod);
        else istiod.process.child.kill("SIGCONT");
      }
    },
  };
}

/** The environment of a pod's first container; what only a kubelet knows (its volumes, its limits) is left out. */
function environmentOf(pod: Json): Record<string, string> {
  const env: Record<string, string> = {};
  for (const { name, value, valueFrom } of pod.spec.containers[0].env ?? []) {
    if (name === "KUBECONFIG") continue; // a mounted file for remote clusters
    const field = valueFrom?.fieldRef?.fieldPath;
    if (value !== undefined) env[name] = value;
    else if (field !== undefined) env[name] = readField(pod, field);
  }
  return env;
}

function readField(pod: Json, field: string): string {
  const quoted = /^metadata\.(labels|annotations)\['(.+)'\]$/.exec(field);
  const keys = quoted ? ["metadata", quoted[1] as string, quoted[2] as string] : field.split(".");
  return String(keys.reduce((at, key) => at?.[key], pod) ?? "");
}

async function answers(port: number | undefined): Promise<boolean> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}/ready`, { signal: AbortSignal.timeout(2000) });
    await response.arrayBuffer();
    return response.ok;
  } catch {
    return false;
  }
}
