/** What a plugin throws to end; `run.ts` catches it. */

/** Wrong usage (exit 2). */
export class UsageError extends Error {
  override readonly name = "UsageError";
  readonly hint: string | undefined;
  constructor(message: string, hint?: string) {
    super(message);
    this.hint = hint;
  }
}

/** A check found a blocker, or the thing asked for does not exist (exit 3). Nothing was changed. */
export class Refusal extends Error {
  override readonly name = "Refusal";
  readonly hint: string | undefined;
  constructor(message: string, hint?: string) {
    super(message);
    this.hint = hint;
  }
}

/** Evidence is missing (exit 5). Nothing was changed. */
export class CannotTell extends Error {
  override readonly name = "CannotTell";
  readonly hint: string | undefined;
  constructor(message: string, hint?: string) {
    super(message);
    this.hint = hint;
  }
}
