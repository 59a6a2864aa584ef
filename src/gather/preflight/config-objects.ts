/** The objects that a preflight reads the configuration from: the fields that count, and what is kept of them. */
import type { KubeObject, Labels, ServiceObject } from "../../mesh/kubernetes.ts";
import { labelOf } from "../../mesh/labels.ts";
import { isWorkloadKind } from "../../mesh/workload-kinds.ts";
import type {
  Application,
  EnvoyFilter,
  GatewayServers,
  GatewayService,
  MachineEntry,
} from "../../upgrade/preflight/evidence/config-evidence.ts";
import { placeOf } from "../evidence-objects.ts";

/** https://istio.io/latest/docs/reference/config/networking/envoy-filter/ */
export type EnvoyFilterObject = KubeObject & {
  readonly spec?: {
    readonly workloadSelector?: { readonly labels?: Labels };
    readonly targetRefs?: readonly unknown[];
    readonly configPatches?: readonly {
      readonly applyTo?: string;
      readonly match?: {
        readonly proxy?: { readonly proxyVersion?: string };
        readonly listener?: {
          readonly filterChain?: {
            readonly filter?: { readonly name?: string; readonly subFilter?: { readonly name?: string } };
          };
        };
      };
    }[];
  };
};

export const envoyFilterFrom = (object: EnvoyFilterObject): EnvoyFilter => ({
  ...placeOf(object),
  revision: labelOf(object.metadata.labels, "istio.io/rev"),
  selector: object.spec?.workloadSelector?.labels,
  targeted: (object.spec?.targetRefs ?? []).length > 0,
  patches: (object.spec?.configPatches ?? []).map(({ applyTo = "", match }) => {
    const filter = match?.listener?.filterChain?.filter;
    const versions = match?.proxy?.proxyVersion;
    return {
      applyTo,
      versions: versions === "" ? undefined : versions,
      filters: [filter?.name, filter?.subFilter?.name].flatMap((name) => name ?? []),
    };
  }),
});

/** https://istio.io/latest/docs/reference/config/networking/gateway/ */
export type IstioGatewayObject = KubeObject & {
  readonly spec?: {
    readonly selector?: Labels;
    readonly servers?: readonly { readonly port?: { readonly number?: number } }[];
  };
};

export const serversFrom = (object: IstioGatewayObject): GatewayServers => ({
  ...placeOf(object),
  selector: object.spec?.selector ?? {},
  ports: (object.spec?.servers ?? []).flatMap(({ port }) => port?.number ?? []),
});

type ServicePort = { readonly port?: number; readonly targetPort?: number | string };

export const gatewayServiceFrom = (object: ServiceObject): readonly GatewayService[] => {
  const { selector = {}, ports = [] } = object.spec ?? {};
  if (Object.keys(selector).length === 0) return [];
  return [
    {
      ...placeOf(object),
      selector,
      untranslated:
        labelOf(object.metadata.labels, "experimental.istio.io/disable-gateway-port-translation") !== undefined,
      ports: (ports as readonly ServicePort[]).flatMap(({ port, targetPort }) =>
        port === undefined ? [] : [{ port, target: targetPort ?? port }],
      ),
    },
  ];
};

/** https://argo-cd.readthedocs.io/en/stable/operator-manual/application.yaml */
export type ApplicationObject = KubeObject & {
  readonly spec?: {
    readonly destination?: { readonly server?: string; readonly name?: string; readonly namespace?: string };
    readonly syncPolicy?: {
      readonly automated?: { readonly enabled?: boolean; readonly selfHeal?: boolean };
      readonly managedNamespaceMetadata?: { readonly labels?: Labels };
      readonly syncOptions?: readonly string[];
    };
  };
  readonly status?: {
    readonly resources?: readonly { readonly kind?: string; readonly namespace?: string; readonly name?: string }[];
  };
};

/** `moves`: whether a namespace is among those that move. Of an Application for another cluster: nothing. */
export const applicationFrom =
  (moves: (namespace: string) => boolean) =>
  (object: ApplicationObject): readonly Application[] => {
    const { destination = {}, syncPolicy = {} } = object.spec ?? {};
    if (!isThisCluster(destination)) return [];
    const { automated, managedNamespaceMetadata, syncOptions = [] } = syncPolicy;
    const isAutomated = automated !== undefined && automated.enabled !== false;
    const labels = managedNamespaceMetadata?.labels;
    return [
      {
        ...placeOf(object),
        automated: isAutomated,
        selfHeal: isAutomated && automated.selfHeal === true,
        replaces: syncOptions.includes("Replace=true"),
        managed:
          labels && destination.namespace !== undefined ? { namespace: destination.namespace, labels } : undefined,
        owns: (object.status?.resources ?? []).flatMap(({ kind = "", namespace, name = "" }) => {
          const place = kind === "Namespace" ? name : (namespace ?? "");
          const counts = (kind === "Namespace" || isWorkloadKind(kind)) && moves(place);
          return counts ? [{ kind, namespace: place, name }] : [];
        }),
      },
    ];
  };

/** Argo CD names its own cluster so (docs/operator-manual/declarative-setup.md, `in-cluster`). */
const isThisCluster = ({ server, name }: { readonly server?: string; readonly name?: string }): boolean =>
  server === undefined || server === ""
    ? name === undefined || name === "" || name === "in-cluster"
    : server === "https://kubernetes.default.svc";

/** Istio's `api/annotation`; istiod writes it where the proxy of a machine registers itself. */
export const workloadEntryFrom = (object: KubeObject): MachineEntry => ({
  ...placeOf(object),
  group: labelOf(object.metadata.annotations, "istio.io/autoRegistrationGroup"),
});
