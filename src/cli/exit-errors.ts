/** What a plugin throws to end; main.ts catches it. `hint` says how to fix it. */
abstract class PluginError extends Error {
  readonly hint: string | undefined;
  constructor(message: string, hint?: string) {
    super(message);
    this.hint = hint;
  }
}

/** Wrong usage (exit 2). */
export class UsageError extends PluginError {
  override readonly name = "UsageError";
}

/** A check found a blocker, or the thing asked for does not exist (exit 3). Nothing was changed. */
export class Refusal extends PluginError {
  override readonly name = "Refusal";
}

/** Evidence is missing (exit 5). Nothing was changed. */
export class CannotTell extends PluginError {
  override readonly name = "CannotTell";
}
