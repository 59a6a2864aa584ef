/** Do the owners of what moves agree? */
import { refText } from "../../../mesh/object-ref.ts";
import { refusalOf } from "../../owners/owners-wish.ts";
import type { Facts } from "../../plan/moves.ts";
import { blocker, type Check, leave, type Observation } from "../check.ts";

/**
 * The label moves a whole namespace, and a tag all that are behind it: one that stays is left out of the request. A
 * workload that stays is left (plan/namespace-move.ts).
 */
const consent: Check<Facts> = {
  id: "owners-consent",
  title: "the owners of what moves agree",
  severity: "blocker",
  category: "ownership",
  accepts: ["--leave"],
  run: (facts) => [...namespacesRefused(facts), ...workloadsRefused(facts)],
};

const namespacesRefused = ({ asked, moves, request }: Facts): readonly Observation[] => {
  const moving = new Set(moves.map(({ namespace }) => namespace.name));
  return asked.flatMap(({ name, found }) => {
    if (found === undefined) return [];
    const isKept = found.eligibility === "kept-by-owners";
    if (isKept ? request.namespaces === "all" : !moving.has(name)) return [];
    const refusal = refusalOf(found.namespace.annotations, `namespace ${name}`);
    return refusal ? [blocker(`namespace/${name}`, refusal.reason, refusal.remedy)] : [];
  });
};

const workloadsRefused = ({ moves }: Facts): readonly Observation[] =>
  moves
    .flatMap(({ workloads }) => workloads)
    .flatMap(({ workload, disposition, blocked }) =>
      disposition === "blocked" && blocked?.check === "owners-consent"
        ? [blocker(refText(workload), blocked.reason, blocked.remedy, leave(workload))]
        : [],
    );

export const ownersConsentChecks: readonly Check<Facts>[] = [consent];
