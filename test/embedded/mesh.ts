/**
 * The kit: `await using mesh = await bootMesh({ revisions: { default: "1.19.0", "1-20": "1.20.0" } })`. The words are
 * those of the real mesh's kit (test/real/kit.ts), so that one test can run on both.
 */
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { isDeepStrictEqual } from "node:util";
import type { HeldProxy } from "../contract/mesh-under-test.ts";
import { type Api, connectApi } from "../real/mesh/api.ts";
import type { AuditEntry } from "../real/mesh/audit.ts";
import { areReady, type Workloads } from "../real/mesh/readiness.ts";
import type { User } from "./api/access.ts";
import type { CallWebhook } from "./api/admission.ts";
import type { Answered, Asked, Interception } from "./api/request.ts";
import { type MeshClock, pause, realClock, virtualClock } from "./clock.ts";
import { type Running, startCluster } from "./cluster.ts";
import type { WebhookFault } from "./istio/control-planes.ts";
import { asDefault, installed, istioNamespace, type Revision, suffixed, tagged } from "./istio/install.ts";
import type { Stop } from "./istio/istiod.ts";
import { withAuthority } from "./istio/istiod-pki.ts";
import type { Json, KubeJson } from "./object.ts";
import { type Result, type RunOptions, runPluginHere } from "./run.ts";
import { clusterObjects, gatewayApi, type Manifests, objectsOf } from "./seed.ts";

export type { Result, RunOptions } from "./run.ts";

export interface MeshOptions {
  /** Revisions and their Istio releases; `default` is an install without a revision. */
  readonly revisions: Readonly<Record<string, string | { readonly version: string; readonly replicas?: number }>>;
  readonly time?: "virtual" | "real";
  readonly gatewayApi?: boolean;
  /** Nodes report a kubelet for which Istio does not use native sidecars. */
  readonly oldNodes?: boolean;
  readonly seed?: number;
  /** YAML that `kubectl apply` would take. */
  readonly manifests?: Manifests;
}

export interface EmbeddedMesh extends AsyncDisposable, Omit<Running, "close"> {
  readonly clock: MeshClock;
  /** The administrator's kubeconfig. */
  readonly kubeconfig: string;
  /** A client with every right, which the audit log leaves out. */
  readonly api: Api;
  /** Applies manifests, in nobody's name. */
  apply(manifests: Manifests): Promise<void>;
  /**
   * Runs a plugin in this process: `run("mesh-migrate", ["-n", "a", "--to", "1-20"])`. Never throws for an exit code.
   */
  run(plugin: string, args: readonly string[], options?: RunOptions): Promise<Result>;
  createNamespace(labels: Readonly<Record<string, string>>, name?: string): Promise<string>;
  waitReady(namespace: string, seconds?: number): Promise<void>;
  pods(namespace: string): Promise<readonly Json[]>;
  /** Asks again and again, in the mesh's time, until `ask` gives something. An error counts as nothing yet. */
  eventually<R>(
    what: string,
    ask: () => Promise<R | undefined | false> | R | undefined | false,
    seconds?: number,
  ): Promise<R>;
  /** Lets that much time pass. */
  pass(millis: number): Promise<void>;

  stopIstiod(revision: string, how?: Stop): Promise<void>;
  startIstiod(revision: string): Promise<void>;
  scaleIstiod(revision: string, replicas: number): Promise<void>;
  addRevision(name: string, version: string): Promise<void>;
  setTag(tag: string, revision: string): Promise<void>;
  setWebhookFault(revision: string, fault?: WebhookFault): Promise<void>;

  /**
   * Sees every request before it is answered, and may have something else happen. Until what is given back is called.
   */
  onRequest(intercept: (asked: Asked) => Interception | undefined): () => void;
  /** Sees every answer. */
  onAnswer(see: (answered: Answered) => void): () => void;
  /** Answers a webhook configuration's `url`. */
  onWebhook(url: string, call: CallWebhook): void;
  /** Lets in whoever shows this token. */
  addUser(token: string, user: User): void;
  audit(since?: Date): Promise<readonly AuditEntry[]>;
  /** Every proxy that any istiod holds, by `POD.NAMESPACE`; of istiods of these revisions where they are given. */
  heldProxies(revisions?: readonly string[]): Promise<ReadonlyMap<string, readonly HeldProxy[]>>;
  down(): Promise<void>;
}

const [newKubelet, oldKubelet] = ["v1.36.3", "v1.31.0"];
const admin = { name: "admin", groups: ["system:masters", "system:authenticated"] };
const machineAgent = "mesh-harness";

