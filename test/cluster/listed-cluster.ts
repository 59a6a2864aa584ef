/**
 * A cluster that lists given objects, for what reads through the port: label selectors hold, single reads can be made
 * to fail.
 */
import type { Cluster } from "../../src/cluster/cluster.ts";
import { ClusterError, type ClusterErrorReason } from "../../src/cluster/cluster-error.ts";
import type { Kind } from "../../src/cluster/kinds.ts";
import type { KubeObject } from "../../src/mesh/kubernetes.ts";
import { matchesSelector } from "../../src/mesh/labels.ts";
import { parseSelector } from "../../src/mesh/selector-text.ts";
import { fakeUntil } from "../fixtures/fake-until.ts";

export interface Given {
  /** Objects by the plural name of their kind; an optional kind that is missing is not installed. */
  readonly objects: Readonly<Record<string, readonly KubeObject[]>>;
  /**
   * Reads that fail, and why: all of a plural, `plural/namespace`, or a request as it stands in `requests` (or its
   * beginning up to a space).
   */
  readonly failures?: Readonly<Record<string, ClusterErrorReason>>;
  /** Bodies by `namespace/pod` and path; a pod that is missing does not answer. */
  readonly bodies?: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

export interface ListedCluster {
  readonly cluster: Cluster;
  /**
   * What was asked, in order: `list pods production app=istiod`, `get namespaces production`, `GET
   * istio-system/istiod:15014/debug/syncz`.
   */
  readonly requests: readonly string[];
}

export const listedCluster = ({ objects, failures = {}, bodies = {} }: Given): ListedCluster => {
  const requests: string[] = [];
  const ask = (request: string, kind: Kind, namespace: string | undefined): readonly KubeObject[] | undefined => {
    requests.push(request);
    const failing = Object.keys(failures).find(
      (what) => [kind.plural, `${kind.plural}/${namespace}`].includes(what) || `${request} `.startsWith(`${what} `),
    );
    const reason = failing === undefined ? undefined : failures[failing];
    if (reason !== undefined) throw new ClusterError(`${kind.plural}: ${reason}`, { reason });
    const all = objects[kind.plural] ?? (kind.optional ? undefined : []);
    return all?.filter((object) => namespace === undefined || object.metadata.namespace === namespace);
  };
  const unasked = (): never => {
    throw new Error("nothing but reads was expected");
  };
  const cluster: Omit<Cluster, "until"> = {
    identity: { context: undefined, server: "https://cluster.example", user: undefined, namespace: "default" },
    now: async () => new Date("2026-11-03T04:05:06Z"),
    list: async (kind, { namespace, labelSelector = "" }, project) => {
      const all = ask(["list", kind.plural, namespace, labelSelector].filter(Boolean).join(" "), kind, namespace);
      const selector = labelSelector === "" ? {} : parseSelector(labelSelector);
      if ("malformed" in selector) throw new Error(selector.malformed);
      const items = all?.filter((object) => matchesSelector(selector, object.metadata.labels));
      return items && { items: items.map((object) => project(object as never)), resourceVersion: "1" };
    },
    get: async (kind, name, namespace) =>
      ask(["get", kind.plural, namespace, name].filter(Boolean).join(" "), kind, namespace)?.find(
        (object) => object.metadata.name === name,
      ) as never,
    getFromPod: async ({ namespace, name }, port, path) => {
      requests.push(`GET ${namespace}/${name}:${port}${path}`);
      const body = bodies[`${namespace}/${name}`]?.[path];
      if (body === undefined) throw new ClusterError(`pod ${namespace}/${name} does not answer`, { reason: "timeout" });
      return body;
    },
    patch: unasked,
    create: unasked,
    delete: unasked,
    mayI: unasked,
    watch: unasked,
    logs: unasked,
    close: async () => undefined,
  };
  return { cluster: { ...cluster, until: fakeUntil(cluster) }, requests };
};
