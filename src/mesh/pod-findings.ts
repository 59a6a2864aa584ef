/** What is wrong with the pods of a namespace: one finding a kind of trouble, however many pods it has. */

import { livingRevisions, warning } from "./control-plane-findings.ts";
import type { Finding } from "./finding.ts";
import { labelOf } from "./labels.ts";
import type { Mesh, Namespace, ObjectRef } from "./model.ts";
import { refText } from "./object-ref.ts";
import { counted, listed } from "./phrase.ts";
import type { PodState } from "./pod-state.ts";

/** `standings` are those of the namespace's live pods. */
export function podFindings(mesh: Mesh, namespace: Namespace, standings: readonly PodState[]): readonly Finding[] {
  const { name } = namespace;
  return [
    ...lackingSidecars(name, standings),
    ...stale(namespace, standings),
    ...losing(name, standings),
    ...orphans(name, standings, livingRevisions(mesh)),
    ...strangers(name, standings),
    ...rejections(name, standings),
  ];
}

const told = (check: string, namespace: string, message: string, remedy: string): readonly Finding[] => [
  warning(check, `namespace/${namespace}`, message, remedy),
];

function lackingSidecars(namespace: string, standings: readonly PodState[]): readonly Finding[] {
  const pods = standings.filter((standing) => standing.lacksSidecar);
  if (pods.length === 0) return [];
  return told(
    "sidecar-missing",
    namespace,
    `${whose(pods)} without a sidecar although one is due`,
    restart(namespace, ownersOf(pods)),
  );
}

function stale({ name, labels }: Namespace, standings: readonly PodState[]): readonly Finding[] {
  const pods = standings.filter((standing) => standing.injected && standing.stale && standing.due?.kind === "injected");
  if (pods.length === 0) return [];
  const running = listed(distinct(pods.map((standing) => standing.revision ?? "unknown")));
  const due = listed(
    distinct(pods.flatMap((standing) => (standing.due?.kind === "injected" ? [standing.due.revision] : []))),
  );
  const label = labelOf(labels, "istio-injection") === undefined ? labelOf(labels, "istio.io/rev") : undefined;
  const remedy = label ? `kubectl mesh-migrate -n ${name} --to ${label}` : restart(name, ownersOf(pods));
  return told("stale-workloads", name, `${whose(pods)} ${running}; ${due} would inject them today`, remedy);
}

function losing(namespace: string, standings: readonly PodState[]): readonly Finding[] {
  const pods = standings.filter((standing) => standing.injected && standing.due?.kind === "none");
  if (pods.length === 0) return [];
  const message = `${whose(pods)} a sidecar, and would come up without one if restarted today`;
  return told(
    "sidecar-lost-at-restart",
    namespace,
    message,
    "label the namespace for a revision before anything restarts",
  );
}

function orphans(namespace: string, standings: readonly PodState[], living: ReadonlySet<string>): readonly Finding[] {
  const lost = standings.filter((standing) => standing.revision !== undefined && !living.has(standing.revision));
  return [...Map.groupBy(lost, (standing) => standing.revision ?? "")].flatMap(([revision, pods]) => {
    const message = `${whose(pods)} ${revision}, which has no control plane: no new configuration, and certificates end within a day`;
    return told("control-plane-missing", namespace, message, `kubectl mesh-migrate -n ${namespace} --to REVISION`);
  });
}

/**
 * Connected to a control plane, and to none of the revision that injected it. A proxy that is connected nowhere may be
 * reconnecting.
 */
function strangers(namespace: string, standings: readonly PodState[]): readonly Finding[] {
  const pods = standings.filter(
    ({ revision, connections }) =>
      revision !== undefined &&
      connections.length > 0 &&
      connections.every((connection) => connection.revision !== revision),
  );
  if (pods.length === 0) return [];
  const where = distinct(
    pods.flatMap(({ revision, connections }) =>
      connections.map((connection) => `${revision} → ${connection.revision}`),
    ),
  );
  const message = `${whose(pods)} proxies connected to another control plane than injected them (${listed(where)})`;
  const remedy =
    "look for discoveryAddress in their proxy.istio.io/config annotations and in the mesh config of the revision";
  return told("connected-elsewhere", namespace, message, remedy);
}

function rejections(namespace: string, standings: readonly PodState[]): readonly Finding[] {
  const rejected = standings.flatMap(({ pod, connections }) =>
    connections.flatMap(({ revision, proxy }) => proxy.rejected.map((each) => ({ pod, revision, ...each }))),
  );
  const [first] = rejected;
  if (first === undefined) return [];
  const pods = distinct(rejected.map(({ pod }) => pod.name));
  const message = `${listed(pods)} reject${pods.length === 1 ? "s" : ""} configuration: ${first.type}: ${first.message}`;
  return told(
    "configuration-rejected",
    namespace,
    message,
    `istioctl proxy-status ${first.pod.name}.${namespace} --revision ${first.revision}`,
  );
}

/** `3 pods of deployment/web run`. */
const whose = (pods: readonly PodState[]): string =>
  `${counted(pods.length, "pod")} of ${listed(ownersOf(pods).map((ref) => `${ref.kind.toLowerCase()}/${ref.name}`))} run${pods.length === 1 ? "s" : ""}`;

const distinct = (texts: readonly string[]): readonly string[] => [...new Set(texts)];

const ownersOf = (pods: readonly PodState[]): readonly ObjectRef[] => {
  const refs = pods.map(({ pod }) => pod.workload ?? { kind: "Pod", namespace: pod.namespace, name: pod.name });
  return [...new Map(refs.map((ref) => [refText(ref), ref])).values()];
};

const restartable = new Set(["Deployment", "StatefulSet", "DaemonSet"]);

function restart(namespace: string, refs: readonly ObjectRef[]): string {
  const known = refs.filter((ref) => restartable.has(ref.kind)).map((ref) => `${ref.kind.toLowerCase()}/${ref.name}`);
  if (known.length === 0) return "its pods have to be created again by whoever made them";
  return `kubectl rollout restart -n ${namespace} ${known.slice(0, 8).join(" ")}${known.length > 8 ? " …" : ""}`;
}
