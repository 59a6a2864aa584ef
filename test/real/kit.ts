/**
 * What the tests on the real mesh use: `await using mesh = await upMesh({ revisions: { default: "1.19.0", "1-20":
 * "1.20.0" } })`. The mesh is gone when the scope is left, when the process ends, and when it is killed.
 */
import { randomBytes } from "node:crypto";
import path from "node:path";
import type { HeldProxy } from "../contract/mesh-under-test.ts";
import { heldProxies } from "./held-proxies.ts";
import { type Api, connectApi, eventually, type Json } from "./mesh/api.ts";
import { type AuditEntry, readAudit } from "./mesh/audit.ts";
import type { Fault } from "./mesh/egress.ts";
import type { Stop } from "./mesh/istiods.ts";
import { bootMesh, command, removeMesh } from "./mesh/lifetime.ts";
import { currentKubelet, oldKubelet } from "./mesh/nodes.ts";
import { runProgram } from "./mesh/process.ts";
import { ensureBuilt, fileOf } from "./mesh/programs.ts";
import { isReady } from "./mesh/readiness.ts";
import { injects, installRevision, type Revision, runIstioctl, uninstallRevision } from "./mesh/revision.ts";
import { type Result, type RunOptions, runToEnd } from "./mesh/run.ts";
import { type Recorder, startRecorder } from "./recorder.ts";
import { commandInside } from "./traffic/bed.ts";
import { addImages } from "./traffic/node.ts";
import { installOnBed } from "./traffic/revision.ts";

export { type Api, eventually, type Json } from "./mesh/api.ts";
export { isWrite } from "./mesh/audit.ts";
export type { Result, RunOptions } from "./mesh/run.ts";

export interface RevisionOptions {
  readonly by?: "istioctl" | "helm";
  /** istiod pods; 1 unless given. */
  readonly replicas?: number;
  /** Values of the charts: `["pilot.env.PILOT_X=y", "meshConfig.discoverySelectors[0].matchLabels.team=a"]`. */
  readonly values?: readonly string[];
}

export interface MeshOptions {
  /**
   * Revisions and their Istio releases, in the order of their installation (numbers first, as keys of JavaScript are);
   * `default` is an install without a revision.
   */
  readonly revisions: Readonly<Record<string, string | (RevisionOptions & { readonly version: string })>>;
  readonly gatewayApi?: boolean;
  /**
   * A bed with traffic: one real node, where pods are containers with real sidecars (test/real/traffic/README.md).
   * `oldNodes`, the lives of pods and webhook faults are not for it.
   */
  readonly traffic?: boolean;
  /** On a bed with traffic: simulated nodes beside the real one (test/real/traffic/kwok.ts). */
  readonly kwokNodes?: number;
  /** With the real controller of Argo Rollouts. */
  readonly argoRollouts?: boolean;
  /** Nodes report a kubelet for which Istio does not use native sidecars. */
  readonly oldNodes?: boolean;
  /** istiod pods of each revision. */
  readonly istiods?: number;
  /** Revisions to be installed with Helm; the others are with istioctl. */
  readonly helm?: readonly string[];
  /**
   * Added to the environment of every istiod. `PILOT_MAX_REQUESTS_PER_SECOND` is 1000 unless it is here or in the
   * chart.
   */
  readonly istiodEnv?: Readonly<Record<string, string>>;
}

export interface Mesh extends AsyncDisposable {
  /** The administrator's kubeconfig. */
  readonly kubeconfig: string;
  readonly dir: string;
  /** The harness's own client, with every right; the audit log leaves it out. */
  readonly api: Api;
  /** Runs kubectl to its end and gives back its stdout; throws where it fails. */
  kubectl(args: readonly string[], options?: { readonly input?: string }): Promise<string>;
  /** Applies manifests: YAML text, an object, or many. The audit log leaves it out. */
  apply(manifests: string | object | readonly object[]): Promise<void>;
  /** Runs the istioctl of an Istio release; gives back its stdout, throws where it fails. */
  istioctl(version: string, args: readonly string[]): Promise<string>;
  /**
   * Runs a plugin as its users do, by kubectl from `dist/`: `run("mesh-migrate", ["-n", "a", "--to", "1-20"])`. Never
   * throws for an exit code.
   */
  run(plugin: string, args: readonly string[], options?: RunOptions): Promise<Result>;
  /** Runs kubectl itself like that. */
  runKubectl(args: readonly string[], options?: RunOptions): Promise<Result>;
  /** Runs a command line as somebody who copied it would: by a shell, with kubectl and the plugins on its path. */
  shell(commandLine: string, options?: RunOptions): Promise<Result>;
  /** Runs a program in the namespaces of a bed with traffic: `inside("curl", ["http://10.96.0.10"])`. */
  inside(command: string, args?: readonly string[], options?: RunOptions): Promise<Result>;

