/**
 * A bed's node, real: containerd with runc, kubelet, kube-proxy by nftables, CoreDNS; pods' network by CNI's ptp.
 * Each setting that is not the default says why it is there.
 */
import fs from "node:fs";
import path from "node:path";
import { eventually } from "../mesh/api.ts";
import type { Machine } from "../mesh/machine.ts";
import { runProgram } from "../mesh/process.ts";
import { fileOf } from "../mesh/programs.ts";
import { type BedOptions, cgroupOf, commandInside, nodeAddress, nodeName } from "./bed.ts";
import { ensureImages, pauseImage } from "./images.ts";

const containerdBinary = (name: string) => fileOf("containerd", `bin/${name}`);

/** Loads the images of an Istio release into a bed that runs. */
export async function addImages(dir: string, version: string): Promise<void> {
  for (const archive of await ensureImages([version])) await addImage(dir, archive);
}

/** Loads an image's archive into a bed that runs. */
export async function addImage(dir: string, archive: string): Promise<void> {
  const [command, ...args] = commandInside(dir, importCommand(dir, archive));
  await runProgram(command, args);
}

const importCommand = (dir: string, archive: string): readonly [string, ...string[]] => {
  const socket = path.join(dir, "inside", "containerd.sock");
  return [containerdBinary("ctr"), "-a", socket, "-n", "k8s.io", "images", "import", "--local", archive];
};

/** Starts the node's programs once the kubeconfigs are there; comes back when each runs and the images are loaded. */
export async function bootNode(machine: Machine, options: BedOptions): Promise<void> {
  const file = (name: string) => path.join(machine.dir, name);
  const kubeconfig = path.join(options.dir, "node.kubeconfig");
  const env = {
    ...process.env,
    PATH: [path.dirname(containerdBinary("ctr")), process.env.PATH, "/usr/sbin:/sbin"].join(":"),
  };
  fs.mkdirSync(file("cni"));
  fs.writeFileSync(file("cni/10-ptp.conflist"), JSON.stringify(podNetwork(file("ipam"))));
  fs.writeFileSync(file("containerd.toml"), containerdConfig(machine.dir));
  fs.writeFileSync(file("resolv.conf"), `nameserver ${nodeAddress}\n`);
  await machine.start("containerd", containerdBinary("containerd"), ["--config", file("containerd.toml")], { env });
  await eventually("containerd", async () => fs.existsSync(file("containerd.sock")), 30, 20);
  const loaded = options.images.reduce(async (before, archive) => {
    await before;
    const [command, ...args] = importCommand(options.dir, archive);
    await runProgram(command, args);
  }, Promise.resolve());
  await eventually("the kubeconfigs", async () => fs.existsSync(kubeconfig), 30, 20);
  await loaded; // a kubelet that finds no image of the sandbox would try to pull it
  fs.writeFileSync(file("kubelet.json"), JSON.stringify(kubeletConfig(machine.dir, options.dir)));
  fs.writeFileSync(file("kube-proxy.json"), JSON.stringify(proxyConfig(kubeconfig)));
  fs.writeFileSync(file("Corefile"), corefile(kubeconfig));
  await machine.start(
    "kubelet",
    fileOf("node", "bin/kubelet"),
    [
      ...[`--config=${file("kubelet.json")}`, `--kubeconfig=${kubeconfig}`, `--root-dir=${file("kubelet")}`],
      ...[`--hostname-override=${nodeName}`, `--node-ip=${nodeAddress}`],
    ],
    { env },
  );
  await machine.start("kube-proxy", fileOf("node", "bin/kube-proxy"), [`--config=${file("kube-proxy.json")}`], { env });
  await machine.start("coredns", fileOf("coredns", "bin/coredns"), ["-conf", file("Corefile")]);
}

/** Not `bridge`: there a pod's answer to a Service's address on the same node bypasses the translation of addresses. */
const podNetwork = (dataDir: string) => ({
  cniVersion: "1.0.0",
  name: "pods",
  plugins: [
    {
      type: "ptp",
      ipMasq: false,
      ipam: {
        type: "host-local",
        dataDir,
        ranges: [[{ subnet: "10.244.0.0/16" }]],
        routes: [{ dst: "0.0.0.0/0" }],
      },
    },
  ],
});

/** `restrict_oom_score_adj`: without CAP_SYS_RESOURCE runc ends with "can't get final child's PID from pipe: EOF". */
const containerdConfig = (dir: string) => `version = 3
root = "${dir}/containerd"
state = "${dir}/containerd-state"
disabled_plugins = ["io.containerd.nri.v1.nri", "io.containerd.internal.v1.opt"]
[grpc]
  address = "${dir}/containerd.sock"
[plugins."io.containerd.cri.v1.images".pinned_images]
  sandbox = "${pauseImage}"
[plugins."io.containerd.cri.v1.runtime"]
  restrict_oom_score_adj = true
[plugins."io.containerd.cri.v1.runtime".cni]
  bin_dirs = ["/usr/lib/cni"]
  conf_dir = "${dir}/cni"
[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
`;

/** `crashLoopBackOff`: a container that crashes is restarted within 5 s at most, or tests wait for minutes. */
const kubeletConfig = (dir: string, mesh: string) => ({
  apiVersion: "kubelet.config.k8s.io/v1beta1",
  kind: "KubeletConfiguration",
  failCgroupV1: false,
  cgroupDriver: "cgroupfs",
  cgroupRoot: `/${cgroupOf(mesh)}`,
  enforceNodeAllocatable: ["pods"],
  authentication: {
    anonymous: { enabled: false },
    webhook: { enabled: false },
    x509: { clientCAFile: `${mesh}/pki/ca.crt` },
  },
  authorization: { mode: "AlwaysAllow" },
  tlsCertFile: `${mesh}/pki/apiserver.crt`,
  tlsPrivateKeyFile: `${mesh}/pki/apiserver.key`,
  clusterDNS: [nodeAddress],
  clusterDomain: "cluster.local",
  resolvConf: `${dir}/resolv.conf`,
  containerRuntimeEndpoint: `unix://${dir}/containerd.sock`,
  failSwapOn: false,
  localStorageCapacityIsolation: false,
  evictionHard: { "memory.available": "1Mi" },
  imageGCHighThresholdPercent: 100,
  crashLoopBackOff: { maxContainerRestartPeriod: "5s" },
  maxPods: 250,
  podLogsDir: `${dir}/pod-logs`,
  kubeAPIQPS: 500,
  kubeAPIBurst: 1000,
  volumePluginDir: `${dir}/volume-plugins`,
});

/** `conntrack`: its limit is the whole kernel's and cannot be set from a network namespace. */
const proxyConfig = (kubeconfig: string) => ({
  apiVersion: "kubeproxy.config.k8s.io/v1alpha1",
  kind: "KubeProxyConfiguration",
  mode: "nftables",
  clientConnection: { kubeconfig },
  hostnameOverride: nodeName,
  clusterCIDR: "10.244.0.0/16",
  conntrack: { maxPerCore: 0, min: 0, tcpEstablishedTimeout: "0s", tcpCloseWaitTimeout: "0s" },
  nftables: { minSyncPeriod: "100ms" },
});

const corefile = (kubeconfig: string) => `cluster.local:53 {
  bind ${nodeAddress}
  errors
  cache 5
  kubernetes cluster.local {
    kubeconfig ${kubeconfig} real
  }
}
`;
