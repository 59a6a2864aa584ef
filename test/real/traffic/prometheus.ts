/**
 * A real Prometheus on a bed with traffic, installed as Istio's own addon is (istio/istio,
 * samples/addons/prometheus.yaml): a Deployment and a Service `prometheus` on 9090 in istio-system, and its job
 * `kubernetes-pods`, with which it finds pods by their annotations and copies their labels to every series.
 */
import type { Json, Mesh } from "../kit.ts";
import { ensurePrometheusImage, prometheusImage } from "./images.ts";
import { metricRelabelling, requestMetrics } from "./metrics.ts";
import { addImage } from "./node.ts";

export interface PrometheusOptions {
  /** How often it scrapes; "2s" unless given, the addon's is 15s. */
  readonly scrapeInterval?: string;
  /**
   * Whether series say the revision of their pod, as `istio_io_rev`: true unless given. The addon copies labels only,
   * and a sidecar's pod has the revision as an annotation; teams that want it add the rule that this adds.
   */
  readonly revisionLabel?: boolean;
}

/** A series and its value at one moment. */
export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface Prometheus {
  /** Its Service, as `kubectl port-forward -n NAMESPACE svc/NAME` wants it. */
  readonly namespace: string;
  readonly service: string;
  /** Asks PromQL now, by the API server's proxy to the Service. Throws where Prometheus refuses it. */
  query(promql: string): Promise<readonly Sample[]>;
}

const namespace = "istio-system";
const name = "prometheus";
const labels = { "app.kubernetes.io/name": name, "app.kubernetes.io/component": "server" };
const metadata = { namespace, name, labels };

/** Starts it, makes the proxies count requests, and comes back when it answers. */
export async function startPrometheus(
  mesh: Pick<Mesh, "api" | "apply" | "dir" | "eventually">,
  options: PrometheusOptions = {},
): Promise<Prometheus> {
  await addImage(mesh.dir, await ensurePrometheusImage());
  await mesh.apply([requestMetrics, ...rights, configMap(options), service, deployment]);
  const query = async (promql: string): Promise<readonly Sample[]> => {
    const proxy = `/api/v1/namespaces/${namespace}/services/http:${name}:9090/proxy`;
    const { data } = await mesh.api.get(`${proxy}/api/v1/query?query=${encodeURIComponent(promql)}`);
    return data.result.map(({ metric, value }: Json) => ({ labels: metric, value: Number(value[1]) }));
  };
  await mesh.eventually("Prometheus to have scraped itself", async () => (await query("up")).length > 0);
  return { namespace, service: name, query };
}

const meta = (what: string) => `__meta_kubernetes_pod_${what}`;
const annotation = (what: string) => meta(`annotation_${what}`);

/** The addon's job for pods, rule by rule; without IPv6, and without the job of slow pods. */
const podRules = (revisionLabel: boolean): readonly object[] => [
  { action: "keep", source_labels: [annotation("prometheus_io_scrape")], regex: "true" },
  { source_labels: [annotation("prometheus_io_scheme")], regex: "(https?)", target_label: "__scheme__" },
  { source_labels: [annotation("prometheus_io_path")], regex: "(.+)", target_label: "__metrics_path__" },
  {
    source_labels: [annotation("prometheus_io_port"), meta("ip")],
    regex: String.raw`(\d+);((([0-9]+?)(\.|$)){4})`,
    replacement: "$2:$1",
    target_label: "__address__",
  },
  { action: "labelmap", regex: meta("label_(.+)") },
  ...(revisionLabel
    ? [{ source_labels: [annotation("istio_io_rev")], regex: "(.+)", target_label: "istio_io_rev" }]
    : []),
  { source_labels: ["__meta_kubernetes_namespace"], target_label: "namespace" },
  { source_labels: [meta("name")], target_label: "pod" },
  { action: "drop", source_labels: [meta("phase")], regex: "Pending|Succeeded|Failed|Completed" },
  { source_labels: [meta("node_name")], target_label: "node" },
];

const configMap = ({ scrapeInterval = "2s", revisionLabel = true }: PrometheusOptions): object => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata,
  data: {
    // JSON is YAML
    "prometheus.yml": JSON.stringify({
      global: { scrape_interval: scrapeInterval, scrape_timeout: scrapeInterval },
      scrape_configs: [
        {
          job_name: "kubernetes-pods",
          honor_labels: true,
          kubernetes_sd_configs: [{ role: "pod" }],
          relabel_configs: podRules(revisionLabel),
          metric_relabel_configs: metricRelabelling,
        },
        { job_name: "prometheus", static_configs: [{ targets: ["localhost:9090"] }] },
      ],
    }),
  },
});

const rights: readonly object[] = [
  { apiVersion: "v1", kind: "ServiceAccount", metadata },
  {
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "ClusterRole",
    metadata: { name },
    rules: [{ apiGroups: [""], resources: ["pods"], verbs: ["get", "list", "watch"] }],
  },
  {
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "ClusterRoleBinding",
    metadata: { name },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name },
    subjects: [{ kind: "ServiceAccount", namespace, name }],
  },
];

const service = {
  apiVersion: "v1",
  kind: "Service",
  metadata,
  spec: { selector: labels, ports: [{ name: "http", port: 9090, targetPort: 9090 }] },
};

const deployment = {
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata,
  spec: {
    replicas: 1,
    strategy: { type: "Recreate" },
    selector: { matchLabels: labels },
    template: {
      metadata: { labels: { ...labels, "sidecar.istio.io/inject": "false" } },
      spec: {
        serviceAccountName: name,
        containers: [
          {
            name: "prometheus-server",
            image: prometheusImage,
            args: ["--config.file=/etc/config/prometheus.yml", "--storage.tsdb.path=/data"],
            ports: [{ containerPort: 9090 }],
            readinessProbe: { httpGet: { path: "/-/ready", port: 9090 }, periodSeconds: 1 },
            volumeMounts: [
              { name: "config", mountPath: "/etc/config" },
              { name: "data", mountPath: "/data" },
            ],
          },
        ],
        volumes: [
          { name: "config", configMap: { name } },
          { name: "data", emptyDir: {} },
        ],
      },
    },
  },
};
