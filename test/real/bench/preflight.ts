/**
 * `npm run bench:preflight [-- ROUNDS]`: what the built `kubectl mesh-preflight` takes on a real mesh of 50 namespaces
 * and 2,000 injected pods, beside `istioctl analyze -A`, in the same rounds.
 */
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { deployment } from "../../fixtures/workload-objects.ts";
import { upMesh } from "../kit.ts";
import { fileOf } from "../mesh/programs.ts";
import { type Cost, compare, copiesOf, costOf, printCosts } from "./measure.ts";

const rounds = Number(process.argv[2] ?? 7);
const [namespaces, workloads, replicas] = [50, 8, 5];
const [older, newer] = ["1.28.2", "1.29.1"] as const;
const plugin = path.join(import.meta.dirname, "..", "..", "..", "dist", "kubectl-mesh_preflight");
if (!fs.existsSync(plugin)) throw new Error(`${plugin} is missing: npm run build`);

await using mesh = await upMesh({ revisions: { "1-28": older, "1-29": newer } });
for (let at = 0; at < namespaces; at++) {
  const namespace = await mesh.createNamespace({ "istio.io/rev": "1-28" }, `team-${at}`);
  await mesh.apply(
    Array.from({ length: workloads }, (_, each) => deployment({ namespace, name: `web-${each}`, replicas })),
  );
  await mesh.waitReady(namespace, 300);
}
await using folder = await fs.promises.mkdtempDisposable(path.join(os.tmpdir(), "kubectl-mesh-bench-"));
const files = [fileOf("kubernetes", "bin/kubectl"), fileOf(`istio-${newer}`, "bin/istioctl"), plugin];
const [kubectl = "", istioctl = ""] = await copiesOf(files, folder.path);
const env = { ...process.env, KUBECONFIG: mesh.kubeconfig, PATH: `${folder.path}${path.delimiter}${process.env.PATH}` };
const alone = { ...env, ISTIOCTL: "" };
const beside = "istioctl analyze -A";
const costs = await compare(
  new Map<string, () => Promise<Cost>>([
    [beside, () => costOf(istioctl, ["analyze", "-A"], env)],
    ["kubectl mesh-preflight, no istioctl", () => costOf(kubectl, ["mesh-preflight", "--to", "1-29"], alone)],
    ["kubectl mesh-preflight with istioctl", () => costOf(kubectl, ["mesh-preflight", "--to", "1-29"], env)],
  ]),
  rounds,
);
const { wall, peak } = costs.get(beside) ?? { wall: Number.NaN, peak: Number.NaN };
printCosts(costs, { wall, peak });
console.log(`Medians of ${rounds} rounds, ${namespaces} namespaces, ${namespaces * workloads * replicas} pods.`);
