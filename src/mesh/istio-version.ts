/** Istio's versions: read from image tags and labels, and the ones with a known fault. */
import compare from "semver/functions/compare.js";
import gte from "semver/functions/gte.js";
import lt from "semver/functions/lt.js";
import parse from "semver/functions/parse.js";

/**
 * A version in a text: a vendor's name before it (`asm-1.22.6-2`), the release, a pre-release of Istio's own
 * (`1.31.0-rc.0`), and what a vendor adds: `1.20.8-solo`, `1.18.7-asm.21`, `1.20.8-tetrate0`, `v1.24.3-1`, `1.20.6.34`.
 */
const form =
  /^(?:(asm|ossm|release|istio)[-_])?v?(\d+\.\d+\.\d+)(-(?:alpha|beta|rc)(?:\.\d+)?)?((?:[-.+_][0-9A-Za-z]+)*)$/i;

/** `release`: what Istio calls it, a pre-release included; `build`: what the vendor added, empty for Istio's own. */
interface Version {
  readonly release: string;
  readonly build: string;
}

const read = (text: string | undefined): Version | undefined => {
  const [, , numbers, pre = "", build = ""] = form.exec((text ?? "").replace(imageType, "")) ?? [];
  const release = parse(`${numbers ?? ""}${pre}`)?.version;
  return release === undefined ? undefined : { release, build };
};

/** `KnownImageTypes` of istio/istio pkg/kube/inject/inject.go. */
const imageType = /-(distroless|debug)$/;

/**
 * Istio's version in a text such as an image tag (`1.20.0`, `1.29.1-distroless`) or label `operator.istio.io/version`:
 * `1.20.0`, with its pre-release (`1.31.0-rc.0`) and with what a vendor added (`1.20.8-solo`). `undefined` for any other
 * text (`latest`, `unknown`, a commit).
 */
export const parseVersion = (text: string | undefined): string | undefined => {
  const version = read(text);
  return version && `${version.release}${version.build}`;
};

/**
 * The release of Istio that a version of `parseVersion`'s form is built from: a vendor's `1.20.8-solo` is 1.20.8, and is
 * not a pre-release of it. `undefined` for all other texts.
 */
export const releaseOf = (text: string | undefined): string | undefined => read(text)?.release;

/**
 * Below 0 where the first version is the older one, 0 where they are the same, above 0 where it is the newer one. The
 * builds of one vendor are compared by their numbers (`1.18.7-asm.4` is older than `1.18.7-asm.21`). `undefined` where
 * one of the texts is no version, and where the same release was built by two vendors: neither is older.
 */
export const compareVersions = (a: string | undefined, b: string | undefined): number | undefined => {
  const [left, right] = [read(a), read(b)];
  if (left === undefined || right === undefined) return undefined;
  const byRelease = compare(left.release, right.release);
  if (byRelease !== 0 || left.build === right.build) return byRelease;
  if (left.build.replaceAll(/\d+/g, "0") !== right.build.replaceAll(/\d+/g, "0")) return undefined;
  const [numbers, others] = [numbersOf(left.build), numbersOf(right.build)];
  const at = numbers.findIndex((number, index) => number !== others[index]);
  return at < 0 ? 0 : (numbers[at] ?? 0) - (others[at] ?? 0);
};

const numbersOf = (build: string): readonly number[] => (build.match(/\d+/g) ?? []).map(Number);

/**
 * Tag of an image, without Istio's image type (`-distroless`, `-debug`); `undefined` for an image without a tag, e.g.
 * with a digest only.
 */
export const imageTag = (image: string | undefined): string | undefined => {
  const name = (image ?? "").replace(/@.*$/, "");
  const colon = name.lastIndexOf(":");
  const tag = colon > name.lastIndexOf("/") ? name.slice(colon + 1) : "";
  return tag === "" ? undefined : tag.replace(imageType, "");
};

const fixedIn = ["1.29.5", "1.30.2"];

/**
 * Whether a control plane of this version has a fault: when a Gateway moves to another revision, the old istiod sends
 * empty configuration to the Gateway's running pods (about half a minute of failures). The fault begins with 1.24.3 and
 * is fixed in 1.29.5, 1.30.2 and 1.31.0; 1.24 to 1.28 have no fix. `undefined` when the version is unknown.
 * https://github.com/istio/istio/issues/59959
 */
export const dropsConfigOfMovedGateways = (version: string | undefined): boolean | undefined => {
  const parsed = releaseOf(version);
  if (parsed === undefined) return undefined;
  if (lt(parsed, "1.24.3") || gte(parsed, "1.31.0")) return false;
  return !fixedIn.some((fixed) => sameMinor(fixed, parsed) && gte(parsed, fixed));
};

/** Istio 1.28 and later writes a Service beside the webhook of a tag. https://github.com/istio/istio/pull/56963 */
export const hasServiceTags = (version: string | undefined): boolean => {
  const parsed = releaseOf(version);
  return parsed !== undefined && gte(parsed, "1.28.0");
};

const sameMinor = (a: string, b: string): boolean => a.split(".", 2).join(".") === b.split(".", 2).join(".");

/** The minor release of a version: 20 of `1.20.3` and of `1.20.0-rc.1`; `undefined` for what is no version of Istio 1. */
export const minorOf = (version: string | undefined): number | undefined => {
  const parsed = parse(releaseOf(version) ?? null);
  return parsed?.major === 1 ? parsed.minor : undefined;
};

/** Whether the first is the older of two versions of `parseVersion`'s form; not where that cannot be told. */
export const isOlder = (version: string, than: string): boolean => (compareVersions(version, than) ?? 0) < 0;
