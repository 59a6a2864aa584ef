/**
 * kwok's simulated nodes beside the real one, for a crowd of pods that costs little. They are tainted: a pod comes to them
 * that tolerates `taint` and, to come to no other, selects `kwokLabels`. Its life is as on the other mesh.
 */
import fs from "node:fs";
import path from "node:path";
import { type Api, connectApi } from "../mesh/api.ts";
import { installLogs } from "../mesh/logs.ts";
import type { Machine } from "../mesh/machine.ts";
import { currentKubelet } from "../mesh/nodes.ts";
import { runProgram } from "../mesh/process.ts";
import { fileOf } from "../mesh/programs.ts";
import { stagesText } from "../mesh/stages.ts";
import { nodeAddress } from "./bed.ts";

/** By this label and annotation kwok knows its nodes, and pods choose them. */
export const kwokLabels = { "kwok.x-k8s.io/node": "fake" } as const;
export const taint = { key: "kwok.x-k8s.io/node", value: "fake", effect: "NoSchedule" } as const;

const port = 10247;

/** Starts kwok, its nodes, and the proxies of the pods on them; `dir` is the mesh's folder. */
export async function startKwok(machine: Machine, dir: string, nodes: number): Promise<void> {
  const kubeconfig = path.join(dir, "kwok.kubeconfig");
  const api = connectApi(path.join(dir, "machine.kubeconfig"));
  const stages = path.join(machine.dir, "stages.yaml");
  fs.writeFileSync(stages, stagesText(currentKubelet));
  const kubectl = fileOf("kubernetes", "bin/kubectl");
  await runProgram(kubectl, ["--kubeconfig", kubeconfig, "apply", "-f", fileOf("kwok", "crds")]);
  await installLogs(api, machine.dir);
  await machine.start("kwok", fileOf("kwok", "bin/kwok"), [
    ...[`--kubeconfig=${kubeconfig}`, "--config", stages, "--manage-all-nodes=false"],
    "--manage-nodes-with-annotation-selector=kwok.x-k8s.io/node=fake",
    ...["--enable-crds=PortForward,ClusterPortForward,Logs,ClusterLogs", "--cidr=10.245.0.0/16"],
    ...[`--node-ip=${nodeAddress}`, `--node-port=${port}`, `--server-address=${nodeAddress}:${port}`],
    ...[`--tls-cert-file=${dir}/pki/apiserver.crt`, `--tls-private-key-file=${dir}/pki/apiserver.key`],
  ]);
  const fleet = path.join(import.meta.dirname, "..", "mesh", "fleet.ts");
  await machine.start("fleet", process.execPath, [fleet, path.join(dir, "fleet.kubeconfig"), machine.dir, "bed"]);
  await Promise.all(Array.from({ length: nodes }, (_, index) => createNode(api, `kwok-${index}`)));
}

const createNode = (api: Api, name: string) =>
  api.post("/api/v1/nodes", {
    apiVersion: "v1",
    kind: "Node",
    metadata: { name, labels: kwokLabels, annotations: kwokLabels },
    spec: { taints: [taint] },
  });
