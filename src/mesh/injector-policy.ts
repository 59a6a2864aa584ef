/** What an istiod does with a pod that its webhook receives, by its ConfigMap and by `sidecar.istio.io/inject`. */
import gte from "semver/functions/gte.js";
import lt from "semver/functions/lt.js";
import { releaseOf } from "./istio-version.ts";
import type { LabelSelector, Labels } from "./kubernetes.ts";
import { isEmptySelector, labelOf, matchesSelector } from "./labels.ts";
import type { InjectorPolicy } from "./model.ts";

/** Value of `sidecar.istio.io/inject`: of the label, or else of the older annotation; empty without either. */
export const injectValueOf = (pod: { readonly labels?: Labels; readonly annotations?: Labels }): string =>
  labelOf(pod.labels, "sidecar.istio.io/inject") ?? labelOf(pod.annotations, "sidecar.istio.io/inject") ?? "";

/**
 * Whether an istiod of this version and with this policy injects a pod with these labels and this value of
 * `sidecar.istio.io/inject`. `undefined` when that depends on the version and the version is not known. Up to 1.26,
 * YAML's words for true inject and any other word does not; from 1.28 on, only `true` and `false` count, and for any
 * other word the policy decides (1.27 was not examined). Source: `injectRequired` (istio/istio
 * pkg/kube/inject/inject.go) of 1.19, 1.20, 1.24, 1.25, 1.26, 1.28 and 1.29.
 */
export const policyInjects = (
  policy: InjectorPolicy,
  version: string | undefined,
  value: string,
  labels: Labels | undefined,
): boolean | undefined => {
  const answers = new Set(readings(version).map((read) => decide(policy, read(value), labels)));
  return answers.size === 1 ? [...answers][0] : undefined;
};

/**
 * Istio's default policy: every pod that the webhook sends is injected. `templates` is empty: they are not known.
 */
export const defaultPolicy: InjectorPolicy = { policy: "enabled", neverInject: [], alwaysInject: [], templates: [] };

type InjectSetting = "yes" | "no" | "by policy";

const yamlTrue = ["y", "yes", "true", "on"];
const readYamlWords = (value: string): InjectSetting =>
  value === "" ? "by policy" : yamlTrue.includes(value.toLowerCase()) ? "yes" : "no";
const readStrictly = (value: string): InjectSetting =>
  value === "true" ? "yes" : value === "false" ? "no" : "by policy";

const readings = (version: string | undefined): readonly ((value: string) => InjectSetting)[] => {
  const known = releaseOf(version);
  if (known !== undefined && lt(known, "1.27.0-0")) return [readYamlWords];
  if (known !== undefined && gte(known, "1.28.0-0")) return [readStrictly];
  return [readYamlWords, readStrictly];
};

const decide = (
  { policy, neverInject, alwaysInject }: InjectorPolicy,
  value: InjectSetting,
  labels: Labels | undefined,
): boolean => {
  if (policy !== "enabled" && policy !== "disabled") return false;
  if (value !== "by policy") return value === "yes";
  if (neverInject.some((selector) => selects(selector, labels))) return false;
  if (alwaysInject.some((selector) => selects(selector, labels))) return true;
  return policy === "enabled";
};

/** istiod ignores empty selectors and selectors that it cannot parse. */
const selects = (selector: LabelSelector, labels: Labels | undefined): boolean => {
  try {
    return !isEmptySelector(selector) && matchesSelector(selector, labels);
  } catch {
    return false;
  }
};

/** The policy in key `config` of the injector's ConfigMap, after its YAML was parsed. Throws if it is not one. */
export const injectorPolicyFrom = (config: unknown): InjectorPolicy => {
  if (!isRecord(config)) throw new Error("the injector's configuration is not a mapping");
  const { policy, neverInjectSelector: never, alwaysInjectSelector: always, templates, aliases } = config;
  if (typeof policy !== "string") throw new Error("the injector's configuration has no policy");
  return {
    policy,
    neverInject: selectorsOf(never),
    alwaysInject: selectorsOf(always),
    templates: [...keysOf(templates), ...keysOf(aliases)],
  };
};

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const keysOf = (value: unknown): string[] => (isRecord(value) ? Object.keys(value) : []);

const selectorsOf = (value: unknown): LabelSelector[] => {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value) || !value.every(isRecord))
    throw new Error("a selector list of the injector's configuration is not a list of selectors");
  return value;
};
