/**
 * The real kubectl on two meshes at once, the embedded and the real one: where what it prints differs by more than
 * chance, the embedded one is wrong.
 */
import assert from "node:assert/strict";
import type { ChildProcess } from "node:child_process";
import path from "node:path";
import { bootMesh, type EmbeddedMesh } from "../../embedded/mesh.ts";
import { eventually, type Mesh, upMesh } from "../kit.ts";
import { fileOf } from "../mesh/programs.ts";
import { type Result, type RunOptions, runToEnd } from "../mesh/run.ts";

export interface Both {
  readonly embedded: Result;
  readonly real: Result;
}

export interface Watched {
  /** Waits until both have printed so. */
  until(done: (printed: string) => boolean): Promise<void>;
  /** Ends them, and gives back what they printed, masked. */
  end(): Promise<Record<keyof Both, string>>;
}

export interface Pair {
  readonly real: Mesh;
  /** Runs a command line on both; a word with spaces is in single quotes. */
  run(line: string, options?: RunOptions): Promise<Both>;
  /**
   * Runs one after the other; of each, both must end alike and print the same but for what is by chance. Tells all
   * differences at once.
   */
  same(lines: readonly string[], options?: RunOptions): Promise<void>;
  /** The same of lines that change nothing: a few at a time. */
  alike(lines: readonly string[]): Promise<void>;
  /** Runs a command line that does not end by itself on both. */
  watch(line: string): Watched;
  /** Forwards a port of each and asks something of where it is forwarded to. */
  forward<T>(line: string, ask: (url: string) => Promise<T>): Promise<Record<keyof Both, T>>;
  down(): Promise<void>;
}

const revisions = { default: "1.19.0", "1-20": "1.20.0" };

export async function upPair(): Promise<Pair> {
  const meshes: { readonly embedded: EmbeddedMesh; readonly real: Mesh } = {
    embedded: await bootMesh({ revisions, time: "real" }),
    real: await upMesh({ revisions }),
  };
  const kubectl = fileOf("kubernetes", "bin/kubectl");
  const kubeconfigs = { embedded: meshes.embedded.kubeconfig, real: meshes.real.kubeconfig };
  const plugins = path.join(import.meta.dirname, "..", "..", "..", "dist");
  const runOn = (KUBECONFIG: string, line: string, options: RunOptions): Promise<Result> => {
    const env = {
      ...process.env,
      KUBECONFIG,
      PATH: [plugins, path.dirname(kubectl), process.env.PATH].join(path.delimiter),
    };
    return runToEnd(kubectl, wordsOf(line), env, { timeout: 30_000, ...options });
  };
  const onBoth = async <T>(make: (kubeconfig: string) => Promise<T>): Promise<Record<keyof Both, T>> => {
    const [embedded, real] = await Promise.all([make(kubeconfigs.embedded), make(kubeconfigs.real)]);
    return { embedded, real };
  };
  const begin = (kubeconfig: string, line: string): { readonly printed: () => string; end(): Promise<Result> } => {
    const ending = new AbortController();
    let printed = "";
    const onStart = ({ stdout }: ChildProcess): void => {
      stdout?.on("data", (text: string) => {
        printed += text;
      });
    };
    const result = runOn(kubeconfig, line, { signal: ending.signal, onStart });
    return {
      printed: () => printed,
      end: () => {
        ending.abort();
        return result;
      },
    };
  };
  const run: Pair["run"] = (line, options = {}) => onBoth((kubeconfig) => runOn(kubeconfig, line, options));
  const compare = async (lines: readonly string[], atOnce: number, options?: RunOptions): Promise<void> => {
    const said: Both[] = [];
    for (let at = 0; at < lines.length; at += atOnce)
      said.push(...(await Promise.all(lines.slice(at, at + atOnce).map((line) => run(line, options)))));
    const by = (mesh: keyof Both) => said.map((each, index) => [`kubectl ${lines[index]}`, ...shown(each[mesh])]);
    assert.deepEqual(by("embedded"), by("real"));
  };
  return {
    ...{ run, real: meshes.real },
    watch: (line) => {
      const running = { embedded: begin(kubeconfigs.embedded, line), real: begin(kubeconfigs.real, line) };
      return {
        until: async (done) => {
          await eventually(
            `kubectl ${line}`,
            async () => Object.values(running).every(({ printed }) => done(printed())),
            20,
            50,
          );
        },
        end: async () => {
          const [embedded, real] = await Promise.all([running.embedded.end(), running.real.end()]);
          return { embedded: masked(embedded.stdout), real: masked(real.stdout) };
        },
      };
    },
    forward: (line, ask) =>
      onBoth(async (kubeconfig) => {
        const { printed, end } = begin(kubeconfig, line);
        const port = await eventually(
          `kubectl ${line}`,
          async () => /^Forwarding from (127[^ ]+) ->/m.exec(printed())?.[1],
          20,
          50,
        );
        try {
          return await ask(`http://${port}`);
        } finally {
          await end();
        }
      }),
    same: (lines, options) => compare(lines, 1, options),
    alike: (lines) => compare(lines, 4),
    down: async () => {
      await Promise.all([meshes.embedded.down(), meshes.real.down()]);
    },
  };
}

const wordsOf = (line: string): readonly string[] =>
  [...line.matchAll(/(?:'[^']*'|[^\s'])+/g)].map(([word]) => word.replaceAll("'", ""));

const shown = ({ code, stdout, stderr }: Result): readonly string[] => [
  ...`${masked(stdout)}\n${masked(stderr)}`.trim().split("\n"),
  `exit ${code}`,
];

/** Letters of generated names (k8s.io/apimachinery pkg/util/rand). */
const letters = "[bcdfghjklmnpqrstvwxz2456789]";
const chance: readonly (readonly [RegExp, string])[] = [
  // What kubectl's libraries log of a watch that a time limit broke off.
  [/^[EIW]\d{4} [\d:.]+ .*reflector.*\n?/gm, ""],
  [/^context \w+,/gm, "context NAME,"],
  [/\d{4}-\d\d-\d\d[T ][\d:.]+(Z| [+]0000 UTC)|\w{3}, \d\d \w{3} \d{4} [\d:]+ [+]\d{4}/g, "TIME"],
  [/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, "UID"],
  [/(resourceVersion"?: "|Resource Version: +|version to be \d+, was )\d+/g, "$1VERSION"],
  [new RegExp(`([-=])${letters}{8,10}\\b`, "g"), "$1HASH"],
  [new RegExp(`(-HASH|\\b(?:agent|once|web))-${letters}{5}\\b`, "g"), "$1-POD"],
  [/\b(10|127)(\.\d+){3}(:\d{4,5})?\b/g, "ADDRESS"],
  [/\bnode-\d\b/g, "node-N"],
  [/\b\d+[smh](\d+s)?( \(x\d+ over \d+[sm]\d*s?\))?(?= |$)/gm, "AGE"],
  [/(cpu: <unknown>\/80% +\d+ +\d+ +)\d/g, "$1N"],
  [/ {2,}/g, "  "],
  [/ +$/gm, ""],
];

export const masked = (text: string): string =>
  chance.reduce((rest, [pattern, name]) => rest.replaceAll(pattern, name), text).trim();
