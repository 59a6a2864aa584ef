/** Asks the API server, before the first write, for every right that a plan and its way back need. */

import type { Cluster } from "../cluster/cluster.ts";
import { ClusterError } from "../cluster/cluster-error.ts";
import type { Finding } from "../mesh/finding.ts";
import type { Right } from "../mesh/kubernetes.ts";
import { blocker, cannotTell, observe } from "../upgrade/checks/check.ts";
import { rightsHeld } from "../upgrade/checks/single-checks.ts";
import type { Plan } from "../upgrade/plan/plan.ts";
import { neededRights } from "../upgrade/plan/rights.ts";

/** For more namespaces than this, a right is first asked for in all namespaces at once: that may save many reviews. */
const fewNamespaces = 3;

/** A blocker for each right that is missing, an unknown for each that the server gives no answer about. */
export async function missingRights(cluster: Cluster, plan: Plan, istioNamespace: string): Promise<readonly Finding[]> {
  const alike = [
    ...Map.groupBy(neededRights(plan, istioNamespace), ({ verb, group, resource, subresource }) =>
      JSON.stringify([verb, group, resource, subresource]),
    ).values(),
  ];
  const findings = await Promise.all(
    alike.map(async (rights) => {
      const { namespace: _, name, ...rest } = rights[0] as Right;
      // A name that all have in common may be all that is granted; those of namespaces are different.
      const everywhere = {
        ...rest,
        ...(name !== undefined && rights.every((right) => right.name === name) && { name }),
      };
      if (rights.length > fewNamespaces && (await held(cluster, everywhere))) return [];
      return Promise.all(rights.map((right) => review(cluster, right)));
    }),
  );
  return findings.flat().filter((finding) => finding !== undefined);
}

const held = (cluster: Cluster, right: Right): Promise<boolean> =>
  cluster.mayI(right).then(
    ({ allowed }) => allowed,
    () => false,
  );

async function review(cluster: Cluster, right: Right): Promise<Finding | undefined> {
  const subresource = right.subresource ? `/${right.subresource}` : "";
  const resource = right.resource + subresource + (right.group ? `.${right.group}` : "");
  const object = right.namespace ? `namespace/${right.namespace}` : "cluster";
  try {
    const { allowed } = await cluster.mayI(right);
    const where = right.namespace ? ` in namespace ${right.namespace}` : "";
    return allowed
      ? undefined
      : observe(
          rightsHeld,
          blocker(
            object,
            `you may not ${right.verb} ${resource}`,
            `grant verb ${JSON.stringify(right.verb)} on ${JSON.stringify(resource)}${where}`,
          ),
        );
  } catch (error) {
    if (!(error instanceof ClusterError)) throw error;
    const message = `cannot tell whether you may ${right.verb} ${resource}: ${error.message}`;
    return observe(rightsHeld, cannotTell(object, message, error.hint));
  }
}
