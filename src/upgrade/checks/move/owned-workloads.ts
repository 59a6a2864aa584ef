/** Does an operator own what is to be restarted, and could it take the restart back? */
import type { ObjectOwner } from "../../../mesh/model.ts";
import { ownerText, refArgument, refText } from "../../../mesh/object-ref.ts";
import { ownersWith, restartByHand } from "../../owners/known-owners.ts";
import { seenToTakeBack } from "../../owners/takes-back.ts";
import { type Facts, restarts } from "../../plan/moves.ts";
import { isNamed } from "../../plan/object-pattern.ts";
import { blocker, type Check, leave, note, type Observation, restartOwned, warning } from "../check.ts";

/**
 * A controller brings what it owns to the state that it wants, and the annotation of a restart is in nobody's wish but
 * ours: an operator that writes the pod template whole removes it, and the pods that are left stay on the old revision
 * (`seenToTakeBack` has the threads). An owner that is no controller only wants the workload deleted with itself
 * (https://kubernetes.io/docs/concepts/overview/working-with-objects/owners-dependents/); some operators write all the
 * same: OLM sets `controller: false` (operator-lifecycle-manager pkg/lib/ownerutil/util.go `NonBlockingOwner`).
 *
 * A workload whose operator is asked for the restart (`way`) is not restarted against it.
 *
 * A rollback asks nothing: the run before has restarted the same workloads.
 */
const ownedWorkloads: Check<Facts> = {
  id: "owned-workloads",
  title: "no operator takes a restart back",
  severity: "blocker",
  category: "ownership",
  accepts: ["--leave", "--restart-owned"],
  run: (facts) =>
    restarts(facts).flatMap(({ workload }): readonly Observation[] => {
      const { owner, way } = workload;
      if (owner === undefined || isHarmless(owner) || way !== undefined) return [];
      const object = refText(workload);
      const seen = seenToTakeBack(owner);
      const belongs = `it belongs to ${ownerText(owner)}`;
      if (seen === undefined && !owner.controller)
        return [note(object, `${belongs}: an operator that writes its pod template whole takes a restart back`)];
      const message =
        seen === undefined
          ? `${belongs}, whose operator may take a restart back`
          : `${belongs}, whose operator was seen to take a restart back (${seen.thread}${seen.since === undefined ? "" : `; not since ${seen.since}`})`;
      if (facts.verb === "rollback") return [warning(object, message, watchIt)];
      if (isNamed(facts.request.restartOwned, workload))
        return [warning(object, `${message} (accepted by --restart-owned)`, watchIt)];
      const byHand = restartByHand(owner, ownersWith(facts.request.owners));
      const remedy = `leave it (--leave ${refArgument(workload)}) and, after the move, ${byHand ?? "have its operator replace the pods"}; or restart it all the same (--restart-owned ${refArgument(workload)}): the run ends where that is taken back`;
      return [blocker(object, message, remedy, seen === undefined ? restartOwned(workload) : leave(workload))];
    }),
};

const watchIt = "nothing to do now: a restart that is taken back fails at once, and is said";

/**
 * `Gateway`: istiod makes the Deployment by server-side apply and owns no annotation of its template but its own
 * (istio/istio pilot/pkg/config/kube/gateway/deploymentcontroller.go). `Application` of SIG Apps only groups what others
 * write (kubernetes-sigs/application docs/api.md, `addOwnerRef`).
 */
const isHarmless = ({ group, kind }: ObjectOwner): boolean =>
  (group === "gateway.networking.k8s.io" && kind === "Gateway") || (group === "app.k8s.io" && kind === "Application");

/** One write asks for all workloads of an operator's object: none of them can stay while another one moves. */
const askedTogether: Check<Facts> = {
  id: "asked-together",
  title: "what is left is not restarted by its operator",
  severity: "blocker",
  category: "ownership",
  accepts: ["--leave"],
  run: (facts) =>
    facts.moves.flatMap(({ workloads }): readonly Observation[] => {
      const stays = workloads.filter(
        ({ disposition, stale }) => stale.length > 0 && (disposition === "left" || disposition === "unselected"),
      );
      return workloads.flatMap(({ workload, disposition }) => {
        const { way } = workload;
        const other = stays.find((each) => way !== undefined && each.workload.way?.uid === way.uid)?.workload;
        if (disposition !== "restart" || way === undefined || other === undefined) return [];
        const message = `the restart is asked of ${refText(way.object)}, which restarts ${refText(other)} with it, and that one is to stay`;
        return [blocker(refText(workload), message, "leave both, or move both", leave(workload))];
      });
    }),
};

export const ownedWorkloadChecks: readonly Check<Facts>[] = [ownedWorkloads, askedTogether];
