/** Reads who looks after a revision: Helm's marks, operators' resources, and all that their removal would delete. */
import type { Cluster } from "../../cluster/cluster.ts";
import { type Kind, kinds } from "../../cluster/kinds.ts";
import type { ObjectMeta } from "../../mesh/kubernetes.ts";
import type { Live } from "../../upgrade/cleanup/inventory-of.ts";
import { helmReleaseOf, type MetaObject, type OperatorResource, type OwnerFacts } from "../../upgrade/cleanup/owner.ts";
import { itemsOf } from "../list-kind.ts";
import type { OptionalRead } from "../optional-read.ts";
import { resourceRefOf } from "./resource-kind.ts";

/** Kinds of which an installer labels objects with the revision. */
export const labelledKinds: readonly Kind[] = [
  ...[kinds.deployments, kinds.daemonSets, kinds.services, kinds.serviceAccounts, kinds.configMaps],
  ...[kinds.roles, kinds.roleBindings, kinds.clusterRoles, kinds.clusterRoleBindings],
  ...[kinds.autoscalers, kinds.disruptionBudgets, kinds.networkPolicies],
  ...[kinds.mutatingWebhooks, kinds.validatingWebhooks, kinds.customResourceDefinitions],
] as readonly Kind[];

/** Kinds of which a release of Istio's charts, or an operator, may have objects. No Secrets: nobody reads them. */
const ownedKinds: readonly Kind[] = [
  ...labelledKinds,
  ...([
    kinds.statefulSets,
    kinds.validatingPolicies,
    kinds.validatingPolicyBindings,
    kinds.envoyFilters,
  ] as readonly Kind[]),
];

interface RevisionMarks {
  /** Metadata of the revision's Deployment, Service and webhooks. */
  readonly marks: readonly ObjectMeta[];
  readonly webhooks: readonly Live[];
}

/** All objects are only read where a mark, or a resource of an operator, is there. */
export async function readOwnerFacts(
  cluster: Cluster,
  optional: OptionalRead,
  { marks, webhooks }: RevisionMarks,
): Promise<Omit<OwnerFacts, "complete">> {
  const operators = await readOperators(cluster, optional);
  const isOwned = operators.length > 0 || marks.some((meta) => helmReleaseOf(meta) !== undefined);
  const all = isOwned ? await readAll(cluster, optional) : undefined;
  const operatorsAlive = operators.length > 0 ? await countOperators(cluster, optional) : 0;
  const url = webhooks
    .flatMap(({ object }) => object.webhooks ?? [])
    .find(({ clientConfig }) => clientConfig.url !== undefined);
  return { marks, all, operators, operatorsAlive, url: url?.clientConfig.url };
}

async function readAll(cluster: Cluster, optional: OptionalRead): Promise<readonly MetaObject[]> {
  const lists = ownedKinds.map(async (kind) => {
    const list = cluster.list(kind, { metadataOnly: true }, (object) => ({
      ref: resourceRefOf(kind, object),
      meta: object.metadata,
    }));
    return (await optional(kind.plural, itemsOf(list))) ?? [];
  });
  return (await Promise.all(lists)).flat();
}

/** What istioctl keeps of its own settings has no operator. An `Istio` makes `IstioRevision`s, which name the revision. */
async function readOperators(cluster: Cluster, optional: OptionalRead): Promise<readonly OperatorResource[]> {
  const lists = [kinds.istioOperators, kinds.istioRevisions].map(async (kind: Kind) => {
    const list = cluster.list(kind, {}, (object): OperatorResource => {
      const { spec } = object as {
        readonly spec?: { readonly revision?: string; readonly values?: { readonly revision?: string } };
      };
      const revision =
        kind === kinds.istioOperators ? spec?.revision : (spec?.values?.revision ?? object.metadata.name);
      return { ref: resourceRefOf(kind, object), meta: object.metadata, revision: revision || "default" };
    });
    return (await optional(kind.plural, itemsOf(list))) ?? [];
  });
  return (await Promise.all(lists)).flat().filter(({ ref }) => !ref.name.startsWith("installed-state"));
}

/** Istio's operator up to 1.23, and Sail's. */
async function countOperators(cluster: Cluster, optional: OptionalRead): Promise<number> {
  const list = cluster.list(kinds.deployments, {}, ({ metadata, status }) =>
    /^(istio-operator|sail-operator|servicemesh-operator)/.test(metadata.name) ? (status?.readyReplicas ?? 0) : 0,
  );
  return ((await optional("Deployments of operators", itemsOf(list))) ?? []).reduce((sum, each) => sum + each, 0);
}
