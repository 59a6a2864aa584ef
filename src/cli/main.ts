/** Runs a plugin: the one place where an error becomes a message and an exit code. */
import { type ExitCode, exit } from "../mesh/exit-codes.ts";
import { documentText, isDocumentFormat } from "./document-text.ts";
import { endingOf } from "./ending.ts";
import { readCommandLine } from "./flags/command-line.ts";
import { ownFlags, parse } from "./flags/parse.ts";
import type { Shell } from "./io.ts";
import { terminal } from "./io.ts";
import { type Args, chosenCommand, type Flags, type Plugin } from "./plugin.ts";
import { versionText } from "./version.ts";

/** The main of a plugin's file: `if (import.meta.main) void main(plugin);`. Never rejects; ends the process. */
export const main = async <F extends Flags>(plugin: Plugin<F>): Promise<void> => {
  const shell = terminal();
  const [, called = "", ...words] = process.argv;
  // kubectl runs a program of this name when Tab is pressed: a link to this one (completion.ts).
  const argv = /(^|[\\/])kubectl_complete-[^\\/]*$/.test(called) ? ["__complete", ...words] : words;
  const bug = (error: unknown): void => void shell.end(reportError(plugin, argv, error, shell, 0));
  process.on("uncaughtException", bug);
  process.on("unhandledRejection", bug);
  await shell.end(await runPlugin(plugin, argv, shell));
};

/** Never rejects. */
export const runPlugin = async <F extends Flags>(
  whole: Plugin<F>,
  words: readonly string[],
  shell: Shell,
): Promise<ExitCode> => {
  let verbosity = 0;
  const { plugin, argv } = chosenCommand(whole, words);
  try {
    if (argv[0] === "__complete" || (argv[0] === "completion" && argv.length === 1)) {
      shell.begin({ verbosity, endsAtOnce: true, output: undefined });
      const { completions, howToLink } = await import("./completion.ts");
      const [, called = ""] = process.argv;
      if (argv[0] === "completion")
        shell.io.out(howToLink(plugin.name, called, process.env.PATH ?? "", process.platform));
      else {
        const typed = chosenCommand(plugin, argv.slice(1));
        shell.io.out(await completions(typed.plugin, typed.argv));
      }
      return exit.done;
    }
    const parsed = parse(plugin, argv);
    if (parsed.kind === "run") verbosity = verbosityOf(parsed.args);
    shell.begin({
      verbosity,
      endsAtOnce: parsed.kind !== "run" || !plugin.changes,
      output: outputOf(plugin, argv),
    });
    switch (parsed.kind) {
      case "help": {
        const { helpText } = await import("./help.ts");
        shell.io.out(await helpText(plugin));
        return exit.done;
      }
      case "version":
        shell.io.out(versionText(plugin.name, parsed.output));
        return exit.done;
      case "run":
        return await plugin.run(parsed.args, shell.io);
    }
  } catch (error) {
    return reportError(plugin, argv, error, shell, verbosity);
  }
};

const verbosityOf = <F extends Flags>(args: Args<F>): number => {
  const v: unknown = "v" in args ? args.v : 0;
  return typeof v === "number" ? v : 0;
};

/** What `-o` asks for, also where the rest of the command line is wrong. */
const outputOf = <F extends Flags>({ options }: Plugin<F>, argv: readonly string[]): string | undefined =>
  readCommandLine(argv, { ...options, ...ownFlags })
    .texts.get("output")
    ?.at(-1);

/** Prints the error, and for `-o json|yaml` its document where no result has been printed. */
const reportError = <F extends Flags>(
  plugin: Plugin<F>,
  argv: readonly string[],
  error: unknown,
  { io, halfDone, hasPrinted }: Shell,
  verbosity: number,
): ExitCode => {
  const run = { name: plugin.name, verbosity, signal: io.signal, halfDone: halfDone()?.() };
  const { code, lines, document } = endingOf(error, run);
  for (const line of lines) io.err(line);
  const output = outputOf(plugin, argv);
  if (isDocumentFormat(output) && !hasPrinted()) io.out(documentText(document, output));
  return code;
};
