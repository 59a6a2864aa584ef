/** The objects that the evidence about nodes is read from: the fields that count, and what is kept of them. */
import { load } from "js-yaml";
import { ClusterError } from "../../cluster/cluster-error.ts";
import { imageTag, parseVersion } from "../../mesh/istio-version.ts";
import type { Condition, ConfigMapObject, ContainerSpec, KubeObject, WorkloadObject } from "../../mesh/kubernetes.ts";
import { labelOf } from "../../mesh/labels.ts";
import type { ClusterNode, NodeAgent } from "../../upgrade/preflight/evidence/node-evidence.ts";
import { type InjectorValues, injectorValuesFrom } from "../../upgrade/preflight/injector-values.ts";
import type { LimitRange } from "../../upgrade/preflight/limit-range.ts";
import { placeOf } from "../evidence-objects.ts";

export type NodeObject = KubeObject & {
  readonly spec?: { readonly unschedulable?: boolean };
  readonly status?: {
    readonly conditions?: readonly Condition[];
    readonly nodeInfo?: {
      readonly kubeletVersion?: string;
      readonly osImage?: string;
      readonly kernelVersion?: string;
      readonly architecture?: string;
    };
  };
};

/** https://kubernetes.io/docs/reference/node/node-status/ */
export const nodeFrom = ({ metadata, spec, status }: NodeObject): ClusterNode => ({
  name: metadata.name,
  kubelet: status?.nodeInfo?.kubeletVersion ?? "",
  osImage: status?.nodeInfo?.osImage ?? "",
  kernel: status?.nodeInfo?.kernelVersion ?? "",
  architecture: status?.nodeInfo?.architecture ?? "",
  ready: (status?.conditions ?? []).some(({ type, status: is }) => type === "Ready" && is === "True"),
  unschedulable: spec?.unschedulable ?? false,
});

/**
 * Istio's CNI plugin or ztunnel; none for any other DaemonSet. Known by the labels of the charts, or by the container
 * and image of the CNI plugin, because managed meshes name it otherwise. Source: manifests/charts/istio-cni and ztunnel,
 * templates/daemonset.yaml of 1.19, 1.20, 1.28 and 1.29.
 */
export const nodeAgentsFrom = ({ metadata, spec, status = {} }: WorkloadObject): readonly FoundAgent[] => {
  const containers = spec.template?.spec.containers ?? [];
  const label = (key: string): string | undefined => labelOf(spec.template?.metadata?.labels, key);
  const installer = containers.find(({ name }) => name === "install-cni");
  const isCni =
    label("k8s-app") === "istio-cni-node" ||
    label("app.kubernetes.io/name") === "istio-cni" ||
    /(^|\/)install-cni[:@]/.test(installer?.image ?? "");
  const isZtunnel = label("app") === "ztunnel" || label("app.kubernetes.io/name") === "ztunnel";
  if (!isCni && !isZtunnel) return [];
  const agent = isCni ? installer : containers.find(({ name }) => name === "istio-proxy");
  return [
    {
      kind: isCni ? "istio-cni" : "ztunnel",
      ...placeOf({ metadata }),
      version: parseVersion(imageTag(agent?.image)),
      desired: status.desiredNumberScheduled ?? 0,
      ready: status.numberReady ?? 0,
      references: containers.flatMap(configMapsOf),
    },
  ];
};

/** A node agent whose references were not followed yet. */
export type FoundAgent = Omit<NodeAgent, "missing"> & { readonly references: readonly Reference[] };

/** A ConfigMap in the namespace of the agent, or one of its keys, without which its containers do not start. */
export interface Reference {
  readonly configMap: string;
  readonly key: string | undefined;
}

interface Referring {
  readonly env?: readonly {
    readonly valueFrom?: {
      readonly configMapKeyRef?: { readonly name?: string; readonly key?: string; readonly optional?: boolean };
    };
  }[];
  readonly envFrom?: readonly { readonly configMapRef?: { readonly name?: string; readonly optional?: boolean } }[];
}

/** https://kubernetes.io/docs/concepts/configuration/configmap/#using-configmaps-as-environment-variables */
const configMapsOf = (container: ContainerSpec): readonly Reference[] => {
  const { env = [], envFrom = [] } = container as Referring;
  const keys = env.map(({ valueFrom }) => valueFrom?.configMapKeyRef);
  const wholes = envFrom.map(({ configMapRef }) => configMapRef);
  return [
    ...keys.flatMap((ref) => (ref?.name && !ref.optional ? [{ configMap: ref.name, key: ref.key }] : [])),
    ...wholes.flatMap((ref) => (ref?.name && !ref.optional ? [{ configMap: ref.name, key: undefined }] : [])),
  ];
};

/** What of the references is not there, in ConfigMaps that were read by their names; one that was not read is absent. */
export const missingOf = (
  references: readonly Reference[],
  read: ReadonlyMap<string, ConfigMapObject | "none">,
): readonly string[] => {
  const said = references.flatMap(({ configMap, key }) => {
    const found = read.get(configMap);
    if (found === "none") return [`ConfigMap ${configMap}`];
    return found === undefined || key === undefined || Object.hasOwn(found.data ?? {}, key)
      ? []
      : [`key ${key} of ConfigMap ${configMap}`];
  });
  return [...new Set(said)];
};

export type LimitRangeObject = KubeObject & { readonly spec?: { readonly limits?: LimitRange["limits"] } };

export const limitRangeFrom = (range: LimitRangeObject): LimitRange => ({
  ...placeOf(range),
  limits: range.spec?.limits ?? [],
});

/** The values in an injector's ConfigMap. Throws `ClusterError` (malformed) where they cannot be read. */
export const valuesFrom = ({ metadata, data }: ConfigMapObject): InjectorValues => {
  try {
    return injectorValuesFrom(load(data?.values ?? "{}"));
  } catch (cause) {
    const why = (cause as Error).message.split("\n", 1)[0];
    throw new ClusterError(`ConfigMap ${metadata.namespace}/${metadata.name}: its values cannot be read: ${why}`, {
      reason: "malformed",
      cause,
    });
  }
};
