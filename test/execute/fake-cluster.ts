/** The verbs of the port that waiting needs, over objects that a test sets; anything else is a fault of the test. */
import type { Cluster, ListQuery } from "../../src/cluster/cluster.ts";
import { ClusterError } from "../../src/cluster/cluster-error.ts";
import type { Kind } from "../../src/cluster/kinds.ts";
import type { KubeObject } from "../../src/mesh/kubernetes.ts";
import { fakeUntil } from "../fixtures/fake-until.ts";

export interface FakeCluster extends Cluster {
  /** Objects by plural; an optional kind that is missing is not installed. */
  readonly objects: Map<string, KubeObject[]>;
  /** Lists that were asked for, as `pods in production`. */
  readonly lists: string[];
  /** Plurals whose lists fail. */
  readonly failing: Map<string, ClusterError>;
  /** What a GET from a pod gives, by `NAMESPACE/NAME PATH`; missing: refused. */
  readonly answers: Map<string, string>;
  readonly asked: string[];
  /** Hints to everybody who watches this plural. */
  hint(plural: string): void;
  watching(): readonly string[];
}

export function fakeCluster(): FakeCluster {
  const objects = new Map<string, KubeObject[]>();
  const [lists, failing, answers, asked] = [
    [] as string[],
    new Map<string, ClusterError>(),
    new Map<string, string>(),
    [] as string[],
  ];
  const watches = new Set<{ plural: string; hint: () => void }>();
  const unused = (verb: string) => () => {
    throw new Error(`${verb} is not faked`);
  };
  const cluster: Omit<FakeCluster, "until"> = {
    objects,
    lists,
    failing,
    answers,
    asked,
    hint: (plural) => {
      for (const watch of watches) if (watch.plural === plural) watch.hint();
    },
    watching: () => [...watches].map(({ plural }) => plural).toSorted(),
    list: async <T extends KubeObject, R>(kind: Kind<T>, query: ListQuery, project: (object: T) => R) => {
      lists.push(query.namespace ? `${kind.plural} in ${query.namespace}` : kind.plural);
      const error = failing.get(kind.plural);
      if (error) throw error;
      const found = objects.get(kind.plural);
      if (!found && kind.optional) return undefined;
      const [key, value] = query.labelSelector?.split("=") ?? [];
      const items = (found ?? []).filter(
        ({ metadata: { namespace, labels } }) =>
          (query.namespace === undefined || namespace === query.namespace) &&
          (key === undefined || labels?.[key] === value),
      );
      return { items: items.map((object) => project(object as T)), resourceVersion: "1" };
    },
    watch: (kind, _query, hint, signal) => {
      const watch = { plural: kind.plural, hint };
      watches.add(watch);
      signal.addEventListener("abort", () => watches.delete(watch), { once: true });
    },
    getFromPod: async (pod, port, path) => {
      asked.push(`${pod.namespace}/${pod.name} ${path}`);
      const body = port === 15014 ? answers.get(`${pod.namespace}/${pod.name} ${path}`) : undefined;
      if (body === undefined)
        throw new ClusterError(`no answer from pod ${pod.namespace}/${pod.name}`, { reason: "unreachable" });
      return body;
    },
    identity: { context: "test", server: "https://127.0.0.1", user: "test", namespace: "default" },
    now: unused("now"),
    get: unused("get"),
    patch: unused("patch"),
    create: unused("create"),
    delete: unused("delete"),
    mayI: unused("mayI"),
    logs: unused("logs"),
    close: async () => {},
  };
  return { ...cluster, until: fakeUntil(cluster) };
}
