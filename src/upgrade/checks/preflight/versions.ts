/** Which releases meet: of the control planes, of the proxies, of Kubernetes. */
import { leftPlanes, targetPlane } from "../../preflight/planes.ts";
import type { PreflightFacts } from "../../preflight/preflight-facts.ts";
import {
  kubernetesMinor,
  minorRelease,
  refusedBelow,
  removedSettings,
  supportedKubernetes,
} from "../../preflight/releases.ts";
import { blocker, type Check, cannotTell, note, type Observation, warning } from "../check.ts";
import { proxySkewChecks } from "./proxy-versions.ts";

/**
 * All control planes read the same configuration. The pairs of an old revision and the target are those of
 * `version-skew`.
 */
const controlPlanesApart: Check<PreflightFacts> = {
  id: "control-planes-apart",
  title: "all control planes are within two minor releases of each other",
  severity: "warning",
  category: "versions",
  run: (facts) => {
    const { mesh, target } = facts;
    const old = leftPlanes(facts).map(({ revision }) => revision);
    const isTold = (a: string, b: string): boolean =>
      (a === target.revision && old.includes(b)) || (b === target.revision && old.includes(a));
    const planes = mesh.controlPlanes.flatMap(({ deployment, revision, version }) => {
      const minor = minorRelease(version);
      return deployment === undefined || minor === undefined ? [] : [{ revision, version, minor }];
    });
    return planes.flatMap((a, at) =>
      planes
        .slice(at + 1)
        .filter((b) => Math.abs(a.minor - b.minor) > 2 && !isTold(a.revision, b.revision))
        .map((b) =>
          warning(
            `revision/${a.revision}`,
            `Istio ${a.version} of revision ${a.revision} and Istio ${b.version} of revision ${b.revision} are more than two minor releases apart, and both read the same configuration`,
            "remove the control plane that nothing needs any more first: kubectl mesh-cleanup",
          ),
        ),
    );
  },
};

const kubernetesVersion: Check<PreflightFacts> = {
  id: "kubernetes-version",
  title: "the target's release supports this version of Kubernetes",
  severity: "blocker",
  category: "versions",
  accepts: ["--skip"],
  run: (facts) => {
    const { kubernetes } = facts.around.controlPlanes;
    const version = targetPlane(facts)?.version;
    const istio = minorRelease(version);
    if (kubernetes === undefined || version === undefined || istio === undefined) return [];
    const object = `Kubernetes ${kubernetes}`;
    const minor = kubernetesMinor(kubernetes);
    if (minor === undefined)
      return [cannotTell(object, `whether Istio ${version} supports it is unknown`, pageOfReleases, "--skip")];
    const supported = supportedKubernetes.get(istio);
    if (supported === undefined)
      return [note(object, `which versions of Kubernetes Istio ${version} supports is not known here`, pageOfReleases)];
    const [first, last] = supported;
    const range = `Istio 1.${istio} supports Kubernetes 1.${first} to 1.${last}`;
    const lowest = refusedBelow.get(istio);
    if (lowest !== undefined && minor < lowest)
      return [
        blocker(
          object,
          `${range}, and its 'istioctl x precheck' refuses every version below 1.${lowest}`,
          "upgrade Kubernetes first, or choose an older target",
          "--skip",
        ),
      ];
    if (minor < first) return [warning(object, range, "upgrade Kubernetes first, or choose an older target")];
    if (minor > last) return [note(object, `${range}: it was not tested with a newer one`, pageOfReleases)];
    return [];
  },
};

const pageOfReleases = "see https://istio.io/latest/docs/releases/supported-releases/";

const releaseNotes: Check<PreflightFacts> = {
  id: "release-notes",
  title: "no release lies between the revisions",
  severity: "note",
  category: "versions",
  run: (facts) => {
    const plane = targetPlane(facts);
    const to = minorRelease(plane?.version);
    const froms = leftPlanes(facts).flatMap(({ version }) => minorRelease(version) ?? []);
    if (plane === undefined || to === undefined || froms.length === 0) return [];
    const from = Math.min(...froms);
    const between = Array.from({ length: Math.max(0, to - from) }, (_, at) => from + 1 + at);
    if (between.length === 0) return [];
    const pages = between.map((minor) => `${news}/1.${minor}.x/announcing-1.${minor}/upgrade-notes/`);
    return [note(`revision/${plane.revision}`, `read what changes from Istio 1.${from} on: ${pages.join(" ")}`)];
  },
};

const news = "https://istio.io/latest/news/releases";

const settingsKept: Check<PreflightFacts> = {
  id: "removed-settings",
  title: "the target's release has every setting that the old control plane uses",
  severity: "warning",
  category: "versions",
  run: (facts) => {
    const { meshConfigs, deployments } = facts.around.controlPlanes;
    const to = minorRelease(targetPlane(facts)?.version);
    const target = meshConfigs.find(({ revision }) => revision === facts.target.revision)?.settings ?? {};
    if (to === undefined) return [];
    return leftPlanes(facts).flatMap(({ revision, version }): readonly Observation[] => {
      const from = minorRelease(version);
      const config = meshConfigs.find((each) => each.revision === revision);
      if (from === undefined || config === undefined) return [];
      const env = deployments.find((each) => each.revision === revision)?.env ?? {};
      return removedSettings
        .filter(({ minor }) => from < minor && minor <= to)
        .flatMap(({ minor, isDefault, found, remedy }) => {
          const what = found({ settings: config.settings, env }, target);
          if (what === undefined) return [];
          const said = `in revision ${revision} ${what}; Istio 1.${minor} removed this`;
          return [(isDefault ? note : warning)(`ConfigMap ${config.configMap}`, said, remedy)];
        });
    });
  },
};

export const versionChecks: readonly Check<PreflightFacts>[] = [
  ...proxySkewChecks,
  controlPlanesApart,
  kubernetesVersion,
  releaseNotes,
  settingsKept,
];
