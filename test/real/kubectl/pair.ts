/** The real kubectl on two meshes at once, the embedded and the real one: where what it prints differs by more than chance, the embedded one is wrong. */
import assert from "node:assert/strict";
import path from "node:path";
import { bootMesh, type EmbeddedMesh } from "../../embedded/mesh.ts";
import { type Mesh, upMesh } from "../kit.ts";
import { fileOf } from "../mesh/programs.ts";
import { type Result, type RunOptions, runToEnd } from "../mesh/run.ts";

export interface Both {
  readonly embedded: Result;
  readonly real: Result;
}

export interface Pair {
  /** By name: `embedded`, `real`. */
  readonly kubeconfigs: Readonly<Record<keyof Both, string>>;
  /** Runs a command line on both; a word with spaces is in single quotes. */
  run(line: string, options?: RunOptions): Promise<Both>;
  /** Runs one after the other; of each, both must end alike and print the same but for what is by chance. Tells all differences at once. */
  same(lines: readonly string[], options?: RunOptions): Promise<void>;
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
    const env = { ...process.env, KUBECONFIG, PATH: [plugins, path.dirname(kubectl), process.env.PATH].join(path.delimiter) };
    return runToEnd(kubectl, wordsOf(line), env, { timeout: 30_000, ...options });
  };
  const run: Pair["run"] = async (line, options = {}) => {
    const [embedded, real] = await Promise.all([runOn(kubeconfigs.embedded, line, options), runOn(kubeconfigs.real, line, options)]);
    return { embedded, real };
  };
  return {
    ...{ kubeconfigs, run },
    same: async (lines, options) => {
      const said: Record<keyof Both, Record<string, readonly string[]>> = { embedded: {}, real: {} };
      for (const line of lines) {
        const { embedded, real } = await run(line, options);
        said.embedded[line] = shown(embedded);
        said.real[line] = shown(real);
      }
      assert.deepEqual(said.embedded, said.real);
    },
    down: async () => {
      await Promise.all([meshes.embedded.down(), meshes.real.down()]);
    },
  };
}

const wordsOf = (line: string): readonly string[] => [...line.matchAll(/(?:'[^']*'|[^\s'])+/g)].map(([word]) => word.replaceAll("'", ""));

const shown = ({ code, stdout, stderr }: Result): readonly string[] => [
  ...`${masked(stdout)}\n${masked(stderr)}`.trim().split("\n"),
  `exit ${code}`,
];

/** Letters of generated names (k8s.io/apimachinery pkg/util/rand). */
const letters = "[bcdfghjklmnpqrstvwxz2456789]";
const chance: readonly (readonly [RegExp, string])[] = [
  [/\d{4}-\d\d-\d\d[T ][\d:.]+(Z| [+]0000 UTC)|\w{3}, \d\d \w{3} \d{4} [\d:]+ [+]\d{4}/g, "TIME"],
  [/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, "UID"],
  [/(resourceVersion"?: "|Resource Version: +|version to be \d+, was )\d+/g, "$1VERSION"],
  [new RegExp(`([-=])${letters}{8,10}\\b`, "g"), "$1HASH"],
  [new RegExp(`(-HASH|\\b(?:agent|once|web))-${letters}{5}\\b`, "g"), "$1-POD"],
  [/\b(10|127)(\.\d+){3}(:\d{4,5})?\b/g, "ADDRESS"],
  [/\bnode-\d\b/g, "node-N"],
  [/\b\d+[smh](\d+s)?( \(x\d+ over \d+[sm]\d*s?\))?(?= |$)/gm, "AGE"],
  [/ {2,}/g, "  "],
  [/ +$/gm, ""],
];

export const masked = (text: string): string => chance.reduce((rest, [pattern, name]) => rest.replaceAll(pattern, name), text).trim();