  /** Stops the istiods of a revision; how that shows is said by `how`, `unready` unless given (see `Stop`). */
  stopIstiod(revision: string, how?: Stop): Promise<void>;
  /** Starts them again, and waits until they are ready and the revision injects. */
  startIstiod(revision: string): Promise<void>;
  /** Scales the Deployment of a revision's istiod, and waits until it is so. */
  scaleIstiod(revision: string, replicas: number): Promise<void>;
  addRevision(name: string, version: string, options?: RevisionOptions): Promise<void>;
  removeRevision(name: string): Promise<void>;
  /** Sets a revision tag with istioctl, overwriting it where it is there. */
  setTag(tag: string, revision: string): Promise<void>;
  /**
   * Makes calls of the API server to a revision's (or a tag's) webhook fail, hang or wait; without a fault, all is well
   * again.
   */
  setWebhookFault(revision: string, fault?: Fault): Promise<void>;

  /** What the API server did for everybody but the machinery, since the time given (of `now()`). */
  audit(since?: Date): Promise<readonly AuditEntry[]>;
  /** This machine's time of day. */
  now(): Date;
  /** Asks again and again until `ask` gives something. An error counts as nothing yet. */
  eventually<R>(what: string, ask: () => Promise<R | undefined | false>, seconds?: number): Promise<R>;
  /**
   * Every proxy that any running istiod holds, by `POD.NAMESPACE`; of istiods of these revisions where they are given.
   */
  heldProxies(revisions?: readonly string[]): Promise<ReadonlyMap<string, readonly HeldProxy[]>>;
  /** Records the availability of every workload from now on. */
  recorder(): Promise<Recorder>;
  pods(namespace: string, selector?: string): Promise<readonly Json[]>;
  /** Creates a namespace with labels. Without a name it gets a new one, which is given back. */
  createNamespace(labels: Readonly<Record<string, string>>, name?: string): Promise<string>;
  /** Waits until every workload of the namespace is rolled out and ready. */
  waitReady(namespace: string, seconds?: number): Promise<void>;
  /** Ends the mesh and removes what it left. */
  down(): Promise<void>;
}

/**
 * Where kubectl finds the plugins: `dist/`, or the folder that MESH_PLUGINS names (of scripts that run them from
 * source, say).
 */
const dist = process.env.MESH_PLUGINS ?? path.join(import.meta.dirname, "..", "..", "dist");

/** Boots a mesh; see `MeshOptions`. Builds what of it is not built yet. */
export async function upMesh(options: MeshOptions): Promise<Mesh> {
  const revisions = new Map<string, Revision>();
  for (const [name, given] of Object.entries(options.revisions)) {
    const { version, ...own } = typeof given === "string" ? { version: given } : given;
    const by = options.helm?.includes(name) ? "helm" : "istioctl";
    revisions.set(name, { name, by, replicas: options.istiods ?? 1, ...own, version });
  }
  const name = `test-${process.pid}-${randomBytes(3).toString("hex")}`;
  const dir = await bootMesh(
    {
      attached: true,
      kubelet: options.oldNodes ? oldKubelet : currentKubelet,
      revisions: [...revisions.values()],
      gatewayApi: options.gatewayApi ?? false,
      argoRollouts: options.argoRollouts ?? false,
      istiodEnv: options.istiodEnv ?? {},
      ...(options.traffic && { traffic: { kwokNodes: options.kwokNodes ?? 0 } }),
    },
    name,
  );
  return meshAt(dir, revisions, options.traffic ?? false);
}

