/** Reads how injectors are reached and what they inject. */
import { load } from "js-yaml";
import type { Cluster } from "../cluster/cluster.ts";
import { ClusterError } from "../cluster/cluster-error.ts";
import { kinds } from "../cluster/kinds.ts";
import { calledRevisions, type RevisionsBehind } from "../mesh/from/called-revision.ts";
import { injectorConfigMap } from "../mesh/from/injectors.ts";
import { injectorPolicyFrom } from "../mesh/injector-policy.ts";
import type { EndpointSliceObject, ServiceObject, WebhookConfigurationObject } from "../mesh/kubernetes.ts";
import type { InjectorPolicy } from "../mesh/model.ts";
import { heldByValues } from "../mesh/proxy/application-start.ts";
import { injectedImageFrom } from "../mesh/proxy/proxy-version.ts";
import { itemsOf } from "./list-kind.ts";
import type { OptionalRead } from "./optional-read.ts";

/**
 * The Services of the Istio namespace, and of every other namespace where an injector's Service is. Where those of a
 * namespace cannot be read, it is in `unread`: what its webhooks call is known by their labels alone.
 */
export const readServices = async (
  cluster: Cluster,
  optional: OptionalRead,
  istioNamespace: string,
  configurations: Promise<readonly WebhookConfigurationObject[]>,
): Promise<{ readonly services: readonly ServiceObject[]; readonly unread: readonly string[] }> => {
  const unread: string[] = [];
  const inNamespace = async (namespace: string): Promise<readonly ServiceObject[]> => {
    const list = cluster.list(
      kinds.services,
      { namespace },
      ({ metadata, spec = {} }): ServiceObject => ({ metadata, spec }),
    );
    const found = await optional(`services in namespace ${namespace}`, itemsOf(list), namespace);
    if (found === undefined) unread.push(namespace);
    return found ?? [];
  };
  const own = inNamespace(istioNamespace);
  const called = (await configurations).flatMap(servicesOf).map(({ namespace }) => namespace);
  const others = [...new Set(called)].filter((namespace) => namespace !== istioNamespace);
  const services = (await Promise.all([own, ...others.map(inNamespace)])).flat();
  return { services, unread };
};

/** The EndpointSlices of the Services through which the API server calls these injectors. */
export const readEndpointSlices = async (
  cluster: Cluster,
  configurations: readonly WebhookConfigurationObject[],
): Promise<readonly EndpointSliceObject[]> => {
  const services = configurations.flatMap(servicesOf);
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
 * The injection settings of the istiod of each revision, from the ConfigMap in the namespace of the injector's Service.
 * A revision without a ConfigMap (an istiod outside the cluster) is left out; one whose ConfigMap cannot be read, or
 * has another content, is `unknown`.
 */
export const readPolicies = async (
  cluster: Cluster,
  optional: OptionalRead,
  istioNamespace: string,
  configurations: readonly WebhookConfigurationObject[],
  behind: RevisionsBehind,
): Promise<ReadonlyMap<string, InjectorPolicy | "unknown">> => {
  const calling = (revision: string) =>
    configurations.filter((each) => calledRevisions(each, behind).includes(revision));
  const revisions = new Set(configurations.flatMap((each) => calledRevisions(each, behind)));
  const policies = [...revisions].map(async (revision) => {
    const namespace = calling(revision).flatMap(servicesOf)[0]?.namespace ?? istioNamespace;
    const name = injectorConfigMap(revision);
    return [revision, await optional(`ConfigMap ${namespace}/${name}`, readPolicy(cluster, namespace, name))] as const;
  });
  return new Map(
    (await Promise.all(policies)).flatMap(([revision, policy]) =>
      policy === "absent" ? [] : [[revision, policy ?? "unknown"] as const],
    ),
  );
};

const servicesOf = ({ webhooks = [] }: WebhookConfigurationObject) =>
  webhooks.flatMap((entry) => entry.clientConfig.service ?? []);

const readPolicy = async (cluster: Cluster, namespace: string, name: string): Promise<InjectorPolicy | "absent"> => {
  const config = await cluster.get(kinds.configMaps, name, namespace);
  if (config === undefined) return "absent";
  try {
    const text = config.data?.config ?? "";
    const values = valuesIn(config.data?.values ?? "");
    const [image, holdsApplication] = [injectedImageFrom(values, text), heldByValues(values)];
    return {
      ...injectorPolicyFrom(load(withoutBlocks(text))),
      ...(image === undefined ? {} : { image }),
      ...(holdsApplication === undefined ? {} : { holdsApplication }),
    };
  } catch (cause) {
    throw new ClusterError(`ConfigMap ${namespace}/${name}: ${(cause as Error).message.split("\n", 1)[0]}`, {
      reason: "malformed",
      cause,
    });
  }
};

/** The chart writes JSON, and istiod takes YAML too. What is neither says nothing. */
const valuesIn = (text: string): unknown => {
  try {
    return text.startsWith("{") ? JSON.parse(text) : load(text);
  } catch {
    return undefined;
  }
};

/**
 * YAML without its blocks of text (`key: |`), which are not needed: nine tenths of an injector's configuration are
 * templates. Exported for its test.
 */
export const withoutBlocks = (yaml: string): string =>
  `${yaml}\n`.replace(/^( *)([\w.-]+:) [|>][-+\d]*\n(?:\1 .*\n| *\n)*/gm, '$1$2 ""\n');
