/**
 * Kubernetes objects as the API server encodes them in protobuf: which number the fields that are read have.
 * Sources: `generated.proto` of k8s.io/api/core/v1, k8s.io/apimachinery/pkg/apis/meta/v1, pkg/runtime and
 * pkg/api/resource; numbers never change.
 */
import type {
  Condition,
  ContainerSpec,
  ContainerState,
  ContainerStatus,
  KubeObject,
  ObjectMeta,
  OwnerReference,
  PodObject,
  PodSpec,
} from "../../mesh/kubernetes.ts";
import {
  always,
  alwaysList,
  alwaysMessage,
  count,
  flag,
  inlined,
  laterListOf,
  listOf,
  MalformedMessage,
  type Message,
  mapOf,
  type Read,
  reader,
  setFlag,
  text,
  texts,
  time,
  unread,
  within,
} from "./protobuf.ts";

const owner: Message<OwnerReference> = {
  apiVersion: always(text(5), ""),
  kind: always(text(1), ""),
  name: always(text(3), ""),
  uid: always(text(4), ""),
  controller: setFlag(6),
};

/** `managedFields` are left out: they are a third of the bytes, and no list that is read as protobuf needs them. */
const objectMeta: Message<ObjectMeta> = {
  name: always(text(1), ""),
  namespace: text(3),
  uid: always(text(5), ""),
  resourceVersion: text(6),
  generation: count(7),
  labels: mapOf(11),
  annotations: mapOf(12),
  creationTimestamp: time(8),
  deletionTimestamp: time(9),
  ownerReferences: listOf(13, owner),
  finalizers: texts(14),
  managedFields: unread,
};

const metadata = alwaysMessage(within<ObjectMeta>(1, objectMeta));

export const metadataMessage: Message<KubeObject> = { apiVersion: unread, kind: unread, metadata };

const quantities = (number: number) => mapOf(number, inlined(2, text(1)));

const container: Message<ContainerSpec> = {
  name: always(text(1), ""),
  image: text(2),
  args: texts(4),
  env: listOf(7, { name: always(text(1), ""), value: text(2) }),
  ports: listOf(6, { containerPort: count(3), hostPort: count(2) }),
  resources: within(8, { requests: quantities(2), limits: quantities(1) }),
  restartPolicy: text(24),
};

const podSpec: Message<PodSpec> = {
  containers: alwaysList(listOf(2, container)),
  initContainers: listOf(20, container),
  hostNetwork: flag(11),
  nodeName: text(10),
  serviceAccountName: text(8),
  volumes: listOf(1, {
    name: always(text(1), ""),
    persistentVolumeClaim: inlined(2, within(10, { claimName: always(text(1), "") })),
  }),
};

const condition: Message<Condition> = {
  type: always(text(1), ""),
  status: always(text(2), ""),
  reason: text(5),
  message: text(6),
  lastTransitionTime: time(4),
};

const containerState: Message<ContainerState> = {
  waiting: within(1, { reason: text(1), message: text(2) }),
  running: within(2, { startedAt: time(1) }),
  terminated: within(3, { exitCode: always(count(1), 0), reason: text(3), message: text(4), finishedAt: time(6) }),
};

const containerStatus: Message<ContainerStatus> = {
  name: always(text(1), ""),
  image: text(6),
  ready: always(flag(4), false),
  started: setFlag(9),
  restartCount: always(count(5), 0),
  state: within(2, containerState),
  lastState: within(3, containerState),
};

export const podMessage: Message<PodObject> = {
  apiVersion: unread,
  kind: unread,
  metadata,
  spec: alwaysMessage(within<PodSpec>(2, podSpec)),
  status: within(3, {
    phase: text(1),
    reason: text(4),
    message: text(3),
    podIP: text(6),
    startTime: time(7),
    conditions: listOf(2, condition),
    containerStatuses: listOf(8, containerStatus),
    initContainerStatuses: listOf(10, containerStatus),
  }),
};

interface List {
  readonly metadata: { readonly resourceVersion?: string; readonly continue?: string };
  readonly items: readonly (() => KubeObject)[];
}

interface Type {
  readonly apiVersion: string;
  readonly kind: string;
}

/** What every object is wrapped in: its type, and its bytes. */
interface Envelope {
  readonly type: Type;
  readonly content: <T>(read: Read<T>) => T;
}

/**
 * Reads a list as it stands in an answer; each item is decoded only when it is asked for, so that no item has to stay
 * in memory. Throws `MalformedMessage`, as each item may.
 */
export function listReader<T extends KubeObject>(message: Message<T>): (body: Buffer) => Type & List {
  const readList = reader<List>({
    metadata: alwaysMessage(within<List["metadata"]>(1, { resourceVersion: text(2), continue: text(3) })),
    items: alwaysList(laterListOf(2, message)),
  });
  return (body) => {
    if (!body.subarray(0, magic.length).equals(magic))
      throw new MalformedMessage("it does not begin as Kubernetes' protobuf does");
    const { type, content } = readEnvelope(body, magic.length, body.length);
    return { ...type, ...content(readList) };
  };
}

const magic = Buffer.from("k8s\0");

const readEnvelope = reader<Envelope>({
  type: alwaysMessage(within<Type>(1, { apiVersion: always(text(1), ""), kind: always(text(2), "") })),
  content: alwaysMessage({ number: 2, wire: 2, read: (bytes, from, to) => (read) => read(bytes, from, to) }),
});
