/**
 * `npm run bench:migrate-large [-- PODS]`: what the built `kubectl mesh-migrate` itself takes while it moves one
 * namespace with many pods: processor time and memory beside the time that the rollouts take, and which requests it
 * makes of the API server.
 */

import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { deployment, statefulSet } from "../../fixtures/workload-objects.ts";
import { upMesh } from "../kit.ts";
import { fileOf } from "../mesh/programs.ts";
import { copiesOf, costOf } from "./measure.ts";

const pods = Number(process.argv[2] ?? 1_000);
const replicas = 50;
const readyAfter = [2_000, 8_000] as const;

await using mesh = await upMesh({ revisions: { "1-28": "1.28.2", "1-29": "1.29.1" } });
const namespace = await mesh.createNamespace({ "istio.io/rev": "1-28" }, "large");
for (let index = 0; index < pods / replicas; index++) {
  const workload = { namespace, name: `app-${index}`, replicas, readyAfter };
  await mesh.apply(
    index % 5 === 4 ? statefulSet({ ...workload, spec: { podManagementPolicy: "Parallel" } }) : deployment(workload),
  );
  await mesh.waitReady(namespace, 300);
}
await sleep(2_000);

await using folder = await fs.promises.mkdtempDisposable(path.join(os.tmpdir(), "kubectl-mesh-bench-"));
const plugin = path.join(import.meta.dirname, "..", "..", "..", "dist", "kubectl-mesh_migrate");
const [kubectl = ""] = await copiesOf([fileOf("kubernetes", "bin/kubectl"), plugin], folder.path);
const env = { ...process.env, KUBECONFIG: mesh.kubeconfig, PATH: [folder.path, process.env.PATH].join(path.delimiter) };
const since = new Date();
const { wall, cpu, peak } = await costOf(
  kubectl,
  ["mesh-migrate", "-n", namespace, "--to", "1-29", "--timeout", "30m"],
  env,
);
console.log(
  `${pods} pods in one namespace: ${(wall / 1000).toFixed(0)} s, of them ${(cpu / 1000).toFixed(1)} s CPU (${((100 * cpu) / wall).toFixed(0)} %); peak ${peak.toFixed(0)} MB`,
);
const requests = (await mesh.audit(since)).filter(({ userAgent }) => userAgent.startsWith("mesh-migrate"));
const kinds = Map.groupBy(requests, ({ verb, resource, subresource }) =>
  [verb, resource, subresource].filter((part) => part !== "").join(" "),
);
for (const [kind, same] of [...kinds].toSorted((a, b) => b[1].length - a[1].length))
  console.log(`${String(same.length).padStart(6)}  ${kind}`);
