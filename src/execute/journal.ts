/**
 * What a run has begun and what came of it: one entry a namespace and a workload, intent first, act second. Kept in
 * memory; the entries are what a durable journal would have to hold, and the result of the run is read from nothing
 * else.
 */

import type { ObjectRef } from "../mesh/model.ts";
import { refText } from "../mesh/object-ref.ts";
import type { Plan, Step } from "../upgrade/plan/plan.ts";
import type { Failure, MigratedNamespace, MigratedWorkload } from "../upgrade/result.ts";

export type RelabelStep = Extract<Step, { kind: "relabel-namespace" }>;
export type RestartStep = Extract<Step, { kind: "restart-workload" }>;

export interface Ledger {
  namespaces(): readonly MigratedNamespace[];
  workloads(): readonly MigratedWorkload[];
  /** The first thing that went wrong. */
  failure(): Failure | undefined;
  noteNamespace(name: string, change: Partial<MigratedNamespace>): void;
  noteWorkload(ref: ObjectRef, change: Partial<MigratedWorkload>): void;
  noteFailure(failure: Failure): void;
  /** Whether anything was written to the cluster. */
  changed(): boolean;
  noteChange(): void;
}

/** The ledger of a plan, with nothing begun yet. */
export function openLedger(plan: Plan): Ledger {
  const namespaces = new Map(
    plan.steps
      .filter((step) => step.kind === "relabel-namespace")
      .map((step) => [step.namespace, plannedNamespace(plan, step)]),
  );
  const workloads = new Map<string, MigratedWorkload>();
  for (const ref of plan.already) workloads.set(refText(ref), entryOf(ref, { outcome: "already" }));
  for (const ref of plan.empty) workloads.set(refText(ref), entryOf(ref, { outcome: "empty" }));
  for (const { object, by, reason } of plan.left)
    if (by === "selector") workloads.set(refText(object), entryOf(object, { outcome: "unselected", reason }));
  for (const step of plan.steps) {
    if (step.kind === "restart-workload")
      workloads.set(refText(step.workload), entryOf(step.workload, { canary: step.canary, pods: step.pods }));
  }
  let failure: Failure | undefined;
  let changed = false;
  return {
    namespaces: () => [...namespaces.values()],
    workloads: () => [...workloads.values()],
    failure: () => failure,
    noteNamespace: (name, change) => {
      const entry = namespaces.get(name);
      if (entry) namespaces.set(name, { ...entry, ...change });
    },
    noteWorkload: (ref, change) => {
      workloads.set(refText(ref), { ...(workloads.get(refText(ref)) ?? entryOf(ref, {})), ...change });
    },
    noteFailure: (first) => {
      failure ??= first;
    },
    changed: () => changed,
    noteChange: () => {
      changed = true;
    },
  };
}

const plannedNamespace = (plan: Plan, step: RelabelStep): MigratedNamespace => ({
  name: step.namespace,
  from: step.from.revision,
  to: plan.target.revision,
  before: step.before,
  after: step.after,
  labels: "not-started",
});

const entryOf = (ref: ObjectRef, change: Partial<MigratedWorkload>): MigratedWorkload => ({
  kind: ref.kind,
  namespace: ref.namespace,
  name: ref.name,
  outcome: "not-started",
  pods: 0,
  proven: 0,
  canary: false,
  reason: undefined,
  ...change,
});
