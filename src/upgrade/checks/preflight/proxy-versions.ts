/** How far the proxies are from the target, and from the istiods that they are connected to. */
import { parseVersion } from "../../../mesh/istio-version.ts";
import type { Mesh } from "../../../mesh/model.ts";
import { listed } from "../../../mesh/phrase.ts";
import { targetPlane } from "../../preflight/planes.ts";
import type { PreflightFacts } from "../../preflight/preflight-facts.ts";
import { minorRelease } from "../../preflight/releases.ts";
import { type Check, note, type Observation, warning } from "../check.ts";

interface RunningProxy {
  /** `NAMESPACE/POD`. */
  readonly name: string;
  readonly version: string | undefined;
}

/**
 * Every proxy once: those that istiods list, by the version that they report, and the pods that no istiod lists, by the
 * tag of their image. ztunnel is not one of them: it is upgraded by its own chart.
 */
const runningProxies = ({ answers, pods }: Mesh): readonly RunningProxy[] => {
  const connected = answers.flatMap((answer) =>
    answer.kind === "answered" ? answer.proxies.filter(({ type }) => type !== "ztunnel") : [],
  );
  const byName = new Map(
    connected.map(({ namespace, pod, version }) => [`${namespace}/${pod}`, { name: `${namespace}/${pod}`, version }]),
  );
  for (const { namespace, name, proxy, phase } of pods) {
    if (proxy === undefined || proxy.kind === "ztunnel" || phase !== "Running") continue;
    const known = byName.get(`${namespace}/${name}`);
    if (known?.version === undefined)
      byName.set(`${namespace}/${name}`, { name: `${namespace}/${name}`, version: proxy.version });
  }
  return [...byName.values()];
};

const namesOf = (proxies: readonly { readonly name: string }[]): string =>
  `${proxies.length === 1 ? "1 proxy" : `${proxies.length} proxies`} (${listed(proxies.map(({ name }) => name).sort())})`;

/**
 * A control plane may be one minor release ahead of its proxies, and no proxy may be ahead of its control plane
 * (https://istio.io/latest/docs/releases/supported-releases/#control-planedata-plane-skew).
 */
const proxySkew: Check<PreflightFacts> = {
  id: "proxy-skew",
  title: "every proxy is of the target's minor release or of the one before",
  severity: "warning",
  category: "versions",
  run: (facts) => {
    const plane = targetPlane(facts);
    const to = minorRelease(plane?.version);
    if (to === undefined) return [];
    const groups = Map.groupBy(runningProxies(facts.mesh), ({ version }) => minorRelease(version));
    return [...groups]
      .sort(([a = -1], [b = -1]) => a - b)
      .flatMap(([minor, proxies]): readonly Observation[] => {
        if (minor === undefined)
          return [
            note(
              "proxies of an unknown version",
              `the version of ${namesOf(proxies)} is unknown: how far they are from the target's ${plane?.version} cannot be told`,
            ),
          ];
        const object = `proxies of Istio 1.${minor}`;
        const apart = to - minor;
        if (apart < 0)
          return [
            warning(
              object,
              `the target's ${plane?.version} is older than ${namesOf(proxies)}: Istio supports no proxy that is newer than its istiod`,
              "choose a target of their release or a newer one",
            ),
          ];
        if (apart > 2)
          return [
            warning(
              object,
              `the target's ${plane?.version} is ${apart} minor releases newer than ${namesOf(proxies)}: that is far more than Istio supports or tests`,
              "go by a release between them, and restart them on it first",
            ),
          ];
        if (apart === 2)
          return [
            warning(
              object,
              `the target's ${plane?.version} is two minor releases newer than ${namesOf(proxies)}: Istio supports them only on an istiod that is at most one minor release newer`,
              "keep their own control plane until each of them is restarted, and move no tag before",
            ),
          ];
        return [];
      });
  },
};

/**
 * Not each rule that istiod writes for its own release is known to an older proxy: one may not be enforced (CUSTOM
 * authorization of a new istiod on an old proxy: istio/istio#34988).
 */
const connectedSkew: Check<PreflightFacts> = {
  id: "proxy-istiod-skew",
  title: "no proxy is connected to an istiod that Istio does not support for it",
  severity: "warning",
  category: "versions",
  run: ({ mesh, around }) => {
    const reported = new Map(around.controlPlanes.versions.map(({ istiod, text }) => [istiod, istiodVersion(text)]));
    const pairs = mesh.answers.flatMap((answer) => {
      if (answer.kind !== "answered") return [];
      const istiod = reported.get(answer.istiod) ?? answer.version;
      const own = minorRelease(istiod);
      return answer.proxies.flatMap(({ namespace, pod, type, version }) => {
        const minor = minorRelease(version);
        return own === undefined || minor === undefined || own === minor || type === "ztunnel"
          ? []
          : [{ name: `${namespace}/${pod}`, revision: answer.revision, istiod, apart: own - minor, minor }];
      });
    });
    const groups = Map.groupBy(pairs, ({ revision, istiod, minor }) => `${revision} ${istiod} ${minor}`);
    return [...groups.values()].flatMap((group): readonly Observation[] => {
      const [first] = group;
      if (first === undefined) return [];
      const object = `revision/${first.revision}`;
      const serves = `its istiod of Istio ${first.istiod} serves ${namesOf(group)} of Istio 1.${first.minor}`;
      if (first.apart === 1)
        return [note(object, `${serves}: it was upgraded in place, and they get its release with their next restart`)];
      return [
        warning(
          object,
          `${serves}: Istio does not support this, and a policy may not be enforced as it is written`,
          "restart their workloads, or move them to a revision of their release, before anything else",
        ),
      ];
    });
  },
};

/**
 * The version in an istiod's answer to `/version`: `VERSION-COMMIT-STATUS`, where the version may have dashes and the
 * commit may end with `-dirty`. Source: `BuildInfo.String` (istio.io/istio pkg/version/version.go).
 */
export const istiodVersion = (text: string): string | undefined => {
  const [, rest] = /^(.+)-[^-]*$/.exec(text.replace(/-dirty-/, "-")) ?? [];
  const [, version] = /^(.+)-[^-]*$/.exec(rest ?? "") ?? [];
  return parseVersion(version);
};

export const proxySkewChecks: readonly Check<PreflightFacts>[] = [proxySkew, connectedSkew];
