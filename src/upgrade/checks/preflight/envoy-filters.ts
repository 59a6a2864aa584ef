/** EnvoyFilters, which patch the configuration of proxies by names and shapes that change with Envoy's version. */
import { matchesOldFilterNames } from "../../../mesh/istio-faults.ts";
import { matchesSelector } from "../../../mesh/labels.ts";
import type { Workload } from "../../../mesh/model.ts";
import { counted, listed } from "../../../mesh/phrase.ts";
import { filterVersion } from "../../cleanup/chart-objects.ts";
import type { EnvoyFilter } from "../../preflight/evidence/config-evidence.ts";
import { gatewayKindOf } from "../../preflight/gateway-kind.ts";
import { leftRevisions } from "../../preflight/planes.ts";
import type { PreflightFacts } from "../../preflight/preflight-facts.ts";
import { versionOf } from "../../preflight/version-of.ts";
import { matchesVersion } from "../../preflight/version-pattern.ts";
import { type Check, note, warning } from "../check.ts";

const nameOf = ({ namespace, name }: EnvoyFilter): string => `${namespace}/${name}`;
const objectOf = ({ namespace, name }: EnvoyFilter): string => `${namespace}/EnvoyFilter/${name}`;

/**
 * Those that patch a proxy that moves, or a gateway, without those of Istio's own charts: each release brings its own.
 * An EnvoyFilter of the root namespace, which is here taken to be Istio's, is for every namespace; source:
 * https://istio.io/latest/docs/reference/config/networking/envoy-filter/
 */
const inReach = (facts: PreflightFacts): readonly EnvoyFilter[] => {
  const moving = facts.moves.flatMap(({ workloads }) =>
    workloads.filter(({ after }) => after.kind === "injected").map(({ workload }) => workload),
  );
  const workloads = [...moving, ...facts.mesh.workloads.filter((each) => gatewayKindOf(each) !== undefined)];
  return facts.around.config.envoyFilters.filter(
    (filter) =>
      filterVersion(filter.name, filter.revision ?? "default") === undefined &&
      workloads.some((workload) => patches(filter, workload, facts.mesh.istioNamespace)),
  );
};

const patches = (filter: EnvoyFilter, { namespace, template }: Workload, root: string): boolean =>
  (filter.namespace === namespace || filter.namespace === root) &&
  (filter.targeted || matchesSelector({ matchLabels: filter.selector ?? {} }, template?.metadata?.labels));

/** The control plane of a proxy, and the version of both. */
interface Side {
  readonly revision: string;
  readonly version: string | undefined;
}

type Patch = EnvoyFilter["patches"][number];

/** Whether the patch is applied to a proxy of this side; undefined where that cannot be told. */
const applies = (filter: EnvoyFilter, { versions }: Patch, { revision, version }: Side): boolean | undefined => {
  if (filter.revision !== undefined && filter.revision !== revision) return false;
  if (versions === undefined) return true;
  return version === undefined ? undefined : matchesVersion(versions, version);
};

const oldSides = (facts: PreflightFacts): readonly Side[] =>
  leftRevisions(facts).map((revision) => ({ revision, version: versionOf(facts.mesh, revision) }));

const newSide = ({ mesh, target: { revision } }: PreflightFacts): Side => ({
  revision,
  version: versionOf(mesh, revision),
});

/** It patches the same proxies in place of this one. */
const isBeside = (filter: EnvoyFilter, other: EnvoyFilter): boolean =>
  filter.namespace === other.namespace && sameLabels(filter.selector ?? {}, other.selector ?? {});

const sameLabels = (a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): boolean =>
  Object.keys(a).length === Object.keys(b).length && matchesSelector({ matchLabels: a }, b);

const stopping: Check<PreflightFacts> = {
  id: "envoy-filters-stop",
  title: "what EnvoyFilters do to a proxy, they do after the move",
  severity: "warning",
  category: "gateways",
  run: (facts) => {
    const target = newSide(facts);
    if (target.version === undefined && !facts.installed) return [];
    const found = inReach(facts);
    const olds = oldSides(facts);
    return found.flatMap((filter) => {
      const before = olds.filter((old) => filter.patches.some((patch) => applies(filter, patch, old) !== false));
      const lost = filter.patches.filter(
        (patch) =>
          applies(filter, patch, target) !== true &&
          before.some((old) => applies(filter, patch, old) !== false && !isReplaced(found, filter, patch, old, target)),
      );
      if (lost.length === 0) return [];
      const isCertain = lost.some(
        (patch) =>
          applies(filter, patch, target) === false && before.some((old) => applies(filter, patch, old) === true),
      );
      const what = listed([...new Set(lost.map(({ applyTo }) => applyTo))]);
      return [
        warning(
          objectOf(filter),
          `it patches proxies of ${listed(before.map(({ revision }) => revision))} (${what}), and after the move it ${isCertain ? "silently does not" : "may not"}: ${reason(filter, lost, target)}`,
          "add a patch that is right for the target's proxies before they come up, and try it on one workload",
        ),
      ];
    });
  },
};

