/** What a test of the contract may ask of a mesh, embedded or real, in the words that both kits share. */
import type { Api, Json } from "../real/mesh/api.ts";
import { type AuditEntry, isWrite } from "../real/mesh/audit.ts";
import type { Fault } from "../real/mesh/egress.ts";
import type { Stop } from "../real/mesh/istiods.ts";
import type { Availability } from "../real/recorder.ts";

export type { AuditEntry, Json };
export { isWrite };

export interface MeshUnderTestOptions {
  /** Revisions and their Istio releases, as both kits take them; `default` is an install without a revision. */
  readonly revisions: Readonly<Record<string, string | { readonly version: string; readonly replicas?: number }>>;
  readonly gatewayApi?: boolean;
  /** Nodes report a kubelet for which Istio does not use native sidecars. */
  readonly oldNodes?: boolean;
}

/**
 * What a run left: a signal that ended it has no place here, for the embedded mesh runs plugins in the test's process.
 */
export interface Run {
  readonly code: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
  /** Of the mesh's time. */
  readonly ms: number;
}

export interface RunOptions {
  /** Called with each piece of stderr, as it comes. */
  readonly onStderr?: (text: string) => void;
  /** Interrupts it when it aborts, as Ctrl-C does. */
  readonly signal?: AbortSignal;
}

/** A proxy as an istiod of `revision` lists it: whether its clusters and its listeners are acknowledged. */
export interface HeldProxy {
  readonly revision: string;
  readonly cds: boolean;
  readonly lds: boolean;
}

export interface MeshUnderTest extends AsyncDisposable {
  readonly kind: "embedded" | "real";
  /** The administrator's kubeconfig. */
  readonly kubeconfig: string;
  /** A client with every right, which the audit log leaves out. */
  readonly api: Api;
  /** Applies manifests server-side, as the harness; left out of the audit log. */
  apply(manifests: string | object | readonly object[]): Promise<void>;
  /** Runs a plugin: `run("mesh-migrate", ["-n", "a", "--to", "1-20"])`. Never throws for an exit code. */
  run(plugin: string, args: readonly string[], options?: RunOptions): Promise<Run>;
  /** Runs a command line as it was printed, or as a person types it: kubectl and the plugins, joined by `&&`. */
  shell(commandLine: string): Promise<Run>;
  /** Creates a namespace with labels, under a new name unless one is given. */
  createNamespace(labels: Readonly<Record<string, string>>, name?: string): Promise<string>;
  /** Waits until every workload of the namespace is rolled out and ready. */
  waitReady(namespace: string, seconds?: number): Promise<void>;
  pods(namespace: string): Promise<readonly Json[]>;
  /** Asks again and again, in the mesh's time, until `ask` gives something. An error counts as nothing yet. */
  eventually<R>(what: string, ask: () => Promise<R | undefined | false>, seconds?: number): Promise<R>;
  /** Settles with the promise; lets the mesh's time pass meanwhile. */
  during<T>(promise: Promise<T>): Promise<T>;
  /** Lets that much of the mesh's time pass. */
  pass(millis: number): Promise<void>;
  /** The mesh's time of day. */
  now(): Date;

  stopIstiod(revision: string, how?: Stop): Promise<void>;
  startIstiod(revision: string): Promise<void>;
  scaleIstiod(revision: string, replicas: number): Promise<void>;
  setTag(tag: string, revision: string): Promise<void>;
  setWebhookFault(revision: string, fault?: Fault): Promise<void>;

  /** What the API server did for everybody but the harness, since a time of `now()`. */
  audit(since?: Date): Promise<readonly AuditEntry[]>;
  /**
   * The fewest ready pods that each workload of the namespace had since the mesh was opened, and the bound its strategy
   * promises.
   */
  availability(namespace: string): readonly Availability[];
  /**
   * Every proxy that any running istiod holds, by `POD.NAMESPACE`; of istiods of these revisions where they are given.
   */
  heldProxies(revisions?: readonly string[]): Promise<ReadonlyMap<string, readonly HeldProxy[]>>;
}

/** A write of what runs and of labels: not of the lock, the journal and the Events of a run. */
export const isChange = (entry: AuditEntry): boolean =>
  isWrite(entry) && !["configmaps", "leases", "events"].includes(entry.resource);
