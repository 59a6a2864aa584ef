/** A bed's Kubernetes: etcd, kube-apiserver, controller-manager, scheduler, in the bed's own network. */
import fs from "node:fs";
import path from "node:path";
import { connectApi, eventually } from "../mesh/api.ts";
import { auditPolicy } from "../mesh/control-plane.ts";
import type { Machine } from "../mesh/machine.ts";
import { createPki, kubeconfigOf, machinery, type Pki } from "../mesh/pki.ts";
import { fileOf } from "../mesh/programs.ts";
import { type BedOptions, nodeAddress, nodeName } from "./bed.ts";

const etcd = "http://127.0.0.1:2379";

/** Boots it, writing kubeconfigs, keys and the audit log to the mesh's folder; ready when the API server is. */
export async function bootKubernetes(machine: Machine, { dir, port }: Pick<BedOptions, "dir" | "port">): Promise<void> {
  const file = (name: string) => path.join(dir, name);
  const kubeconfig = (user: (typeof machinery)[number]) => file(`${user}.kubeconfig`);
  await machine.start("etcd", fileOf("etcd", "bin/etcd"), [
    ...["--data-dir", path.join(machine.dir, "etcd"), "--unsafe-no-fsync", "--listen-client-urls", etcd],
    ...["--advertise-client-urls", etcd, "--listen-peer-urls", "http://127.0.0.1:2380"],
  ]);
  const pki = await createPki(file("pki"), [`IP:${nodeAddress}`, `DNS:${nodeName}`]);
  const server = `https://127.0.0.1:${port}`;
  const write = (name: string, text: string) => fs.writeFileSync(file(name), text, { mode: 0o600 });
  write("kubeconfig", kubeconfigOf(pki, server));
  for (const user of machinery) write(`${user}.kubeconfig`, kubeconfigOf(pki, server, user));
  write("audit-policy.json", JSON.stringify(auditPolicy(["system:serviceaccounts:istio-system"])));
  await machine.start("kube-apiserver", fileOf("kubernetes", "bin/kube-apiserver"), apiServer(dir, port, pki));
  const api = connectApi(kubeconfig("machine"));
  await eventually("the API server to be ready", () => api.get("/readyz"), 90, 50);
  const common = ["--bind-address=127.0.0.1", "--leader-elect=false", "--kube-api-qps=500", "--kube-api-burst=1000"];
  await machine.start("kube-controller-manager", fileOf("kubernetes", "bin/kube-controller-manager"), [
    ...[`--kubeconfig=${kubeconfig("kube-controller-manager")}`, ...common],
    ...[`--service-account-private-key-file=${pki.folder}/sa.key`, `--root-ca-file=${pki.folder}/ca.crt`],
    ...[`--cluster-signing-cert-file=${pki.folder}/ca.crt`, `--cluster-signing-key-file=${pki.folder}/ca.key`],
    ...["--use-service-account-credentials=true", `--flex-volume-plugin-dir=${machine.dir}/volume-plugins`],
  ]);
  await machine.start("kube-scheduler", fileOf("kubernetes", "bin/kube-scheduler"), [
    ...[`--kubeconfig=${kubeconfig("kube-scheduler")}`, ...common],
  ]);
}

const apiServer = (dir: string, port: number, { folder }: Pki): readonly string[] => [
  ...[`--etcd-servers=${etcd}`, "--bind-address=0.0.0.0", `--advertise-address=${nodeAddress}`],
  ...[`--secure-port=${port}`, `--tls-cert-file=${folder}/apiserver.crt`],
  ...[`--tls-private-key-file=${folder}/apiserver.key`, `--client-ca-file=${folder}/ca.crt`],
  ...[`--token-auth-file=${folder}/tokens.csv`, "--authorization-mode=RBAC"],
  ...["--service-account-issuer=https://kubernetes.default.svc", `--service-account-key-file=${folder}/sa.pub`],
  ...[`--service-account-signing-key-file=${folder}/sa.key`, "--service-cluster-ip-range=10.96.0.0/16"],
  ...[`--kubelet-client-certificate=${folder}/admin.crt`, `--kubelet-client-key=${folder}/admin.key`],
  ...["--kubelet-preferred-address-types=InternalIP", "--allow-privileged=true", "--max-requests-inflight=800"],
  ...[`--audit-policy-file=${dir}/audit-policy.json`, `--audit-log-path=${dir}/audit.log`, "--audit-log-mode=blocking"],
];
