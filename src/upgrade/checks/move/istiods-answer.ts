/** Does every istiod of the old and the new revision say which proxies it holds? */
import type { Barrier, Istiod, IstiodAnswer } from "../../../mesh/model.ts";
import { isRunningIstiod } from "../../../mesh/revision-state.ts";
import { type Facts, oldRevisions } from "../../plan/moves.ts";
import { type Check, cannotTell, type Observation, proofByPods, warning } from "../check.ts";

export const istiodsAnswer: Check<Facts> = {
  id: "istiods-answer",
  title: "every istiod of the old and the new revision answers",
  severity: "unknown",
  category: "control-planes",
  accepts: ["--proof"],
  run: (facts) => {
    // A rollback may leave a control plane that has failed: nothing is asked of it.
    const left = facts.verb === "rollback" ? [] : oldRevisions(facts);
    const revisions = new Set([facts.target.revision, ...left]);
    const { answers, controlPlanes } = facts.mesh;
    const unanswered = answers.flatMap((answer) =>
      answer.kind === "unanswered" && revisions.has(answer.revision) ? [judged(answer, facts)] : [],
    );
    const unasked = controlPlanes
      .filter(({ revision }) => revisions.has(revision))
      .flatMap(({ revision, istiods }) =>
        istiods
          .filter((istiod) => isRunningIstiod(istiod) && !answers.some((answer) => answer.istiod === nameOf(istiod)))
          .map((istiod) => silent(nameOf(istiod), revision, "it was not asked")),
      );
    return [...unanswered, ...unasked];
  },
};

/** As an answer names its istiod. */
const nameOf = ({ namespace, name }: Istiod): string => `${namespace}/${name}`;

/**
 * An old control plane that is down must not keep its workloads: while its istiod is not ready no Service leads to it,
 * and no new pod's proxy can come to it.
 */
const judged = (
  { istiod, revision, reason, ready, barrier }: Extract<IstiodAnswer, { readonly kind: "unanswered" }>,
  { target, request }: Facts,
): Observation => {
  if (revision !== target.revision && ready === false)
    return warning(
      `istiod ${istiod}`,
      `this istiod of the old revision ${revision} is not ready and does not answer, so it is not waited for: ${reason}`,
    );
  if (barrier === undefined) return silent(istiod, revision, reason);
  const message = `this istiod of revision ${revision} cannot be asked which proxies it holds: ${barrierText[barrier]} (${reason})`;
  return request.proof === "pods"
    ? warning(`istiod ${istiod}`, `${message}; its pods are proven without it (--proof pods)`)
    : cannotTell(`istiod ${istiod}`, message, `${barrierRemedy(barrier, istiod)}; or ${askForLess}`, proofByPods);
};

const silent = (istiod: string, revision: string, reason: string): Observation =>
  cannotTell(
    `istiod ${istiod}`,
    `this istiod of revision ${revision} did not say which proxies it holds: ${reason}`,
    "wait until it is ready or gone and try again",
  );

/** What the weaker proof is, where it is offered. */
export const askForLess =
  "take the weaker proof, that each pod is injected by the target, ready and configured for it, and not that it is connected: --proof pods";

/** Source: pilot/pkg/features (ENABLE_DEBUG_ON_HTTP), `allowAuthenticatedOrLocalhost` (pilot/pkg/xds/debug.go). */
export const barrierText: Readonly<Record<Barrier, string>> = {
  "debug-off": "its debug endpoints are switched off (ENABLE_DEBUG_ON_HTTP=false)",
  "debug-closed": "its debug endpoints want credentials",
  "no-port-forward": "the right to port-forward to it is missing",
};

/** How it could be asked. */
export const barrierRemedy = (barrier: Barrier, istiod: string): string =>
  ({
    "debug-off": "set ENABLE_DEBUG_ON_HTTP=true on its Deployment for the time of the move",
    "debug-closed": "let connections from its own pod, as port-forwards are, in without credentials",
    "no-port-forward": `get the right: verbs get and create on pods/portforward in namespace ${istiod.split("/")[0]}`,
  })[barrier];
