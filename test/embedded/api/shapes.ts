/**
 * Which number the fields of Kubernetes' messages have: those of the objects that are answered in protobuf here, and
 * those that kubectl sends (`generated.proto` of k8s.io/api and k8s.io/apimachinery).
 */
import { inlined, type Shape } from "./protobuf.ts";

const owner: Shape = {
  ...{ kind: [1, "text"], name: [3, "text"], uid: [4, "text"], apiVersion: [5, "text"] },
  ...{ controller: [6, "choice"], blockOwnerDeletion: [7, "choice"] },
};
const managed: Shape = {
  ...{ manager: [1, "text"], operation: [2, "text"], apiVersion: [3, "text"], time: [4, "time"] },
  ...{ fieldsType: [6, "text"], fieldsV1: [7, "json"], subresource: [8, "text"] },
};
const objectMeta: Shape = {
  ...{
    name: [1, "text"],
    generateName: [2, "text"],
    namespace: [3, "text"],
    uid: [5, "text"],
    resourceVersion: [6, "text"],
  },
  ...{
    generation: [7, "count"],
    creationTimestamp: [8, "time"],
    deletionTimestamp: [9, "time"],
    deletionGracePeriodSeconds: [10, "number"],
  },
  ...{
    labels: [11, "map"],
    annotations: [12, "map"],
    ownerReferences: [13, [owner]],
    finalizers: [14, ["text"]],
    managedFields: [17, [managed]],
  },
};
const metadata = [1, objectMeta] as const;

export const listMeta: Shape = {
  resourceVersion: [2, "text"],
  continue: [3, "text"],
  remainingItemCount: [4, "number"],
};
export const typeMeta: Shape = { apiVersion: [1, "text"], kind: [2, "text"] };
export const partialObject: Shape = { metadata };

const env: Shape = { name: [1, "text"], value: [2, "text"] };
const port: Shape = {
  name: [1, "text"],
  hostPort: [2, "count"],
  containerPort: [3, "count"],
  protocol: [4, "text"],
  hostIP: [5, "text"],
};
const mount: Shape = { name: [1, "text"], readOnly: [2, "flag"], mountPath: [3, "text"] };
const container: Shape = {
  ...{ name: [1, "text"], image: [2, "text"], command: [3, ["text"]], args: [4, ["text"]], workingDir: [5, "text"] },
  ...{
    ports: [6, [port]],
    env: [7, [env]],
    resources: [8, { limits: [1, "quantities"], requests: [2, "quantities"] }],
  },
  ...{
    volumeMounts: [9, [mount]],
    terminationMessagePath: [13, "text"],
    imagePullPolicy: [14, "text"],
    securityContext: [15, {}],
  },
  ...{ terminationMessagePolicy: [20, "text"], restartPolicy: [24, "text"] },
};
const volume: Shape = {
  name: [1, "text"],
  [inlined]: [
    2,
    {
      emptyDir: [2, { medium: [1, "text"], sizeLimit: [2, "quantity"] }],
      persistentVolumeClaim: [10, { claimName: [1, "text"], readOnly: [2, "flag"] }],
    },
  ],
};
const requirement: Shape = { key: [1, "text"], operator: [2, "text"], values: [3, ["text"]] };
const terms: Shape = {
  nodeSelectorTerms: [1, [{ matchExpressions: [1, [requirement]], matchFields: [2, [requirement]] }]],
};
const toleration: Shape = {
  ...{
    key: [1, "text"],
    operator: [2, "text"],
    value: [3, "text"],
    effect: [4, "text"],
    tolerationSeconds: [5, "number"],
  },
};
const podSpec: Shape = {
  ...{
    volumes: [1, [volume]],
    containers: [2, [container]],
    restartPolicy: [3, "text"],
    terminationGracePeriodSeconds: [4, "number"],
  },
  ...{
    activeDeadlineSeconds: [5, "number"],
    hostname: [16, "text"],
    subdomain: [17, "text"],
    dnsPolicy: [6, "text"],
    nodeSelector: [7, "map"],
    serviceAccountName: [8, "text"],
  },
  ...{
    serviceAccount: [9, "text"],
    nodeName: [10, "text"],
    hostNetwork: [11, "flag"],
    securityContext: [14, {}],
    schedulerName: [19, "text"],
  },
  ...{
    affinity: [18, { nodeAffinity: [1, { requiredDuringSchedulingIgnoredDuringExecution: [1, terms] }] }],
    initContainers: [20, [container]],
  },
  ...{ automountServiceAccountToken: [21, "choice"], tolerations: [22, [toleration]], priority: [25, "number"] },
  ...{ enableServiceLinks: [30, "choice"], preemptionPolicy: [31, "text"] },
};