export async function bootMesh(options: MeshOptions): Promise<EmbeddedMesh> {
  const clock = options.time === "real" ? realClock() : virtualClock();
  const users = new Map<string, User>([["admin", admin]]);
  const webhooks = new Map<string, CallWebhook>();
  const interceptors = new Set<(asked: Asked) => Interception | undefined>();
  const seers = new Set<(answered: Answered) => void>();
  const log: AuditEntry[] = [];
  const running = await startCluster({
    ...{ clock, seed: options.seed ?? 1, users, webhooks },
    intercept: (asked) => {
      if (asked.userAgent === machineAgent) return undefined;
      for (const each of interceptors) {
        const found = each(asked);
        if (found) return found;
      }
      return undefined;
    },
    onAnswer: (answered) => {
      if (answered.userAgent === machineAgent) return;
      log.push(entryOf(answered));
      for (const see of seers) see(answered);
    },
  });
  const { server, store, resources, writer, planes } = running;
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), "kubectl-mesh-embedded-"));
  const kubeconfig = path.join(dir, "kubeconfig");
  fs.writeFileSync(kubeconfig, JSON.stringify(kubeconfigOf(server.url, server.ca)), { mode: 0o600 });
  const revisions = new Map<string, Revision>();
  const by = { user: "system:machine", manager: "kubectl" };

  const applyOne = async (given: Json): Promise<KubeJson> => {
    const resource = resources.of(given);
    if (!resource) throw new Error(`no resource for ${given.apiVersion} ${given.kind}`);
    const { status, ...object } = given;
    const place = { resource, namespace: resource.namespaced ? (given.metadata.namespace ?? "default") : undefined };
    const { object: applied } = await writer.apply(place, given.metadata.name, object, by, true);
    if (!status || !resource.status || isDeepStrictEqual(applied.status, status)) return applied;
    await running.machine.setStatus(applied, { ...applied.status, ...status });
    return applied;
  };
  const apply = async (manifests: Manifests): Promise<void> => {
    for (const each of objectsOf(manifests)) await applyOne(each);
  };
  const revisionNamed = (name: string): Revision => {
    const revision = revisions.get(name);
    if (!revision) throw new Error(`the mesh has no revision ${name}`);
    return revision;
  };
  const istiodPods = (revision: string): readonly KubeJson[] =>
    store
      .list(resources.named("pods"), istioNamespace)
      .filter(({ metadata }) => metadata.labels?.app === "istiod" && metadata.labels["istio.io/rev"] === revision);
  const istiodsAre = (revision: string, count: number, ready: boolean): boolean => {
    const pods = istiodPods(revision);
    const slices = store
      .list(resources.named("endpointslices"), istioNamespace)
      .filter(({ metadata }) => metadata.labels?.["kubernetes.io/service-name"] === suffixed("istiod", revision));
    const endpoints = slices.flatMap((slice) => slice.endpoints.filter(({ conditions }: Json) => conditions.ready));
    const isUp = ({ status }: KubeJson): boolean =>
      status?.conditions?.some(({ type, status }: Json) => type === "Ready" && status === "True") ?? false;
    return (
      pods.length === count && pods.every((pod) => isUp(pod) === ready) && endpoints.length === (ready ? count : 0)
    );
  };

  const eventually: EmbeddedMesh["eventually"] = (what, ask, seconds = 120) => {
    const until = clock.now() + seconds * 1000;
    const loop = async () => {
      for (let last = ""; ; ) {
        try {
          const answer = await ask();
          if (answer !== undefined && answer !== false) return answer;
        } catch (error) {
          last = `: ${(error as Error).message}`;
        }
        if (clock.now() > until) throw new Error(`waited ${seconds} s in vain for ${what}${last}`);
        await pause(clock, 100);
      }
    };
    return clock.during(loop());
  };

  const install = async (revision: Revision): Promise<void> => {
    const isFirst =
      store.get(resources.named("mutatingwebhookconfigurations"), undefined, "istio-revision-tag-default") ===
      undefined;
    const byDefault = isFirst || revision.name === "default" ? asDefault(revision) : [];
    await apply(await withAuthority([...installed(revision), ...byDefault]));
    revisions.set(revision.name, revision);
    await eventually(`istiod of ${revision.name}`, () => istiodsAre(revision.name, revision.replicas, true));
  };

  /** Not asked over HTTPS: most requests of a test would be these. */
  const workloadsOf = (namespace: string): Workloads => {
    const list = (apiVersion: string, kind: string): readonly KubeJson[] => {
      const resource = resources.of({ apiVersion, kind });
      return resource ? store.list(resource, namespace) : [];
    };
    return {
      deployments: list("apps/v1", "Deployment"),
      statefulSets: list("apps/v1", "StatefulSet"),
      daemonSets: list("apps/v1", "DaemonSet"),
      rollouts: list("argoproj.io/v1alpha1", "Rollout"),
    };
  };

  const api = connectApi(kubeconfig);
  let names = 0;
  const mesh: EmbeddedMesh = {
    ...running,
    ...{ clock, kubeconfig, apply, eventually, api },
    run: (plugin, args, runOptions = {}) =>
      clock.during(runPluginHere(plugin, ["--kubeconfig", kubeconfig, ...args], clock, runOptions)),
    createNamespace: async (labels, name = `ns-${(++names).toString(36).padStart(4, "0")}`) => {
      await apply({ apiVersion: "v1", kind: "Namespace", metadata: { name, labels } });
      await eventually(
        "its service account",
        () => store.get(resources.named("serviceaccounts"), name, "default") !== undefined,
      );
      return name;
    },
    waitReady: async (namespace, seconds) =>
      void (await eventually(
        `the workloads of ${namespace} to be ready`,
        () => areReady(workloadsOf(namespace)),
        seconds,
      )),
    pods: async (namespace) => store.list(resources.named("pods"), namespace),
    pass: (millis) => clock.during(pause(clock, millis)),

    stopIstiod: async (revision, how = "unready") => {
      planes.stop(revision, how);
      const count = istiodPods(revision).length;
      if (how === "unready")
        await eventually(`istiod of ${revision} not to be ready`, () => istiodsAre(revision, count, false));
    },
    startIstiod: async (revision) => {
      planes.start(revision);
      await eventually(`istiod of ${revision} to be ready`, () =>
        istiodsAre(revision, istiodPods(revision).length, true),
      );
    },
    scaleIstiod: async (revision, replicas) => {
      const { name, namespace } = { name: suffixed("istiod", revision), namespace: istioNamespace };
      const place = { resource: resources.named("deployments"), namespace };
      await writer.update(place, name, (current) => ({ ...current, spec: { ...current.spec, replicas } }), by);
      await eventually(`${replicas} istiods of ${revision}`, () => istiodsAre(revision, replicas, true));
    },
    addRevision: (name, version) => install({ name, version, replicas: 1 }),
    setTag: async (tag, revision) => apply(await withAuthority(tagged(tag, revisionNamed(revision)))),
    setWebhookFault: async (revision, fault) => planes.setFault(suffixed("istiod", revision), fault),

    onRequest: (intercept) => {
      interceptors.add(intercept);
      return () => interceptors.delete(intercept);
    },
    onAnswer: (see) => {
      seers.add(see);
      return () => seers.delete(see);
    },
    onWebhook: (url, call) => void webhooks.set(url, call),
    addUser: (token, user) => void users.set(token, user),
    heldProxies: async (revisions) => {
      const held = planes
        .held()
        .filter(({ revision }) => revisions?.includes(revision) ?? true)
        .map(({ revision, connection: { proxy, cds, lds } }) => ({
          proxy,
          revision,
          cds: cds.state === "acked",
          lds: lds.state === "acked",
        }));
      const byProxy = Map.groupBy(held, ({ proxy }) => proxy);
      return new Map([...byProxy].map(([proxy, each]) => [proxy, each.map(({ proxy: _, ...one }) => one)]));
    },
    audit: async (since) => (since ? log.filter(({ at }) => at >= since) : [...log]),
    down: async () => {
      await running.close();
      fs.rmSync(dir, { recursive: true, force: true });
    },
    [Symbol.asyncDispose]: () => mesh.down(),
  };

  await apply([
    ...clusterObjects(options.oldNodes ? oldKubelet : newKubelet),
    ...(options.gatewayApi ? gatewayApi : []),
  ]);
  for (const [name, given] of Object.entries(options.revisions)) {
    const { version, replicas = 1 } = typeof given === "string" ? { version: given } : given;
    await install({ name, version, replicas });
  }
  if (options.manifests) await apply(options.manifests);
  return mesh;
}

const entryOf = ({ route, url, user, userAgent, code, dryRun, at }: Answered): AuditEntry => ({
  ...{
    verb: route?.verb ?? "get",
    uri: `${url.pathname}${url.search}`,
    user: user.name,
    userAgent,
    code,
    dryRun,
    at: new Date(at),
  },
  ...{
    resource: route?.resource.plural ?? "",
    subresource: route?.subresource ?? "",
    namespace: route?.namespace ?? "",
    name: route?.name ?? "",
  },
});

const kubeconfigOf = (server: string, ca: string): Json => ({
  ...{ apiVersion: "v1", kind: "Config", "current-context": "embedded" },
  contexts: [{ name: "embedded", context: { cluster: "embedded", user: "admin" } }],
  clusters: [
    { name: "embedded", cluster: { server, "certificate-authority-data": Buffer.from(ca).toString("base64") } },
  ],
  users: [{ name: "admin", user: { token: "admin" } }],
});
