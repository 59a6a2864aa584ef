/** All istiods of the mesh: which pod is which process, who answers for a Service, and what is wrong with them. */
import jsonPatch from "fast-json-patch";
import type { CallWebhook, Review, Verdict } from "../api/admission.ts";
import type { ConnectPort } from "../api/port-forward.ts";
import type { Cluster } from "../controllers/controller.ts";
import { serviceLabel } from "../controllers/endpoint-slices.ts";
import type { Json, KubeJson } from "../object.ts";
import { injected } from "./injector.ts";
import { istioNamespace, suffixed } from "./install.ts";
import { type Connection, createIstiod, type Istiod, type Stop } from "./istiod.ts";

/** What is wrong with the API server's calls to a webhook's Service. */
export type WebhookFault =
  | { readonly kind: "refuse" }
  | { readonly kind: "hang" }
  | { readonly kind: "slow"; readonly ms: number };

export interface ControlPlanes {
  /** An istiod behind `SERVICE.NAMESPACE.svc:PORT` that takes connections; `undefined` while there is none. */
  reachable(address: string): Istiod | undefined;
  /** Calls the injector behind a webhook entry. Throws an Error with the words of a failed call. */
  readonly inject: CallWebhook;
  /** Whether an istiod's pod answers its probe; `undefined` for a pod that is none. */
  answers(pod: KubeJson): boolean | undefined;
  connectPort(pod: KubeJson): ConnectPort;
  stop(revision: string, how: Stop): void;
  start(revision: string): void;
  setFault(service: string, fault: WebhookFault | undefined): void;
  /** Breaks every connection to the revision's istiods; proxies come back. */
  disconnect(revision: string): void;
  /** How long (ms) proxies take to acknowledge what the revision sends them, beside the usual. */
  setLag(revision: string, millis: number): void;
  lagOf(istiod: Istiod): number;
  /** Every proxy that an istiod holds, with that istiod's revision. */
  held(): readonly { readonly revision: string; readonly connection: Connection }[];
  /** Told when an istiod loses its connections. */
  onDrop(listener: (istiod: Istiod) => void): void;
  /** Told when an istiod's probe may answer otherwise. */
  onProbe(listener: (pod: KubeJson) => void): void;
}