const condition: Shape = {
  ...{ type: [1, "text"], status: [2, "text"], lastProbeTime: [3, "time"], lastTransitionTime: [4, "time"] },
  ...{ reason: [5, "text"], message: [6, "text"], observedGeneration: [7, "count"] },
};
const state: Shape = {
  waiting: [1, { reason: [1, "text"], message: [2, "text"] }],
  running: [2, { startedAt: [1, "time"] }],
  terminated: [
    3,
    {
      ...{ exitCode: [1, "number"], signal: [2, "count"], reason: [3, "text"], message: [4, "text"] },
      ...{ startedAt: [5, "time"], finishedAt: [6, "time"], containerID: [7, "text"] },
    },
  ],
};
const containerStatus: Shape = {
  ...{ name: [1, "text"], state: [2, state], lastState: [3, state], ready: [4, "choice"], restartCount: [5, "number"] },
  ...{ image: [6, "text"], imageID: [7, "text"], containerID: [8, "text"], started: [9, "choice"] },
};
const address: Shape = { ip: [1, "text"] };

export const pod: Shape = {
  metadata,
  spec: [2, podSpec],
  status: [
    3,
    {
      ...{
        phase: [1, "text"],
        conditions: [2, [condition]],
        message: [3, "text"],
        reason: [4, "text"],
        hostIP: [5, "text"],
      },
      ...{
        podIP: [6, "text"],
        startTime: [7, "time"],
        containerStatuses: [8, [containerStatus]],
        qosClass: [9, "text"],
      },
      ...{ initContainerStatuses: [10, [containerStatus]], nominatedNodeName: [11, "text"], podIPs: [12, [address]] },
      ...{ hostIPs: [16, [address]], observedGeneration: [17, "count"] },
    },
  ],
};

const resourceAttributes: Shape = {
  ...{ namespace: [1, "text"], verb: [2, "text"], group: [3, "text"], version: [4, "text"] },
  ...{ resource: [5, "text"], subresource: [6, "text"], name: [7, "text"] },
};
const nonResourceAttributes: Shape = { path: [1, "text"], verb: [2, "text"] };

/**
 * Bodies of requests, by kind: what `kubectl create namespace|serviceaccount|configmap|deployment` and `auth can-i
 * [--list]` make.
 */
export const bodies: Readonly<Record<string, Shape>> = {
  Namespace: { metadata },
  ServiceAccount: { metadata },
  ConfigMap: { metadata, data: [2, "map"] },
  Deployment: {
    metadata,
    spec: [
      2,
      {
        replicas: [1, "number"],
        selector: [2, { matchLabels: [1, "map"], matchExpressions: [2, [requirement]] }],
        template: [3, { metadata, spec: [2, podSpec] }],
      },
    ],
  },
  SelfSubjectAccessReview: {
    metadata,
    spec: [2, { resourceAttributes: [1, resourceAttributes], nonResourceAttributes: [2, nonResourceAttributes] }],
  },
  SelfSubjectRulesReview: { metadata, spec: [2, { namespace: [1, "text"] }] },
};
