/** How each gateway moves, and what keeps it from serving afterwards. */
import { lowPortsOfInjectedGateways, takesForeignGateways } from "../../../mesh/istio-faults.ts";
import { labelOf } from "../../../mesh/labels.ts";
import type { Gateway, Mesh, Workload } from "../../../mesh/model.ts";
import { refText } from "../../../mesh/object-ref.ts";
import { counted, listed } from "../../../mesh/phrase.ts";
import { revisionsWithIstiod } from "../../../mesh/revision-state.ts";
import { type GatewayKind, gatewayKindOf, isEastWest, isInjectedGateway } from "../../preflight/gateway-kind.ts";
import { listenedPorts } from "../../preflight/gateway-ports.ts";
import type { PreflightFacts } from "../../preflight/preflight-facts.ts";
import { versionOf } from "../../preflight/version-of.ts";
import { type Check, note, warning } from "../check.ts";
import { envoyFilterChecks } from "./envoy-filters.ts";
import { certificateChecks } from "./gateway-certificates.ts";

/** Nobody keeps a gateway on its revision once its pods are on the target. */
const isToMove = ({ target }: PreflightFacts, { pods }: Workload): boolean =>
  pods.length === 0 || pods.some(({ proxy }) => proxy?.revision !== target.revision);

const ways: readonly (readonly [kind: GatewayKind, what: string, way: string])[] = [
  [
    "gateway",
    "injected",
    "a restart moves it, once the labels of its namespace or of its pod template name the target",
  ],
  [
    "managed-gateway",
    "deployed by istiod for a Gateway",
    "label istio.io/rev of that Gateway, or of its namespace, moves it",
  ],
  ["waypoint", "deployed by istiod as a waypoint", "label istio.io/rev of its Gateway, or of its namespace, moves it"],
  ["static-gateway", "deployed by an installer", "only its next installation moves it"],
];

const kindsOfGateways: Check<PreflightFacts> = {
  id: "gateway-kinds",
  title: "each gateway is moved in the way of its kind",
  severity: "note",
  category: "gateways",
  run: (facts) => {
    const gateways = facts.mesh.workloads.filter(
      (workload) => gatewayKindOf(workload) !== undefined && isToMove(facts, workload),
    );
    if (gateways.length === 0) return [];
    const parts = ways.flatMap(([kind, what, way]) => {
      const found = gateways.filter((workload) => gatewayKindOf(workload) === kind);
      return found.length === 0 ? [] : [`${found.length} ${what} (${namesOf(found)}): ${way}`];
    });
    const eastWest = gateways.filter(isEastWest);
    const others =
      eastWest.length === 0
        ? []
        : [
            `${namesOf(eastWest)} serve${eastWest.length === 1 ? "s" : ""} other networks: clusters beside this one depend on it`,
          ];
    return [note("gateways", `${counted(gateways.length, "gateway")} to move: ${[...parts, ...others].join("; ")}`)];
  },
};

const namesOf = (objects: readonly { readonly namespace: string; readonly name: string }[]): string =>
  listed(objects.map(({ namespace, name }) => `${namespace}/${name}`));

/**
 * A Gateway without `istio.io/rev` of its own or of its namespace belongs to the default tag, else to the un-revisioned
 * install, else to the default validator's revision. Source: pkg/revisions/tag_watcher.go (`IsMine`).
 */
const unlabelled: Check<PreflightFacts> = {
  id: "gateways-unlabelled",
  title: "one control plane alone programs each Gateway",
  severity: "warning",
  category: "gateways",
  run: ({ mesh, evidence }) => {
    const found = mesh.gateways.filter((gateway) => isUnlabelled(gateway, mesh, evidence.gatewayClasses));
    if (found.length === 0) return [];
    const owner = defaultOwner(mesh);
    const others = mesh.controlPlanes.filter(
      ({ revision }) => revision !== owner && revisionsWithIstiod(mesh).has(revision),
    );
    if (others.length === 0) return [];
    const what = `${counted(found.length, "Gateway")} without a label istio.io/rev, of ${found.length === 1 ? "its" : "their"} own or of the namespace (${namesOf(found)})`;
    const [first, ...more] = found;
    const one = first !== undefined && more.length === 0 ? first : { name: "NAME", namespace: "NAMESPACE" };
    const label = `kubectl -n ${one.namespace} label gateways.gateway.networking.k8s.io ${one.name} istio.io/rev=${owner ?? "REVISION"} (its pods are replaced once, by a rolling update)`;
    const fighting = others.filter(({ version }) => takesForeignGateways(version) === true);
    if (fighting.length > 0) {
      const versions = listed(fighting.map(({ revision, version }) => `${revision} (Istio ${version})`));
      const message = `${what}: ${versions} programs them beside ${owner ?? "the default revision"}, and each replaces the pods of the other without end (istio/istio#54280)`;
      return [warning("gateways", message, `label each, or upgrade to 1.23.5, 1.24.2 or later: ${label}`)];
    }
    const follow =
      owner === undefined
        ? "no control plane is the default one that would program them"
        : `revision ${owner} programs them, and they move at once when the default tag does`;
    return [note("gateways", `${what}: ${follow}`, `to keep one where it is: ${label}`)];
  },
};