export function startControlPlanes(cluster: Cluster): ControlPlanes {
  const { store, clock, random } = cluster;
  const pods = cluster.resource("pods");
  const istiods = new Map<string, Istiod>();
  const stopped = new Map<string, Stop>();
  const faults = new Map<string, WebhookFault>();
  const lags = new Map<string, number>();
  const listeners: { drop: (istiod: Istiod) => void; probe: (pod: KubeJson) => void } = {
    drop: () => {},
    probe: () => {},
  };
  let turn = 0;

  const isIstiod = ({ metadata }: KubeJson): boolean =>
    metadata.labels?.app === "istiod" && metadata.namespace === istioNamespace;
  const revisionOf = ({ metadata }: KubeJson): string => metadata.labels?.["istio.io/rev"] ?? "default";
  const howStopped = (pod: KubeJson): Stop | undefined => stopped.get(revisionOf(pod));
  const istiodOf = (pod: KubeJson): Istiod => {
    const known =
      istiods.get(pod.metadata.uid) ??
      createIstiod(
        pod,
        clock,
        random,
        () => howStopped(pod),
        (review) => reviewed(pod, review),
      );
    istiods.set(pod.metadata.uid, known);
    return known;
  };
  const podsOf = (revision: string): readonly KubeJson[] =>
    store.list(pods, istioNamespace).filter((pod) => isIstiod(pod) && revisionOf(pod) === revision);

  const gone = (istiod: Istiod): void => {
    istiod.hangUp();
    listeners.drop(istiod);
  };
  store.onChange(({ type, resource, object }) => {
    if (resource !== pods || !isIstiod(object)) return;
    const istiod = istiods.get(object.metadata.uid);
    if (type !== "DELETED" || !istiod) return;
    istiods.delete(object.metadata.uid);
    gone(istiod);
  });

  /** The pods that a Service leads to, ready ones alone; `undefined` where there is no such Service. */
  const behind = (namespace: string, service: string): readonly KubeJson[] | undefined => {
    if (!store.get(cluster.resource("services"), namespace, service)) return undefined;
    const slices = store
      .list(cluster.resource("endpointslices"), namespace)
      .filter(({ metadata }) => metadata.labels?.[serviceLabel] === service);
    const names = slices.flatMap(({ endpoints }) =>
      endpoints.filter(({ conditions }: Json) => conditions.ready).map(({ targetRef }: Json) => targetRef.name),
    );
    return names.flatMap((name) => store.get(pods, namespace, name) ?? []);
  };
  const wait = (millis: number): Promise<void> => new Promise((resolve) => void clock.after(millis, resolve));

  const inject: CallWebhook = async (entry, review) => {
    const { service, caBundle } = entry.clientConfig;
    const url = `https://${service.name}.${service.namespace}.svc:${service.port ?? 443}${service.path ?? ""}`;
    const timeout = entry.timeoutSeconds ?? 10;
    const fail = (why: string): never => {
      throw new Error(`failed to call webhook: Post "${url}?timeout=${timeout}s": ${why}`);
    };
    const targets = behind(service.namespace, service.name);
    if (targets === undefined) return fail(`service "${service.name}" not found`);
    const { ports } = store.get(cluster.resource("services"), service.namespace, service.name)?.spec ?? {};
    if (!ports?.some(({ port }: Json) => port === (service.port ?? 443)))
      return fail(`no service port ${service.port ?? 443} found for service "${service.name}"`);
    const pod = targets[turn++ % Math.max(1, targets.length)];
    if (!pod) return fail(`no endpoints available for service "${service.name}"`);
    if (!caBundle) return fail("tls: failed to verify certificate: x509: certificate signed by unknown authority");
    const fault = faults.get(service.name);
    const how = howStopped(pod);
    if (how === "unready" || how === "unnoticed" || fault?.kind === "refuse")
      return fail(`dial tcp ${pod.status.podIP}:443: connect: connection refused`);
    if (how === "frozen" || fault?.kind === "hang" || (fault?.kind === "slow" && fault.ms >= timeout * 1000)) {
      await wait(timeout * 1000);
      return fail("context deadline exceeded");
    }
    if (fault?.kind === "slow") await wait(fault.ms);
    return answer(pod, review);
  };

  const answer = (pod: KubeJson, review: Review): Verdict => {
    if (review.resource.plural !== "pods" || !review.object) return { allowed: true };
    const revision = revisionOf(pod);
    const { config = "", values = "{}" } =
      store.get(cluster.resource("configmaps"), istioNamespace, suffixed("istio-sidecar-injector", revision))?.data ??
      {};
    const kubelets = store
      .list(cluster.resource("nodes"))
      .map(({ status }) => String(status?.nodeInfo?.kubeletVersion ?? "v1.36.3"));
    try {
      return {
        allowed: true,
        object: injected(review.object, review.namespace ?? "", {
          revision,
          version: istiodOf(pod).version,
          config,
          values,
          kubelets,
        }),
      };
    } catch (error) {
      return { allowed: false, message: (error as Error).message };
    }
  };

  /** The same, asked by an AdmissionReview. */
  const reviewed = (pod: KubeJson, { request, ...review }: Json): Json => {
    const { object, namespace, uid } = request;
    const verdict = answer(pod, { ...request, resource: cluster.resource("pods"), object, namespace });
    if (!verdict.allowed) return { ...review, response: { uid, allowed: false, status: { message: verdict.message } } };
    const patch = Buffer.from(JSON.stringify(jsonPatch.compare(object, verdict.object ?? object))).toString("base64");
    return { ...review, response: { uid, allowed: true, patchType: "JSONPatch", patch } };
  };

  return {
    inject,
    reachable: (address) => {
      const [, service = "", namespace = istioNamespace] = /^([^.:]+)(?:\.([^.:]+))?/.exec(address) ?? [];
      const running = (behind(namespace, service) ?? []).filter((pod) => howStopped(pod) === undefined);
      const pod = running[Math.floor(random() * running.length)];
      return pod && istiodOf(pod);
    },
    answers: (pod) => (isIstiod(pod) ? howStopped(pod) !== "unready" : undefined),
    connectPort: (pod) =>
      isIstiod(pod)
        ? istiodOf(pod).connectPort
        : (port) => `an error occurred forwarding ${port} -> ${port}: connect: connection refused`,
    stop: (revision, how) => {
      stopped.set(revision, how);
      for (const pod of podsOf(revision)) {
        if (how !== "frozen") gone(istiodOf(pod));
        listeners.probe(pod);
      }
    },
    start: (revision) => {
      stopped.delete(revision);
      for (const pod of podsOf(revision)) listeners.probe(pod);
    },
    disconnect: (revision) => {
      for (const pod of podsOf(revision)) listeners.drop(istiodOf(pod));
    },
    setLag: (revision, millis) => void lags.set(revision, millis),
    lagOf: (istiod) => {
      const [uid] = [...istiods].find(([, each]) => each === istiod) ?? [];
      const pod = store.list(pods, istioNamespace).find(({ metadata }) => metadata.uid === uid);
      return (pod && lags.get(revisionOf(pod))) ?? 0;
    },
    setFault: (service, fault) => void (fault ? faults.set(service, fault) : faults.delete(service)),
    held: () =>
      store.list(pods, istioNamespace).flatMap((pod) =>
        [...(istiods.get(pod.metadata.uid)?.connections.values() ?? [])].map((connection) => ({
          revision: revisionOf(pod),
          connection,
        })),
      ),
    onDrop: (listener) => {
      listeners.drop = listener;
    },
    onProbe: (listener) => {
      listeners.probe = listener;
    },
  };
}
