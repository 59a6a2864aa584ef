/** What all parts of one run share. */

import { randomBytes } from "node:crypto";
import type { Clock } from "../cluster/clock.ts";
import type { Cluster } from "../cluster/cluster.ts";
import { watchRefusals } from "../gather/watch/failed-creates.ts";
import { watchIstiods } from "../gather/watch/istiod-watch.ts";
import { watchNamespace } from "../gather/watch/namespace-watch.ts";
import type { Poller } from "../gather/watch/poller.ts";
import type { IstiodAnswer } from "../mesh/model.ts";
import type { WorkloadKind } from "../mesh/workload-kinds.ts";
import type { MigrationRequest, Plan } from "../upgrade/plan/plan.ts";
import type { UndoRecord } from "../upgrade/record/undo-record.ts";
import { type Budget, createBudget } from "./budget.ts";
import { type Ledger, openLedger, type RelabelStep, type RestartStep } from "./journal.ts";
import type { Progress, ProgressSection } from "./progress.ts";

export interface Timeouts {
  /** For the whole run (ms). */
  readonly overall: number;
  /** For one workload, without any progress of it (ms). */
  readonly workload: number;
  /** For the probe of one namespace (ms). */
  readonly probe: number;
}

export interface RunOptions {
  readonly request: MigrationRequest;
  readonly istioNamespace: string;
  readonly timeouts: Timeouts;
  /** Pods in flight at once. */
  readonly parallel: number;
  readonly parallelNamespaces: number;
  readonly progress: Progress;
  readonly warn: (text: string) => void;
  /** Aborted when a person or the system wants us to stop. */
  readonly interrupted: AbortSignal;
  readonly clock: Clock;
}

export interface Run {
  readonly id: string;
  readonly cluster: Cluster;
  readonly plan: Plan;
  readonly options: RunOptions;
  readonly ledger: Ledger;
  readonly budget: Budget;
  /** Revisions that are left, by namespace. */
  readonly oldRevisions: readonly string[];
  /** Ends waiting: interrupted, or out of time. */
  readonly ends: AbortSignal;
  /** Aborted when nothing new may begin: also after a failure. */
  readonly halt: AbortController;
  readonly istiods: Poller<readonly IstiodAnswer[]>;
  readonly sightOf: (namespace: string) => Sight;
  /** Where the progress of a namespace is told. */
  readonly sectionOf: (namespace: string) => ProgressSection;
  readonly records: Map<string, UndoRecord>;
}

/** What is watched of one namespace while something in it moves. */
export interface Sight {
  readonly objects: ReturnType<typeof watchNamespace>;
  readonly refusals: ReturnType<typeof watchRefusals>;
}

/** Begins a run of the plan; nothing is read or written yet. */
export function openRun(cluster: Cluster, plan: Plan, options: RunOptions): Run {
  const { clock } = options;
  const ends = AbortSignal.any([options.interrupted, clock.timeout(options.timeouts.overall)]);
  const halt = new AbortController();
  ends.addEventListener("abort", () => halt.abort(ends.reason), { once: true });
  const sights = new Map<string, Sight>();
  const sections = new Map<string, ProgressSection>();
  const kindsIn = (namespace: string): readonly WorkloadKind[] => [
    ...new Set(
      refsOf(plan)
        .filter((ref) => ref.namespace === namespace)
        .map(({ kind }) => kind as WorkloadKind),
    ),
  ];
  return {
    id: randomBytes(6).toString("hex"),
    cluster,
    plan,
    options,
    ledger: openLedger(plan),
    budget: createBudget(options.parallel),
    oldRevisions: oldRevisionsOf(plan),
    ends,
    halt,
    istiods: watchIstiods(cluster, options.istioNamespace, clock),
    sightOf: (namespace) => {
      const known = sights.get(namespace);
      if (known) return known;
      const sight = {
        objects: watchNamespace(cluster, namespace, kindsIn(namespace), clock),
        refusals: watchRefusals(cluster, namespace, clock),
      };
      sights.set(namespace, sight);
      return sight;
    },
    sectionOf: (namespace) => {
      const section = sections.get(namespace) ?? options.progress.section(namespace);
      sections.set(namespace, section);
      return section;
    },
    records: new Map(),
  };
}

export const relabelSteps = (plan: Plan): readonly RelabelStep[] =>
  plan.steps.filter((step) => step.kind === "relabel-namespace");
export const restartSteps = (plan: Plan): readonly RestartStep[] =>
  plan.steps.filter((step) => step.kind === "restart-workload");

const refsOf = (plan: Plan) => [...restartSteps(plan).map(({ workload }) => workload), ...plan.already, ...plan.empty];

const oldRevisionsOf = (plan: Plan): readonly string[] => {
  const all = [
    ...relabelSteps(plan).map(({ from }) => from.revision),
    ...restartSteps(plan).flatMap(({ from }) => from),
  ];
  return [...new Set(all)].filter((revision) => revision !== plan.target.revision);
};
