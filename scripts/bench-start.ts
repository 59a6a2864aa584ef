/**
 * `npm run bench:start [-- ROUNDS]`: how long the executables take from the call to the end, beside kubectl in the same rounds, so that the
 * machine's mood hits both. kubectl is $KUBECTL, or the one of `npm run mesh:build`.
 */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { arch, cpus, platform } from "node:os";
import { Worker } from "node:worker_threads";
import { fileOf } from "../test/real/mesh/programs.ts";

const rounds = Number(process.argv[2] ?? 21);
const kubectl = process.env.KUBECTL ?? fileOf("kubernetes", "bin/kubectl");
const ours = (name: string): string => `dist/kubectl-mesh_${name}`;
for (const name of ["migrate", "revisions"]) if (!existsSync(ours(name))) throw new Error(`${ours(name)} is missing: npm run build`);

/** The server in a thread of its own: this one is blocked while it measures. */
const serve = async (): Promise<{ readonly url: string; readonly end: () => Promise<number> }> => {
  const worker = new Worker(new URL("./warm-server-thread.ts", import.meta.url));
  const url = await new Promise<string>((resolve, reject) => worker.once("message", resolve).once("error", reject));
  return { url, end: () => worker.terminate() };
};

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

const server = await serve();
const home = ["--server", server.url, "--kubeconfig", "/dev/null"];
const commands: readonly (readonly [string, readonly string[]])[] = [
  [kubectl, ["version", "--client"]],
  [ours("migrate"), ["--version"]],
  [ours("revisions"), ["--version"]],
  [ours("migrate"), ["--help"]],
  [ours("migrate"), ["--bogus"]],
  [ours("migrate"), ["__complete", "-o", ""]],
  [kubectl, ["get", "--raw", "/api/v1/namespaces", ...home]],
  [kubectl, ["get", "pods", "-A", ...home]],
  [ours("revisions"), home],
  [ours("migrate"), ["-A", "--to", "none", ...home]],
  [ours("migrate"), ["__complete", ...home, "-n", ""]],
];

/** Peak memory in MB (10^6 bytes), by GNU time; undefined without it. */
const peakOf = (command: string, argv: readonly string[]): number | undefined => {
  const { stderr } = spawnSync("/usr/bin/time", ["-f", "%M", command, ...argv], { encoding: "utf8", stdio: ["ignore", "ignore", "pipe"] });
  const kibibytes = Number(/(\d+)\n$/.exec(stderr ?? "")?.[1] ?? Number.NaN);
  return Number.isNaN(kibibytes) ? undefined : (kibibytes * 1024) / 1e6;
};

const times = commands.map((): number[] => []);
for (let round = -1; round < rounds; round++)
  for (const [i, [command, argv]] of commands.entries()) {
    const began = performance.now();
    const { error } = spawnSync(command, argv, { stdio: "ignore" });
    if (error) throw error;
    // The first round fills the page cache.
    if (round >= 0) times[i]?.push(performance.now() - began);
  }
const peaks = commands.map(([command, argv]) => peakOf(command, argv));
await server.end();

console.log(`${platform()}-${arch()}, ${cpus().length} processors, ${rounds} rounds; milliseconds`);
const beside = median(times[0] ?? []);
for (const [i, [command, argv]] of commands.entries()) {
  const own = times[i] ?? [];
  const words = [command.replace(/.*\//, ""), ...argv.filter((word) => !home.includes(word)).map((word) => word || '""')].join(" ");
  console.log(
    `${words.padEnd(44)} median ${median(own).toFixed(0).padStart(5)}  least ${Math.min(...own)
      .toFixed(0)
      .padStart(5)}  × kubectl version ${(median(own) / beside).toFixed(2)}  peak ${peaks[i]?.toFixed(0) ?? "?"} MB`,
  );
}
