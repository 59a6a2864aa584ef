/** Reads the objects of Istio and of the Gateway API: which have a revision's label, and which addresses are in them. */
import type { Cluster } from "../../cluster/cluster.ts";
import { type Kind, kinds } from "../../cluster/kinds.ts";
import type { EndpointSliceObject, GatewayObject, KubeObject, ServiceObject } from "../../mesh/kubernetes.ts";
import { labelOf } from "../../mesh/labels.ts";
import type { ConfigObject, GatewayFacts } from "../../upgrade/checks/cleanup/cleanup-facts.ts";
import { type GatewayClassObject, placeOf } from "../evidence-objects.ts";
import { itemsOf } from "../list-kind.ts";
import type { NeededRead } from "./needed-read.ts";

/** An object with every text in it that may be an address: with a dot, or in a field that contains a host. */
export interface Addressing {
  readonly kind: string;
  readonly namespace: string | undefined;
  readonly name: string;
  readonly addresses: readonly FoundAddress[];
}

/** `host`: of a field for one host, where a name without a namespace means one in the namespace of the object. */
export interface FoundAddress {
  readonly text: string;
  readonly namespace: string;
  readonly host: boolean;
}

export interface ConfigObjects {
  readonly labelled: readonly ConfigObject[];
  readonly addressing: readonly Addressing[];
  readonly gateways: readonly GatewayFacts[];
}

const istioGroups = ["networking.istio.io", "security.istio.io", "telemetry.istio.io", "extensions.istio.io"];
const gatewayGroups = ["gateway.networking.k8s.io", "gateway.networking.x-k8s.io"];

/** Kinds of group networking.istio.io that are read whole, because they contain hosts and addresses. */
const addressed = new Set([
  "virtualservices",
  "destinationrules",
  "serviceentries",
  "workloadgroups",
  "workloadentries",
]);

const isGateway = ({ group, plural }: Kind): boolean => group === "gateway.networking.k8s.io" && plural === "gateways";
const isRoute = ({ group, plural }: Kind): boolean => gatewayGroups.includes(group) && plural.endsWith("routes");
const isAddressed = (kind: Kind): boolean =>
  isRoute(kind) || (kind.group === "networking.istio.io" && addressed.has(kind.plural));

/** The served version of each kind is asked for, because it differs from release to release. */
export const readConfigObjects = async (
  cluster: Cluster,
  needed: NeededRead,
  revision: string,
): Promise<ConfigObjects> => {
  const routes = ["cleanup-objects", "cleanup-callers", "cleanup-gateways"];
  const served = await needed(
    routes,
    "kinds of Istio and the Gateway API",
    cluster.served([...istioGroups, ...gatewayGroups]),
  );
  const found = served ?? [];
  const [labelled, whole, gateways] = await Promise.all([
    Promise.all(
      found
        .filter((kind) => !isGateway(kind) && !isAddressed(kind))
        .map((kind) => readLabelled(cluster, needed, kind, revision)),
    ),
    Promise.all(found.filter(isAddressed).map((kind) => readWhole(cluster, needed, kind))),
    readGateways(cluster, needed, found),
  ]);
  const all = whole.flat();
  return {
    labelled: [
      ...labelled.flat(),
      ...all.map(({ object }) => object).filter(({ labels }) => labelOf(labels, "istio.io/rev") === revision),
    ],
    addressing: all.map(({ addressing }) => addressing),
    gateways,
  };
};

const configObject = ({ kind, group }: Kind, { metadata }: KubeObject): ConfigObject => ({
  ...{ kind, group, namespace: metadata.namespace, name: metadata.name, labels: metadata.labels ?? {} },
});

const readLabelled = async (
  cluster: Cluster,
  needed: NeededRead,
  kind: Kind,
  revision: string,
): Promise<readonly ConfigObject[]> =>
  (await needed(
    ["cleanup-objects"],
    subjectOf(kind),
    itemsOf(
      cluster.list(kind, { labelSelector: `istio.io/rev=${revision}`, metadataOnly: true }, (object) =>
        configObject(kind, object),
      ),
    ),
  )) ?? [];

const subjectOf = ({ plural, group }: Kind): string => `${plural}.${group}`;

const readWhole = async (cluster: Cluster, needed: NeededRead, kind: Kind) =>
  (await needed(
    ["cleanup-objects", "cleanup-callers"],
    subjectOf(kind),
    itemsOf(
      cluster.list(kind as Kind<Specified>, {}, (object) => ({
        object: configObject(kind, object),
        addressing: {
          ...{ kind: kind.kind, namespace: object.metadata.namespace, name: object.metadata.name },
          addresses: isRoute(kind) ? backendsOf(object) : addressesIn(object),
        },
      })),
    ),
  )) ?? [];

type Specified = KubeObject & { readonly spec?: unknown };

