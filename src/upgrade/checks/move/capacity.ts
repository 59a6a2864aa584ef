/** Is there room for the pods that a rollout makes before it deletes the old ones? */

import { labelOf } from "../../../mesh/labels.ts";
import type { Workload } from "../../../mesh/model.ts";
import { refText } from "../../../mesh/object-ref.ts";
import { counted, listed } from "../../../mesh/phrase.ts";
import type { ClusterEvidence, Quota } from "../../evidence/cluster-evidence.ts";
import { thousandths } from "../../evidence/quantity.ts";
import { type Facts, restarts } from "../../plan/moves.ts";
import { surge, unavailable } from "../../plan/rollout-size.ts";
import { selects } from "../../plan/target.ts";
import { blocker, type Check, cannotTell, leave, type Observation, warning } from "../check.ts";

const quota: Check<Facts> = {
  id: "quota",
  title: "the quotas have room for the pods of the rollouts",
  severity: "blocker",
  category: "availability",
  accepts: ["--leave", "--skip-check"],
  run: (facts) => facts.evidence.quotas.flatMap((each) => judge(each, facts)),
};

/**
 * One more pod of each workload has to fit, else a workload with `maxUnavailable: 0` hangs. All surges at once should
 * fit, else the rollouts wait for each other. A new pod counts as much as the largest that the workload runs today:
 * that one has the sidecar and the defaults already.
 */
const judge = (each: Quota, facts: Facts): readonly Observation[] => {
  const surging = restarts(facts)
    .map(({ workload }) => workload)
    .filter((workload) => workload.namespace === each.namespace && surge(workload) > 0);
  const object = `${each.namespace}/ResourceQuota/${each.name}`;
  return Object.keys(each.hard).flatMap((resource): readonly Observation[] => {
    const [hard, used] = [thousandths(each.hard[resource] ?? ""), thousandths(labelOf(each.used, resource) ?? "0")];
    const needs = surging.map((workload) => ({ workload, need: usage(workload, resource, facts.evidence) }));
    if (hard === undefined || used === undefined || needs.some(({ need }) => need === undefined)) {
      return surging.length === 0
        ? []
        : [cannotTell(object, `its ${resource} cannot be computed: a quantity is unknown`, undefined, "--skip-check")];
    }
    const room = hard - used;
    const hanging = needs.filter(({ workload, need = 0 }) => need > 0 && need > room && unavailable(workload) === 0);
    const together = needs.reduce((sum, { workload, need = 0 }) => sum + need * surge(workload), 0);
    const state = `${resource}: ${labelOf(each.used, resource) ?? "0"} of ${each.hard[resource]} used`;
    const remedy = `raise the quota for the time of the migration, or set maxSurge 0 and maxUnavailable 1 on the workload`;
    if (hanging.length > 0) {
      return hanging.map(({ workload }) => {
        const message = `it needs one pod more while it is restarted, for which quota ${each.name} has no room (${state})`;
        return each.scoped
          ? warning(refText(workload), `${message}, if it counts this pod`, remedy)
          : blocker(refText(workload), message, remedy, leave(workload));
      });
    }
    if (together === 0 || together <= room) return [];
    return [
      warning(
        object,
        `the rollouts of ${listed(
          surging.map(({ name }) => name),
          4,
        )} do not all have room at once (${state}): some will wait for others`,
        "raise it for the time of the migration, or lower --parallel",
      ),
    ];
  });
};

/**
 * What a pod of the workload counts against a resource of a quota, in thousandths; `undefined` when it is not known.
 */
const usage = (workload: Workload, resource: string, { podUsage }: ClusterEvidence): number | undefined => {
  if (resource === "pods" || resource === "count/pods") return 1000;
  const plain = /^(cpu|memory)$/.test(resource) ? `requests.${resource}` : resource;
  if (!/^(requests|limits)\./.test(plain) || plain.startsWith("requests.storage")) return 0;
  const known = workload.pods
    .map((pod) => podUsage.get(pod.uid))
    .filter((counts) => counts !== undefined)
    .map((counts) => thousandths(labelOf(counts, plain) ?? "0"));
  if (known.length === 0 || known.includes(undefined)) return undefined;
  return Math.max(...known.map((each) => each ?? 0));
};

const autoscalers: Check<Facts> = {
  id: "autoscalers",
  title: "no autoscaler is at its maximum",
  severity: "warning",
  category: "availability",
  run: (facts) =>
    restarts(facts).flatMap(({ workload }) =>
      facts.evidence.autoscalers
        .filter(
          ({ namespace, target, max, current }) =>
            namespace === workload.namespace &&
            target.kind === workload.kind &&
            target.name === workload.name &&
            current >= max,
        )
        .map(({ name, max }) =>
          warning(
            refText(workload),
            `its autoscaler ${name} is at its maximum of ${max}: under load it could not scale out while it is restarted`,
            "raise maxReplicas for the time of the migration, or choose a quieter hour",
          ),
        ),
    ),
};

/**
 * The controllers of Kubernetes ignore disruption budgets in a rollout. Argo Rollouts restarts by evicting pods, which
 * a budget of 0 forbids.
 */
const disruptionBudgets: Check<Facts> = {
  id: "disruption-budgets",
  title: "every disruption budget allows a disruption",
  severity: "blocker",
  category: "availability",
  accepts: ["--leave"],
  run: (facts) =>
    restarts(facts).flatMap(({ workload }) =>
      facts.evidence.disruptionBudgets
        .filter(
          ({ namespace, selector, allowed }) =>
            namespace === workload.namespace &&
            allowed === 0 &&
            selects(selector, workload.template?.metadata?.labels ?? {}) === true,
        )
        .map(({ name }) =>
          workload.kind === "Rollout"
            ? blocker(
                refText(workload),
                `disruption budget ${name} allows no disruption now, and Argo restarts by evicting pods: it would hang`,
                `kubectl -n ${workload.namespace} describe pdb ${name}`,
                leave(workload),
              )
            : warning(
                refText(workload),
                `disruption budget ${name} allows no disruption now; a rollout does not ask it, and goes by the workload's own strategy`,
                `kubectl -n ${workload.namespace} describe pdb ${name}`,
              ),
        ),
    ),
};

const unscheduled: Check<Facts> = {
  id: "pods-scheduled",
  title: "no pod waits for a node",
  severity: "warning",
  category: "availability",
  run: ({ moves }) =>
    moves.flatMap(({ namespace, pods }) => {
      const waiting = pods.filter((pod) => pod.phase === "Pending" && pod.node === undefined && !pod.terminating);
      if (waiting.length === 0) return [];
      return [
        warning(
          `namespace/${namespace.name}`,
          `${counted(waiting.length, "pod")} wait${waiting.length === 1 ? "s" : ""} for a node already (${listed(waiting.map(({ name }) => name))}): the new pods of rollouts may wait too`,
          `kubectl -n ${namespace.name} get events --field-selector reason=FailedScheduling`,
        ),
      ];
    }),
};

export const capacityChecks: readonly Check<Facts>[] = [quota, autoscalers, disruptionBudgets, unscheduled];
