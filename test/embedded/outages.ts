/**
 * What can go wrong with pods, nodes and istiods while a namespace moves from `default` to `1-20`, by name. Of
 * requests: faults.ts.
 */
import { lifeLabel } from "../real/mesh/stages.ts";
import type { Act, Stage } from "./fault-plan.ts";
import { istioNamespace, suffixed } from "./istio/install.ts";
import type { Stop } from "./istio/istiod.ts";
import { isReady, type Json, type KubeJson, withCondition } from "./object.ts";
import {
  change,
  changeSpec,
  every,
  life,
  list,
  listIn,
  newPodsAre,
  newPodsLive,
  podsOf,
  recreate,
  relabelled,
  remove,
  workloads,
} from "./writes.ts";

export const revisions = { old: "default", target: "1-20" } as const;

const istio = (stage: Stage, plural: string, name: string): KubeJson | undefined =>
  [...listIn(stage, plural, istioNamespace), ...listIn(stage, plural, undefined)].find(
    ({ metadata }) => metadata.name === name,
  );
const istiodPods = (stage: Stage, revision: string): readonly KubeJson[] =>
  listIn(stage, "pods", istioNamespace).filter(
    ({ metadata }) => metadata.labels?.app === "istiod" && metadata.labels["istio.io/rev"] === revision,
  );

/** Each for a while or to the end, as the plan has it. */
const ofIstiod = (revision: string): Readonly<Record<string, Act>> => ({
  ...Object.fromEntries((["unready", "unnoticed", "frozen"] as const).map((how) => [how, stopped(revision, how)])),
  killed: async (stage) => {
    for (const pod of istiodPods(stage, revision)) await remove(stage, pod, 0);
    return undefined;
  },
  "killed every 4 s": (stage) =>
    every(stage, 4_000, async () => {
      for (const pod of istiodPods(stage, revision)) await remove(stage, pod, 0);
    }),
  "scaled to 0": async (stage) => {
    const deployment = istio(stage, "deployments", suffixed("istiod", revision));
    if (!deployment) return undefined;
    await changeSpec(stage, deployment, (spec) => ({ ...spec, replicas: 0 }));
    return () => changeSpec(stage, deployment, (spec) => ({ ...spec, replicas: 1 }));
  },
  "its Deployment deleted": (stage) => deleted(stage, "deployments", suffixed("istiod", revision)),
  "loses its connections every 2 s": (stage) => every(stage, 2_000, async () => stage.mesh.planes.disconnect(revision)),
  "is slow to sync": async ({ mesh }) => {
    mesh.planes.setLag(revision, 6_000);
    return async () => mesh.planes.setLag(revision, 0);
  },
  "never syncs": async ({ mesh }) => {
    mesh.planes.setLag(revision, 3_600_000);
    return async () => {
      mesh.planes.setLag(revision, 0);
      mesh.planes.disconnect(revision);
    };
  },
  "webhook refuses": webhookFault(revision, { kind: "refuse" }),
  "webhook hangs": webhookFault(revision, { kind: "hang" }),
  "webhook is slow": webhookFault(revision, { kind: "slow", ms: 4_000 }),
});

const stopped =
  (revision: string, how: Stop): Act =>
  async ({ mesh }) => {
    mesh.planes.stop(revision, how);
    return async () => mesh.planes.start(revision);
  };

const webhookFault =
  (revision: string, fault: Parameters<Stage["mesh"]["planes"]["setFault"]>[1]): Act =>
  async ({ mesh }) => {
    mesh.planes.setFault(suffixed("istiod", revision), fault);
    return async () => mesh.planes.setFault(suffixed("istiod", revision), undefined);
  };

async function deleted(stage: Stage, plural: string, name: string): Promise<undefined | (() => Promise<unknown>)> {
  const object = istio(stage, plural, name);
  if (!object) return undefined;
  await remove(stage, object);
  return () => recreate(stage, object);
}

/** Swaps what an object says and puts it back. */
async function swapped(
  stage: Stage,
  object: KubeJson | undefined,
  make: (now: KubeJson) => Json,
): Promise<undefined | (() => Promise<unknown>)> {
  if (!object) return undefined;
  await change(stage, object, make);
  return () =>
    change(stage, object, ({ metadata }) => ({
      ...object,
      metadata: { ...object.metadata, resourceVersion: metadata.resourceVersion },
    }));
}

const injector = (stage: Stage): KubeJson | undefined =>
  istio(stage, "mutatingwebhookconfigurations", "istio-sidecar-injector-1-20");
const entries =
  (change: (entry: Json) => Json) =>
  (now: KubeJson): Json => ({ ...now, webhooks: now.webhooks.map(change) });
const withService = (change: (service: Json) => Json) =>
  entries((entry) => ({
    ...entry,
    clientConfig: { ...entry.clientConfig, service: change(entry.clientConfig.service) },
  }));