/** Gateways of Istio's classes. A class whose object is not there is Istio's by the names that Istio gives them. */
const readGateways = async (
  cluster: Cluster,
  needed: NeededRead,
  served: readonly Kind[],
): Promise<readonly GatewayFacts[]> => {
  const kind = served.find(isGateway);
  const classes = served.find(({ plural }) => plural === "gatewayclasses");
  if (kind === undefined) return [];
  const [controllers = [], gateways = []] = await Promise.all([
    classes &&
      needed(
        ["cleanup-gateways"],
        subjectOf(classes),
        itemsOf(
          cluster.list(
            classes as Kind<GatewayClassObject>,
            {},
            ({ metadata, spec }) => [metadata.name, spec?.controllerName ?? ""] as const,
          ),
        ),
      ),
    needed(
      ["cleanup-gateways"],
      subjectOf(kind),
      itemsOf(
        cluster.list(
          kind as Kind<GatewayObject>,
          {},
          (gateway): GatewayFacts => ({
            ...placeOf(gateway),
            className: gateway.spec?.gatewayClassName ?? "",
            labels: gateway.metadata.labels ?? {},
          }),
        ),
      ),
    ),
  ]);
  const known = new Map(controllers);
  const isIstios = ({ className }: GatewayFacts): boolean =>
    (known.get(className) ?? (/^istio(-|$)/.test(className) ? "istio.io/" : "")).startsWith("istio.io/");
  return gateways.filter(isIstios);
};

/** Ingresses, Services by another name, and EndpointSlices that Kubernetes' own controller did not write. */
export const readOtherCallers = async (cluster: Cluster, needed: NeededRead): Promise<readonly Addressing[]> => {
  const list = async <T extends KubeObject>(
    kind: Kind<T>,
    labelSelector: string | undefined,
    addresses: (object: T) => readonly FoundAddress[],
  ): Promise<readonly Addressing[]> =>
    (await needed(
      ["cleanup-callers"],
      kind.plural,
      itemsOf(
        cluster.list(kind, labelSelector === undefined ? {} : { labelSelector }, (object) => ({
          ...{ kind: kind.kind, namespace: object.metadata.namespace, name: object.metadata.name },
          addresses: addresses(object),
        })),
      ),
    )) ?? [];
  const lists = [
    list(kinds.ingresses, undefined, backendsOf),
    list(
      kinds.endpointSlices,
      "endpointslice.kubernetes.io/managed-by!=endpointslice-controller.k8s.io",
      ({ metadata, endpoints = [] }: EndpointSliceObject) =>
        endpoints
          .flatMap((endpoint) => endpoint.addresses ?? [])
          .map((text) => ({ text, namespace: metadata.namespace ?? "", host: false })),
    ),
  ];
  return (await Promise.all(lists)).flat();
};

/** The target of a Service of type ExternalName. */
export const externalName = ({ metadata, spec }: ServiceObject): readonly Addressing[] =>
  spec?.externalName === undefined
    ? []
    : [
        {
          ...{ kind: "Service", namespace: metadata.namespace, name: metadata.name },
          addresses: [{ text: spec.externalName, namespace: metadata.namespace ?? "", host: false }],
        },
      ];

const hostFields = new Set(["host", "hosts", "address"]);

/** Every text of the spec and of the annotations that may be an address. */
const addressesIn = ({ metadata, spec }: Specified): readonly FoundAddress[] => {
  const namespace = metadata.namespace ?? "";
  const found: FoundAddress[] = [];
  const visit = (value: unknown, host: boolean): void => {
    if (typeof value === "string") {
      if (host || value.includes(".")) found.push({ text: value, namespace, host });
    } else if (Array.isArray(value)) for (const each of value) visit(each, host);
    else if (typeof value === "object" && value !== null)
      for (const [key, each] of Object.entries(value)) visit(each, hostFields.has(key));
  };
  visit(spec, false);
  const { "kubectl.kubernetes.io/last-applied-configuration": _, ...annotations } = metadata.annotations ?? {};
  visit(annotations, false);
  return found;
};

/**
 * The Services behind a route or an Ingress: `backendRefs` and `backendRef` (Gateway API), `backend.service` and
 * `defaultBackend.service` (Ingress).
 */
const backendsOf = ({ metadata, spec }: Specified): readonly FoundAddress[] => {
  const own = metadata.namespace ?? "";
  const found: FoundAddress[] = [];
  const add = (value: unknown): void => {
    const { name, namespace, kind } = (value ?? {}) as Readonly<Record<string, unknown>>;
    if (typeof name !== "string" || (kind !== undefined && kind !== "Service" && kind !== "Hostname")) return;
    found.push({ text: name, namespace: typeof namespace === "string" ? namespace : own, host: true });
  };
  const visit = (value: unknown): void => {
    if (Array.isArray(value)) for (const each of value) visit(each);
    else if (typeof value === "object" && value !== null)
      for (const [key, each] of Object.entries(value)) {
        if (key === "backendRefs" && Array.isArray(each)) for (const one of each) add(one);
        else if (key === "backendRef" || key === "service") add(each);
        visit(each);
      }
  };
  visit(spec);
  return found;
};
