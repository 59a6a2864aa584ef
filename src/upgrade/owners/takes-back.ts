/** Operators that were seen to take a restart of what they own back. */
import type { ObjectOwner } from "../../mesh/model.ts";

/** `thread`: where it was seen. `since`: from when on it keeps a restart, where that is known. */
export interface SeenToTakeBack {
  readonly thread: string;
  readonly since?: string;
}

interface Operator extends SeenToTakeBack {
  readonly group: string;
  readonly kinds: readonly string[];
}

/** The threads are the source of each row: in each the annotation of `kubectl rollout restart` was removed again. */
const operators: readonly Operator[] = [
  {
    group: "serving.knative.dev",
    kinds: ["Revision"],
    thread: "knative/serving#14705",
    since: "the end of 2025 (knative/serving#16199)",
  },
  {
    group: "zookeeper.pravega.io",
    kinds: ["ZookeeperCluster"],
    thread: "pravega/zookeeper-operator#625",
  },
  {
    group: "operators.coreos.com",
    kinds: ["ClusterServiceVersion"],
    thread: "operator-framework/operator-lifecycle-manager#3392",
  },
  {
    group: "opentelemetry.io",
    kinds: ["OpenTelemetryCollector"],
    thread: "open-telemetry/opentelemetry-operator#1300",
  },
  {
    group: "operator.victoriametrics.com",
    kinds: ["VMAgent", "VMAlert", "VMAlertmanager", "VMAuth", "VMCluster", "VMSingle"],
    thread: "VictoriaMetrics/operator#1215",
    since: "v0.52.0",
  },
  {
    group: "monitoring.coreos.com",
    kinds: ["Prometheus", "Alertmanager", "ThanosRuler"],
    thread: "prometheus-operator/prometheus-operator#4155",
  },
  {
    group: "monitoring.grafana.com",
    kinds: ["GrafanaAgent"],
    thread: "grafana/agent#4495",
  },
  {
    group: "gateway-operator.konghq.com",
    kinds: ["DataPlane", "ControlPlane"],
    thread: "Kong/kong-operator#1390",
  },
];

/** Where the operator of this owner was seen to take a restart back; undefined: nowhere that we know of. */
export const seenToTakeBack = ({ group, kind }: Pick<ObjectOwner, "group" | "kind">): SeenToTakeBack | undefined =>
  operators.find((operator) => operator.group === group && operator.kinds.includes(kind));
