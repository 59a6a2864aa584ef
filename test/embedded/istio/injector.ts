/**
 * What istiod's injector makes of a pod: istio-facts.md §3, pkg/kube/inject/{inject,webhook}.go. Not our own src/mesh,
 * which is tested against it.
 */
import { load } from "js-yaml";
import { matchesSelector } from "../../../src/mesh/labels.ts";
import type { Json, KubeJson } from "../object.ts";
import { istioNamespace, suffixed } from "./install.ts";

export interface Injecting {
  readonly revision: string;
  readonly version: string;
  /** Text of the revision's injector ConfigMap (`config`). */
  readonly config: string;
  /** The same of its Helm values (`values`): where the proxy belongs, and where its image comes from. */
  readonly values: string;
  /** Versions of all nodes' kubelets. */
  readonly kubelets: readonly string[];
}

/** The last few ConfigMaps: to read one takes longer than all else that is done for a pod. */
const parsedConfigs = new Map<string, Json>();
function parsed(text: string): Json {
  const config = parsedConfigs.get(text) ?? load(text) ?? {};
  if (parsedConfigs.size > 8) parsedConfigs.clear();
  parsedConfigs.set(text, config);
  return config;
}

const ignored = new Set(["kube-system", "kube-public", "kube-node-lease", "local-path-storage"]);

/**
 * The pod with its proxy; as it was where istiod leaves it alone. Throws an Error for a template that the revision has
 * not.
 */
export function injected(pod: KubeJson, namespace: string, injecting: Injecting): KubeJson {
  const config = parsed(injecting.config);
  if (!isDue(pod, namespace, { version: injecting.version, config })) return pod;
  const names = templatesOf(pod, config);
  const missing = names.find((name) => !Object.hasOwn(config.templates ?? {}, name));
  if (missing !== undefined)
    throw new Error(
      `requested template "${missing}" not found; have ${Object.keys(config.templates ?? {}).join(", ")}`,
    );
  return withProxy(pod, namespace, injecting, names.includes("gateway"));
}

/**
 * `injectRequired`. Up to 1.26 YAML's words for true are a wish and any other a refusal, later `true` and `false` alone
 * mean something.
 */
function isDue(
  { spec, metadata }: KubeJson,
  namespace: string,
  { version, config }: { readonly version: string; readonly config: Json },
): boolean {
  if (spec.hostNetwork || ignored.has(namespace)) return false;
  const wish: string =
    metadata.labels?.["sidecar.istio.io/inject"] ?? metadata.annotations?.["sidecar.istio.io/inject"] ?? "";
  if (minorOf(version) < 27 && wish !== "") return ["true", "y", "yes", "on"].includes(wish.toLowerCase());
  if (wish === "true" || wish === "false") return wish === "true";
  const isPicked = (selectors: readonly Json[] | undefined): boolean =>
    (selectors ?? []).some((each) => Object.keys(each).length > 0 && matchesSelector(each, metadata.labels));
  if (isPicked(config.neverInjectSelector)) return false;
  return isPicked(config.alwaysInjectSelector) || config.policy === "enabled";
}

const templatesOf = ({ metadata }: KubeJson, config: Json): readonly string[] => {
  const asked = metadata.annotations?.["inject.istio.io/templates"];
  return asked === undefined ? (config.defaultTemplates ?? ["sidecar"]) : asked.split(",").map((name) => name.trim());
};

const minorOf = (version: string): number => Number(version.replace(/^v/, "").split(".")[1]);

/**
 * Native from 1.27 on where every kubelet is 1.33 or later; an annotation has the last word, of which 1.19 and 1.20
 * know nothing.
 */
function isNative({ metadata }: KubeJson, { version, kubelets }: Injecting): boolean {
  if (minorOf(version) < 27) return false;
  const asked = metadata.annotations?.["sidecar.istio.io/nativeSidecar"];
  if (asked !== undefined) return asked === "true";
  return kubelets.every((kubelet) => minorOf(kubelet) >= 33);
}

