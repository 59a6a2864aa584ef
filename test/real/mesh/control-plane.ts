/** The real Kubernetes: etcd, kube-apiserver, controller-manager, scheduler, and kwok for nodes and pods. */
import fs from "node:fs";
import path from "node:path";
import { type Api, connectApi, eventually } from "./api.ts";
import type { Machine } from "./machine.ts";
import { createPki, kubeconfigOf, machinery } from "./pki.ts";
import { runProgram } from "./process.ts";
import { fileOf } from "./programs.ts";
import { stagesText } from "./stages.ts";

export interface ControlPlane {
  /** A client with every right, as user `machine`, whom the audit log leaves out. */
  readonly api: Api;
  /** Kubeconfig files: the administrator's, and one for each part of the machinery. */
  readonly kubeconfig: string;
  kubeconfigFor(user: (typeof machinery)[number]): string;
}

const kubernetes = (binary: string) => fileOf("kubernetes", `bin/${binary}`);

/**
 * Boots Kubernetes to the point where nodes are there and pods come up. `kubelet` is the version that the nodes report.
 */
export async function bootControlPlane(machine: Machine, kubelet: string): Promise<ControlPlane> {
  const file = (name: string) => path.join(machine.dir, name);
  const next = () => machine.ports.next();
  const [etcdClient, etcdPeer, secure, manager, scheduler, node] = [
    await next(),
    await next(),
    await next(),
    await next(),
    await next(),
    await next(),
  ];
  const etcd = `http://127.0.0.1:${etcdClient}`;
  await machine.start("etcd", fileOf("etcd", "bin/etcd"), [
    ...["--data-dir", file("etcd"), "--unsafe-no-fsync", "--listen-peer-urls", `http://127.0.0.1:${etcdPeer}`],
    ...["--listen-client-urls", etcd, "--advertise-client-urls", etcd, "--quota-backend-bytes", "8589934592"],
  ]);
  const pki = await createPki(file("pki"));
  const server = `https://127.0.0.1:${secure}`;
  fs.writeFileSync(file("kubeconfig"), kubeconfigOf(pki, server), { mode: 0o600 });
  for (const user of machinery)
    fs.writeFileSync(file(`${user}.kubeconfig`), kubeconfigOf(pki, server, user), { mode: 0o600 });
  fs.writeFileSync(file("audit-policy.json"), JSON.stringify(auditPolicy()));
  fs.writeFileSync(file("egress.json"), JSON.stringify(egressSelection(file("egress.sock"))));
  const serving = [`--tls-cert-file=${pki.folder}/apiserver.crt`, `--tls-private-key-file=${pki.folder}/apiserver.key`];
  await machine.start("kube-apiserver", kubernetes("kube-apiserver"), [
    ...[`--etcd-servers=${etcd}`, "--bind-address=127.0.0.1", `--secure-port=${secure}`, ...serving],
    ...[`--egress-selector-config-file=${file("egress.json")}`, "--endpoint-reconciler-type=none"],
    ...[
      `--client-ca-file=${pki.folder}/ca.crt`,
      `--token-auth-file=${pki.folder}/tokens.csv`,
      "--authorization-mode=RBAC",
    ],
    ...["--service-account-issuer=https://kubernetes.default.svc", `--service-account-key-file=${pki.folder}/sa.pub`],
    ...[`--service-account-signing-key-file=${pki.folder}/sa.key`, "--service-cluster-ip-range=10.96.0.0/12"],
    ...[`--kubelet-client-certificate=${pki.folder}/admin.crt`, `--kubelet-client-key=${pki.folder}/admin.key`],
    ...["--kubelet-preferred-address-types=InternalIP", "--allow-privileged=true", "--max-requests-inflight=800"],
    ...[
      `--audit-policy-file=${file("audit-policy.json")}`,
      `--audit-log-path=${file("audit.log")}`,
      "--audit-log-mode=blocking",
    ],
  ]);
  const kubeconfigFor = (user: (typeof machinery)[number]) => file(`${user}.kubeconfig`);
  const api = connectApi(kubeconfigFor("machine"));
  await eventually("the API server to be ready", () => api.get("/readyz"), 90, 50);

  const loopback = ["--bind-address=127.0.0.1", "--leader-elect=false", "--kube-api-qps=500", "--kube-api-burst=1000"];
  await Promise.all([
    machine.start("kube-controller-manager", kubernetes("kube-controller-manager"), [
      ...[`--secure-port=${manager}`, `--kubeconfig=${kubeconfigFor("kube-controller-manager")}`, ...loopback],
      ...[`--service-account-private-key-file=${pki.folder}/sa.key`, `--root-ca-file=${pki.folder}/ca.crt`],
      ...[`--cluster-signing-cert-file=${pki.folder}/ca.crt`, `--cluster-signing-key-file=${pki.folder}/ca.key`],
      ...[
        "--use-service-account-credentials=true",
        "--concurrent-deployment-syncs=20",
        "--concurrent-statefulset-syncs=20",
      ],
    ]),
    machine.start("kube-scheduler", kubernetes("kube-scheduler"), [
      ...[`--secure-port=${scheduler}`, `--kubeconfig=${kubeconfigFor("kube-scheduler")}`, ...loopback],
    ]),
    startKwok(machine, api, kubelet, { kubeconfig: kubeconfigFor("kwok"), node, serving }),
  ]);
  return { api, kubeconfig: file("kubeconfig"), kubeconfigFor };
}

