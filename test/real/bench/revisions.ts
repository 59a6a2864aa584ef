/**
 * `npm run bench:revisions [-- PODS ROUNDS]`: what the built `kubectl mesh-revisions` takes on a real mesh with many
 * injected pods, beside
 * `kubectl get pods -A` (time) and `istioctl x injector list` (memory), in the same rounds. Then where the time goes.
 */
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { type Mesh, upMesh } from "../kit.ts";
import { fileOf } from "../mesh/programs.ts";
import { seedLargeMesh } from "./large-mesh.ts";
import { type Cost, compare, copiesOf, costOf, printCosts } from "./measure.ts";
import { requestsOf } from "./requests.ts";

const pods = Number(process.argv[2] ?? 2_000);
const rounds = Number(process.argv[3] ?? 11);
const [older, newer] = ["1.28.2", "1.29.1"] as const;
const plugin = path.join(import.meta.dirname, "..", "..", "..", "dist", "kubectl-mesh_revisions");

/** On a mesh that is there already. */
export async function measure(mesh: Pick<Mesh, "kubeconfig">, namespace: string): Promise<void> {
  await using folder = await fs.promises.mkdtempDisposable(path.join(os.tmpdir(), "kubectl-mesh-bench-"));
  const files = [fileOf("kubernetes", "bin/kubectl"), fileOf(`istio-${newer}`, "bin/istioctl"), plugin];
  const [kubectl = "", istioctl = ""] = await copiesOf(files, folder.path);
  const env = {
    ...process.env,
    KUBECONFIG: mesh.kubeconfig,
    PATH: [folder.path, process.env.PATH].join(path.delimiter),
  };
  const programs = new Map<string, () => Promise<Cost>>();
  const add = (words: string, command = kubectl): void => {
    programs.set(words, () => costOf(command, words.split(" ").slice(1), env));
  };
  const [listed, beside] = ["kubectl get pods -A", "istioctl x injector list"] as const;
  add(listed);
  add(beside, istioctl);
  add("kubectl mesh-revisions");
  add("kubectl mesh-revisions -A -o json");
  add(`kubectl get pods -n ${namespace}`);
  add(`kubectl mesh-revisions -n ${namespace}`);

  const costs = await compare(programs, rounds);
  const wall = costs.get(listed)?.wall ?? Number.NaN;
  const peak = costs.get(beside)?.peak ?? Number.NaN;
  printCosts(costs, { wall, peak });
  console.log(`Medians of ${rounds} rounds; wall time beside "${listed}", peak memory beside "${beside}".\n`);
  for (const args of [[], ["-A", "-o", "json"]]) await showRequests(args, env);
}

async function showRequests(args: readonly string[], env: NodeJS.ProcessEnv): Promise<void> {
  const requests = await requestsOf("mesh-revisions", args, env);
  const total = requests.reduce((sum, { bytes }) => sum + bytes, 0);
  const from = requests[0]?.at ?? 0;
  const last = Math.max(...requests.map(({ at, took }) => at + took)) - from;
  console.log(
    `mesh-revisions ${args.join(" ")}: ${requests.length} requests, ${(total / 1e6).toFixed(1)} MB in ${last.toFixed(0)} ms`,
  );
  console.log("  from ms  took ms      bytes");
  for (const { at, took, bytes, what } of requests)
    console.log(
      `${(at - from).toFixed(0).padStart(9)}${took.toFixed(0).padStart(9)}${String(bytes).padStart(11)}  ${decodeURIComponent(what)}`,
    );
  console.log();
}

if (import.meta.main) {
  if (!fs.existsSync(plugin)) throw new Error(`${plugin} is missing: npm run build`);
  await using mesh = await upMesh({ revisions: { "1-28": older, "1-29": newer } });
  const namespaces = await seedLargeMesh(mesh, ["1-28", "1-29"], pods);
  const seen = (await mesh.kubectl(["get", "pods", "-A", "-o", "name"])).trim().split("\n").length;
  console.log(`${seen} pods in ${namespaces.length} namespaces and those of the system`);
  await measure(mesh, namespaces[0] as string);
}