function meshAt(dir: string, revisions: Map<string, Revision>, traffic: boolean): Mesh {
  const kubeconfig = path.join(dir, "kubeconfig");
  const machine = path.join(dir, "machine.kubeconfig");
  const api = connectApi(machine);
  const access = { api, kubeconfig: machine, dir };
  const kubectlBinary = fileOf("kubernetes", "bin/kubectl");
  const environment = {
    ...process.env,
    KUBECONFIG: kubeconfig,
    PATH: [dist, path.dirname(kubectlBinary), process.env.PATH].join(path.delimiter),
  };

  const revisionNamed = (name: string): Revision => {
    const revision = revisions.get(name);
    if (revision === undefined) throw new Error(`the mesh has no revision ${name}`);
    return revision;
  };
  /** The Service that a revision's webhook, or a tag's, calls. */
  const serviceOf = async (revision: string): Promise<string> => {
    if (revisions.has(revision)) return istiodOf(revision);
    const selector = encodeURIComponent(`istio.io/tag=${revision}`);
    const { items } = await api.get(
      `/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations?labelSelector=${selector}`,
    );
    if (items.length === 0) throw new Error(`the mesh has no revision or tag ${revision}`);
    return items[0].webhooks[0].clientConfig.service.name;
  };
  const istioSystem = "/api/v1/namespaces/istio-system";
  const istiodsOf = async (revision: string) =>
    (await api.get(`${istioSystem}/pods?labelSelector=${encodeURIComponent(`app=istiod,istio.io/rev=${revision}`)}`))
      .items as Json[];
  const ready = (pod: Json) =>
    pod.status.conditions?.some((each: Json) => each.type === "Ready" && each.status === "True");

  const mesh: Mesh = {
    kubeconfig,
    dir,
    api,
    kubectl: (args, { input } = {}) =>
      runProgram(kubectlBinary, args, { env: environment, ...(input !== undefined && { input }) }),
    async apply(manifests) {
      const list = Array.isArray(manifests) ? { apiVersion: "v1", kind: "List", items: manifests } : manifests;
      const input = typeof list === "string" ? list : JSON.stringify(list);
      await runProgram(kubectlBinary, ["--kubeconfig", machine, "apply", "--server-side", "-f", "-"], { input });
    },
    istioctl: (version, args) => runIstioctl({ ...access, kubeconfig }, version, args),
    run: (plugin, args, runOptions = {}) => runToEnd(kubectlBinary, [plugin, ...args], environment, runOptions),
    runKubectl: (args, runOptions = {}) => runToEnd(kubectlBinary, args, environment, runOptions),
    shell: (commandLine, runOptions = {}) => runToEnd("/bin/sh", ["-c", commandLine], environment, runOptions),
    inside: (command, args = [], runOptions = {}) => {
      const [nsenter, ...rest] = commandInside(dir, [command, ...args]);
      return runToEnd(nsenter, rest, environment, runOptions);
    },

    async stopIstiod(revision, how = "unready") {
      await command(dir, { do: "stop-istiod", revision, how });
      if (how === "unready")
        await eventually(`istiod of ${revision} not to be ready`, async () => !(await istiodsOf(revision)).some(ready));
    },
    async startIstiod(revision) {
      await command(dir, { do: "start-istiod", revision });
      await eventually(
        `istiod of ${revision} to be ready`,
        async () => (await istiodsOf(revision)).every(ready) && injects(api, revision),
      );
    },
    async scaleIstiod(revision, replicas) {
      await api.merge(`/apis/apps/v1/namespaces/istio-system/deployments/${istiodOf(revision)}/scale`, {
        spec: { replicas },
      });
      await eventually(`${replicas} istiods of ${revision}`, async () => {
        const pods = await istiodsOf(revision);
        return pods.length === replicas && pods.every(ready);
      });
    },
    async addRevision(name, version, { by = "istioctl", replicas = 1, values = [] } = {}) {
      const revision: Revision = { name, version, by, replicas, values };
      await ensureBuilt([`istio-${version}`]);
      if (traffic) await addImages(dir, version);
      await (traffic ? installOnBed : installRevision)(access, revision);
      revisions.set(name, revision);
    },
    async removeRevision(name) {
      await uninstallRevision(access, revisionNamed(name));
      revisions.delete(name);
    },
    async setTag(tag, revision) {
      await runIstioctl(access, revisionNamed(revision).version, [
        "tag",
        "set",
        tag,
        "--revision",
        revision,
        "--overwrite",
        "-y",
      ]);
    },
    async setWebhookFault(revision, fault) {
      await command(dir, { do: "fault", service: await serviceOf(revision), ...(fault && { fault }) });
    },

    audit: (since) => readAudit(dir, since),
    now: () => new Date(),
    eventually: (what, ask, seconds = 60) => eventually(what, ask, seconds),
    heldProxies: (revisions) => heldProxies(api, machine, revisions),
    recorder: () => startRecorder(api),
    async pods(namespace, selector) {
      const query = selector === undefined ? "" : `?labelSelector=${encodeURIComponent(selector)}`;
      return (await api.get(`/api/v1/namespaces/${namespace}/pods${query}`)).items;
    },
    async createNamespace(labels, name = `ns-${randomBytes(4).toString("hex")}`) {
      await api.post("/api/v1/namespaces", { apiVersion: "v1", kind: "Namespace", metadata: { name, labels } });
      await eventually(
        "its service account",
        () => api.get(`/api/v1/namespaces/${name}/serviceaccounts/default`),
        30,
        20,
      );
      return name;
    },
    async waitReady(namespace, seconds = 60) {
      await eventually(`the workloads of ${namespace} to be ready`, () => isReady(api, namespace), seconds);
    },
    down: () => removeMesh(dir),
    [Symbol.asyncDispose]: () => removeMesh(dir),
  };
  return mesh;
}

const istiodOf = (revision: string) => (revision === "default" ? "istiod" : `istiod-${revision}`);