const isUnlabelled = (gateway: Gateway, mesh: Mesh, classes: readonly string[]): boolean => {
  const namespace = mesh.namespaces.find(({ name }) => name === gateway.namespace);
  return (
    gateway.pinned === undefined &&
    classes.includes(gateway.className) &&
    namespace !== undefined &&
    labelOf(namespace.labels, "istio.io/rev") === undefined
  );
};

const defaultOwner = (mesh: Mesh): string | undefined =>
  mesh.tags.find(({ tag }) => tag === "default")?.revision ??
  mesh.controlPlanes.find(({ revision }) => revision === "default")?.revision ??
  mesh.defaultValidator?.revision;

/** What of a pod template lets its proxy listen on ports below 1024. */
interface Privileges {
  readonly spec: {
    readonly securityContext?: {
      readonly runAsUser?: number;
      readonly sysctls?: readonly { readonly name?: string; readonly value?: string }[];
    };
    readonly containers?: readonly {
      readonly name?: string;
      readonly securityContext?: {
        readonly runAsUser?: number;
        readonly capabilities?: { readonly add?: readonly string[] };
      };
    }[];
  };
}

const ports: Check<PreflightFacts> = {
  id: "gateway-ports",
  title: "injected gateways may listen on their ports",
  severity: "warning",
  category: "gateways",
  run: (facts) => {
    const version = versionOf(facts.mesh, facts.target.revision);
    if (version === undefined && !facts.installed) return [];
    // Without the Services it is not known on which ports they listen.
    if (facts.around.unknown.some(({ check }) => check === "gateway-ports")) return [];
    return facts.mesh.workloads
      .filter((workload) => isInjectedGateway(workload) && isToMove(facts, workload))
      .flatMap((workload) => {
        const refused = listenedPorts(workload, facts.around.config)
          .filter((port) => port < 1024 && !mayListen(workload, port, version))
          .map(String);
        if (refused.length === 0) return [];
        const [of, it] = refused.length === 1 ? ["port", "it"] : ["ports", "them"];
        const injector =
          version === undefined
            ? "it is not known whether the target's injector does, because its version is not"
            : `the injector of Istio ${version} does not either`;
        const message = `its pod template does not let its proxy listen on ${of} ${listed(refused, 8)}, and ${injector}: new pods may be ready without ${it} (istio/istio#48364)`;
        return [
          warning(
            refText(workload),
            message,
            "set securityContext.sysctls of its pod template: net.ipv4.ip_unprivileged_port_start with value 0, as Istio's chart gateway does",
          ),
        ];
      });
  },
};

/**
 * The user and the capabilities of the container's own template win over the injected ones, and the injected sysctls
 * over those of the pod template. Source: `reapplyOverwrittenContainers` (istio/istio pkg/kube/inject/webhook.go).
 */
const mayListen = ({ template }: Workload, port: number, version: string | undefined): boolean => {
  const spec = (template as Privileges | undefined)?.spec;
  const injected = lowPortsOfInjectedGateways(version);
  const start = spec?.securityContext?.sysctls?.find(({ name }) => name === "net.ipv4.ip_unprivileged_port_start");
  if (injected === "sysctl" || (start !== undefined && Number(start.value) <= port)) return true;
  const container = spec?.containers?.find(({ name }) => name === "istio-proxy")?.securityContext;
  // The injected user is one of the container, and so wins over that of the pod template.
  const user = container?.runAsUser ?? (injected === "root" ? (spec?.securityContext?.runAsUser ?? 0) : undefined);
  return (
    user === 0 || (container?.capabilities?.add ?? []).some((name) => /^(CAP_)?(NET_BIND_SERVICE|ALL)$/.test(name))
  );
};

export const preflightGatewayChecks: readonly Check<PreflightFacts>[] = [
  kindsOfGateways,
  unlabelled,
  ports,
  ...envoyFilterChecks,
  ...certificateChecks,
];
