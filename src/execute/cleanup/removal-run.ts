/** A removal while it goes on: its record, what is written of it before each change, and the proof before each step. */
import { type Clock, sleep } from "../../cluster/clock.ts";
import type { Cluster } from "../../cluster/cluster.ts";
import { ClusterError } from "../../cluster/cluster-error.ts";
import { type ExitCode, exit } from "../../mesh/exit-codes.ts";
import { refKey } from "../../upgrade/cleanup/chart-objects.ts";
import type { DisuseProof } from "../../upgrade/cleanup/disuse.ts";
import type { RemovalObject, RemovalPhase, RemovalRecord, RemovalStage } from "../../upgrade/cleanup/removal-record.ts";
import {
  type AfterCheck,
  type RemovalResult,
  type RemovalState,
  whyNotUnused,
} from "../../upgrade/cleanup/removal-result.ts";
import type { Inventory, ResourceRef } from "../../upgrade/cleanup/revision-inventory.ts";
import type { RecordFields } from "../../upgrade/record/record-fields.ts";
import type { Progress } from "../progress.ts";
import type { Lock } from "../state/lock.ts";
import type { Stop } from "../stop.ts";
import type { KeptRemoval, RemovalStore } from "./removal-store.ts";

export interface RemovalOptions {
  /** `default` is the install without a revision. */
  readonly revision: string;
  readonly istioNamespace: string;
  /** Why the soak is skipped: it is recorded. */
  readonly reason: string | undefined;
  /** How long istiod goes on running, and is watched, after its injector is off (ms). */
  readonly drainMs: number;
  /** All routes of proof, read anew each time that it is called. */
  readonly prove: () => Promise<DisuseProof>;
  /** Asks the user, or has the answer of `--yes`. False: nothing is changed. */
  readonly confirm: (inventory: Inventory) => Promise<boolean>;
  /** The opinion of `istioctl analyze`, where it is there; asked after the last deletion. Never throws. */
  readonly analyze: () => Promise<Omit<AfterCheck, "title">>;
  /** USER@HOST. */
  readonly by: string;
  readonly clock: Clock;
  readonly progress: Progress;
  readonly warn: (text: string) => void;
  /** Aborted when a person or the system wants it to stop. */
  readonly interrupted: AbortSignal;
  readonly interruptedCode: () => ExitCode | undefined;
  /** The user's command again, with these flags: `--restore`, or none. */
  readonly command: (extra: readonly string[]) => string;
}

/** What goes on under the lock. */
export interface RemovalRun {
  readonly options: RemovalOptions;
  /** Every request of it ends when the run has to end. */
  readonly cluster: Cluster;
  readonly stop: Stop;
  readonly lock: Lock;
  readonly run: string;
  readonly clusterUid: string;
  /** Undefined: nothing is recorded yet. */
  kept(): KeptRemoval | undefined;
  /** Replaces record and manifests, in the cluster, before anything else happens. */
  keep(kept: KeptRemoval): Promise<void>;
  /** Notes how far it is; objects by `refKey`. */
  note(phase: RemovalPhase, stages?: ReadonlyMap<string, RemovalStage>): Promise<void>;
  /** Drops an object from the record: somebody else has deleted it, and it is not created again. */
  forget(ref: ResourceRef): Promise<void>;
  manifestOf(ref: ResourceRef): RecordFields;
  /** Whether it is unused now, with the lock held: asked right before a change. */
  guard(): Promise<Guarded>;
  proof(): DisuseProof | undefined;
  result(state: RemovalState, detail?: ResultDetail): RemovalResult;
}

export type Guarded = { readonly state: "unused" } | { readonly state: "in use" | "unknown"; readonly reason: string };

export type ResultDetail = Partial<Pick<RemovalResult, "reason" | "remedy" | "after" | "inventory">> & {
  readonly exitCode?: ExitCode;
};

/** What is not known is asked again so long (ms): an istiod that is replaced, a connection that broke. */
const unknownMs = 60_000;
const betweenMs = 5_000;