function withProxy(pod: KubeJson, namespace: string, injecting: Injecting, gateway: boolean): KubeJson {
  const { revision, version } = injecting;
  const native = !gateway && isNative(pod, injecting);
  const { labels = {}, annotations = {} } = pod.metadata;
  const [own] = pod.spec.containers.filter(isProxy);
  const made = proxyContainer(pod, namespace, injecting, gateway);
  const proxy = {
    ...own,
    ...made,
    resources: merged(made.resources, own?.resources),
    ...(native && { restartPolicy: "Always" }),
  };
  const others: readonly Json[] = pod.spec.containers.filter((each: Json) => !isProxy(each));
  const init = { name: "istio-init", image: proxy.image, args: ["istio-iptables"], resources: sidecarResources };
  const inits = (pod.spec.initContainers ?? []).filter((each: Json) => each.name !== init.name && !isProxy(each));
  const initContainers = gateway ? inits : native ? [init, proxy, ...inits] : [...inits, init];
  const containers = native ? others : [...others, proxy];
  const crl = !gateway && minorOf(version) >= 28 ? ["istio-ca-crl"] : [];
  const volumes = [...injectedVolumes, ...crl];
  const status = {
    initContainers: gateway ? null : native ? ["istio-init", "istio-proxy"] : ["istio-init"],
    containers: native ? null : ["istio-proxy"],
    ...{ volumes, imagePullSecrets: null, revision },
  };
  const [first] = others;
  const defaults = first && {
    ...{
      "kubectl.kubernetes.io/default-container": first.name,
      "kubectl.kubernetes.io/default-logs-container": first.name,
    },
  };
  return {
    ...pod,
    metadata: {
      ...pod.metadata,
      labels: {
        "service.istio.io/canonical-name": labels["app.kubernetes.io/name"] ?? labels.app ?? workloadOf(pod),
        "service.istio.io/canonical-revision": labels["app.kubernetes.io/version"] ?? labels.version ?? "latest",
        ...(!gateway && { "security.istio.io/tlsMode": "istio" }),
        ...labels,
      },
      annotations: {
        ...defaults,
        ...annotations,
        ...{ "istio.io/rev": revision, "sidecar.istio.io/status": JSON.stringify(status) },
        ...{ "prometheus.io/path": "/stats/prometheus", "prometheus.io/port": "15020", "prometheus.io/scrape": "true" },
      },
    },
    spec: {
      ...pod.spec,
      ...(initContainers.length > 0 && { initContainers }),
      containers,
      volumes: [
        ...(pod.spec.volumes ?? []).filter(({ name }: Json) => !volumes.includes(name)),
        ...volumes.map((name) => ({ name, emptyDir: {} })),
      ],
    },
  };
}

const isProxy = ({ name }: Json): boolean => name === "istio-proxy";
const injectedVolumes = [
  ...["workload-socket", "credential-socket", "workload-certs", "istio-envoy"],
  ...["istio-data", "istio-podinfo", "istio-token", "istiod-ca-cert"],
];

/** What a pod's own proxy container asks for outweighs the template, name by name. */
const merged = (resources: Json, own: Json = {}): Json =>
  Object.fromEntries(
    ["limits", "requests"].flatMap((kind) => {
      const both = { ...resources[kind], ...own[kind] };
      return Object.keys(both).length > 0 ? [[kind, both]] : [];
    }),
  );

/**
 * `GetDeployMetaFromPod` (pkg/kube/util.go) as far as Deployments: the ReplicaSet's name without the hash that the pod
 * carries.
 */
function workloadOf({ metadata }: KubeJson): string {
  const owner = metadata.ownerReferences?.find(({ controller }) => controller)?.name;
  const hash = metadata.labels?.["pod-template-hash"];
  if (owner === undefined) return metadata.name;
  return hash !== undefined && owner.endsWith(`-${hash}`) ? owner.slice(0, -hash.length - 1) : owner;
}

/** `global.proxy.resources` of the charts, which the template of gateways has not. */
const sidecarResources = { limits: { cpu: "2", memory: "1Gi" }, requests: { cpu: "100m", memory: "128Mi" } };

/** `ProxyImage` (pkg/kube/inject/inject.go), and the annotation, which has to be a whole image. */
function imageOf({ metadata }: KubeJson, { version, values }: Injecting): string {
  const own = metadata.annotations?.["sidecar.istio.io/proxyImage"];
  if (own?.includes("/")) return own;
  const { hub = "docker.io/istio", tag = version } = parsed(values).global ?? {};
  return `${hub}/proxyv2:${tag}`;
}

function proxyContainer(pod: KubeJson, namespace: string, injecting: Injecting, gateway: boolean): Json {
  const { revision } = injecting;
  const { metadata, spec } = pod;
  const { global = {} } = parsed(injecting.values);
  const trustDomain = global.trustDomain ?? "cluster.local";
  const address = `${suffixed("istiod", revision)}.${istioNamespace}.svc:15012`;
  const config = {
    ...(revision !== "default" && { discoveryAddress: address }),
    ...(load(metadata.annotations?.["proxy.istio.io/config"] ?? "{}") as object),
  };
  const env: Record<string, string> = {
    ...{
      PILOT_CERT_PROVIDER: "istiod",
      CA_ADDR: address,
      TRUST_DOMAIN: trustDomain,
      PROXY_CONFIG: `${JSON.stringify(config)}\n`,
    },
    ...{
      ISTIO_META_CLUSTER_ID: global.multiCluster?.clusterName || "Kubernetes",
      ISTIO_META_MESH_ID: global.meshID || trustDomain,
      ...(global.network && { ISTIO_META_NETWORK: global.network }),
      ISTIO_META_INTERCEPTION_MODE: "REDIRECT",
    },
    ISTIO_META_APP_CONTAINERS: spec.containers
      .filter((each: Json) => !isProxy(each))
      .map(({ name }: Json) => name)
      .join(),
    ISTIO_META_WORKLOAD_NAME: workloadOf(pod),
  };
  return {
    name: "istio-proxy",
    image: imageOf(pod, injecting),
    args: [
      "proxy",
      gateway ? "router" : "sidecar",
      "--domain",
      `${namespace}.svc.cluster.local`,
      "--log_output_level=default:info",
    ],
    env: Object.entries(env).map(([name, value]) => ({ name, value })),
    resources: gateway ? {} : sidecarResources,
  };
}
