/** Is the revision that was recorded still there, and do the labels lead to it? */
import type { Injection } from "../../../mesh/model.ts";
import { revisionLabelsText } from "../../../mesh/revision-labels.ts";
import { whereabouts } from "../../../mesh/revision-state.ts";
import { shellWord } from "../../commands.ts";
import type { Astray, RollbackFacts } from "../../rollback/rollback-facts.ts";
import { blocker, type Check, cannotTell, type Observation } from "../check.ts";

const samePlane: Check<RollbackFacts> = {
  id: "old-control-plane",
  title: "the old control plane is the one that was recorded",
  severity: "blocker",
  category: "rollback",
  run: ({ mesh, returns, astray }) => {
    const records = new Map(returns.map(({ back: { record } }) => [JSON.stringify(record.from), record.from]));
    const gone = new Set(
      astray
        .map(({ back }) => back.record.from.revision)
        .filter((revision) => !mesh.controlPlanes.some((plane) => plane.revision === revision && plane.deployment))
        .filter((revision) => ["here", "missing"].includes(whereabouts(mesh, revision))),
    );
    const missing = [...gone].map((revision) =>
      blocker(
        `revision/${revision}`,
        "its control plane is gone: there is nothing to go back to",
        "install the same release of it again before you go back",
      ),
    );
    const recreated = [...records.values()].flatMap(({ revision, deploymentUid }): readonly Observation[] => {
      const deployment = mesh.controlPlanes.find((plane) => plane.revision === revision)?.deployment;
      if (deployment === undefined || deployment.uid === deploymentUid) return [];
      const since =
        deploymentUid === undefined
          ? "it had no istiod in this cluster when the migration began"
          : "its istiod was deleted and created again since the migration began";
      return [
        blocker(
          `revision/${revision}`,
          `${since} (Deployment ${deployment.name}): it may be another release, with another configuration`,
          `look at it with kubectl mesh-revisions; if it is what you want, move there as to any other: kubectl mesh-migrate --to ${shellWord(revision)}`,
        ),
      ];
    });
    return [...missing, ...recreated];
  },
};

/** A tag was moved, a webhook is gone: new pods would be injected by another revision, or not at all. */
const labelsLeadBack: Check<RollbackFacts> = {
  id: "labels-lead-back",
  title: "the labels to restore give the recorded revision",
  severity: "blocker",
  category: "rollback",
  accepts: ["--pin"],
  run: ({ astray, request }) => astray.map((each) => leadsElsewhere(each, request.pin)),
};

const leadsElsewhere = ({ move, back, injection, pinWorks }: Astray, pinned: boolean): Observation => {
  const { revision } = back.record.from;
  const object = `namespace/${move.namespace.name}`;
  const message = `by ${revisionLabelsText(back.after)} its new pods would not be injected by ${revision}: ${wouldGet(injection)}`;
  if (injection.kind === "unknown") return cannotTell(object, message, "fix what is named");
  if (pinned) return blocker(object, message, `give revision ${revision} a webhook that serves this label`);
  const tag = back.after["istio-injection"] === null ? back.after["istio.io/rev"] : "default";
  const { movedTag } = back.record;
  const tagMove =
    movedTag !== undefined
      ? `kubectl mesh-rollback --tag ${shellWord(movedTag)}`
      : tag === null || tag === revision
        ? undefined
        : `kubectl mesh-migrate --tag ${shellWord(tag)} --to ${shellWord(revision)}`;
  const remedy = [
    ...(tagMove ? [`move the tag back: ${tagMove}`] : []),
    ...(pinWorks ? [`label the namespace with the revision itself: --pin`] : []),
  ].join("; or ");
  return blocker(
    object,
    message,
    remedy === "" ? `install the webhook of revision ${revision} again` : remedy,
    pinWorks ? { flag: "--pin", value: "" } : undefined,
  );
};

const wouldGet = (injection: Injection): string => {
  switch (injection.kind) {
    case "injected":
      return `revision ${injection.revision} injects them (webhook ${injection.by})`;
    case "refused":
      return `the API server would refuse them (${injection.reason})`;
    default:
      return injection.reason;
  }
};

export const oldRevisionChecks: readonly Check<RollbackFacts>[] = [samePlane, labelsLeadBack];