export function openRemovalRun(
  cluster: Cluster,
  store: RemovalStore,
  parts: Pick<RemovalRun, "options" | "stop" | "lock" | "run" | "clusterUid">,
): RemovalRun {
  const { options, stop, lock } = parts;
  const { clock, istioNamespace } = options;
  let kept = store.found;
  let proof: DisuseProof | undefined;
  const asker = {};

  const keep = async (next: KeptRemoval): Promise<void> => {
    await lock.ensure(istioNamespace, {});
    const record: RemovalRecord = { ...next.record, updatedAt: (await cluster.now()).toISOString() };
    await store.save({ ...next, record });
    kept = { ...next, record };
  };
  const run: RemovalRun = {
    ...parts,
    cluster,
    kept: () => kept,
    keep,
    note: async (phase, stages = new Map()) => {
      if (!kept) throw new Error("a removal that is not recorded has begun");
      const objects = kept.record.objects.map((each) => ({
        ...each,
        stage: stages.get(refKey(each.ref)) ?? each.stage,
      }));
      await keep({ ...kept, record: { ...kept.record, phase, objects } });
    },
    forget: async (ref) => {
      if (!kept) return;
      const isOther = kept.record.objects.map((each) => refKey(each.ref) !== refKey(ref));
      await keep({
        record: { ...kept.record, objects: kept.record.objects.filter((_, index) => isOther[index]) },
        manifests: kept.manifests.filter((_, index) => isOther[index]),
      });
    },
    manifestOf: (ref) => {
      const at = kept?.record.objects.findIndex((each) => refKey(each.ref) === refKey(ref)) ?? -1;
      const manifest = kept?.manifests[at];
      if (!manifest) throw new Error(`${refKey(ref)} is not kept`);
      return manifest;
    },
    guard: async () => {
      const until = clock.now() + unknownMs;
      for (;;) {
        let reason: string;
        try {
          proof = await options.prove();
          const why = whyNotUnused(proof);
          // A machine that was away in between has to look again.
          if (why === undefined && (await lock.ensure(istioNamespace, asker)) === "current") return { state: "unused" };
          if (proof.state === "in use") return { state: "in use", reason: why ?? "" };
          reason = why ?? "";
        } catch (error) {
          if (!(error instanceof ClusterError) || error.reason === "conflict") throw error;
          reason = `whether revision ${options.revision} is in use is unknown: ${error.message}`;
        }
        if (reason === "") continue;
        if (stop.now.aborted || clock.now() >= until) return { state: "unknown", reason };
        await sleep(clock, betweenMs, stop.now);
      }
    },
    proof: () => proof,
    result: (state, { exitCode, reason, remedy, after, inventory } = {}) => ({
      ...{ revision: options.revision, state, reason, remedy, after, inventory, proof },
      exitCode: exitCode ?? codeOf(state, options),
      phase: kept?.record.phase,
      objects: (kept?.record.objects ?? []).map(({ ref, stage }) => ({ ref, stage })),
      goOn: ["partial", "interrupted", "restored"].includes(state) ? options.command([]) : undefined,
      goBack: kept && isChanged(kept.record) ? options.command(["--restore"]) : undefined,
    }),
  };
  return run;
}

/** All of these objects at one stage, for `note`. */
export const stagesOf = (
  objects: readonly Pick<RemovalObject, "ref">[],
  stage: RemovalStage,
): ReadonlyMap<string, RemovalStage> => new Map(objects.map(({ ref }) => [refKey(ref), stage]));

/** Whether something of the revision is other than it was. */
export const isChanged = ({ phase }: RemovalRecord): boolean => phase !== "proven" && phase !== "restored";

export function codeOf(state: RemovalState, { interruptedCode }: Pick<RemovalOptions, "interruptedCode">): ExitCode {
  switch (state) {
    case "removed":
    case "nothing-to-do":
      return exit.done;
    case "refused":
      return exit.refused;
    case "unknown":
      return exit.cannotTell;
    case "declined":
      return exit.couldNot;
    case "interrupted":
      return interruptedCode() ?? exit.interrupted;
    case "restored":
    case "partial":
      return exit.notDone;
  }
}
