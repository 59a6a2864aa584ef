/** The state of something that should become `done`. The other three kinds have a reason, a clause for a person. */
export type Verdict =
  | { readonly kind: "waiting"; readonly reason: string }
  | { readonly kind: "done" }
  | { readonly kind: "failed"; readonly reason: string }
  | { readonly kind: "unknown"; readonly reason: string };

/** The verdicts, and makers of those with a reason. */
export const done: Verdict = { kind: "done" };
export const waiting = (reason: string): Verdict => ({ kind: "waiting", reason });
export const failed = (reason: string): Verdict => ({ kind: "failed", reason });
export const unknown = (reason: string): Verdict => ({ kind: "unknown", reason });
