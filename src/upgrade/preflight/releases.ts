/** What is known of Istio's releases beside their numbers: the Kubernetes that they support, and what they removed. Pure. */
import { releaseOf } from "../../mesh/istio-version.ts";
import type { Labels } from "../../mesh/kubernetes.ts";
import { labelOf } from "../../mesh/labels.ts";
import { isSettings, listIn, type MeshSettings, settingsIn, textIn, valueIn } from "./mesh-settings.ts";

/** The minor release of a version of Istio 1, e.g. 20 of `1.20.0`; `undefined` for all other texts. */
export const minorRelease = (version: string | undefined): number | undefined => {
  const [major, minor] = (releaseOf(version) ?? "").split(".");
  return major === "1" && minor !== undefined ? Number(minor) : undefined;
};

/** The minor release of Kubernetes 1 in a version as the API server reports it, e.g. 29 of `v1.29.8-gke.1096000`. */
export const kubernetesMinor = (gitVersion: string): number | undefined => {
  const minor = /^v?1\.(\d+)(?!\d)/.exec(gitVersion)?.[1];
  return minor === undefined ? undefined : Number(minor);
};

/**
 * The first and the last minor release of Kubernetes that each minor release of Istio supports, as of September 2026.
 * Source: https://istio.io/latest/docs/releases/supported-releases/#support-status-of-istio-releases (istio/istio.io
 * data/compatibility/supportStatus.yml).
 */
export const supportedKubernetes: ReadonlyMap<number, readonly [first: number, last: number]> = new Map([
  [16, [22, 25]],
  [17, [23, 26]],
  [18, [24, 27]],
  [19, [25, 28]],
  [20, [25, 29]],
  [21, [26, 29]],
  [22, [27, 30]],
  [23, [27, 30]],
  [24, [28, 31]],
  [25, [29, 32]],
  [26, [29, 33]],
  [27, [29, 33]],
  [28, [30, 34]],
  [29, [31, 35]],
  [30, [32, 36]],
  [31, [32, 37]],
]);

/**
 * Below this minor release of Kubernetes `istioctl x precheck` reports error IST0142. Only releases whose source was
 * read: istio/istio istioctl/pkg/install/k8sversion/version.go, `MinK8SVersion`.
 */
export const refusedBelow: ReadonlyMap<number, number> = new Map([
  [19, 25],
  [20, 25],
  [28, 30],
  [29, 30],
  [30, 32],
  [31, 32],
]);

/** What the mesh of a revision is set to. */
export interface RevisionSettings {
  readonly settings: MeshSettings;
  /** Environment of its istiod. */
  readonly env: Labels;
}

/** Something that a minor release of Istio removed, or whose default it changed. */
export interface RemovedSetting {
  readonly minor: number;
  /** Only a default changed, which Istio's own charts had written down: nobody need have asked for it. */
  readonly isDefault: boolean;
  /** What is set and has no effect from this release on; undefined where nothing is. */
  readonly found: (old: RevisionSettings, target: MeshSettings) => string | undefined;
  readonly remedy: string;
}

const telemetryApi =
  "configure a tracer for the target, e.g. OpenTelemetry: https://istio.io/latest/docs/tasks/observability/distributed-tracing/";

/**
 * Settings that were removed. Sources: the upgrade notes of 1.22 and 1.25 on istio.io; istio/istio releasenotes/notes
 * `54002.yaml` (1.27) and `remove-metric-rotation.yaml` (1.28).
 */
export const removedSettings: readonly RemovedSetting[] = [
  {
    minor: 22,
    isDefault: true,
    found: ({ settings }, target) =>
      valueIn(settings, "enableTracing") !== false && tracesToDefault(settings) && !hasTracer(target)
        ? "traces go to zipkin.istio-system by default, and the target names no tracer: they end where a collector listens there"
        : undefined,
    remedy: telemetryApi,
  },
  {
    minor: 25,
    isDefault: false,
    found: ({ settings }) =>
      "openCensusAgent" in tracingOf(settings) || providersOf(settings, "opencensus").length > 0
        ? `traces are sent by OpenCensus${byName(providersOf(settings, "opencensus"))}`
        : undefined,
    remedy: telemetryApi,
  },
  {
    minor: 27,
    isDefault: false,
    found: ({ settings }) => {
      const names = providersOf(settings, "lightstep");
      return names.length > 0 ? `traces are sent by Lightstep${byName(names)}` : undefined;
    },
    remedy: telemetryApi,
  },
  {
    minor: 28,
    isDefault: false,
    found: ({ env }) => {
      const set = ["METRIC_ROTATION_INTERVAL", "METRIC_GRACEFUL_DELETION_INTERVAL"].filter(
        (name) => labelOf(env, name) !== undefined,
      );
      return set.length > 0 ? `old series of metrics are removed by ${set.join(" and ")} of istiod` : undefined;
    },
    remedy: "annotate the pods with sidecar.istio.io/statsEvictionInterval instead",
  },
];

const tracers = ["zipkin", "lightstep", "datadog", "stackdriver", "opencensus", "skywalking", "opentelemetry"];

const tracingOf = (settings: MeshSettings): MeshSettings =>
  settingsIn(settingsIn(settings, "defaultConfig"), "tracing");

/** Without a tracer, or with the one that the charts up to 1.21 wrote down: `zipkin.NAMESPACE:9411`. */
const tracesToDefault = (settings: MeshSettings): boolean => {
  const tracing = tracingOf(settings);
  const address = textIn(settingsIn(tracing, "zipkin"), "address");
  return address === undefined
    ? Object.keys(tracing).every((key) => !tracers.includes(key) && key !== "openCensusAgent")
    : /^zipkin\.[^.:]+:9411$/.test(address);
};

const hasTracer = (settings: MeshSettings): boolean =>
  [...tracers, "openCensusAgent"].some((tracer) => tracer in tracingOf(settings)) ||
  tracers.some((tracer) => providersOf(settings, tracer).length > 0);

const providersOf = (settings: MeshSettings, type: string): readonly string[] =>
  listIn(settings, "extensionProviders")
    .filter(isSettings)
    .filter((provider) => type in provider)
    .map((provider) => textIn(provider, "name") ?? "");

const byName = (providers: readonly string[]): string =>
  providers.length === 0 ? "" : ` (provider ${providers.join(", ")})`;
