/** Versions of Istio of which a known fault or change makes a configuration fail that worked before. */
import gte from "semver/functions/gte.js";
import lt from "semver/functions/lt.js";
import { releaseOf } from "./istio-version.ts";

const within = (version: string, from: string, before: string): boolean => gte(version, from) && lt(version, before);

/**
 * Whether a control plane of this version also programs Gateways without `istio.io/rev` that belong to the default
 * revision, so that it and the default one replace their pods without end. `undefined` when the version is unknown.
 * Fixed in 1.23.5 and 1.24.2 (their release notes); of 1.22 and older it is not reported.
 * https://github.com/istio/istio/issues/54280
 */
export const takesForeignGateways = (version: string | undefined): boolean | undefined => {
  const parsed = releaseOf(version);
  return parsed === undefined ? undefined : within(parsed, "1.23.0", "1.23.5") || within(parsed, "1.24.0", "1.24.2");
};

/**
 * What the injection template `gateway` of this version does about ports below 1024: `root`: it leaves the user to the
 * image, which is root; `nothing`: it runs the proxy as user 1337; `sysctl`: and sets
 * `net.ipv4.ip_unprivileged_port_start` to 0. `undefined` when the version is unknown. Source:
 * `gateway-injection-template.yaml` of 1.19.0, 1.20.0, 1.28.2; https://github.com/istio/istio/issues/48364 and
 * https://github.com/istio/istio/issues/49549 (1.20.3 has the sysctl).
 */
export const lowPortsOfInjectedGateways = (version: string | undefined): "root" | "nothing" | "sysctl" | undefined => {
  const parsed = releaseOf(version);
  if (parsed === undefined) return undefined;
  if (lt(parsed, "1.20.0")) return "root";
  return lt(parsed, "1.20.3") ? "nothing" : "sysctl";
};

/**
 * Whether EnvoyFilters may match a filter by the name that it had before Envoy 1.14, e.g. `envoy.router`: up to Istio
 * 1.18. `undefined` when the version is unknown.
 * https://istio.io/latest/news/releases/1.19.x/announcing-1.19/upgrade-notes/
 */
export const matchesOldFilterNames = (version: string | undefined): boolean | undefined => {
  const parsed = releaseOf(version);
  return parsed === undefined ? undefined : lt(parsed, "1.19.0");
};
