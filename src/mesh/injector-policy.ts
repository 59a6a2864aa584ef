import gte from "semver/functions/gte.js";
import lt from "semver/functions/lt.js";
import { parseVersion } from "./istio-version.ts";
import type { LabelSelector, Labels } from "./kubernetes.ts";
import { isEmptySelector, labelOf, matchesSelector } from "./labels.ts";
import type { InjectorPolicy } from "./model.ts";

/**
 * What a pod asks of istiod by `sidecar.istio.io/inject`: the label, or else the older annotation; empty when it asks
 * nothing.
 */
export const injectionWish = (pod: { readonly labels?: Labels; readonly annotations?: Labels }): string =>
  labelOf(pod.labels, "sidecar.istio.io/inject") ?? labelOf(pod.annotations, "sidecar.istio.io/inject") ?? "";

/**
 * Would an istiod of this version, told this policy, inject a pod that asks `wish` and carries these labels?
 * `undefined` when releases read the wish differently and the version is not known. Up to 1.26 YAML's words for true
 * ask for injection and any other word forbids it; 1.28 and later take `true` and `false` alone and leave other words
 * to the policy (1.27 was not looked at). Source: `injectRequired` (istio/istio pkg/kube/inject/inject.go) of 1.19,
 * 1.20, 1.24, 1.25, 1.26, 1.28 and 1.29.
 */
export const policyInjects = (
  policy: InjectorPolicy,
  version: string | undefined,
  wish: string,
  labels: Labels | undefined,
): boolean | undefined => {
  const answers = new Set(readings(version).map((read) => decide(policy, read(wish), labels)));
  return answers.size === 1 ? [...answers][0] : undefined;
};

/**
 * Istio's own default: every pod that the webhook sends is injected. `templates` is empty because they are not known.
 */
export const defaultPolicy: InjectorPolicy = { policy: "enabled", neverInject: [], alwaysInject: [], templates: [] };

type InjectSetting = "yes" | "no" | "as the policy says";

const yamlTrue = ["y", "yes", "true", "on"];
const readWords = (wish: string): InjectSetting =>
  wish === "" ? "as the policy says" : yamlTrue.includes(wish.toLowerCase()) ? "yes" : "no";
const readStrictly = (wish: string): InjectSetting =>
  wish === "true" ? "yes" : wish === "false" ? "no" : "as the policy says";

const readings = (version: string | undefined): readonly ((wish: string) => InjectSetting)[] => {
  const known = parseVersion(version);
  if (known !== undefined && lt(known, "1.27.0-0")) return [readWords];
  if (known !== undefined && gte(known, "1.28.0-0")) return [readStrictly];
  return [readWords, readStrictly];
};

const decide = (
  { policy, neverInject, alwaysInject }: InjectorPolicy,
  wish: InjectSetting,
  labels: Labels | undefined,
): boolean => {
  if (policy !== "enabled" && policy !== "disabled") return false;
  if (wish !== "as the policy says") return wish === "yes";
  if (neverInject.some((selector) => picks(selector, labels))) return false;
  if (alwaysInject.some((selector) => picks(selector, labels))) return true;
  return policy === "enabled";
};

/** istiod passes over empty selectors and those that it cannot read. */
const picks = (selector: LabelSelector, labels: Labels | undefined): boolean => {
  try {
    return !isEmptySelector(selector) && matchesSelector(selector, labels);
  } catch {
    return false;
  }
};

/** Reads key `config` of the injector's ConfigMap, once its YAML is parsed. Throws on what cannot be one. */
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
