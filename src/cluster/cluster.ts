/**
 * The port to a cluster: a dozen verbs. Everything above `src/cluster` sees a cluster through this interface alone.
 *
 * Every method throws `ClusterError` (errors.ts) when the answer could not be had or has not the shape asked for:
 * an answer that is not an answer is never an empty list. Reads are retried as kubernetes-client rules allow; writes
 * are retried only where the server said that it did not begin them.
 */
import type { KubeObject, Right } from "../mesh/kubernetes.ts";
import type { Kind } from "./kinds.ts";

export interface Cluster {
  /** Who we are to whom, for the first line of anything that writes. */
  readonly identity: Identity;
  /**
   * The same cluster (same connections, same identity) for as long as `signal` allows: when it aborts, whatever this
   * view waits for (a request in flight, the wait before it is sent again, pages to come, a watch) ends, and nothing
   * more is sent. It ends with a `ClusterError` of reason `timeout` whose `cause` is the signal's reason; a write that
   * was sent is `ambiguous`. A view of a view ends with the first of both signals. Its `close` does nothing.
   */
  until(signal: AbortSignal): Cluster;
  /**
   * The API server's clock (its `Date` header), as of the latest response and the time since. One request if none was
   * made yet.
   */
  now(): Promise<Date>;
  /**
   * All objects of a kind, read in pages and projected one by one, so that memory grows with what `project` keeps.
   * An optional kind that is not installed gives `undefined`; nothing else does.
   */
  list<T extends KubeObject, R>(
    kind: Kind<T>,
    query: ListQuery,
    project: (object: T) => R,
  ): Promise<ListResult<R> | undefined>;
  /** One object; `undefined` only where the server says NotFound about this very object. */
  get<T extends KubeObject>(kind: Kind<T>, name: string, namespace?: string): Promise<T | undefined>;
  /** Sends a merge patch (RFC 7386) and gives back the object as the server now has it. */
  patch<T extends KubeObject>(kind: Kind<T>, ref: ObjectName, body: object, options: WriteOptions): Promise<T>;
  /** Creates; also for what is only asked, as access reviews and dry-run pods are. */
  create<T extends KubeObject>(
    kind: Kind<T>,
    body: object,
    options: WriteOptions & { readonly namespace?: string },
  ): Promise<T>;
  /** Deletes one object, only if its UID still is the one given. */
  delete(kind: Kind, ref: ObjectName, uid: string, options: WriteOptions): Promise<void>;
  /** May the user do this? A server that does not say is an error, not a no. */
  mayI(access: Right): Promise<{ readonly allowed: boolean; readonly reason: string }>;
  /**
   * Calls `hint` when something of the kind may have changed (also after a gap in the watch), until `signal` aborts.
   * A hint, never the truth: list to know. Never throws; goes silent when watching is not possible.
   */
  watch(kind: Kind, query: ListQuery, hint: () => void, signal: AbortSignal): void;
  /** The last lines a container wrote; of its previous run where it has crashed. */
  logs(
    pod: ObjectName,
    container: string,
    options: { readonly tailLines: number; readonly previous: boolean },
  ): Promise<string>;
  /**
   * GETs a path of a pod's port over a port-forward (which arrives on the pod's loopback). The body of a 200, else an
   * error.
   */
  getFromPod(pod: ObjectName, port: number, path: string): Promise<string>;
  /**
   * Ends connections, background work and, as an aborted `until` does, whatever is waited for. The process can end on
   * its own afterwards.
   */
  close(): Promise<void>;
}

export interface Identity {
  readonly context: string | undefined;
  readonly server: string;
  readonly user: string | undefined;
  /** Namespace of the context, `default` where it names none. */
  readonly namespace: string;
}

export interface ObjectName {
  readonly name: string;
  readonly namespace?: string | undefined;
}

export interface ListQuery {
  /** Absent: all namespaces. */
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  /** Ask for PartialObjectMetadata: only `metadata` is there. */
  readonly metadataOnly?: boolean;
}

export interface ListResult<R> {
  readonly items: readonly R[];
  readonly resourceVersion: string;
}

export interface WriteOptions {
  /** Runs admission and validation, changes nothing (`dryRun=All`). */
  readonly dryRun?: boolean;
}
