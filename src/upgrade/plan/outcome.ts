/** What became of each step of a plan: the result, the exit code and the next run are read from nothing else. */
import type { RevisionLabels } from "../../mesh/revision-labels.ts";
import type { ProvenVersions } from "../proof/workload-proof.ts";
import type { UndoRecord } from "../record/undo-record.ts";

/**
 * `not-begun`: nothing was written · `begun`: written, or it may have been · `proven` · `draining`: every new pod is
 * proven, and old ones have not ended yet · `failed` · `unproven`: written, and evidence is missing or was not waited
 * for · `undone`: put back.
 */
export type StepState = "not-begun" | "begun" | "proven" | "draining" | "failed" | "unproven" | "undone";

export interface StepOutcome {
  readonly state: StepState;
  /** In words for a person, where the state is not the hoped-for one. */
  readonly reason: string | undefined;
  /** Of a restart: pods that the workload is to have, and how many of them are proven. */
  readonly pods: number;
  readonly proven: number;
  /** The versions of the proxies of these; absent: nothing is proven. */
  readonly versions?: ProvenVersions;
  /** Of a relabel: the labels that the namespace has since then, and the undo record of the run. */
  readonly labels: RevisionLabels | undefined;
  readonly record: UndoRecord | undefined;
  /** Of a restart: the stamp that was written last, and the one that the template had before. */
  readonly stamp: string | undefined;
  readonly stampBefore: string | null | undefined;
}

export const notBegun: StepOutcome = {
  state: "not-begun",
  reason: undefined,
  pods: 0,
  proven: 0,
  labels: undefined,
  record: undefined,
  stamp: undefined,
  stampBefore: undefined,
};

/** What became of each step, by its key. A step without an entry was not begun. */
export type Outcomes = ReadonlyMap<string, StepOutcome>;

export const outcomeOf = (outcomes: Outcomes, key: string): StepOutcome => outcomes.get(key) ?? notBegun;

/** Whether something was written that has not been put back: in doubt, it was. */
export const isWritten = ({ state }: StepOutcome): boolean => state !== "not-begun" && state !== "undone";
