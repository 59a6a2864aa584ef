/** What the API server fills in. Of all its defaults those that a plugin, a controller of ours or kubectl reads. */
import type { Json } from "../object.ts";
import type { Resource } from "./resources.ts";

/** The fields but those of `metadata`. */
export function withDefaults({ plural }: Resource, object: Json): Json {
  const make = Object.hasOwn(defaults, plural) ? defaults[plural as keyof typeof defaults] : undefined;
  return make ? make(object) : object;
}

const podSpec = (spec: Json): Json => ({
  restartPolicy: "Always",
  terminationGracePeriodSeconds: 30,
  dnsPolicy: "ClusterFirst",
  schedulerName: "default-scheduler",
  securityContext: {},
  ...spec,
  containers: (spec?.containers ?? []).map(container),
  ...(spec?.initContainers && { initContainers: spec.initContainers.map(container) }),
});

const container = (each: Json): Json => ({
  resources: {},
  terminationMessagePath: "/dev/termination-log",
  terminationMessagePolicy: "File",
  imagePullPolicy: /:[^/]+$/.test(each.image ?? "") && !/:latest$/.test(each.image) ? "IfNotPresent" : "Always",
  ...each,
  ...(each.ports && { ports: each.ports.map((port: Json) => ({ protocol: "TCP", ...port })) }),
});

/** Empty maps are as good as none. */
const templateMeta = ({ labels, annotations, ...rest }: Json): Json => ({
  ...rest,
  ...(labels && Object.keys(labels).length > 0 && { labels }),
  ...(annotations && Object.keys(annotations).length > 0 && { annotations }),
});

const template = (given: Json): Json => ({
  ...given,
  metadata: templateMeta(given?.metadata ?? {}),
  spec: podSpec(given?.spec),
});

const rolling = (given: Json, otherwise: Json): Json =>
  (given?.type ?? "RollingUpdate") === "RollingUpdate"
    ? { type: "RollingUpdate", rollingUpdate: { ...otherwise, ...given?.rollingUpdate } }
    : given;

const webhookConfiguration = (mutating: boolean) => (object: Json) => ({
  ...object,
  ...(object.webhooks && {
    webhooks: object.webhooks.map((entry: Json) => ({
      ...{
        failurePolicy: "Fail",
        matchPolicy: "Equivalent",
        namespaceSelector: {},
        objectSelector: {},
        timeoutSeconds: 10,
      },
      ...(mutating && { reinvocationPolicy: "Never" }),
      ...entry,
      rules: (entry.rules ?? []).map((rule: Json) => ({ scope: "*", ...rule })),
    })),
  }),
});

const jobSpec = (spec: Json): Json => ({
  ...{ backoffLimit: 6, completionMode: "NonIndexed", completions: 1, parallelism: 1, suspend: false },
  ...spec,
  template: template(spec.template),
});

/** Of 10.96.0.0/12, chosen by the UID. */
function clusterIpOf(uid: string): string {
  const bits = Number.parseInt(uid.slice(0, 6), 16);
  return `10.${96 + ((bits >> 16) & 15)}.${(bits >> 8) & 255}.${bits & 255 || 1}`;
}

function serviceSpec(uid: string, given: Json): Json {
  const spec = { type: "ClusterIP", sessionAffinity: "None", ...given };
  const ports = spec.ports?.map((port: Json) => ({ protocol: "TCP", targetPort: port.port, ...port }));
  if (spec.type === "ExternalName") return { ...spec, ...(ports && { ports }) };
  const clusterIP = spec.clusterIP || clusterIpOf(uid);
  return {
    ...{
      internalTrafficPolicy: "Cluster",
      ipFamilies: ["IPv4"],
      ipFamilyPolicy: "SingleStack",
      clusterIPs: [clusterIP],
    },
    ...{ ...spec, clusterIP, ...(ports && { ports }) },
  };
}

const defaults = {
  namespaces: (object: Json) => ({
    ...object,
    metadata: {
      ...object.metadata,
      labels: { ...object.metadata.labels, "kubernetes.io/metadata.name": object.metadata.name },
    },
    spec: { finalizers: ["kubernetes"], ...object.spec },
    status: { phase: "Active", ...object.status },
  }),
  pods: (object: Json) => ({
    ...object,
    spec: {
      serviceAccountName: "default",
      serviceAccount: "default",
      enableServiceLinks: true,
      ...podSpec(object.spec),
    },
    status: { phase: "Pending", qosClass: "BestEffort", ...object.status },
  }),
  // No defaults, but what Go writes of fields that are not pointers: core/v1 Event.
  events: (object: Json) => ({
    ...{ source: {}, firstTimestamp: null, lastTimestamp: null, eventTime: null },
    ...{ reportingComponent: "", reportingInstance: "" },
    ...object,
  }),
  leases: (object: Json) => ({ spec: {}, ...object }),
  services: (object: Json) => ({ ...object, spec: serviceSpec(object.metadata.uid, object.spec) }),
  deployments: (object: Json) => ({
    ...object,
    spec: {
      ...{ replicas: 1, progressDeadlineSeconds: 600, revisionHistoryLimit: 10 },
      ...object.spec,
      strategy: rolling(object.spec?.strategy, { maxSurge: "25%", maxUnavailable: "25%" }),
      template: template(object.spec?.template),
    },
  }),
  statefulsets: (object: Json) => ({
    ...object,
    spec: {
      ...{ replicas: 1, podManagementPolicy: "OrderedReady", revisionHistoryLimit: 10 },
      ...object.spec,
      updateStrategy: rolling(object.spec?.updateStrategy, { partition: 0 }),
      template: template(object.spec?.template),
    },
  }),
  daemonsets: (object: Json) => ({
    ...object,
    spec: {
      revisionHistoryLimit: 10,
      ...object.spec,
      updateStrategy: rolling(object.spec?.updateStrategy, { maxSurge: 0, maxUnavailable: 1 }),
      template: template(object.spec?.template),
    },
  }),
  replicasets: (object: Json) => ({
    ...object,
    spec: { replicas: 1, ...object.spec, template: template(object.spec?.template) },
  }),
  jobs: (object: Json) => {
    const { name, uid } = object.metadata;
    const marks = {
      "batch.kubernetes.io/controller-uid": uid,
      "batch.kubernetes.io/job-name": name,
      "controller-uid": uid,
      "job-name": name,
    };
    const spec = jobSpec(object.spec);
    const selector = { matchLabels: { "batch.kubernetes.io/controller-uid": uid } };
    const labels = { ...spec.template.metadata.labels, ...marks };
    return {
      ...object,
      metadata: { ...object.metadata, labels: { ...spec.template.metadata.labels, ...object.metadata.labels } },
      spec: { selector, ...spec, template: { ...spec.template, metadata: { ...spec.template.metadata, labels } } },
    };
  },
  cronjobs: (object: Json) => ({
    ...object,
    spec: {
      ...{ concurrencyPolicy: "Allow", suspend: false, successfulJobsHistoryLimit: 3, failedJobsHistoryLimit: 1 },
      ...object.spec,
      jobTemplate: {
        ...object.spec.jobTemplate,
        spec: { ...object.spec.jobTemplate?.spec, template: template(object.spec.jobTemplate?.spec?.template) },
      },
    },
  }),
  networkpolicies: (object: Json) => ({
    ...object,
    spec: { policyTypes: object.spec?.egress?.length > 0 ? ["Ingress", "Egress"] : ["Ingress"], ...object.spec },
  }),
  mutatingwebhookconfigurations: webhookConfiguration(true),
  validatingwebhookconfigurations: webhookConfiguration(false),
};
