/**
 * Tables: what a server answers to a client that prints for people
 * (https://kubernetes.io/docs/reference/using-api/api-concepts/#receiving-resources-as-tables). This one is for people
 * who use kubectl on the demo: what they look for in pods and workloads, and of all else name and age.
 */
import { isGoing, type Json, type KubeJson } from "../object.ts";

interface Column {
  readonly name: string;
  /** 1: shown by `-o wide` alone. */
  readonly priority: 0 | 1;
  /** `now`: milliseconds since 1970. */
  readonly cell: (object: KubeJson, now: number) => string;
}

const column = (name: string, cell: Column["cell"], priority: Column["priority"] = 0): Column => ({
  ...{ name, cell, priority },
});

/** Containers that run on: the native sidecars among the init containers, and all others. */
const statusesOf = ({ spec, status }: KubeJson): readonly Json[] => {
  const sidecars = (spec.initContainers ?? []).filter(({ restartPolicy }: Json) => restartPolicy === "Always");
  const names = new Set(sidecars.map(({ name }: Json) => name));
  const inits = (status?.initContainerStatuses ?? []).filter(({ name }: Json) => names.has(name));
  return [...inits, ...(status?.containerStatuses ?? [])];
};

const podStatus = (pod: KubeJson): string => {
  if (isGoing(pod)) return "Terminating";
  const reasons = statusesOf(pod).map(({ state }) => state?.waiting?.reason ?? state?.terminated?.reason);
  return reasons.find((reason) => reason !== undefined) ?? pod.status?.phase ?? "";
};

const restarts = (pod: KubeJson): number =>
  statusesOf(pod).reduce((sum, { restartCount = 0 }) => sum + restartCount, 0);

const phase = column("Status", ({ status }) => status?.phase ?? "");
const ready = column(
  "Ready",
  ({ spec, status }) =>
    `${status?.readyReplicas ?? status?.numberReady ?? 0}/${spec.replicas ?? status?.desiredNumberScheduled ?? 1}`,
);

/** Beside name and age, by plural. */
const known: Readonly<Record<string, readonly Column[]>> = {
  pods: [
    column("Ready", (pod) => {
      const all = statusesOf(pod);
      return `${all.filter((each) => each.ready).length}/${all.length}`;
    }),
    column("Status", podStatus),
    column("Restarts", (pod) => String(restarts(pod))),
    column("IP", ({ status }) => status?.podIP ?? "<none>", 1),
    column("Node", ({ spec }) => spec.nodeName ?? "<none>", 1),
  ],
  ...{ deployments: [ready], statefulsets: [ready], daemonsets: [ready], replicasets: [ready] },
  ...{ namespaces: [phase], persistentvolumeclaims: [phase] },
};

const nameColumn = column("Name", ({ metadata }) => metadata.name);
const ageColumn = column("Age", ({ metadata }, now) => ageText((now - Date.parse(metadata.creationTimestamp)) / 1000));

const ageText = (seconds: number): string => {
  const [count, unit] =
    seconds < 120
      ? [seconds, "s"]
      : seconds < 7200
        ? [seconds / 60, "m"]
        : seconds < 172_800
          ? [seconds / 3600, "h"]
          : [seconds / 86_400, "d"];
  return `${Math.trunc(count)}${unit}`;
};

export interface TableParts {
  /** Plural of the resource. */
  readonly plural: string;
  /** Milliseconds since 1970. */
  readonly now: number;
  /** How much of each object comes with its row: `None`, `Metadata` or `Object`. */
  readonly include: string;
}

/**
 * metav1.Table. `metadata` is the list's, or that of the only object; without `heads` it says no columns, as all but
 * the first of a watch.
 */
export function tableOf(
  { plural, now, include }: TableParts,
  metadata: Json,
  objects: readonly KubeJson[],
  heads = true,
): Json {
  const own = known[plural] ?? [];
  const [narrow, wide] = [0, 1].map((priority) => own.filter((each) => each.priority === priority));
  const columns = [nameColumn, ...(narrow ?? []), ageColumn, ...(wide ?? [])];
  return {
    ...{ kind: "Table", apiVersion: "meta.k8s.io/v1" },
    metadata: {
      resourceVersion: metadata.resourceVersion,
      continue: metadata.continue,
      remainingItemCount: metadata.remainingItemCount,
    },
    columnDefinitions: heads ? columns.map(headOf) : null,
    rows: objects.map((object) => ({
      cells: columns.map(({ cell }) => cell(object, now)),
      ...(include !== "None" && { object: include === "Object" ? object : partialOf(object) }),
    })),
  };
}

const headOf = ({ name, priority }: Column): Json => ({
  ...{ name, priority, type: "string", description: "" },
  format: name === "Name" ? "name" : "",
});

const partialOf = ({ metadata }: KubeJson): Json => ({
  kind: "PartialObjectMetadata",
  apiVersion: "meta.k8s.io/v1",
  metadata,
});
