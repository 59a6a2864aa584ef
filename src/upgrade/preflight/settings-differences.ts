/** In which settings two mesh configs differ. Pure. */
import { isSettings, type MeshSettings, settingsIn } from "./mesh-settings.ts";

/** A setting that two mesh configs have otherwise. */
export interface SettingDifference {
  readonly key: string;
  readonly before: string | undefined;
  readonly after: string | undefined;
}

/** Told by checks of their own, or different in each revision. */
const toldElsewhere: readonly string[] = [
  "trustDomain",
  "trustDomainAliases",
  "discoverySelectors",
  "defaultConfig.discoveryAddress",
  "defaultConfig.meshId",
];

/**
 * What an absent setting stands for, where it is a plain value. Source: `DefaultMeshConfig` and `DefaultProxyConfig`
 * (istio/istio pkg/config/mesh/mesh.go), the same from 1.19 to 1.29.
 */
const defaults: Readonly<Record<string, unknown>> = {
  enableTracing: true,
  accessLogFile: "",
  accessLogEncoding: "TEXT",
  accessLogFormat: "",
  enableEnvoyAccessLogService: false,
  ingressService: "istio-ingressgateway",
  ingressControllerMode: "STRICT",
  ingressClass: "istio",
  enableAutoMtls: true,
  rootNamespace: "istio-system",
  proxyListenPort: 15001,
  proxyInboundListenPort: 15006,
  enablePrometheusMerge: true,
  "defaultConfig.concurrency": undefined,
  "defaultConfig.proxyAdminPort": 15000,
  "defaultConfig.statusPort": 15020,
  "defaultConfig.statNameLength": 189,
};

/**
 * The keys in which they differ, sorted: those of the first level, and of `defaultConfig` those of the second. What
 * each revision has of its own is left out, and so is what has a check of its own.
 */
export const settingsThatDiffer = (a: MeshSettings, b: MeshSettings): readonly string[] => {
  const [left, right] = [flat(a), flat(b)];
  return [...new Set([...left.keys(), ...right.keys()])]
    .filter((key) => !toldElsewhere.includes(key) && text(key, left.get(key)) !== text(key, right.get(key)))
    .sort();
};

/** The same with what stands there, as JSON; undefined where it is not set. */
export const settingDifferences = (a: MeshSettings, b: MeshSettings): readonly SettingDifference[] => {
  const [left, right] = [flat(a), flat(b)];
  const shown = (value: unknown): string | undefined => (isEmpty(value) ? undefined : JSON.stringify(sorted(value)));
  return settingsThatDiffer(a, b).map((key) => ({
    key,
    before: shown(left.get(key)),
    after: shown(right.get(key)),
  }));
};

const flat = (settings: MeshSettings): ReadonlyMap<string, unknown> => {
  const { defaultConfig: _, ...rest } = settings;
  const proxy = Object.entries(settingsIn(settings, "defaultConfig"));
  return new Map([...Object.entries(rest), ...proxy.map(([key, value]) => [`defaultConfig.${key}`, value] as const)]);
};

/** What is empty is as absent: that is how it is written in protobuf. */
const text = (key: string, value: unknown): string => {
  const known = isEmpty(value) && Object.hasOwn(defaults, key) ? defaults[key] : value;
  return isEmpty(known) ? "" : JSON.stringify(sorted(known));
};

const isEmpty = (value: unknown): boolean =>
  value === undefined ||
  value === null ||
  value === "" ||
  (Array.isArray(value) && value.length === 0) ||
  (isSettings(value) && Object.values(value).every(isEmpty));

const sorted = (value: unknown): unknown =>
  Array.isArray(value)
    ? value.map(sorted)
    : isSettings(value)
      ? Object.fromEntries(
          Object.entries(value)
            .filter(([, each]) => !isEmpty(each))
            .sort(([one], [other]) => (one < other ? -1 : 1))
            .map(([key, each]) => [key, sorted(each)]),
        )
      : value;
