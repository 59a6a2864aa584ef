/** Istio's versions: read from image tags and labels, and the ones with a known fault. */
import gte from "semver/functions/gte.js";
import lt from "semver/functions/lt.js";
import parse from "semver/functions/parse.js";

/**
 * Istio's version in a text such as an image tag (`1.20.0`, `1.29.1-distroless`) or label `operator.istio.io/version`:
 * `1.20.0`, with its pre-release (`1.31.0-rc.0`). `undefined` for any other text (`latest`, `unknown`, a commit).
 */
export const parseVersion = (text: string | undefined): string | undefined =>
  parse((text ?? "").replace(/-(distroless|debug)$/, ""))?.version;

/**
 * Tag of an image, without Istio's image type (`-distroless`, `-debug`); `undefined` for an image without a tag, e.g.
 * with a digest only.
 */
export const imageTag = (image: string | undefined): string | undefined => {
  const name = (image ?? "").replace(/@.*$/, "");
  const colon = name.lastIndexOf(":");
  const tag = colon > name.lastIndexOf("/") ? name.slice(colon + 1) : "";
  return tag === "" ? undefined : tag.replace(/-(distroless|debug)$/, "");
};

const fixedIn = ["1.29.5", "1.30.2"];

/**
 * Whether a control plane of this version has a fault: when a Gateway moves to another revision, the old istiod sends
 * empty configuration to the Gateway's running pods (about half a minute of failures). The fault begins with 1.24.3 and
 * is fixed in 1.29.5, 1.30.2 and 1.31.0; 1.24 to 1.28 have no fix. `undefined` when the version is unknown.
 * https://github.com/istio/istio/issues/59959
 */
export const dropsConfigOfMovedGateways = (version: string | undefined): boolean | undefined => {
  const parsed = parseVersion(version);
  if (parsed === undefined) return undefined;
  if (lt(parsed, "1.24.3") || gte(parsed, "1.31.0")) return false;
  return !fixedIn.some((fixed) => sameMinor(fixed, parsed) && gte(parsed, fixed));
};

/** Istio 1.28 and later writes a Service beside the webhook of a tag. https://github.com/istio/istio/pull/56963 */
export const hasServiceTags = (version: string | undefined): boolean => {
  const parsed = parseVersion(version);
  return parsed !== undefined && gte(parsed, "1.28.0");
};

const sameMinor = (a: string, b: string): boolean => a.split(".", 2).join(".") === b.split(".", 2).join(".");

/** The minor release of a version: 20 of `1.20.3` and of `1.20.0-rc.1`; `undefined` for what is no version of Istio 1. */
export const minorOf = (version: string | undefined): number | undefined => {
  const parsed = parse(parseVersion(version) ?? null);
  return parsed?.major === 1 ? parsed.minor : undefined;
};

/** Whether the first is the older of two versions of `parseVersion`'s form. */
export const isOlder = (version: string, than: string): boolean => lt(version, than);
