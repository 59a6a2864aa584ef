/**
 * Completion by the Tab key. kubectl runs `kubectl_complete-mesh_migrate WORD…` and passes on what it prints: a line
 * each, with help after a tab, and last what the shell shall do (k8s.io/kubectl pkg/cmd/plugin/plugin_completion.go).
 * Errors are not printed: there is half a command on the screen.
 */
import { existsSync } from "node:fs";
import { basename, delimiter, dirname, join, resolve } from "node:path";
import type { ClusterFlags } from "../cluster/auth/connection-flags.ts";
import type { Name } from "../gather/completion-names.ts";
import { wantedOf } from "./completion-words.ts";
import { clusterFlags } from "./flags/cluster-flags.ts";
import { type CommandLine, longName } from "./flags/command-line.ts";
import type { Flag, Flags, Plugin } from "./plugin.ts";

/** cobra's ShellCompDirective: leave files out, or offer them. */
const [onlyThese, files] = [":4", ":0"];

/** Milliseconds from the start of the process: then a person stops waiting. */
const patience = 300;

/**
 * What to print when Tab is pressed after `words`. At `until` (of `performance.now()`) it stops waiting for the cluster,
 * and offers nothing of it. Never rejects.
 */
export const completions = async <F extends Flags>(
  plugin: Plugin<F>,
  words: readonly string[],
  until = patience,
): Promise<string> => {
  const flags: Flags = plugin.options;
  const wanted = wantedOf(words, flags);
  if (wanted.kind === "nothing") return onlyThese;
  if (wanted.kind === "flag") return [...flagLines(flags, wanted.partial, wanted.typed), onlyThese].join("\n");
  const { flag, before, partial, typed } = wanted;
  if (flag.completes === "file") return files;
  const lines = (await valuesOf(flag, typed, until))
    .filter(([value]) => value.startsWith(partial))
    .map(([value, help]) => `${before}${value}${help === undefined ? "" : `\t${help}`}`);
  return [...lines, onlyThese].join("\n");
};

/**
 * How to install the completion, for a person and for `| sh`. `called` is how the program was called
 * (`process.argv[1]`), `path` is $PATH. The link points to the link that Krew makes, because that one stays when Krew
 * installs the next version; a link into Krew's store would break.
 */
export const howToLink = (name: string, called: string, path: string, platform: string): string => {
  const own = `kubectl-${name.replaceAll("-", "_")}${platform === "win32" ? ".exe" : ""}`;
  const isPath = basename(called) !== called;
  const folder = isPath
    ? dirname(resolve(called))
    : path.split(delimiter).find((each) => each !== "" && existsSync(join(each, own)));
  const link = join(folder ?? ".", own.replace("-", "_complete-"));
  const head = "# kubectl runs a program of this name when Tab is pressed. Link it once";
  if (platform === "win32") return `${head}, as administrator:\nmklink "${link}" "${join(folder ?? ".", own)}"`;
  const quoted = `'${link.replaceAll("'", "'\\''")}'`;
  // Krew without any plugin takes a link in its folder for an installation of an old Krew
  // (internal/receiptsmigration): hence the advice to remove it.
  return `${head}, or pipe this to sh.\n# When ${name} is uninstalled: rm ${quoted}\nln -sf ${own} ${quoted}`;
};

const flagLines = (flags: Flags, partial: string, typed: CommandLine["texts"]): readonly string[] =>
  Object.entries(flags)
    .filter(([key, flag]) => !flag.hidden && (flag.array || !typed.has(key)))
    .flatMap(([key, flag]) => namesOf(key, flag, partial).map((name) => `${name}\t${flag.describe}`));

/** The long name; the short one only where it is typed already, or where there is no other. */
const namesOf = (key: string, flag: Flag, partial: string): readonly string[] => {
  const names = [longName(key), ...(partial === `-${flag.alias}` ? [partial] : [])];
  return names.filter((name) => name.startsWith(partial));
};

const valuesOf = async (flag: Flag, typed: CommandLine["texts"], until: number): Promise<readonly Name[]> => {
  if (flag.choices) return flag.choices.map((choice) => [String(choice), undefined]);
  const what = flag.completes;
  if (what === undefined || what === "file") return [];
  const late = new Promise<readonly Name[]>((resolve) =>
    setTimeout(resolve, Math.max(0, until - performance.now()), []),
  );
  const found = import("../gather/completion-names.ts").then(({ namesFor }) =>
    namesFor(what, clusterFlagsTyped(typed)),
  );
  return Promise.race([late, found.catch(() => [])]);
};

const clusterFlagsTyped = (typed: CommandLine["texts"]): ClusterFlags =>
  Object.fromEntries(
    Object.entries(clusterFlags as Flags).flatMap(([key, flag]) => {
      const texts = typed.get(key);
      if (texts === undefined) return [];
      return [[key, flag.array ? texts : flag.type === "boolean" ? texts.at(-1) !== "false" : texts.at(-1)]];
    }),
  );
