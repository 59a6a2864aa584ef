/** A pod as a flat list of what it says, so that two pods of one template can be laid side by side. Pure. */
import type { PodObject } from "../../mesh/kubernetes.ts";

/** One thing that a pod says: of a container, or of the pod itself. */
export interface PodField {
  readonly container: string | undefined;
  /** Path of the field; `env NAME`, and `env PROXY_CONFIG.KEY` for what stands in that JSON. */
  readonly field: string;
  readonly text: string;
}

type Json = Readonly<Record<string, unknown>>;

/**
 * Every field of a pod by container and path. Left out is what is another in each pod (its name, times, the token
 * volume's suffix) and what the API server says of it (status, managed fields). `place` of a container is `container`,
 * `init container` or `native sidecar`; `order` of istio-proxy tells whether it starts before the application, which is
 * how `holdApplicationUntilProxyStarts` is carried out (`reorderPod`, istio/istio pkg/kube/inject/webhook.go).
 */
export const podFields = ({ metadata, spec }: PodObject): ReadonlyMap<string, PodField> => {
  const { containers, initContainers = [], ...rest } = spec as PodObject["spec"] & Json;
  const fields: readonly PodField[] = [
    ...containers.flatMap((each) => containerFields(each as unknown as Json, "container")),
    ...initContainers.flatMap((each) =>
      containerFields(each as unknown as Json, each.restartPolicy === "Always" ? "native sidecar" : "init container"),
    ),
    ...orderOf(containers.map(({ name }) => name)),
    ...flat("labels", metadata.labels ?? {}),
    ...flat("annotations", metadata.annotations ?? {}),
    ...flat("", rest),
  ];
  return new Map(fields.map((each) => [keyOf(each), each]));
};

/** Names a field among those of a pod. */
export const keyOf = ({ container = "", field }: PodField): string => `${container} ${field}`;

const containerFields = (container: Json, place: string): readonly PodField[] => {
  const { name, env, volumeMounts, restartPolicy: _, ...rest } = container;
  const own = (field: PodField): PodField => ({ ...field, container: String(name) });
  const fields = [
    { container: undefined, field: "place", text: place },
    ...list(env).flatMap(variable),
    ...list(volumeMounts).flatMap((mount) => flat(`volumeMounts ${mount.mountPath}`, mount)),
    ...flat("", rest),
  ];
  return fields.map(own);
};

const variable = ({ name, value, valueFrom }: Json): readonly PodField[] => {
  const field = `env ${name}`;
  if (valueFrom !== undefined) return flat(field, valueFrom);
  const settings = name === "PROXY_CONFIG" ? parsed(value) : undefined;
  return settings === undefined ? flat(field, value ?? "") : flat(field, settings);
};

const parsed = (value: unknown): Json | undefined => {
  try {
    const found: unknown = JSON.parse(String(value));
    return isRecord(found) ? found : undefined;
  } catch {
    return undefined;
  }
};

const orderOf = (names: readonly string[]): readonly PodField[] => {
  const at = names.indexOf("istio-proxy");
  if (at < 0 || names.length < 2) return [];
  return [{ container: "istio-proxy", field: "order", text: at === 0 ? "before the others" : "after the others" }];
};

const isRecord = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const list = (value: unknown): readonly Json[] => (Array.isArray(value) ? value.filter(isRecord) : []);

/** Paths with dots; the elements of a list that have names go by them, and any other list is one text. */
const flat = (path: string, value: unknown): readonly PodField[] => {
  const under = (key: string): string => (path === "" ? key : `${path}.${key}`);
  if (
    Array.isArray(value) &&
    value.length > 0 &&
    value.every((each) => isRecord(each) && typeof each.name === "string")
  )
    return value.flatMap((each) => flat(under(steady(each.name)), Object.keys(each).length === 1 ? "" : each));
  if (isRecord(value)) {
    const entries = Object.entries(value).filter(([, each]) => each !== undefined && each !== null);
    return entries.flatMap(([key, each]) => flat(under(key), each));
  }
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return [{ container: undefined, field: path, text: steady(text) }];
};

/** The volume of the service account's token has a random name in each pod (kube-apiserver, ServiceAccount admission). */
const steady = (text: string): string => text.replace(/kube-api-access-[a-z0-9]{5}/g, "kube-api-access").trim();
