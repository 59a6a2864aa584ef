/**
 * What the commands are about: a little of every kind, in a namespace that is not injected, so that its pods are what
 * is said here.
 */
import { barePod, cronJob, daemonSet, deployment, job, statefulSet } from "../workloads.ts";

const namespace = "shop";
const named = (name: string) => ({ name, namespace });
const web = { matchLabels: { app: "web" } };

export const objects: readonly object[] = [
  { apiVersion: "v1", kind: "Namespace", metadata: { name: namespace, labels: { team: "shop" } } },
  deployment({
    namespace,
    name: "web",
    replicas: 2,
    podSpec: containers("web", [{ name: "http", containerPort: 8080 }]),
  }),
  statefulSet({ namespace, name: "db", replicas: 1 }),
  daemonSet({ namespace, name: "agent" }),
  cronJob({ namespace, name: "nightly", spec: { schedule: "0 0 1 1 *" } }),
  job({ namespace, name: "once", runFor: 2000 }),
  {
    apiVersion: "v1",
    kind: "Service",
    metadata: named("web"),
    spec: { selector: { app: "web" }, ports: [{ port: 80, targetPort: 8080 }] },
  },
  { apiVersion: "v1", kind: "ConfigMap", metadata: named("settings"), data: { color: "green", size: "7" } },
  { apiVersion: "v1", kind: "ServiceAccount", metadata: named("bot") },
  { apiVersion: "v1", kind: "ResourceQuota", metadata: named("plenty"), spec: { hard: { pods: "100" } } },
  {
    apiVersion: "policy/v1",
    kind: "PodDisruptionBudget",
    metadata: named("web"),
    spec: { minAvailable: 1, selector: web },
  },
  {
    apiVersion: "networking.k8s.io/v1",
    kind: "NetworkPolicy",
    metadata: named("all"),
    spec: { podSelector: web, ingress: [{}] },
  },
  { apiVersion: "coordination.k8s.io/v1", kind: "Lease", metadata: named("turn"), spec: { holderIdentity: "me" } },
  {
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "RoleBinding",
    metadata: named("readers"),
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: "reader" },
    subjects: [{ kind: "User", name: "eve", apiGroup: "rbac.authorization.k8s.io" }],
  },
  {
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "Role",
    metadata: named("reader"),
    rules: [{ apiGroups: [""], resources: ["pods"], verbs: ["get", "list", "watch"] }],
  },
  {
    apiVersion: "autoscaling/v2",
    kind: "HorizontalPodAutoscaler",
    metadata: named("web"),
    spec: {
      ...{ minReplicas: 2, maxReplicas: 4, scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: "web" } },
      metrics: [
        { type: "Resource", resource: { name: "cpu", target: { type: "Utilization", averageUtilization: 80 } } },
      ],
    },
  },
  {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: "boats.x.example" },
    spec: {
      ...{
        group: "x.example",
        scope: "Namespaced",
        names: { plural: "boats", kind: "Boat", singular: "boat", listKind: "BoatList" },
      },
      versions: [
        {
          ...{ name: "v1", served: true, storage: true },
          schema: { openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true } },
          additionalPrinterColumns: [
            { name: "Masts", type: "integer", jsonPath: ".spec.masts" },
            { name: "Afloat", type: "string", jsonPath: '.status.conditions[?(@.type=="Afloat")].status' },
            { name: "Age", type: "date", jsonPath: ".metadata.creationTimestamp" },
            { name: "Owner", type: "string", jsonPath: ".spec.owner", priority: 1 },
          ],
        },
      ],
    },
  },
];

/** Pods in every state that `kubectl get pods` has a word for. */
export const lives: readonly object[] = [
  { apiVersion: "v1", kind: "Namespace", metadata: { name: "lives", labels: { "istio-injection": "enabled" } } },
  ...(["crash", "pull", "never-ready", "no-istiod", "nack"] as const).map((life) =>
    deployment({ namespace: "lives", name: life, life, replicas: 1 }),
  ),
  deployment({ namespace: "lives", name: "proxy-crash", life: "crash", container: "istio-proxy", replicas: 1 }),
  job({ namespace: "lives", name: "done" }),
  job({ namespace: "lives", name: "running", life: "long" }),
  barePod({ namespace: "lives", name: "going", terminateAfter: 60_000 }),
  barePod({ namespace: "lives", name: "nowhere", podSpec: { nodeSelector: { no: "such" } } }),
  barePod({ namespace: "lives", name: "gated", podSpec: { readinessGates: [{ conditionType: "x.example/open" }] } }),
];

export const boat = {
  ...{ apiVersion: "x.example/v1", kind: "Boat", metadata: named("mary"), spec: { masts: 2, owner: "Ann" } },
  status: {
    conditions: [
      { type: "Sold", status: "False" },
      { type: "Afloat", status: "True" },
    ],
  },
};

function containers(name: string, ports: readonly object[]) {
  const resources = { requests: { cpu: "100m" }, limits: { memory: "1Gi" } };
  const env = [{ name: "MODE", value: "fast" }];
  return { containers: [{ name, image: `registry.example/${name}:1`, args: ["--verbose"], ports, env, resources }] };
}

/** As a file of many documents. */
export const manifests = (list: readonly object[]): string => list.map((each) => JSON.stringify(each)).join("\n---\n");
