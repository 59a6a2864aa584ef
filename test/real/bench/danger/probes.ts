/** Questions to the real mesh whose answers an uninstall may change. */
import { askIstiods } from "../../held-proxies.ts";
import type { Json, Mesh } from "../../kit.ts";

export interface Probe {
  /** What is asked, for the page: `a new pod in namespace empty`. */
  readonly what: string;
  /** The answer in a few words. */
  readonly ask: (mesh: Mesh) => Promise<string>;
  /** It is also asked every 100 ms while istioctl runs. */
  readonly isQuick?: true;
}

/** Who injects a new pod: a dry run that admission takes for real. */
export const newPod = (namespace: string, labels: Readonly<Record<string, string>> = {}): Probe => ({
  what: `a new pod ${Object.keys(labels).length > 0 ? "of the template" : `in namespace ${namespace}`}`,
  isQuick: true,
  async ask(mesh) {
    const spec = { containers: [{ name: "app", image: "app:1" }] };
    const pod = {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "tried", labels: { app: "tried", ...labels } },
      spec,
    };
    try {
      const { metadata } = await mesh.api.post(`/api/v1/namespaces/${namespace}/pods?dryRun=All`, pod);
      const revision: string | undefined = metadata.annotations?.["istio.io/rev"];
      return revision === undefined ? "created without a sidecar" : `injected by ${revision}`;
    } catch {
      return "refused";
    }
  },
});

/** Whether a new Telemetry is admitted; also a dry run. */
export const istioWrite: Probe = {
  what: "a write of a Telemetry",
  isQuick: true,
  async ask(mesh) {
    const telemetry = {
      apiVersion: "telemetry.istio.io/v1alpha1",
      kind: "Telemetry",
      metadata: { name: "tried" },
      spec: {},
    };
    try {
      await mesh.api.post("/apis/telemetry.istio.io/v1alpha1/namespaces/plain/telemetries?dryRun=All", telemetry);
      return "accepted";
    } catch {
      return "refused";
    }
  },
};

/** The istiod that the proxy of a pod is connected to; `pod` is the beginning of the pod's name. */
export const proxyOf = (namespace: string, pod: string): Probe => ({
  what: `the proxy of pod ${namespace}/${pod}`,
  async ask(mesh) {
    const pods = (await mesh.pods(namespace)).filter(({ metadata }) => metadata.name.startsWith(pod));
    if (pods.length === 0) return "not there";
    const held = await mesh.heldProxies();
    const revisions = pods.flatMap(({ metadata }) =>
      (held.get(`${metadata.name}.${namespace}`) ?? []).map(({ revision }) => revision),
    );
    return revisions.length === 0 ? "connected to no istiod" : `connected to ${[...new Set(revisions)].join(" and ")}`;
  },
});

/** Which istiods have an object in their configuration. */
export const readersOf = (kind: string, namespace: string, name: string): Probe => ({
  what: `${kind} ${namespace}/${name}`,
  async ask(mesh) {
    const isIt = (config: Json): boolean =>
      config.kind === kind && config.metadata.name === name && config.metadata.namespace === namespace;
    const configs = await askIstiods(mesh.api, mesh.kubeconfig, "/debug/configz");
    const readers = configs.filter(({ answer }) => answer.some(isIt)).map(({ revision }) => revision);
    return readers.length === 0 ? "read by no istiod" : `read by ${[...new Set(readers)].sort().join(" and ")}`;
  },
});

/** Whether an object is there. */
export const objectAt = (what: string, path: string): Probe => ({
  what,
  async ask(mesh) {
    try {
      const { metadata } = await mesh.api.get(path);
      return metadata.deletionTimestamp === undefined ? "there" : "terminating";
    } catch {
      return "gone";
    }
  },
});

/** The Service that others call by its name. */
export const service: Probe = objectAt(
  "the Service that it calls",
  "/api/v1/namespaces/istio-system/services/istiod-1-19",
);

/** Whether the Service of a Gateway gets the port of a listener that is added to it, within 15 s. */
export const newListener = (namespace: string, name: string): Probe => ({
  what: `a new listener of Gateway ${namespace}/${name}`,
  async ask(mesh) {
    const path = `/apis/gateway.networking.k8s.io/v1/namespaces/${namespace}/gateways/${name}`;
    const { spec } = await mesh.api.get(path);
    const port = 8000 + spec.listeners.length;
    const added = { name: `l-${port}`, port, protocol: "HTTP" };
    await mesh.api.merge(path, { spec: { listeners: [...spec.listeners, added] } });
    const isServed = async (): Promise<boolean> => {
      const { spec } = await mesh.api.get(`/api/v1/namespaces/${namespace}/services/${name}-istio`);
      return spec.ports.some((each: Json) => each.port === port);
    };
    return mesh.eventually("the port of the listener", isServed, 15).then(
      () => "deployed",
      () => "not deployed within 15 s",
    );
  },
});

/** Whether the last migration of a namespace can be undone. */
export const wayBack = (namespace: string): Probe => ({
  what: `kubectl mesh-rollback -n ${namespace} --dry-run=client`,
  async ask(mesh) {
    const { code } = await mesh.run("mesh-rollback", ["-n", namespace, "--dry-run=client"]);
    return `exit code ${code}`;
  },
});
