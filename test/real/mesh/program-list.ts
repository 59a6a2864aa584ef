/** The real programs: what each is built from, by Go modules pinned in `go/<folder>/`. */

export interface Program {
  /** Folder under `go/` with the pinned module. */
  readonly folder: string;
  readonly packages: readonly string[];
  readonly ldflags: string;
  /** Build tags, where it has some. */
  readonly tags?: string;
  /** Folders of modules to be kept beside the binaries: name here → module and path within. */
  readonly files?: Readonly<Record<string, { readonly module: string; readonly path: string }>>;
}

const kubernetesVersion = "k8s.io/component-base/version";
const kubernetesFlags = `-s -w -X ${kubernetesVersion}.gitVersion=v1.36.3 -X ${kubernetesVersion}.gitMajor=1 -X ${kubernetesVersion}.gitMinor=36`;
/** The Istio releases that a mesh can have. */
export const istioVersions: readonly string[] = ["1.19.0", "1.20.0", "1.28.2", "1.29.1"];
/** Every program, by its name. */
export const programs: ReadonlyMap<string, Program> = new Map([
  [
    "kubernetes",
    {
      folder: "kubernetes",
      packages: ["kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl"].map(
        (name) => `k8s.io/kubernetes/cmd/${name}`,
      ),
      ldflags: kubernetesFlags,
    },
  ],
  ["etcd", { folder: "etcd", packages: ["."], ldflags: "-s -w" }],
  [
    "kwok",
    {
      folder: "kwok",
      packages: ["sigs.k8s.io/kwok/cmd/kwok"],
      ldflags: "-s -w",
      files: {
        crds: { module: "sigs.k8s.io/kwok", path: "kustomize/crd/bases" },
        volumes: { module: "sigs.k8s.io/kwok", path: "kustomize/stage/volume/fast" },
      },
    },
  ],
  [
    "krew",
    {
      folder: "krew",
      packages: ["sigs.k8s.io/krew/cmd/krew", "sigs.k8s.io/krew/cmd/validate-krew-manifest"],
      ldflags: "-s -w",
    },
  ],
  ["quill", { folder: "quill", packages: ["github.com/anchore/quill/cmd/quill"], ldflags: "-s -w" }],
  ["helm", { folder: "helm", packages: ["helm.sh/helm/v3/cmd/helm"], ldflags: "-s -w" }],
  [
    "argo-rollouts",
    {
      folder: "argo-rollouts",
      packages: ["github.com/argoproj/argo-rollouts/cmd/rollouts-controller"],
      ldflags: "-s -w",
      files: { crds: { module: "github.com/argoproj/argo-rollouts", path: "manifests/crds" } },
    },
  ],
  [
    "gateway-api",
    {
      folder: "istio-1.28",
      packages: [],
      ldflags: "",
      files: { crds: { module: "sigs.k8s.io/gateway-api", path: "config/crd/standard" } },
    },
  ],
  ...istioVersions.map((version): [string, Program] => [`istio-${version}`, istio(version)]),
  // what a bed with traffic has besides: a node of its own, and what runs in its pods
  [
    "node",
    {
      folder: "kubernetes",
      packages: ["kubelet", "kube-proxy"].map((name) => `k8s.io/kubernetes/cmd/${name}`),
      ldflags: kubernetesFlags,
    },
  ],
  [
    "containerd",
    {
      folder: "containerd",
      packages: ["containerd", "containerd-shim-runc-v2", "ctr"].map(
        (name) => `github.com/containerd/containerd/v2/cmd/${name}`,
      ),
      tags: "no_btrfs no_devmapper no_zfs no_tracing",
      ldflags: "-s -w",
    },
  ],
  ["coredns", { folder: "coredns", packages: ["."], ldflags: "-s -w" }],
  [
    "prometheus",
    {
      folder: "prometheus",
      packages: ["github.com/prometheus/prometheus/cmd/prometheus"],
      tags: "remove_all_sd,enable_kubernetes_sd",
      ldflags: "-s -w",
    },
  ],
  ["traffic", { folder: "traffic", packages: ["."], ldflags: "-s -w" }],
  ["life", { folder: "life", packages: ["."], ldflags: "-s -w" }],
  ...istioVersions.map((version): [string, Program] => [`pilot-agent-${version}`, pilotAgent(version)]),
]);

function istio(version: string): Program {
  const at = "istio.io/istio/pkg/version";
  return {
    folder: `istio-${version.replace(/\.\d+$/, "")}`,
    packages: ["istio.io/istio/pilot/cmd/pilot-discovery", "istio.io/istio/istioctl/cmd/istioctl"],
    ldflags:
      `-s -w -checklinkname=0 -X ${at}.buildVersion=${version} -X ${at}.buildTag=${version} ` +
      `-X ${at}.buildStatus=Clean -X ${at}.buildHub=docker.io/istio`,
    files: { charts: { module: "istio.io/istio", path: "manifests/charts" } },
  };
}

function pilotAgent(version: string): Program {
  return {
    folder: `istio-${version.replace(/\.\d+$/, "")}`,
    packages: ["istio.io/istio/pilot/cmd/pilot-agent"],
    ldflags: `-s -w -checklinkname=0 -X istio.io/istio/pkg/version.buildVersion=${version}`,
    files: { bootstrap: { module: "istio.io/istio", path: "tools/packaging/common" } },
  };
}
