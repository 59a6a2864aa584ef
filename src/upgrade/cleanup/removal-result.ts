/** What a removal, a restore or a look at leftovers came to. */
import type { ExitCode } from "../../mesh/exit-codes.ts";
import type { DisuseProof } from "./disuse.ts";
import type { RemovalPhase, RemovalStage } from "./removal-record.ts";
import type { Inventory, ResourceRef } from "./revision-inventory.ts";

/**
 * `removed`: and proven afterwards · `nothing-to-do` · `refused`, `unknown`, `declined`: nothing was changed ·
 * `restored`: everything was put back · `partial`: not done, the same command goes on · `interrupted`: the same, by a
 * signal.
 */
export type RemovalState =
  | "removed"
  | "nothing-to-do"
  | "refused"
  | "unknown"
  | "declined"
  | "restored"
  | "partial"
  | "interrupted";

export interface RemovalResult {
  readonly revision: string;
  readonly state: RemovalState;
  readonly exitCode: ExitCode;
  /** One sentence: what was found or what failed, on which object; undefined where all is done. */
  readonly reason: string | undefined;
  /** How to mend it. */
  readonly remedy: string | undefined;
  /** How far it is; undefined: nothing is recorded. */
  readonly phase: RemovalPhase | undefined;
  readonly objects: readonly { readonly ref: ResourceRef; readonly stage: RemovalStage }[];
  /** The last proof; undefined where none was asked for. */
  readonly proof: DisuseProof | undefined;
  readonly inventory: Inventory | undefined;
  /** What was tried afterwards; undefined where it was not. */
  readonly after: AfterProof | undefined;
  /** Commands that go on, and that put everything back. */
  readonly goOn: string | undefined;
  readonly goBack: string | undefined;
}

/** One thing that was tried after a removal. */
export interface AfterCheck {
  /** e.g. `a pod can be created in namespace production`. */
  readonly title: string;
  /** `skipped`: it could not be tried here, and is not needed. */
  readonly state: "good" | "bad" | "unknown" | "skipped";
  /** What was seen, for a person. */
  readonly evidence: string;
}

export interface AfterProof {
  readonly state: Exclude<AfterCheck["state"], "skipped">;
  readonly checks: readonly AfterCheck[];
}

/** `bad` where one check is, then `unknown` where one is. */
export const afterProof = (checks: readonly AfterCheck[]): AfterProof => {
  const states = new Set(checks.map(({ state }) => state));
  return { state: states.has("bad") ? "bad" : states.has("unknown") ? "unknown" : "good", checks };
};

/** The first sign of use, or the first thing that is not known, in a sentence; undefined: it is unused. */
export const whyNotUnused = (proof: DisuseProof): string | undefined => {
  if (proof.state === "unused") return undefined;
  const route = proof.routes.find(({ state }) => state === proof.state);
  const finding = route?.findings[0];
  const what = finding ? `${finding.object}: ${finding.message}` : (route?.evidence ?? "no route of proof was tried");
  return proof.state === "in use"
    ? `revision ${proof.revision} is in use: ${what}`
    : `whether revision ${proof.revision} is in use is unknown: ${what}`;
};
