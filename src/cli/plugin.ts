/** What a plugin is: a record. `plugins/<name>.ts` holds one each; `main.ts` runs it. */
import type { InferredOptionTypes, Options } from "yargs";
import type { CompletionKind } from "../gather/completion-names.ts";
import type { ExitCode } from "../mesh/exit-codes.ts";
import type { Io } from "./io.ts";

/**
 * One flag, as yargs describes it. The key in the table is the name in TypeScript; on the command line it is written in
 * kebab-case (`allowDowntime` is `--allow-downtime`). `coerce` gets the text (the texts, for an `array`) and throws
 * `UsageError`.
 */
export interface Flag extends Options {
  readonly describe: string;
  /** What the Tab key offers for its value (completion.ts); `choices` are offered anyway. */
  readonly completes?: CompletionKind | "file";
}

export type Flags = Readonly<Record<string, Flag>>;

/** The values of a table of flags. */
export type Args<F extends Flags> = { readonly [K in keyof InferredOptionTypes<F>]: InferredOptionTypes<F>[K] };

export interface Plugin<F extends Flags> {
  /** As it is called: `mesh-migrate` is `kubectl mesh-migrate`; of a command, `mesh-revisions diff`. */
  readonly name: `mesh-${string}`;
  /** One sentence, for the head of `--help`. */
  readonly describe: string;
  /** Writes to the cluster: then neither a closed pipe nor a first signal ends it. */
  readonly changes: boolean;
  readonly options: F;
  readonly examples: readonly (readonly [command: string, what: string])[];
  /** More for the end of `--help`. */
  readonly epilogue?: string;
  /** What a first word makes of it: each has this plugin's name, a space and that word as its name. */
  // biome-ignore lint/suspicious/noExplicitAny: each has flags of its own
  readonly commands?: readonly Plugin<any>[];
  /** Does the work. Throws `UsageError`, `Refusal`, `CannotTell` or `ClusterError`; anything else is a bug. */
  readonly run: (args: Args<F>, io: Io) => Promise<ExitCode>;
}

/** The command that the first word names, and the words after it; the plugin itself where there is none. */
export const chosenCommand = <F extends Flags>(
  plugin: Plugin<F>,
  argv: readonly string[],
): { readonly plugin: Plugin<Flags>; readonly argv: readonly string[] } => {
  const found = plugin.commands?.find(({ name }) => name === `${plugin.name} ${argv[0]}`);
  return found === undefined
    ? { plugin: plugin as unknown as Plugin<Flags>, argv }
    : { plugin: found, argv: argv.slice(1) };
};

/** Gives `run` the types of the flags. */
export const definePlugin = <const F extends Flags>(plugin: Plugin<F>): Plugin<F> => plugin;
