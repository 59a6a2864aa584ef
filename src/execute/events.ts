/**
 * Kubernetes Events on the workloads that a run moved, for people who look there (`kubectl describe`, `kubectl
 * events`). They are kept for an hour by default and prove nothing: no decision is made from them. Best effort: an Event
 * that cannot be written fails and delays nothing.
 */
import { type Clock, sleep, unlessAborted } from "../cluster/clock.ts";
import type { Cluster } from "../cluster/cluster.ts";
import { ClusterError } from "../cluster/cluster-error.ts";
import { kinds } from "../cluster/kinds.ts";
import { refText } from "../mesh/object-ref.ts";
import { counted, listed } from "../mesh/phrase.ts";
import { safe } from "../mesh/safe.ts";
import { isWorkloadKind, workloadResources } from "../mesh/workload-kinds.ts";
import { isWritten, type StepOutcome } from "../upgrade/plan/outcome.ts";
import type { RestartStep, Step } from "../upgrade/plan/step.ts";
import type { PodsProof } from "../upgrade/proof/pods-proof.ts";
import { createBudget } from "./budget.ts";

export interface EventRecorder {
  /**
   * Writes an Event about the workload of a step that has ended, in the background. Nothing for steps that restart no
   * workload, for those that wrote nothing, and for a workload that has its Event already. Never throws.
   */
  tell(step: Step, outcome: StepOutcome): void;
  /** The recorder of a rollback that this run does itself: its Events have the reasons of a rollback. */
  forUndo(): EventRecorder;
  /** Waits until all Events are written, for two seconds at most; what is not written then is left out. Never rejects. */
  close(): Promise<void>;
}

export interface EventOptions {
  /** `forward`: the steps of a migration · `back`: those of a rollback. */
  readonly direction: "forward" | "back";
  /** The field manager of the run: `mesh-migrate` unless --field-manager is given. */
  readonly instance: string;
  /** The id of the namespace's run. */
  readonly runOf: (namespace: string) => string;
  readonly warn: (text: string) => void;
  readonly clock: Clock;
  /** The weaker proof of the run; absent: every istiod is asked. */
  readonly proof?: PodsProof | undefined;
}

const component = "kubectl-mesh";
/** Events written at once: they leave the connections to those who move workloads. */
const sideBySide = 4;
/** How long one Event is tried, and how long the end of a run waits for those that are under way (ms). */
const [writeMs, closeMs] = [10_000, 2_000];

/** `cluster` is the one of the program, not the one that ends with the run: an Event follows the end of a step. */
export function createEventRecorder(cluster: Cluster, options: EventOptions): EventRecorder {
  const { clock, warn } = options;
  const ended = new AbortController();
  const turns = createBudget(sideBySide);
  const underWay = new Set<Promise<void>>();
  const forbiddenIn = new Set<string>();
  let warned = false;

  /** The first Event that is lost is reported, the next ones are lost for the same reason. */
  const lost = (step: RestartStep, error: unknown): void => {
    if (error instanceof ClusterError) {
      if (error.reason === "already-exists") return; // Its answer was lost, or an earlier run of the same id wrote it.
      if (error.reason === "forbidden") forbiddenIn.add(step.workload.namespace);
    }
    if (warned || ended.signal.aborted) return;
    warned = true;
    const why = error instanceof Error ? error.message : String(error);
    warn(`no Event was written about ${refText(step.workload)}, and nothing depends on it: ${safe(why)}`);
  };

  const write = async (
    step: RestartStep,
    outcome: StepOutcome,
    direction: EventOptions["direction"],
  ): Promise<void> => {
    const release = await turns.acquire(1, ended.signal);
    try {
      const { namespace } = step.workload;
      if (forbiddenIn.has(namespace)) return;
      const bounded = cluster.until(AbortSignal.any([ended.signal, clock.timeout(writeMs)]));
      const body = eventOf(step, outcome, { ...options, direction }, await bounded.now());
      await bounded.create(kinds.events, body, { namespace });
    } finally {
      release();
    }
  };

  const recorderFor = (direction: EventOptions["direction"]): EventRecorder => {
    const told = new Set<string>();
    return {
      tell(step, outcome) {
        if (step.kind !== "restart" || !isEnd(outcome) || ended.signal.aborted) return;
        const key = refText(step.workload);
        if (told.has(key)) return;
        told.add(key);
        const written = write(step, outcome, direction).catch((error: unknown) => lost(step, error));
        underWay.add(written);
        void written.finally(() => underWay.delete(written));
      },
      forUndo: () => recorderFor("back"),
      async close() {
        const late = new AbortController();
        const all = Promise.all(underWay).finally(() => late.abort());
        void sleep(clock, closeMs, late.signal).then(() => ended.abort());
        await unlessAborted(all, ended.signal);
      },
    };
  };
  return recorderFor(options.direction);
}

