/** What the steps of a run work with. */
import type { Clock } from "../cluster/clock.ts";
import type { Cluster } from "../cluster/cluster.ts";
import { watchFailedCreates } from "../gather/watch/failed-creates.ts";
import { watchIstiods } from "../gather/watch/istiod-watch.ts";
import { watchNamespace } from "../gather/watch/namespace-watch.ts";
import type { Poller } from "../gather/watch/poller.ts";
import type { IstiodAnswer, ObjectRef } from "../mesh/model.ts";
import { refText } from "../mesh/object-ref.ts";
import type { RestartWay } from "../mesh/operators/restart-way.ts";
import { isWorkloadKind, type WorkloadKind } from "../mesh/workload-kinds.ts";
import type { PodsProof, TrialProxy } from "../upgrade/proof/pods-proof.ts";
import { type Budget, createBudget } from "./budget.ts";
import { createEventRecorder, type EventRecorder } from "./events.ts";
import { createJournal, type Journal } from "./journal.ts";
import type { Progress, ProgressSection } from "./progress.ts";
import type { Ledger } from "./state/ledger.ts";
import { createUndoStop, type Stop } from "./stop.ts";

export interface Timeouts {
  /** For the whole run (ms). */
  readonly overall: number;
  /** For one workload, without any progress of it (ms). */
  readonly workload: number;
  /** For the trial pods of one namespace (ms). */
  readonly probe: number;
}

export interface ToolOptions {
  /** Holds the lock, and keeps what is begun and done in the cluster. */
  readonly ledger: Ledger;
  /** The field manager of its writes, named by its Events. */
  readonly fieldManager: string;
  /** `forward`: a migration · `back`: a rollback. */
  readonly direction: "forward" | "back";
  /** Control planes that are left: each of their istiods has to say that it no longer serves the moved proxies. */
  readonly oldRevisions: readonly string[];
  /** The weaker proof of the plan; absent: every istiod is asked. */
  readonly proof?: PodsProof | undefined;
  readonly istioNamespace: string;
  readonly timeouts: Timeouts;
  /** Pods in flight at once, over all workloads. */
  readonly parallel: number;
  readonly progress: Progress;
  readonly warn: (text: string) => void;
  readonly clock: Clock;
}

export interface Tools extends ToolOptions {
  /** Every request of it ends when the run has to end. */
  readonly cluster: Cluster;
  readonly stop: Stop;
  readonly budget: Budget;
  readonly journal: Journal;
  readonly events: EventRecorder;
  readonly istiods: Poller<readonly IstiodAnswer[]>;
  /** What the webhook made of the last trial pod of each workload. */
  readonly trials: Map<string, TrialProxy>;
  readonly watchOf: (namespace: string) => NamespaceWatch;
  /** How this workload is restarted, where that is asked of its operator. */
  readonly wayOf: (workload: ObjectRef) => RestartWay | undefined;
  readonly sectionOf: (namespace: string) => ProgressSection;
  /** The same for the way back: with a time, a budget and a journal of its own. */
  readonly forUndo: () => Tools;
}

/** What is watched of one namespace while something in it moves. */
export interface NamespaceWatch {
  readonly objects: ReturnType<typeof watchNamespace>;
  readonly failedCreates: ReturnType<typeof watchFailedCreates>;
}

/** A workload that is watched, and how it is restarted. */
export type Watched = ObjectRef & { readonly way?: RestartWay };

/** Nothing is read or written yet. `workloads`: those whose kinds are watched, each in its namespace. */
export function openTools(cluster: Cluster, workloads: readonly Watched[], stop: Stop, options: ToolOptions): Tools {
  const ways = new Map(workloads.map((workload) => [refText(workload), workload.way]));
  const waysIn = (namespace: string): readonly RestartWay[] =>
    workloads.filter((each) => each.namespace === namespace).flatMap(({ way }) => way ?? []);
  const sections = new Map<string, ProgressSection>();
  const sectionOf = (namespace: string): ProgressSection => {
    const section = sections.get(namespace) ?? options.progress.section(namespace);
    sections.set(namespace, section);
    return section;
  };
  const { clock, timeouts } = options;
  const toolsUntil = (ends: Stop, ledger: Ledger, events: EventRecorder): Tools => {
    const bounded = cluster.until(ends.requests);
    const watches = new Map<string, NamespaceWatch>();
    return {
      ...options,
      ledger,
      cluster: bounded,
      stop: ends,
      budget: createBudget(options.parallel),
      journal: createJournal(),
      events,
      trials: new Map(),
      istiods: watchIstiods(bounded, options.istioNamespace, clock),
      watchOf: (namespace) => {
        const known = watches.get(namespace);
        if (known) return known;
        const watch = {
          objects: watchNamespace(bounded, namespace, kindsIn(workloads, namespace), clock, waysIn(namespace)),
          failedCreates: watchFailedCreates(bounded, namespace, clock),
        };
        watches.set(namespace, watch);
        return watch;
      },
      wayOf: (workload) => ways.get(refText(workload)),
      sectionOf,
      forUndo: () => {
        const undoStop = createUndoStop(ends.signal, Math.max(timeouts.overall, timeouts.workload), clock);
        return toolsUntil(undoStop, ledger.forUndo(), events.forUndo());
      },
    };
  };
  const events = createEventRecorder(cluster, {
    ...options,
    instance: options.fieldManager,
    runOf: (namespace) => options.ledger.runOf(namespace).run,
  });
  return toolsUntil(stop, options.ledger, events);
}

const kindsIn = (workloads: readonly ObjectRef[], namespace: string): readonly WorkloadKind[] => [
  ...new Set(
    workloads
      .filter((ref) => ref.namespace === namespace)
      .map(({ kind }) => kind)
      .filter(isWorkloadKind),
  ),
];
