import { load } from "js-yaml";
import { injectorPolicyFrom } from "../mesh/injector-policy.ts";
import { injectorConfigMap } from "../mesh/injectors.ts";
import type { EndpointSliceObject, WebhookConfigurationObject } from "../mesh/kubernetes.ts";
import type { InjectorPolicy } from "../mesh/model.ts";
import type { Cluster } from "./cluster.ts";
import { ClusterError } from "./errors.ts";
import type { Optional } from "./evidence.ts";
import { kinds } from "./kinds.ts";

/** EndpointSlices of the Services by which these injectors are called. */
export const readEndpointSlices = async (
  cluster: Cluster,
  configurations: readonly WebhookConfigurationObject[],
): Promise<readonly EndpointSliceObject[]> => {
  const services = configurations.flatMap(({ webhooks = [] }) => webhooks.flatMap((entry) => entry.clientConfig.service ?? []));
  const byNamespace = Map.groupBy(services, ({ namespace }) => namespace);
  const lists = [...byNamespace].map(([namespace, called]) => {
    const names = [...new Set(called.map(({ name }) => name))];
    const labelSelector = `kubernetes.io/service-name in (${names.join(",")})`;
    return cluster.list(
      kinds.endpointSlices,
      { namespace, labelSelector },
      (slice): EndpointSliceObject => ({ metadata: slice.metadata, endpoints: slice.endpoints ?? [] }),
    );
  });
  return (await Promise.all(lists)).flatMap((list) => list?.items ?? []);
};

/**
 * What the istiod of each revision is told to inject. A revision without a ConfigMap (an istiod outside the cluster) is left out; one whose
 * ConfigMap cannot be read, or holds something else, is `unknown`.
 */
export const readPolicies = async (
  cluster: Cluster,
  optional: Optional,
  istioNamespace: string,
  revisions: ReadonlySet<string>,
): Promise<ReadonlyMap<string, InjectorPolicy | "unknown">> => {
  const policies = [...revisions].map(async (revision) => {
    const name = injectorConfigMap(revision);
    const read = readPolicy(cluster, istioNamespace, name);
    return [revision, await optional(`ConfigMap ${istioNamespace}/${name}`, read)] as const;
  });
  return new Map(
    (await Promise.all(policies)).flatMap(([revision, policy]) => (policy === "absent" ? [] : [[revision, policy ?? "unknown"] as const])),
  );
};

const readPolicy = async (cluster: Cluster, namespace: string, name: string): Promise<InjectorPolicy | "absent"> => {
  const config = await cluster.get(kinds.configMaps, name, namespace);
  if (config === undefined) return "absent";
  try {
    return injectorPolicyFrom(load(config.data?.config ?? ""));
  } catch (cause) {
    throw new ClusterError(`ConfigMap ${namespace}/${name}: ${(cause as Error).message.split("\n", 1)[0]}`, { reason: "malformed", cause });
  }
};
