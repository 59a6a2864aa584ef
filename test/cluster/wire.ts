/** Writes protobuf as the API server does (numbers as in src/cluster/http/messages.ts), for those who stand in for it. */
import type { ContainerSpec, ContainerStatus, KubeObject, Labels, PodObject } from "../../src/mesh/kubernetes.ts";

/** A varint; negative numbers in the two's complement of 64 bits. */
export function varint(value: number): Buffer {
  let rest = BigInt.asUintN(64, BigInt(value));
  const bytes: number[] = [];
  do {
    bytes.push(Number(rest & 127n) | (rest > 127n ? 128 : 0));
    rest >>= 7n;
  } while (rest > 0n);
  return Buffer.from(bytes);
}

/** A number, flag, text or message as a field. */
export function field(number: number, value: number | boolean | string | Buffer): Buffer {
  if (typeof value === "number" || typeof value === "boolean")
    return Buffer.concat([varint(number * 8), varint(Number(value))]);
  const bytes = Buffer.from(value as string);
  return Buffer.concat([varint(number * 8 + 2), varint(bytes.length), bytes]);
}

export const message = (...fields: readonly Buffer[]): Buffer => Buffer.concat(fields);

/** An object as it stands in an answer. */
export const envelope = (apiVersion: string, kind: string, content: Buffer): Buffer =>
  message(
    Buffer.from("k8s\0"),
    field(1, message(field(1, apiVersion), field(2, kind))),
    field(2, content),
    field(3, ""),
    field(4, ""),
  );

/** A list as it stands in an answer, `token` for the next page. */
export const listBody = (apiVersion: string, kind: string, items: readonly Buffer[], token = ""): Buffer =>
  envelope(
    apiVersion,
    kind,
    message(field(1, message(field(1, ""), field(2, "100"), field(3, token))), ...items.map((item) => field(2, item))),
  );

type Value = Parameters<typeof field>[1] | undefined;

/** Fields by number; what is undefined is left out. */
const fields = (values: Readonly<Record<number, Value | readonly Value[]>>): Buffer =>
  message(
    ...Object.entries(values).flatMap(([number, value]) =>
      (Array.isArray(value) ? value : [value]).flatMap((one) =>
        one === undefined ? [] : [field(Number(number), one)],
      ),
    ),
  );

const entries = (map: Labels = {}): Buffer[] => Object.entries(map).map(([key, value]) => fields({ 1: key, 2: value }));
const quantities = (map: Labels = {}): Buffer[] =>
  Object.entries(map).map(([key, value]) => fields({ 1: key, 2: fields({ 1: value }) }));
const time = (text: string | undefined): Buffer | undefined =>
  text === undefined ? undefined : fields({ 1: Date.parse(text) / 1000 });

/** Metadata as field 1, as every object has it. */
export const metadataBytes = ({ metadata }: KubeObject): Buffer =>
  fields({
    1: fields({
      ...{
        1: metadata.name,
        3: metadata.namespace ?? "",
        5: metadata.uid,
        6: metadata.resourceVersion,
        7: metadata.generation ?? 0,
      },
      ...{ 8: time(metadata.creationTimestamp) ?? message(), 9: time(metadata.deletionTimestamp) },
      ...{ 11: entries(metadata.labels), 12: entries(metadata.annotations) },
      13: (metadata.ownerReferences ?? []).map(({ kind, name, uid, apiVersion, controller }) =>
        fields({ 1: kind, 3: name, 4: uid, 5: apiVersion, 6: controller }),
      ),
    }),
  });

const containerBytes = ({ name, image, args, env, ports, resources, restartPolicy }: ContainerSpec): Buffer =>
  fields({
    ...{ 1: name, 2: image, 4: args },
    6: ports?.map(({ hostPort, containerPort }) => fields({ 2: hostPort ?? 0, 3: containerPort })),
    7: env?.map((one) => fields({ 1: one.name, 2: one.value ?? "" })),
    8: fields({ 1: quantities(resources?.limits), 2: quantities(resources?.requests) }),
    24: restartPolicy,
  });

const stateBytes = ({ waiting, running, terminated }: NonNullable<ContainerStatus["state"]> = {}): Buffer =>
  fields({
    1: waiting && fields({ 1: waiting.reason, 2: waiting.message }),
    2: running && fields({ 1: time(running.startedAt) ?? message() }),
    3:
      terminated &&
      fields({
        1: terminated.exitCode,
        3: terminated.reason,
        4: terminated.message,
        6: time(terminated.finishedAt) ?? message(),
      }),
  });

const statusBytes = ({ name, state, lastState, ready, restartCount, image, started }: ContainerStatus): Buffer =>
  fields({ 1: name, 2: stateBytes(state), 3: stateBytes(lastState), 4: ready, 5: restartCount, 6: image, 9: started });

export const podBytes = (pod: PodObject): Buffer => {
  const { spec, status = {} } = pod;
  return message(
    metadataBytes(pod),
    fields({
      2: fields({
        1: spec.volumes?.map(({ name, persistentVolumeClaim: claim }) =>
          fields({ 1: name, 2: fields({ 10: claim && fields({ 1: claim.claimName }) }) }),
        ),
        ...{
          2: spec.containers.map(containerBytes),
          8: spec.serviceAccountName,
          10: spec.nodeName,
          11: spec.hostNetwork ?? false,
        },
        20: spec.initContainers?.map(containerBytes),
      }),
      3: fields({
        1: status.phase,
        2: status.conditions?.map(({ type, status, lastTransitionTime, reason, message }) =>
          fields({ 1: type, 2: status, 4: time(lastTransitionTime), 5: reason, 6: message }),
        ),
        ...{ 3: status.message, 4: status.reason, 6: status.podIP, 7: time(status.startTime) },
        ...{ 8: status.containerStatuses?.map(statusBytes), 10: status.initContainerStatuses?.map(statusBytes) },
      }),
    }),
  );
};

/** A pod of which little is known. */
export const podNamed = (name: string): Buffer =>
  podBytes({ metadata: { name, namespace: "x", uid: `uid-${name}` }, spec: { containers: [] } });
