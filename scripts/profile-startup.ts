/**
 * `npm run profile:startup [-- ROUNDS]`: what takes the time of a start, by V8's sampling profiler, on a real mesh of
 * fifty pods; the median of the rounds. A sample that comes late is one for which the program had no processor: it
 * counts no more than the others, so that the table has the program's own time. The program runs from its parts and
 * compiled code, as in an executable.
 */

import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { median } from "../test/real/bench/measure.ts";
import { bundle } from "./bundle.ts";
import { runtimeFlags, warm } from "./executable.ts";
import { upFiftyPods } from "./fifty-pods.ts";
import { pluginNames } from "./plugins.ts";
import { warmMesh } from "./warm-mesh.ts";

interface Profile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string };
  }[];
  readonly samples: readonly number[];
  /** Microseconds. */
  readonly timeDeltas: readonly number[];
}

const waiting = "waiting";
/** Milliseconds between two samples, and the highest value of one sample. */
const [interval, most] = [0.1, 0.2];

const places: readonly (readonly [place: string, matches: RegExp])[] = [
  ["collecting garbage", /^\(garbage collector\)/],
  [waiting, /^\(idle\)/],
  ["V8 and system calls", /^\((program|root)\)/],
  ["reading compiled code", /^Script node:vm/],
  [
    "Node: starting",
    /^\S* (node:internal\/(bootstrap|main|process|options|util)|node:embedder_main_|node:internal\/modules\/(run_main|cjs))/,
  ],
  [
    "Node: streams and files",
    /^\S* node:(fs|stream|tty|buffer|events|internal\/(fs|streams|tty|stream|bootstrap\/switches))/,
  ],
  ["Node: network", /^\S* node:(net|http|https|tls|dns|crypto|zlib|_http|_tls|internal\/(net|http|tls|crypto|dns))/],
  ["Node: the rest", /^\S* node:/],
  ["main.js: the plugin's flags, the shell", /^\S* main\.js/],
  ["the text of --help", /^\S* help-/],
  ["loader.cjs", /(loader|start)\.cjs/],
  ["parts loaded when used", /^\S* [\w-]+\.js/],
];

const names = [...places.map(([name]) => name), "the rest"];

const placeOf = ({ functionName, url }: Profile["nodes"][number]["callFrame"]): string => {
  const name = `${functionName} ${url}`.replace("file://", "");
  return places.find(([, matches]) => matches.test(name))?.[0] ?? "the rest";
};

/** Milliseconds by place. */
const readProfile = (text: string): ReadonlyMap<string, number> => {
  const profile = JSON.parse(text) as Profile;
  const frames = new Map(profile.nodes.map(({ id, callFrame }) => [id, placeOf(callFrame)]));
  const spent = new Map<string, number>();
  for (const [i, id] of profile.samples.entries()) {
    const place = frames.get(id) ?? "the rest";
    spent.set(place, (spent.get(place) ?? 0) + Math.min((profile.timeDeltas[i] ?? 0) / 1000, most));
  }
  return spent;
};

const work = mkdtempSync(join(tmpdir(), "kubectl-mesh-profile-"));
const start = `
  const fs = require("node:fs"), path = require("node:path");
  const [folder, ...argv] = process.argv.slice(2);
  const read = (name) => { try { return fs.readFileSync(path.join(folder, name)); } catch {} };
  process.argv = [process.execPath, "kubectl-mesh_x", ...argv];
  require(${JSON.stringify(resolve("scripts/loader.cjs"))}).start(read, "main.js", () => {});`;

writeFileSync(join(work, "start.cjs"), start);

const profileOf = (parts: string, argv: readonly string[]): ReadonlyMap<string, number> => {
  const out = mkdtempSync(join(work, "profile-"));
  const flags = [...runtimeFlags, "--cpu-prof", `--cpu-prof-interval=${interval * 1000}`, `--cpu-prof-dir=${out}`];
  spawnSync(process.execPath, [...flags, join(work, "start.cjs"), parts, ...argv], { stdio: "ignore", env });
  const [file] = readdirSync(out);
  if (file === undefined) throw new Error(`${argv.join(" ")}: no profile was written`);
  const spent = readProfile(readFileSync(join(out, file), "utf8"));
  rmSync(out, { recursive: true });
  return spent;
};

const total = (spent: ReadonlyMap<string, number>): number =>
  [...spent].reduce((sum, [place, ms]) => (place === waiting ? sum : sum + ms), 0);

const rounds = Number(process.argv[2] ?? 11);
const folders = new Map<string, string>();
{
  await using mesh = await warmMesh();
  for (const plugin of pluginNames()) {
    const folder = join(work, plugin);
    mkdirSync(folder);
    for (const [name, source] of (await bundle(`plugins/${plugin}.ts`, undefined)).parts)
      writeFileSync(join(folder, name), source);
    await warm(folder, mesh, [process.execPath]);
    folders.set(plugin, folder);
  }
}

await using mesh = await upFiftyPods();
const env = { PATH: process.env.PATH, HOME: work, KUBECONFIG: mesh.kubeconfig };
const commands: readonly (readonly [plugin: string, argv: readonly string[]])[] = [
  ["mesh-migrate", ["--version"]],
  ["mesh-migrate", ["--help"]],
  ["mesh-migrate", ["--bogus"]],
  ["mesh-migrate", ["__complete", "-o", ""]],
  ["mesh-revisions", []],
  ["mesh-migrate", ["-n", "team-0", "--to", "1-29", "--dry-run=client"]],
];
const columns = commands.map(([plugin, argv]) => {
  const folder = folders.get(plugin) ?? "";
  const found = Array.from({ length: rounds }, () => profileOf(folder, argv));
  const spent = new Map(names.map((name) => [name, median(found.map((each) => each.get(name) ?? 0))]));
  return { head: [plugin, ...argv].join(" "), spent };
});
rmSync(work, { recursive: true });

const row = (name: string, cells: readonly string[]): string => `| ${[name, ...cells].join(" | ")} |`;
console.log(
  row(
    "ms",
    columns.map(({ head }) => head),
  ),
);
console.log(
  row(
    "---",
    columns.map(() => "---:"),
  ),
);
for (const place of names)
  if (place !== waiting && columns.some(({ spent }) => (spent.get(place) ?? 0) >= 0.05))
    console.log(
      row(
        place,
        columns.map(({ spent }) => (spent.get(place) ?? 0).toFixed(1)),
      ),
    );
console.log(
  row(
    "all except waiting",
    columns.map(({ spent }) => total(spent).toFixed(1)),
  ),
);