/** A step that has only begun may still end otherwise. */
const isEnd = (outcome: StepOutcome): boolean => isWritten(outcome) && outcome.state !== "begun";

type Verdict = "proven" | "failed" | "unproven";

const reasons = {
  forward: { proven: "MeshMigrated", failed: "MeshMigrationFailed", unproven: "MeshMigrationUnproven" },
  back: { proven: "MeshRestored", failed: "MeshRestoreFailed", unproven: "MeshRestoreUnproven" },
} as const;
const actions = { forward: "Migrate", back: "Restore" } as const;

/** The body of the Event. Its name is the same for the same end of the same run: a repeat is one Event. */
function eventOf(step: RestartStep, outcome: StepOutcome, options: EventOptions, now: Date): object {
  const { kind, namespace, name } = step.workload;
  const { direction, instance } = options;
  const run = options.runOf(namespace);
  const verdict = verdictOf(outcome);
  return {
    metadata: { name: nameOf(step, run, `${actions[direction]}-${verdict}`), namespace },
    involvedObject: {
      apiVersion: apiVersionOf(step),
      kind: step.way?.direct ? step.way.resource.kind : kind,
      namespace,
      name,
      uid: step.uid,
    },
    type: verdict === "proven" ? "Normal" : "Warning",
    reason: reasons[direction][verdict],
    action: actions[direction],
    message: messageOf(step, outcome, { direction, instance, run, proof: options.proof }),
    eventTime: now.toISOString().replace("Z", "000Z"),
    reportingComponent: component,
    reportingInstance: cut(safe(instance), mostBytes.instance),
  };
}

const verdictOf = ({ state }: StepOutcome): Verdict =>
  state === "proven" || state === "unproven" ? state : state === "draining" ? "proven" : "failed";

const apiVersionOf = ({ workload: { kind }, way }: RestartStep): string => {
  if (way?.direct) return `${way.resource.group}/${way.resource.version}`;
  if (!isWorkloadKind(kind)) throw new Error(`no workload kind: ${kind}`);
  const { group, version } = workloadResources[kind];
  return `${group}/${version}`;
};

/** Limits of the API server (kubernetes pkg/apis/core/validation/events.go), in bytes. */
const mostBytes = { message: 1024, instance: 128 } as const;

function messageOf(
  step: RestartStep,
  outcome: StepOutcome,
  {
    direction,
    instance,
    run,
    proof,
  }: Pick<EventOptions, "direction" | "instance" | "proof"> & { readonly run: string },
): string {
  const { reason, pods } = outcome;
  const from = listed(step.from) || "an unknown revision";
  const way =
    direction === "forward" && step.fromVersions !== undefined && from === step.to
      ? `from ${listed(step.fromVersions) || "an unknown version"} to ${step.version ?? "the version"} of revision ${step.to}`
      : direction === "forward"
        ? `from revision ${from} to ${step.to}`
        : `back from revision ${from} to ${step.to}`;
  const by = `(${instance}, run ${run})`;
  const text = {
    proven: proof?.unasked.includes(step.to)
      ? `Moved ${way}: ${pods > 0 ? counted(pods, "pod") : "every pod"} injected by it and ready; whether each is connected was not asked ${by}.`
      : `Moved ${way}: ${pods > 0 ? `${counted(pods, "pod")} proven` : "every pod is proven"} ${by}.`,
    failed: `Not moved ${way} ${by}: ${reason ?? "the restart failed"}`,
    unproven: `Restarted to move ${way}, and not proven ${by}: ${reason ?? "evidence is missing"}`,
  };
  return cut(safe(text[verdictOf(outcome)]), mostBytes.message);
}

/** A DNS subdomain, whatever an undo record has as its run. */
function nameOf({ workload }: RestartStep, run: string, end: string): string {
  const plain = (text: string, most: number): string =>
    text
      .toLowerCase()
      .replaceAll(/[^a-z0-9]+/g, "-")
      .slice(0, most)
      .replaceAll(/^-|-$/g, "");
  const object = workload.name.slice(0, 150).replace(/[^a-z0-9]+$/, "");
  return `${object}.${[workload.kind, run, end].map((part) => plain(part, 30)).join("-")}`;
}

/** The text, or its beginning with an ellipsis, so that it has at most so many bytes of UTF-8. */
function cut(text: string, most: number): string {
  const bytes = new TextEncoder().encode(text);
  if (bytes.length <= most) return text;
  const kept = new TextDecoder().decode(bytes.subarray(0, most - 3), { stream: true });
  return `${kept}…`;
}
