/** Reads the nodes, what runs on each of them for every revision, and what new pods meet in their namespaces. */
import type { Cluster } from "../../cluster/cluster.ts";
import { type Kind, kinds } from "../../cluster/kinds.ts";
import { injectorConfigMap } from "../../mesh/from/injectors.ts";
import type { Mesh } from "../../mesh/model.ts";
import type { NodeAgent, NodeEvidence } from "../../upgrade/preflight/evidence/node-evidence.ts";
import type { InjectorValues } from "../../upgrade/preflight/injector-values.ts";
import { itemsOf, listKind, type Where } from "../list-kind.ts";
import { asksForNode } from "../read-placement.ts";
import {
  type FoundAgent,
  type LimitRangeObject,
  limitRangeFrom,
  missingOf,
  type NodeObject,
  nodeAgentsFrom,
  nodeFrom,
  valuesFrom,
} from "./node-objects.ts";
import type { ReadFor } from "./read-for.ts";

/** Reads it in few requests, side by side. Throws `ClusterError` where nothing can be read. */
export const readNodes = async (
  cluster: Cluster,
  mesh: Mesh,
  namespaces: Where,
  readFor: ReadFor,
): Promise<NodeEvidence> => {
  const injectors = readInjectors(cluster, mesh, readFor);
  const listedNodes = itemsOf(cluster.list(kinds.nodes as Kind<NodeObject>, {}, nodeFrom));
  const [nodes, nodeAgents, limitRanges, values] = await Promise.all([
    readFor("node-groups", false)("nodes", listedNodes),
    // Only a mesh that leaves redirection to the CNI plugin cannot do without it.
    injectors.then((found) =>
      readFor(
        "cni-present",
        [...found.values()].some(({ cni }) => cni),
      )("daemonsets", itemsOf(cluster.list(kinds.daemonSets, {}, nodeAgentsFrom))),
    ),
    listKind(
      cluster,
      namespaces,
      readFor("limit-ranges", true),
      kinds.limitRanges as Kind<LimitRangeObject>,
      limitRangeFrom,
    ),
    injectors,
    // A migration does not ask for this right: only a preflight says what is not judged without it.
    mesh.workloads.some(asksForNode) ? readFor("anti-affinity", false)("nodes", listedNodes) : undefined,
  ]);
  return {
    nodes: nodes ?? [],
    nodeAgents: await Promise.all((nodeAgents ?? []).flat().map((agent) => followed(cluster, agent, readFor))),
    injectors: values,
    limitRanges,
  };
};

/** With the ConfigMaps that it refers to: one or two of each agent. */
const followed = async (
  cluster: Cluster,
  { references, ...agent }: FoundAgent,
  readFor: ReadFor,
): Promise<NodeAgent> => {
  const names = [...new Set(references.map(({ configMap }) => configMap))];
  const read = names.map(async (name) => {
    const found = cluster.get(kinds.configMaps, name, agent.namespace).then((config) => config ?? ("none" as const));
    return [name, await readFor("agent-references", false)(`ConfigMap ${agent.namespace}/${name}`, found)] as const;
  });
  const known = (await Promise.all(read)).flatMap(([name, found]) =>
    found === undefined ? [] : [[name, found] as const],
  );
  return { ...agent, missing: missingOf(references, new Map(known)) };
};

/** By revision, from the ConfigMap in the namespace of the injector's Service. */
const readInjectors = async (
  cluster: Cluster,
  mesh: Mesh,
  readFor: ReadFor,
): Promise<ReadonlyMap<string, InjectorValues>> => {
  const revisions = new Set(mesh.injectors.map(({ revision }) => revision));
  const read = [...revisions].map(async (revision): Promise<readonly (readonly [string, InjectorValues])[]> => {
    const called = mesh.injectors.find((each) => each.revision === revision && each.entry.clientConfig.service);
    const namespace = called?.entry.clientConfig.service?.namespace ?? mesh.istioNamespace;
    const name = injectorConfigMap(revision);
    const config = cluster.get(kinds.configMaps, name, namespace);
    const values = await readFor("cni-present", true)(
      `values in ConfigMap ${namespace}/${name}`,
      config.then((found) => found && valuesFrom(found)),
    );
    return values === undefined ? [] : [[revision, values]];
  });
  return new Map((await Promise.all(read)).flat());
};
