/** Runs a plugin: the one place where errors become a sentence and an exit code. */
import { ClusterError } from "../cluster/cluster-error.ts";
import { CannotTell, Refusal, UsageError } from "./exit-errors.ts";
import type { Shell } from "./io.ts";
import { terminal } from "./io.ts";
import { parse } from "./parse.ts";
import type { Args, ExitCode, Flags, Plugin } from "./plugin.ts";
import { exit } from "./plugin.ts";
import { interruptionOf } from "./signals.ts";
import { version, versionText } from "./version.ts";

/** The main of a plugin's file: `if (import.meta.main) void main(plugin);`. Never rejects; ends the process. */
export const main = async <F extends Flags>(plugin: Plugin<F>): Promise<void> => {
  const shell = terminal();
  const fault = (error: unknown): void => void shell.end(tellError(plugin, error, shell, 0));
  process.on("uncaughtException", fault);
  process.on("unhandledRejection", fault);
  const [, called = "", ...words] = process.argv;
  // kubectl asks a program of this name when Tab is pressed: a link to this one (completion.ts).
  const argv = /(^|[\\/])kubectl_complete-[^\\/]*$/.test(called) ? ["__complete", ...words] : words;
  await shell.end(await runPlugin(plugin, argv, shell));
};

/** Never rejects. */
export const runPlugin = async <F extends Flags>(
  plugin: Plugin<F>,
  argv: readonly string[],
  shell: Shell,
): Promise<ExitCode> => {
  let verbosity = 0;
  try {
    if (argv[0] === "__complete" || (argv[0] === "completion" && argv.length === 1)) {
      shell.endsAtOnce(true);
      const { completions, howToLink } = await import("./completion.ts");
      const [, called = ""] = process.argv;
      if (argv[0] === "completion")
        shell.io.out(howToLink(plugin.name, called, process.env.PATH ?? "", process.platform));
      else shell.io.out(await completions(plugin, argv.slice(1)));
      return exit.done;
    }
    const parsed = parse(plugin, argv);
    shell.endsAtOnce(parsed.kind !== "run" || !plugin.changes);
    if (parsed.kind === "help") {
      const { helpText } = await import("./help.ts");
      shell.io.out(await helpText(plugin));
    }
    if (parsed.kind === "version") shell.io.out(versionText(plugin.name, parsed.output));
    if (parsed.kind !== "run") return exit.done;
    verbosity = verbosityOf(parsed.args);
    shell.setVerbosity(verbosity);
    return await plugin.run(parsed.args, shell.io);
  } catch (error) {
    return tellError(plugin, error, shell, verbosity);
  }
};

const verbosityOf = <F extends Flags>(args: Args<F>): number => {
  const v: unknown = "v" in args ? args.v : 0;
  return typeof v === "number" ? v : 0;
};

const codeOf = (error: unknown): ExitCode | undefined => {
  if (error instanceof UsageError) return exit.wrong_usage;
  if (error instanceof Refusal) return exit.refused;
  if (error instanceof CannotTell) return exit.cannot_tell;
  // A forbidden read is evidence that is missing; what was asked for may be there.
  if (error instanceof ClusterError) return error.reason === "forbidden" ? exit.cannot_tell : exit.could_not;
  return undefined;
};

const tellError = <F extends Flags>(plugin: Plugin<F>, error: unknown, shell: Shell, verbosity: number): ExitCode => {
  const { io } = shell;
  const interruption = interruptionOf(io.signal);
  const halfDone = shell.halfDone();
  const { message, hint, stack } = wordsOf(error);
  const code = codeOf(error);
  if (code !== undefined) {
    io.err(`error: ${message}`);
    if (hint !== undefined) io.err(`  ${hint.replaceAll("\n", "\n  ")}`);
    if (code === exit.wrong_usage) io.err(`See 'kubectl ${plugin.name} --help'.`);
  } else if (interruption === undefined || !isAbort(error, io.signal)) {
    io.err(
      `error: ${message}; this is a bug in ${plugin.name} ${version}${verbosity < 9 ? ": run again with -v 9 for the stack" : ""}`,
    );
  }
  if (verbosity >= 9 && stack !== undefined) io.err(stack);
  if (halfDone !== undefined) io.err(halfDone());
  if (interruption !== undefined) return interruption.code;
  return halfDone !== undefined ? exit.not_done : (code ?? exit.could_not);
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