async function startKwok(
  machine: Machine,
  api: Api,
  kubelet: string,
  at: { kubeconfig: string; node: number; serving: readonly string[] },
): Promise<void> {
  const stages = path.join(machine.dir, "stages.yaml");
  const volumes = ["pv-bind", "pv-delete", "pvc-provision", "pvc-delete"].map((name) =>
    fs.readFileSync(fileOf("kwok", `volumes/${name}.yaml`), "utf8"),
  );
  fs.writeFileSync(stages, [stagesText(kubelet), ...volumes].join("\n---\n"));
  await runProgram(kubernetes("kubectl"), [
    "--kubeconfig",
    at.kubeconfig,
    "apply",
    "-f",
    fileOf("kwok", "crds"),
    "-f",
    fileOf("kwok", "volumes/storage-class.yaml"),
  ]);
  await machine.start("kwok", fileOf("kwok", "bin/kwok"), [
    ...[
      `--kubeconfig=${at.kubeconfig}`,
      "--config",
      stages,
      "--manage-all-nodes=true",
      "--node-ip=127.0.0.1",
      "--cidr=10.244.0.0/16",
    ],
    ...[
      "--enable-crds=PortForward,ClusterPortForward,Logs,ClusterLogs",
      `--node-port=${at.node}`,
      `--server-address=127.0.0.1:${at.node}`,
      ...at.serving,
    ],
  ]);
  await Promise.all(
    [0, 1, 2, 3].map((index) =>
      api.post("/api/v1/nodes", { kind: "Node", apiVersion: "v1", metadata: { name: `node-${index}` } }),
    ),
  );
}

/**
 * Every write of everybody who is no part of the machinery, and his reads too: what a command did is told by its user
 * agent. `groups` are left out too.
 */
export const auditPolicy = (groups: readonly string[] = []) => ({
  apiVersion: "audit.k8s.io/v1",
  kind: "Policy",
  omitStages: ["RequestReceived"],
  rules: [
    { level: "None", users: [...machinery, "system:apiserver", "system:anonymous"] },
    { level: "None", userGroups: ["system:serviceaccounts:kube-system", ...groups] },
    { level: "Metadata" },
  ],
});

function egressSelection(socket: string): object {
  const connection = { proxyProtocol: "HTTPConnect", transport: { uds: { udsName: socket } } };
  return {
    apiVersion: "apiserver.k8s.io/v1beta1",
    kind: "EgressSelectorConfiguration",
    egressSelections: [{ name: "cluster", connection }],
  };
}
