/** What a pod uses of a ResourceQuota. */
import type { ContainerSpec, Labels, PodSpec } from "../../mesh/kubernetes.ts";
import { thousandths } from "./quantity.ts";

/**
 * What a pod uses of a quota, by resource (`requests.cpu`, `limits.memory`, …), as quantities in thousandths (`250m`).
 */
export const usageOf = (spec: PodSpec & { readonly overhead?: Labels }): Labels => ({
  ...prefixed(
    "requests",
    effective(spec, ({ resources }) => resources?.requests ?? {}),
  ),
  ...prefixed(
    "limits",
    effective(spec, ({ resources }) => resources?.limits ?? {}),
  ),
});

/**
 * The larger of two sums: all containers with the native sidecars, and the largest init container with the native
 * sidecars before it. Source: `PodRequests` (k8s.io/component-helpers resource/helpers.go). A text that is not a
 * quantity makes the sum NaN, which fits in no quota.
 */
const effective = (
  spec: PodSpec & { readonly overhead?: Labels },
  amounts: (container: ContainerSpec) => Labels,
): ReadonlyMap<string, number> => {
  const sidecars = new Map<string, number>();
  const peak = new Map<string, number>();
  for (const container of spec.initContainers ?? []) {
    const own = entriesOf(amounts(container));
    if (container.restartPolicy === "Always") add(sidecars, own);
    const now = new Map(sidecars);
    if (container.restartPolicy !== "Always") add(now, own);
    for (const [name, amount] of now) peak.set(name, Math.max(peak.get(name) ?? 0, amount));
  }
  const running = new Map(sidecars);
  for (const container of spec.containers) add(running, entriesOf(amounts(container)));
  for (const [name, amount] of peak) running.set(name, Math.max(running.get(name) ?? 0, amount));
  add(running, entriesOf(spec.overhead ?? {}));
  return running;
};

const entriesOf = (amounts: Labels): readonly (readonly [string, number])[] =>
  Object.entries(amounts).map(([name, quantity]) => [name, thousandths(String(quantity)) ?? Number.NaN]);

const add = (sum: Map<string, number>, amounts: readonly (readonly [string, number])[]): void => {
  for (const [name, amount] of amounts) sum.set(name, (sum.get(name) ?? 0) + amount);
};

const prefixed = (prefix: string, amounts: ReadonlyMap<string, number>): Labels =>
  Object.fromEntries([...amounts].map(([name, amount]) => [`${prefix}.${name}`, `${amount}m`]));