const reason = ({ revision }: EnvoyFilter, lost: readonly Patch[], target: Side): string => {
  if (revision !== undefined && revision !== target.revision)
    return `its label istio.io/rev=${revision} hides it from revision ${target.revision}`;
  const versions = listed([...new Set(lost.flatMap(({ versions }) => versions ?? []))]);
  return target.version === undefined
    ? `its proxyVersion is ${versions}, and the version of revision ${target.revision} is not known`
    : `its proxyVersion is ${versions}, and that of the new proxies ${target.version}`;
};

/** Another patch of the same place comes into force with the move, in this EnvoyFilter or beside it. */
const isReplaced = (all: readonly EnvoyFilter[], filter: EnvoyFilter, patch: Patch, old: Side, target: Side): boolean =>
  all
    .filter((other) => isBeside(filter, other))
    .some((other) =>
      other.patches.some(
        (each) =>
          each.applyTo === patch.applyTo &&
          applies(other, each, target) === true &&
          applies(other, each, old) === false,
      ),
    );

/** Source: `DeprecatedFilterNames` (istio/istio pkg/config/xds/deprecated.go). */
const oldNames = new Set([
  ..."buffer cors csrf http_dynamo_filter ext_authz fault grpc_http1_bridge grpc_json_transcoder grpc_web".split(" "),
  ..."gzip health_check ip_tagging lua rate_limit router squash client_ssl_auth http_connection_manager".split(" "),
  ..."mongo_proxy ratelimit redis_proxy tcp_proxy listener.http_inspector listener.original_dst".split(" "),
  ..."listener.original_src listener.proxy_protocol listener.tls_inspector".split(" "),
]);

const isOldName = (name: string): boolean => name.startsWith("envoy.") && oldNames.has(name.slice("envoy.".length));

const names: Check<PreflightFacts> = {
  id: "envoy-filter-names",
  title: "EnvoyFilters name filters as the target does",
  severity: "warning",
  category: "gateways",
  run: (facts) => {
    const target = newSide(facts);
    const isCrossed =
      matchesOldFilterNames(target.version) === false &&
      oldSides(facts).some(({ version }) => matchesOldFilterNames(version) === true);
    if (!isCrossed) return [];
    return inReach(facts).flatMap((filter) => {
      const found = filter.patches
        .filter((patch) => applies(filter, patch, target) === true)
        .flatMap(({ filters }) => filters.filter(isOldName));
      return found.length === 0
        ? []
        : [
            warning(
              objectOf(filter),
              `it looks for ${listed([...new Set(found)])}, a name of before Envoy 1.14 that Istio does not match from 1.19 on: the patch has no effect on proxies of ${target.revision}`,
              "name the filter as Envoy does, e.g. envoy.filters.network.http_connection_manager or envoy.filters.http.router",
            ),
          ];
    });
  },
};

const bothVersions: Check<PreflightFacts> = {
  id: "envoy-filters-both",
  title: "EnvoyFilters are right for the proxies of both releases",
  severity: "note",
  category: "gateways",
  run: (facts) => {
    const target = newSide(facts);
    const found = inReach(facts).filter(
      (filter) =>
        filter.patches.some(({ versions }) => versions === undefined) &&
        (filter.revision === undefined || filter.revision === target.revision),
    );
    if (found.length === 0) return [];
    const [patch, are] = found.length === 1 ? ["patches", "is"] : ["patch", "are"];
    const message = `${counted(found.length, "EnvoyFilter")} ${patch} proxies of every version (${listed(found.map(nameOf))}): Istio does not promise that ${are === "is" ? "it is" : "they are"} right for those of the next release`;
    return [
      note(
        "envoyfilters",
        message,
        "try them on one workload first; match.proxy.proxyVersion binds a patch to a release",
      ),
    ];
  },
};

export const envoyFilterChecks: readonly Check<PreflightFacts>[] = [stopping, names, bothVersions];
