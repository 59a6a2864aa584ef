/** How a run ends that has thrown: its exit code, what stands on stderr, and the document for stdout. */
import { ClusterError } from "../cluster/cluster-error.ts";
import { type ExitCode, exit } from "../mesh/exit-codes.ts";
import { type ErrorDocument, errorDocument } from "./error-document.ts";
import { CannotTell, Refusal, UsageError } from "./exit-errors.ts";
import { interruptionOf } from "./signals.ts";
import { version } from "./version.ts";

export interface Ending {
  readonly code: ExitCode;
  /** For stderr. */
  readonly lines: readonly string[];
  readonly document: ErrorDocument;
}

export interface EndedRun {
  /** The plugin's name. */
  readonly name: string;
  readonly verbosity: number;
  /** Aborted by an interruption (signals.ts). */
  readonly signal: AbortSignal;
  /** What is half done, for a person; undefined where nothing is. */
  readonly halfDone: string | undefined;
}

export const endingOf = (error: unknown, { name, verbosity, signal, halfDone }: EndedRun): Ending => {
  const interruption = interruptionOf(signal);
  const known = knownEnd(error);
  const { message, hint, stack } = wordsOf(error);
  const isInterruption = known === undefined && interruption !== undefined && isAbort(error, signal);
  const code = interruption?.code ?? (halfDone !== undefined ? exit.notDone : (known?.code ?? exit.couldNot));
  const advice = verbosity < 9 ? ": run again with -v 9 for the stack" : "";
  const said = known !== undefined ? message : `${message}; this is a bug in ${name} ${version}${advice}`;
  return {
    code,
    lines: [
      ...(isInterruption ? [] : [`error: ${said}`]),
      ...(known !== undefined && hint !== undefined ? [`  ${hint.replaceAll("\n", "\n  ")}`] : []),
      ...(known?.code === exit.wrongUsage ? [`See 'kubectl ${name} --help'.`] : []),
      ...(verbosity >= 9 && stack !== undefined ? [stack] : []),
      ...(halfDone === undefined ? [] : [halfDone]),
    ],
    document: errorDocument(
      code,
      isInterruption
        ? { message: `interrupted by ${interruption.name}`, reason: "interrupted" }
        : { message: said, hint: known && hint, reason: known?.reason ?? "bug" },
      halfDone,
    ),
  };
};

/** The exit code and the reason of an error that a plugin may throw; undefined for a bug. */
const knownEnd = (error: unknown): { readonly code: ExitCode; readonly reason: string } | undefined => {
  if (error instanceof UsageError) return { code: exit.wrongUsage, reason: "wrong-usage" };
  if (error instanceof Refusal) return { code: exit.refused, reason: "refused" };
  if (error instanceof CannotTell) return { code: exit.cannotTell, reason: "cannot-tell" };
  if (!(error instanceof ClusterError)) return undefined;
  // A forbidden read is evidence that is missing; what was asked for may exist.
  return { code: error.reason === "forbidden" ? exit.cannotTell : exit.couldNot, reason: error.reason };
};

const isAbort = (error: unknown, signal: AbortSignal): boolean =>
  error === signal.reason || (error instanceof Error && error.name === "AbortError");

const wordsOf = (
  error: unknown,
): { readonly message: string; readonly hint: string | undefined; readonly stack: string | undefined } => {
  if (!(error instanceof Error)) return { message: String(error), hint: undefined, stack: undefined };
  const hint = "hint" in error && typeof error.hint === "string" ? error.hint : undefined;
  return { message: error.message === "" ? error.name : error.message, hint, stack: stackOf(error) };
};

const stackOf = (error: Error): string =>
  error.cause instanceof Error ? `${error.stack}\ncaused by: ${stackOf(error.cause)}` : `${error.stack}`;
