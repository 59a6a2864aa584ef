/** LimitRanges: what they make of a new pod, and why they refuse it. */
import type { ContainerSpec, Labels, PodSpec } from "../../mesh/kubernetes.ts";
import { labelOf } from "../../mesh/labels.ts";
import { usageOf } from "../evidence/pod-usage.ts";
import { thousandths } from "../evidence/quantity.ts";

export interface LimitRange {
  readonly namespace: string;
  readonly name: string;
  readonly limits: readonly LimitRangeItem[];
}

/** https://kubernetes.io/docs/reference/kubernetes-api/policy-resources/limit-range-v1/ */
export interface LimitRangeItem {
  readonly type?: string;
  readonly max?: Labels;
  readonly min?: Labels;
  readonly default?: Labels;
  readonly defaultRequest?: Labels;
  readonly maxLimitRequestRatio?: Labels;
}

/** What a container, or a whole pod, asks for and may use. */
interface Usage {
  readonly requests: Labels;
  readonly limits: Labels;
}

/**
 * The pod as the API server makes it: a request that is missing is the limit, then the defaults of each LimitRange are
 * filled in. The plugin runs again after the webhooks, so that injected containers get the same. Source: `PodMutateLimitFunc`
 * (k8s.io/kubernetes plugin/pkg/admission/limitranger/admission.go).
 */
export const withDefaults = (spec: PodSpec, ranges: readonly LimitRange[]): PodSpec => {
  const items = ranges.flatMap(({ limits }) => limits).filter(({ type }) => type === "Container");
  const merged = (...sets: readonly (Labels | undefined)[]): Labels => Object.assign({}, ...sets);
  const fill = (container: ContainerSpec): ContainerSpec => {
    const { limits = {}, requests = {} } = container.resources ?? {};
    const asked = merged(...items.map(({ defaultRequest }) => defaultRequest), limits, requests);
    const bound = merged(...items.map((item) => item.default), limits);
    return { ...container, resources: { requests: asked, limits: bound } };
  };
  return {
    ...spec,
    containers: spec.containers.map(fill),
    ...(spec.initContainers && { initContainers: spec.initContainers.map(fill) }),
  };
};

/**
 * Why this LimitRange refuses the pod, `withDefaults` of all LimitRanges applied: one sentence for each container and bound; empty: it
 * does not. A quantity that cannot be read is no reason. Source: `PodValidateLimitFunc`, as above.
 */
export const refusals = (spec: PodSpec, { limits }: LimitRange): readonly string[] =>
  limits.flatMap((item) => {
    if (item.type === "Container")
      return [...spec.containers, ...(spec.initContainers ?? [])].flatMap(({ name, resources }) =>
        broken(item, {
          requests: resources?.requests ?? {},
          limits: resources?.limits ?? {},
        }).map((why) => `container ${name}: ${why}`),
      );
    return item.type === "Pod" ? broken(item, sumOf(spec)).map((why) => `all its containers: ${why}`) : [];
  });

const sumOf = (spec: PodSpec): Usage => {
  const usage = Object.entries(usageOf(spec));
  const part = (prefix: string): Labels =>
    Object.fromEntries(
      usage.flatMap(([name, amount]) => (name.startsWith(prefix) ? [[name.slice(prefix.length), amount]] : [])),
    );
  return { requests: part("requests."), limits: part("limits.") };
};

const broken = (item: LimitRangeItem, usage: Usage): readonly string[] => [
  ...bounds(item.max, (name, bound) => over(usage, name, bound)),
  ...bounds(item.min, (name, bound) => under(usage, name, bound)),
  ...bounds(item.maxLimitRequestRatio, (name, bound) => outOfRatio(usage, name, bound)),
];

const bounds = (
  of: Labels | undefined,
  why: (name: string, bound: { readonly text: string; readonly value: number }) => string | undefined,
): readonly string[] =>
  Object.entries(of ?? {}).flatMap(([name, text]) => {
    const value = thousandths(String(text));
    return value === undefined ? [] : (why(name, { text: String(text), value }) ?? []);
  });

interface Bound {
  readonly text: string;
  readonly value: number;
}

const amount = (of: Labels, name: string): Bound | undefined => {
  const text = labelOf(of, name);
  const value = text === undefined ? undefined : thousandths(String(text));
  return text === undefined || value === undefined ? undefined : { text: String(text), value };
};

const over = ({ requests, limits }: Usage, name: string, bound: Bound): string | undefined => {
  const [request, limit] = [amount(requests, name), amount(limits, name)];
  if (labelOf(limits, name) === undefined) return `it has no ${name} limit, and may have ${bound.text}`;
  if (limit !== undefined && limit.value > bound.value)
    return `its ${name} limit ${limit.text} is above the maximum of ${bound.text}`;
  return request !== undefined && request.value > bound.value
    ? `its ${name} request ${request.text} is above the maximum of ${bound.text}`
    : undefined;
};

const under = ({ requests, limits }: Usage, name: string, bound: Bound): string | undefined => {
  const [request, limit] = [amount(requests, name), amount(limits, name)];
  if (labelOf(requests, name) === undefined) return `it has no ${name} request, and must have ${bound.text}`;
  if (request !== undefined && request.value < bound.value)
    return `its ${name} request ${request.text} is below the minimum of ${bound.text}`;
  return limit !== undefined && limit.value < bound.value
    ? `its ${name} limit ${limit.text} is below the minimum of ${bound.text}`
    : undefined;
};

const outOfRatio = ({ requests, limits }: Usage, name: string, bound: Bound): string | undefined => {
  const [request, limit] = [labelOf(requests, name), labelOf(limits, name)];
  const [least, most] = [amount(requests, name)?.value, amount(limits, name)?.value];
  if (request === undefined || least === 0 || limit === undefined || most === 0)
    return `its ${name} limit may be ${bound.text} times its request, and one of them is missing`;
  return least !== undefined && most !== undefined && (most / least) * 1000 > bound.value
    ? `its ${name} limit ${limit} is more than ${bound.text} times its request ${request}`
    : undefined;
};