/** The injector of the target, and who answers in its name. */
const ofTarget: Readonly<Record<string, Act>> = {
  "injector deleted": (stage) => deleted(stage, "mutatingwebhookconfigurations", "istio-sidecar-injector-1-20"),
  "injector without a CA": (stage) =>
    swapped(
      stage,
      injector(stage),
      entries((entry) => ({ ...entry, clientConfig: { service: entry.clientConfig.service } })),
    ),
  "injector leads to the old istiod": (stage) =>
    swapped(
      stage,
      injector(stage),
      withService((service) => ({ ...service, name: "istiod" })),
    ),
  "injector down and ignored": async (stage) => {
    const end = await swapped(
      stage,
      injector(stage),
      entries((entry) => ({ ...entry, failurePolicy: "Ignore" })),
    );
    stage.mesh.planes.setFault("istiod-1-20", { kind: "refuse" });
    return async () => {
      stage.mesh.planes.setFault("istiod-1-20", undefined);
      await end?.();
    };
  },
  "Service leads to the old istiod": async (stage) => {
    const service = istio(stage, "services", "istiod-1-20");
    const old = istio(stage, "services", "istiod");
    const end = await swapped(stage, service, (now) => ({
      ...now,
      spec: { ...now.spec, selector: old?.spec.selector },
    }));
    return async () => {
      await end?.();
      // Who was led astray comes back only when its connection ends, as istiod ends each after half an hour.
      stage.mesh.planes.disconnect(revisions.old);
    };
  },
};

const nodeNamed = (stage: Stage, name: string): KubeJson | undefined =>
  listIn(stage, "nodes", undefined).find(({ metadata }) => metadata.name === name);
const setNode = async (stage: Stage, name: string, status: "True" | "Unknown"): Promise<void> => {
  const { machine } = stage.mesh;
  const node = nodeNamed(stage, name);
  if (!node) return;
  const reason = status === "True" ? "KubeletReady" : "NodeStatusUnknown";
  await machine.setStatus(node, {
    ...node.status,
    conditions: withCondition(node.status.conditions, { type: "Ready", status, reason }, machine.now()),
  });
};

const ofPods: Readonly<Record<string, Act>> = {
  "new pods crash": (stage) => newPodsLive(stage, "crash"),
  "new pods' proxies crash": (stage) => newPodsLive(stage, "crash", { [life.container]: "istio-proxy" }),
  "new pods cannot be pulled": (stage) => newPodsLive(stage, "pull"),
  "new pods' proxies cannot be pulled": (stage) => newPodsLive(stage, "pull", { [life.container]: "istio-proxy" }),
  "new pods never get ready": (stage) => newPodsLive(stage, "never-ready"),
  "new pods reject their listeners": (stage) => newPodsLive(stage, "nack"),
  "new pods do not connect": (stage) => newPodsLive(stage, "no-istiod"),
  "new pods' proxies connect to the old istiod": async (stage) => {
    const astray = ({ name, value }: Json): Json =>
      name === "PROXY_CONFIG"
        ? { name, value: JSON.stringify({ ...JSON.parse(value), discoveryAddress: "istiod.istio-system.svc:15012" }) }
        : { name, value };
    const led = (containers: readonly Json[]): Json =>
      containers.map((each) => (each.env ? { ...each, env: each.env.map(astray) } : each));
    const end = await newPodsAre(stage, (pod) => ({
      ...pod,
      spec: { ...pod.spec, containers: led(pod.spec.containers) },
    }));
    return async () => {
      await end();
      for (const pod of list(stage, "pods")) await remove(stage, pod);
    };
  },
  "new pods take 45 s": (stage) =>
    newPodsLive(stage, undefined, { [life.readyAfter]: "45000ms", [life.readyBefore]: "46000ms" }),
  "pods take 40 s to end": async (stage) => {
    const slow = { [life.terminateAfter]: "40000ms" };
    for (const pod of list(stage, "pods"))
      await change(stage, pod, (now) => ({
        ...now,
        metadata: { ...now.metadata, annotations: { ...now.metadata.annotations, ...slow } },
      }));
    return newPodsLive(stage, undefined, slow);
  },
  "all pods of a workload crash": async (stage) => {
    for (const pod of workloads(stage)
      .slice(-1)
      .flatMap((workload) => podsOf(stage, workload))) {
      stage.blame(pod);
      await change(stage, pod, (now) => relabelled(now, { [lifeLabel]: "crash" }));
    }
    return async () => {
      for (const pod of list(stage, "pods"))
        await change(stage, pod, (now) => relabelled(now, { [lifeLabel]: undefined }));
    };
  },
  "a node is not ready": async (stage) => {
    for (const pod of list(stage, "pods").filter((each) => each.spec.nodeName === "node-1" && isReady(each)))
      stage.blame(pod);
    await setNode(stage, "node-1", "Unknown");
    return () => setNode(stage, "node-1", "True");
  },
  "the API server's cache of namespaces lags": async ({ mesh }) => {
    mesh.staleNamespaces(true);
    return async () => mesh.staleNamespaces(false);
  },
  "nothing can be scheduled": async (stage) => {
    const nodes = listIn(stage, "nodes", undefined);
    const cordon = (unschedulable: boolean) =>
      Promise.all(nodes.map((node) => changeSpec(stage, node, (spec) => ({ ...spec, unschedulable }))));
    await cordon(true);
    return () => cordon(false);
  },
};

const named = (prefix: string, acts: Readonly<Record<string, Act>>): readonly (readonly [string, Act])[] =>
  Object.entries(acts).map(([name, act]) => [`${prefix}${name}`, act]);

export const outages: Readonly<Record<string, Act>> = Object.fromEntries([
  ...named("the target's istiod: ", ofIstiod(revisions.target)),
  ...named("the old istiod: ", ofIstiod(revisions.old)),
  ...named("the target's ", ofTarget),
  ...named("", ofPods),
]);
