/**
 * The port to a cluster: a dozen verbs. All code outside `src/cluster` uses a cluster through this interface alone.
 *
 * Every method throws `ClusterError` (cluster-error.ts) when there is no answer, or none of the expected shape: a
 * failed read is never an empty list. Reads are sent again after failures that may pass; writes only where the server
 * cannot have begun them (http/retry.ts).
 */
import type { KubeObject, Right } from "../mesh/kubernetes.ts";
import type { Kind } from "./kinds.ts";

export interface Cluster {
  /** Which user of which cluster this is: the first line that a plugin that writes prints. */
  readonly identity: Identity;
  /**
   * The same cluster (same connections, same identity) for as long as `signal` allows: when it aborts, whatever this
   * view waits for (a request in flight, the wait before it is sent again, pages to come, a watch) ends, and nothing
   * more is sent. It ends with a `ClusterError` of reason `timeout` whose `cause` is the signal's reason; a write that
   * was sent is `ambiguous`. A view of a view ends with the first of both signals. Its `close` does nothing.
   */
  until(signal: AbortSignal): Cluster;
  /** The API server's time, by its latest `Date` header. Makes a request only if none was made before. */
  now(): Promise<Date>;
  /** The API server's version as it reports it (`gitVersion`), e.g. `v1.36.3`, `v1.29.8-gke.1096000`. */
  version(): Promise<string>;
  /**
   * All objects of a kind, read in pages; only what `project` makes of each object is kept in memory. `undefined` where
   * an optional kind is not installed, and only there.
   */
  list<T extends KubeObject, R>(
    kind: Kind<T>,
    query: ListQuery,
    project: (object: T) => R,
  ): Promise<ListResult<R> | undefined>;
  /** One object; `undefined` only where the server answers NotFound about this object, not about its path. */
  get<T extends KubeObject>(kind: Kind<T>, name: string, namespace?: string): Promise<T | undefined>;
  /**
   * The kinds that the server has of these groups and that can be listed, each once: in the first of the group's
   * versions that has it. None of a group that is not installed. For groups whose versions differ from release to
   * release; their kinds are `optional`, because they may be removed at any time.
   */
  served(groups: readonly string[]): Promise<readonly Kind[]>;
  /** Sends a merge patch (RFC 7386) and gives back the object as the server now has it. */
  patch<T extends KubeObject>(kind: Kind<T>, ref: ObjectName, body: object, options: WriteOptions): Promise<T>;
  /** Creates an object and gives it back as the server now has it. */
  create<T extends KubeObject>(
    kind: Kind<T>,
    body: object,
    options: WriteOptions & { readonly namespace?: string },
  ): Promise<T>;
  /** Deletes one object, if it still has this UID, and this version where one is given; else the error is a `conflict`. */
  delete(
    kind: Kind,
    ref: ObjectName,
    uid: string,
    options: WriteOptions & { readonly resourceVersion?: string | undefined },
  ): Promise<void>;
  /** May the user do this? No clear answer is an error, never a no. */
  mayI(access: Right): Promise<{ readonly allowed: boolean; readonly reason: string }>;
  /**
   * Calls `hint` when objects of the kind may have changed (also after a gap in the watch), until `signal` aborts. What
   * they are now has to be listed. Never throws; where the kind cannot be watched, there are no hints.
   */
  watch(kind: Kind, query: ListQuery, hint: () => void, signal: AbortSignal): void;
  /** The last lines that a container wrote; with `previous`, those of its run before the last restart. */
  logs(
    pod: ObjectName,
    container: string,
    options: { readonly tailLines: number; readonly previous: boolean },
  ): Promise<string>;
  /**
   * GETs a path from a port of a pod over a port-forward, which arrives at the pod's loopback address. Gives the body
   * of a 200; every other status is an error.
   */
  getFromPod(pod: ObjectName, port: number, path: string): Promise<string>;
  /**
   * POSTs JSON over TLS to a port of a pod, over a port-forward of its own: for what only asks. The pod has to show a
   * certificate of this name that this authority signed. Gives the body of a 200; every other status is an error.
   */
  postToPod(pod: ObjectName, port: number, request: PodRequest): Promise<string>;
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

/** What a pod is asked, and how it is known to be the right one. */
export interface PodRequest {
  readonly path: string;
  readonly body: object;
  /** PEM of the authority that signed its certificate, and the name in it. */
  readonly ca: string;
  readonly servername: string;
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
