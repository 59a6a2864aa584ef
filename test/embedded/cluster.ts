/** The cluster without Istio: a store, the API server on it, controllers and kubelets. */
import { type Authorize, createAuthorizer, type User } from "./api/access.ts";
import { type CallWebhook, createAdmission } from "./api/admission.ts";
import type { Answered, Asked, Interception } from "./api/request.ts";
import { createResources, type Resources } from "./api/resources.ts";
import { type ApiServer, startApiServer } from "./api/server.ts";
import { createStore, type Store } from "./api/store.ts";
import { createWriter, type Writer } from "./api/write.ts";
import type { MeshClock } from "./clock.ts";
import { autoscalers } from "./controllers/autoscaler.ts";
import { type Cluster, type Controller, clusterFor, startControllers } from "./controllers/controller.ts";
import { cronJobs } from "./controllers/cron-job.ts";
import { daemonSets } from "./controllers/daemon-set.ts";
import { deployments } from "./controllers/deployment.ts";
import { disruptionBudgets } from "./controllers/disruption-budget.ts";
import { endpointSlices } from "./controllers/endpoint-slices.ts";
import { tellOfChanges } from "./controllers/events.ts";
import { collectGarbage } from "./controllers/garbage.ts";
import { jobs } from "./controllers/job.ts";
import { namespaces } from "./controllers/namespace.ts";
import { nodeLifecycle } from "./controllers/node-lifecycle.ts";
import { replicaSets } from "./controllers/replica-set.ts";
import { resourceQuotas } from "./controllers/resource-quota.ts";
import { statefulSets } from "./controllers/stateful-set.ts";
import { type ControlPlanes, startControlPlanes } from "./istio/control-planes.ts";
import { startProxies } from "./istio/proxies.ts";
import type { KubeJson } from "./object.ts";
import { type Kubelet, startKubelet } from "./pods/kubelet.ts";
import { logOf } from "./pods/logs.ts";
import { scheduler } from "./pods/scheduler.ts";

export interface Running {
  readonly server: ApiServer;
  readonly store: Store;
  readonly resources: Resources;
  readonly writer: Writer;
  readonly authorize: Authorize;
  readonly planes: ControlPlanes;
  /**
   * From now on, or no more, webhooks are chosen by the namespaces' labels as they are now: the cache of an API server
   * that lags.
   */
  staleNamespaces(on: boolean): void;
  /** For what is done in nobody's name. */
  readonly machine: Cluster;
  close(): Promise<void>;
}

export interface ClusterOptions {
  readonly clock: MeshClock;
  /** The same seed makes the same names, times and choices. */
  readonly seed: number;
  readonly users: ReadonlyMap<string, User>;
  /** Webhooks by URL; those by Service are istiod's. */
  readonly webhooks: ReadonlyMap<string, CallWebhook>;
  readonly intercept: (asked: Asked) => Interception | undefined;
  readonly onAnswer: (answered: Answered) => void;
}

const controllers: readonly Controller[] = [
  ...[deployments, replicaSets, statefulSets, daemonSets, jobs, cronJobs, autoscalers],
  ...[endpointSlices, namespaces, disruptionBudgets, resourceQuotas, nodeLifecycle],
];

export async function startCluster({
  clock,
  seed,
  users,
  webhooks,
  intercept,
  onAnswer,
}: ClusterOptions): Promise<Running> {
  const random = randomFrom(seed);
  const store = createStore();
  let stale: ReadonlyMap<string, KubeJson> | undefined;
  const resources = createResources();
  const call: CallWebhook = (entry, review) => {
    const { url } = entry.clientConfig;
    const known = url === undefined ? planes.inject : webhooks.get(url);
    if (known) return known(entry, review);
    return Promise.reject(
      new Error(
        `failed to call webhook: Post "${url}?timeout=${entry.timeoutSeconds ?? 10}s": dial tcp: connect: connection refused`,
      ),
    );
  };
  const admission = createAdmission({
    store,
    resources,
    call,
    cachedNamespace: (name) => {
      const now = store.get(resources.named("namespaces"), undefined, name);
      return stale?.get(now?.metadata.uid ?? "") ?? now;
    },
  });
  const writer = createWriter({ store, clock, admission, random });
  const { authorize, rulesOf } = createAuthorizer(store, resources);
  const parts = { store, resources, writer, clock, random };
  const machine = clusterFor(parts, "system:machine");
  store.onChange(({ type, resource, object }) => {
    if (resource.plural !== "customresourcedefinitions") return;
    if (type === "DELETED") resources.undefine(object);
    else resources.define(object);
  });

  const stopTelling = tellOfChanges(machine);
  const planes = startControlPlanes(machine);
  const stopControllers = startControllers(
    controllers,
    clusterFor(parts, "system:serviceaccount:kube-system:controller-manager"),
  );
  const stopScheduler = startControllers([scheduler()], clusterFor(parts, "system:kube-scheduler"));
  const stopGarbage = collectGarbage(clusterFor(parts, "system:serviceaccount:kube-system:generic-garbage-collector"));
  const proxies = startProxies(machine, planes, (uid) => kubelet.look(uid));
  const kubelet: Kubelet = startKubelet(clusterFor(parts, "system:node"), (pod) => ({
    synced: proxies.isSynced(pod.metadata.uid),
    answers: planes.answers(pod),
  }));
  planes.onDrop((istiod) => proxies.dropped(istiod));
  planes.onProbe((pod) => kubelet.look(pod.metadata.uid));
  const server = await startApiServer({
    ...{ store, resources, writer, authorize, rulesOf, clock, users, intercept, onAnswer },
    logs: logOf,
    connectPort: (pod) => planes.connectPort(pod),
  });

  return {
    ...{ server, store, resources, writer, authorize, planes, machine },
    staleNamespaces: (on) => {
      stale = on
        ? new Map(store.list(resources.named("namespaces")).map((each) => [each.metadata.uid, each]))
        : undefined;
    },
    close: async () => {
      for (const stop of [stopControllers, stopScheduler, stopGarbage, stopTelling]) stop();
      proxies.stop();
      kubelet.stop();
      await server.close();
    },
  };
}

/** Numbers from 0 to 1 that a seed determines (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
