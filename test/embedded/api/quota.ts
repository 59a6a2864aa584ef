/**
 * ResourceQuotas: what pods of a namespace use of them, and what of a new pod is too much
 * (pkg/quota/v1/evaluator/core/pods.go).
 */
import { isOver, type Json, type KubeJson } from "../object.ts";
import type { Place } from "./place.ts";
import type { Resources } from "./resources.ts";
import { forbidden } from "./status.ts";
import type { Store } from "./store.ts";

const suffixes = new Map<string, number>([
  ...([
    ["m", 1e-3],
    ["k", 1e3],
    ["M", 1e6],
    ["G", 1e9],
    ["T", 1e12],
  ] as const),
  ...([
    ["Ki", 2 ** 10],
    ["Mi", 2 ** 20],
    ["Gi", 2 ** 30],
    ["Ti", 2 ** 40],
  ] as const),
]);

const numberOf = (quantity: string | number): number => {
  const [, digits = "0", suffix = ""] = /^([\d.]+)([A-Za-z]*)$/.exec(String(quantity)) ?? [];
  return Number(digits) * (suffixes.get(suffix) ?? 1);
};

/** In thousandths, the unit that CPU is counted in. */
const textOf = (value: number): string => (Number.isInteger(value) ? String(value) : `${Math.round(value * 1000)}m`);

/** `requests.cpu` and `cpu` are the same. */
function usageOf({ spec }: KubeJson, name: string): number {
  if (name === "pods" || name === "count/pods") return 1;
  const [, part = "requests", resource = name] = /^(requests|limits)\.(.+)$/.exec(name) ?? [];
  const of = (containers: readonly Json[] | undefined): number[] =>
    (containers ?? []).map(({ resources }) => numberOf(resources?.[part]?.[resource] ?? 0));
  const lasting = (spec.initContainers ?? []).filter(({ restartPolicy }: Json) => restartPolicy === "Always");
  return [...of(spec.containers), ...of(lasting)].reduce((sum, each) => sum + each, 0);
}

const counted = /^(pods|count\/pods|(requests\.|limits\.)?(cpu|memory))$/;
const namesOf = (quota: KubeJson): readonly string[] =>
  Object.keys(quota.spec?.hard ?? {}).filter((name) => counted.test(name));

function used(store: Store, resources: Resources, namespace: string, name: string): number {
  const pods = store.list(resources.named("pods"), namespace).filter((pod) => !isOver(pod));
  return pods.reduce((sum, pod) => sum + usageOf(pod, name), 0);
}

/** Status of a quota: what is allowed, what is used. */
export const quotaStatus = (store: Store, resources: Resources, quota: KubeJson): Json => ({
  hard: quota.spec?.hard ?? {},
  used: Object.fromEntries(
    namesOf(quota).map((name) => [name, textOf(used(store, resources, quota.metadata.namespace ?? "", name))]),
  ),
});

/** Throws `Refusal` (403) for a pod that does not fit into a quota of its namespace. */
export function assertWithinQuota(
  store: Store,
  resources: Resources,
  { resource, namespace }: Place,
  pod: KubeJson,
): void {
  if (resource.plural !== "pods" || namespace === undefined) return;
  for (const quota of store.list(resources.named("resourcequotas"), namespace)) {
    const { name: quotaName } = quota.metadata;
    const names = namesOf(quota);
    const missing = names.filter((name) => !name.endsWith("pods") && usageOf(pod, name) === 0);
    if (missing.length > 0) {
      const containers = pod.spec.containers.map(({ name }: Json) => name).join(",");
      throw forbidden(
        resource,
        pod.metadata.name,
        `failed quota: ${quotaName}: must specify ${missing.map((name) => `${name} for: ${containers}`).join("; ")}`,
      );
    }
    const over = names.filter((name) => {
      const total = used(store, resources, namespace, name) + usageOf(pod, name);
      return Math.round(total * 1000) > Math.round(numberOf(quota.spec.hard[name]) * 1000);
    });
    if (over.length === 0) continue;
    const list = (value: (name: string) => string) => over.map((name) => `${name}=${value(name)}`).join(",");
    throw forbidden(
      resource,
      pod.metadata.name,
      `exceeded quota: ${quotaName}, requested: ${list((name) => textOf(usageOf(pod, name)))}, used: ${list((name) => textOf(used(store, resources, namespace, name)))}, limited: ${list((name) => String(quota.spec.hard[name]))}`,
    );
  }
}
