/** Reads the objects of operators that own pods or workloads, where it is known how these operators restart them. */
import type { Cluster } from "../cluster/cluster.ts";
import type { Kind } from "../cluster/kinds.ts";
import type { FoundOwner } from "../mesh/from/owner-workload.ts";
import type { ObjectOwner } from "../mesh/model.ts";
import type { OwnerKind } from "../mesh/operators/restart-way.ts";
import { listKind, type Where } from "./list-kind.ts";
import { ignoringFailure } from "./optional-read.ts";

interface Owned {
  readonly owner?: ObjectOwner | undefined;
}

/**
 * The objects of these kinds in these namespaces, of the kinds that own something at all: nothing is asked where nothing
 * has such an owner. What cannot be read is left out: then what it owns has no known way to be restarted, and is
 * refused. The version of a resource is what the server prefers.
 */
export async function readOwners(
  cluster: Cluster,
  namespaces: Where,
  known: readonly OwnerKind[],
  owned: readonly Owned[],
): Promise<readonly FoundOwner[]> {
  const named = new Set(owned.flatMap(({ owner }) => (owner?.controller ? `${owner.group}/${owner.kind}` : [])));
  const wanted = known.filter(({ group, kind }) => named.has(`${group}/${kind}`));
  if (wanted.length === 0) return [];
  const groups = [...new Set(wanted.map(({ group }) => group))];
  const served = (await ignoringFailure("kinds of operators", cluster.served(groups))) ?? [];
  const lists = wanted.map(async (by): Promise<readonly FoundOwner[]> => {
    const resource = served.find((each) => each.group === by.group && each.kind === by.kind && each.namespaced);
    if (!resource) return [];
    return listKind(cluster, namespaces, ignoringFailure, resource, (object) => ({
      ...{ by, object },
      resource: resourceFields(resource),
    }));
  });
  return (await Promise.all(lists)).flat();
}

const resourceFields = ({ group, version, plural, kind }: Kind): FoundOwner["resource"] => ({
  ...{ group, version, plural, kind },
});
