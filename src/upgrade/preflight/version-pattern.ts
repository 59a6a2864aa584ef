/** `match.proxy.proxyVersion` of an EnvoyFilter: a regular expression that is searched for in a proxy's version. */

/** More repetitions, or one of a group, cannot be searched for in time if somebody means ill. */
const mostRepeats = 4;

/**
 * Whether a proxy of this version, e.g. `1.20.0`, is matched. Undefined where that cannot be told: the expression uses
 * what only Go's syntax has, or searching for it could take for ever. Source: `proxyMatch` (istio/istio
 * pilot/pkg/model/envoyfilter.go); https://github.com/google/re2/wiki/Syntax
 */
export const matchesVersion = (pattern: string, version: string): boolean | undefined => {
  const repeats = pattern.match(/[*+{?]/g)?.length ?? 0;
  if (pattern.length > 100 || version.length > 50 || repeats > mostRepeats || /\)[*+{]/.test(pattern)) return undefined;
  try {
    return new RegExp(pattern).test(version);
  } catch {
    return undefined;
  }
};
