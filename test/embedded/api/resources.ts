/** The table of resources: those of the plugins' own table, and those that only kubectl, controllers and RBAC need. */
import { type Kind, kinds } from "../../../src/cluster/kinds.ts";
import type { Json } from "../object.ts";

export interface Resource {
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly kind: string;
  readonly singular: string;
  readonly shortNames: readonly string[];
  readonly namespaced: boolean;
  /** Has a `status` that only writes to that subresource change. */
  readonly status: boolean;
  /** Has a `scale` subresource. */
  readonly scale: boolean;
  /** Counts its spec's changes in `metadata.generation`. */
  readonly generation: boolean;
  readonly category: "all" | undefined;
  /** Defined by a CustomResourceDefinition. */
  readonly custom: boolean;
}

export const apiVersionOf = ({ group, version }: { readonly group: string; readonly version: string }): string =>
  group === "" ? version : `${group}/${version}`;

/** As messages of the API server name it: `deployments.apps`. */
export const qualified = ({ group, plural }: Resource): string => (group === "" ? plural : `${plural}.${group}`);

type Known = Pick<Kind, "group" | "version" | "plural" | "kind" | "namespaced">;

const known = (group: string, version: string, plural: string, kind: string, namespaced = true): Known => ({
  ...{ group, version, plural, kind, namespaced },
});

const others: readonly Known[] = [
  known("", "v1", "nodes", "Node", false),
  known("", "v1", "limitranges", "LimitRange"),
  known("batch", "v1", "jobs", "Job"),
  known("admissionregistration.k8s.io", "v1", "validatingadmissionpolicies", "ValidatingAdmissionPolicy", false),
  known(
    "admissionregistration.k8s.io",
    "v1",
    "validatingadmissionpolicybindings",
    "ValidatingAdmissionPolicyBinding",
    false,
  ),
  known("", "v1", "secrets", "Secret"),
  known("", "v1", "persistentvolumes", "PersistentVolume", false),
  known("apps", "v1", "controllerrevisions", "ControllerRevision"),
  known("storage.k8s.io", "v1", "storageclasses", "StorageClass", false),
];

const shortNames = new Map<string, readonly string[]>([
  ["namespaces", ["ns"]],
  ["nodes", ["no"]],
  ["pods", ["po"]],
  ["services", ["svc"]],
  ["configmaps", ["cm"]],
  ["events", ["ev"]],
  ["serviceaccounts", ["sa"]],
  ["deployments", ["deploy"]],
  ["statefulsets", ["sts"]],
  ["daemonsets", ["ds"]],
  ["replicasets", ["rs"]],
  ["cronjobs", ["cj"]],
  ["horizontalpodautoscalers", ["hpa"]],
  ["poddisruptionbudgets", ["pdb"]],
  ["persistentvolumeclaims", ["pvc"]],
  ["networkpolicies", ["netpol"]],
  ["persistentvolumes", ["pv"]],
  ["resourcequotas", ["quota"]],
  ["limitranges", ["limits"]],
  ["customresourcedefinitions", ["crd", "crds"]],
  ["storageclasses", ["sc"]],
]);

const withStatus = new Set([
  ...["namespaces", "nodes", "pods", "services", "resourcequotas", "persistentvolumeclaims", "persistentvolumes"],
  ...["deployments", "statefulsets", "daemonsets", "replicasets", "jobs", "cronjobs"],
  ...["horizontalpodautoscalers", "poddisruptionbudgets", "customresourcedefinitions", "validatingadmissionpolicies"],
]);
const withScale = new Set(["deployments", "statefulsets", "replicasets"]);
const withoutGeneration = new Set([
  ...[
    "namespaces",
    "nodes",
    "services",
    "configmaps",
    "events",
    "resourcequotas",
    "limitranges",
    "persistentvolumeclaims",
    "endpointslices",
  ],
  ...["serviceaccounts", "secrets", "persistentvolumes", "controllerrevisions", "leases", "storageclasses"],
  ...["roles", "rolebindings", "clusterroles", "clusterrolebindings", "horizontalpodautoscalers"],
]);
const inAll = new Set([
  ...[
    "pods",
    "services",
    "deployments",
    "statefulsets",
    "daemonsets",
    "replicasets",
    "jobs",
    "cronjobs",
    "horizontalpodautoscalers",
  ],
]);

const resourceOf = (kind: Known): Resource => ({
  ...{ group: kind.group, version: kind.version, plural: kind.plural, kind: kind.kind, namespaced: kind.namespaced },
  singular: kind.kind.toLowerCase(),
  shortNames: shortNames.get(kind.plural) ?? [],
  status: withStatus.has(kind.plural),
  scale: withScale.has(kind.plural),
  generation: !withoutGeneration.has(kind.plural),
  category: inAll.has(kind.plural) ? "all" : undefined,
  custom: false,
});

/** The resources that are served: those of Kubernetes, and those that CustomResourceDefinitions add. */
export interface Resources {
  all(): readonly Resource[];
  /** By the path's parts. */
  at(group: string, version: string, plural: string): Resource | undefined;
  /** By what an object says of itself. */
  of(object: { readonly apiVersion?: string; readonly kind?: string }): Resource | undefined;
  /** By its plural; throws where there is none. For our own code. */
  named(plural: string): Resource;
  /** Serves what a CustomResourceDefinition defines; whether it was new. */
  define(definition: Json): void;
  undefine(definition: Json): void;
}

export function createResources(): Resources {
  const installed = Object.values(kinds).filter(({ optional }) => !optional);
  const served = new Map<string, Resource>();
  const keyOf = (group: string, version: string, plural: string): string => `${group}/${version}/${plural}`;
  const add = (resource: Resource): void => {
    served.set(keyOf(resource.group, resource.version, resource.plural), resource);
  };
  for (const kind of [...installed, ...others]) add(resourceOf(kind));
  const versionsOf = ({ spec }: Json): readonly Json[] => spec.versions.filter((each: Json) => each.served !== false);
  return {
    all: () => [...served.values()],
    at: (group, version, plural) => served.get(keyOf(group, version, plural)),
    of: ({ apiVersion, kind }) =>
      [...served.values()].find((each) => each.kind === kind && apiVersionOf(each) === apiVersion),
    named: (plural) => {
      const found = [...served.values()].find((each) => each.plural === plural);
      if (!found) throw new Error(`no resource ${plural}`);
      return found;
    },
    define: ({ spec, ...rest }) => {
      for (const { name, subresources } of versionsOf({ spec, ...rest }))
        add({
          ...{ group: spec.group, version: name, plural: spec.names.plural, kind: spec.names.kind },
          singular: spec.names.singular ?? spec.names.kind.toLowerCase(),
          shortNames: spec.names.shortNames ?? [],
          namespaced: spec.scope === "Namespaced",
          status: subresources?.status !== undefined,
          scale: false,
          generation: true,
          category: undefined,
          custom: true,
        });
    },
    undefine: ({ spec, ...rest }) => {
      for (const { name } of versionsOf({ spec, ...rest })) served.delete(keyOf(spec.group, name, spec.names.plural));
    },
  };
}
