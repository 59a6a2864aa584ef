/**
 * `npm run bench:startup [-- ROUNDS]`: the time of the built executables from the call to the end, on a real mesh of
 * fifty pods. Each round also runs kubectl, so that the load of the machine has the same effect on both; with CPU time
 * and peak memory. Takes two minutes.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { arch, cpus, loadavg, platform, tmpdir } from "node:os";
import { basename, join } from "node:path";
import { copiesOf, median } from "../test/real/bench/measure.ts";
import { fileOf } from "../test/real/mesh/programs.ts";
import { upFiftyPods } from "./fifty-pods.ts";

interface Case {
  readonly argv: readonly string[];
  /** The case that it is compared with; for kubectl, itself. */
  readonly beside: string;
  /** The highest allowed ratio of their wall times. */
  readonly limit?: number;
}

const [version, list] = ["kubectl version --client", "kubectl get pods -A"];
/** The cases, by command line; the first word is the file. */
const cases = new Map<string, Case>();
const add = (words: string, beside: string, limit?: number): void =>
  void cases.set(words, {
    argv: words.split(" ").map((word) => (word === '""' ? "" : word)),
    beside,
    ...(limit && { limit }),
  });
add(version, version);
for (const plugin of ["migrate", "revisions"])
  for (const flag of ["--version", "--help"]) add(`kubectl-mesh_${plugin} ${flag}`, version, 1);
add("kubectl-mesh_migrate --bogus", version);
add('kubectl-mesh_migrate __complete -o ""', version);
add(list, list);
add("kubectl-mesh_revisions", list, 1.5);
add("kubectl-mesh_revisions -n team-0", list);
add("kubectl-mesh_migrate -n team-0 --to 1-29 --dry-run=client", list);
add('kubectl-mesh_migrate __complete -n ""', list);

interface Run {
  /** Milliseconds. */
  readonly wall: number;
  readonly cpu: number;
}

/** bash prints the time of a command in milliseconds; the output of the command is not needed. */
const timed = 'TIMEFORMAT="%3R %3U %3S"; time "$@" >/dev/null 2>&1 </dev/null';

const runOnce = ([command = "", ...argv]: readonly string[], env: NodeJS.ProcessEnv): Run => {
  const { stderr, error, status } = spawnSync("bash", ["-c", timed, "bash", command, ...argv], {
    encoding: "utf8",
    env,
  });
  if (error) throw error;
  if (status !== (argv.includes("--bogus") ? 2 : 0))
    throw new Error(`${command} ${argv.join(" ")} ended with ${status}`);
  const [wall = Number.NaN, user = Number.NaN, system = Number.NaN] = stderr.trim().split(" ").map(Number);
  return { wall: wall * 1000, cpu: (user + system) * 1000 };
};

/** Peak memory in MB (10^6 bytes), measured by GNU time (`ru_maxrss`). */
const peakOf = (argv: readonly string[], env: NodeJS.ProcessEnv): number => {
  const { stderr, error } = spawnSync("/usr/bin/time", ["-f", "%M", ...argv], {
    encoding: "utf8",
    env,
    stdio: ["ignore", "ignore", "pipe"],
  });
  if (error) throw new Error(`/usr/bin/time is missing: install the package time (${error.message})`);
  return (Number(/(\d+)\n$/.exec(stderr)?.[1] ?? Number.NaN) * 1024) / 1e6;
};

const rounds = Number(process.argv[2] ?? 31);
const programs = [
  fileOf("kubernetes", "bin/kubectl"),
  ...["migrate", "revisions"].map((name) => `dist/kubectl-mesh_${name}`),
];
for (const file of programs)
  if (!existsSync(file)) throw new Error(`${file} is missing: npm run build, npm run mesh:build`);

const folder = mkdtempSync(join(tmpdir(), "kubectl-mesh-bench-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
await using mesh = await upFiftyPods();
await copiesOf(programs, folder);
// Also for kubectl, which caches API discovery in HOME: no variable of this environment may change the result.
const env = { PATH: [folder, process.env.PATH].join(":"), HOME: folder, KUBECONFIG: mesh.kubeconfig };

const runs = new Map([...cases.keys()].map((words): [string, Run[]] => [words, []]));
for (let round = -1; round < rounds; round++)
  for (const [words, { argv }] of cases) {
    const run = runOnce(argv, env);
    // The first round fills the caches.
    if (round >= 0) runs.get(words)?.push(run);
  }
const peaks = new Map([...cases].map(([words, { argv }]) => [words, median([1, 2, 3].map(() => peakOf(argv, env)))]));

const of = (words: string, key: keyof Run): readonly number[] => (runs.get(words) ?? []).map((run) => run[key]);
/** The median, over all rounds, of the ratio to the other command of the same round. */
const ratio = (words: string, beside: string, key: keyof Run): number => {
  const other = of(beside, key);
  return median(of(words, key).map((value, round) => value / (other[round] ?? Number.NaN)));
};
const load = loadavg()[0]?.toFixed(1);
console.log(
  `${platform()}-${arch()}, ${cpus().length} processors, load ${load}; a real mesh of 50 pods; medians of ${rounds} rounds`,
);
console.log(`${"".padEnd(58)} wall ms   least  × wall   CPU ms   × CPU  peak MB`);
for (const [words, { beside, limit }] of cases) {
  const number = (value: number, digits: number): string => value.toFixed(digits).padStart(8);
  const own = ratio(words, beside, "wall");
  const verdict = limit === undefined ? "" : own <= limit ? `  at most ${limit}: yes` : `  at most ${limit}: NO`;
  const figures = [
    number(median(of(words, "wall")), 0),
    number(Math.min(...of(words, "wall")), 0),
    number(own, 2),
    number(median(of(words, "cpu")), 0),
    number(ratio(words, beside, "cpu"), 2),
    number(peaks.get(words) ?? Number.NaN, 0),
  ];
  console.log(`${words.padEnd(58)}${figures.join("")}${verdict}`);
}
console.log(
  `× is the median of the ratios to "${version}", and of what asks the cluster to "${list}", of the same round.`,
);
for (const file of programs) console.log(`${basename(file)}: ${(statSync(file).size / 1e6).toFixed(1)} MB`);
