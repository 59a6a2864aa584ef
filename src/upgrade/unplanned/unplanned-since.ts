/** What came up on another revision during a run with `-A`, in a namespace that its plan does not have. */
import type { Mesh } from "../../mesh/model.ts";
import { refText } from "../../mesh/object-ref.ts";
import type { MigrationRequest } from "../plan/migration-request.ts";
import type { NotMoved } from "../plan/not-moved.ts";
import { isOpen, type MigrationPlan } from "../plan/plan.ts";
import { unplannedOf } from "./unplanned.ts";

/** `mesh` is a picture of afterwards. What the plan has said already is not said again. */
export const unplannedSince = (plan: MigrationPlan, mesh: Mesh, request: MigrationRequest): readonly NotMoved[] => {
  const known = new Set(
    [...(plan.unplanned ?? []).flatMap(({ objects }) => objects), ...plan.left.map(({ object }) => object)].map(
      refText,
    ),
  );
  return unplannedOf(mesh, plan.target, request, new Set(plan.namespaces))
    .unplanned.filter(isOpen)
    .flatMap(({ objects, revisions }) =>
      objects
        .filter((object) => !known.has(refText(object)))
        .map((object) => ({
          object,
          reason: `it came up on ${revisions.join(", ") || "an unknown revision"} while the run was on, in a namespace that is not in the plan`,
        })),
    );
};
