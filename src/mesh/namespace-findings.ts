/** What is wrong with namespaces and what runs in them: one finding a namespace and kind of trouble, however many pods it has. */
import { livingRevisions, missingEvidence, warning } from "./control-plane-findings.ts";
import type { Finding } from "./finding.ts";
import { labelOf } from "./labels.ts";
import type { Mesh, Namespace, ObjectRef, Workload } from "./model.ts";
import { counted, listed } from "./phrase.ts";
import { refKey, type Standing, standings } from "./standing.ts";

/** Annotation of a namespace that holds what a migration found before it changed anything; its `state` is `open` while it is unfinished. */
export const undoAnnotation = "kubectl-mesh/undo";

const injectionLabel = "istio-injection";
const revisionLabel = "istio.io/rev";

interface Inside {
  readonly mesh: Mesh;
  readonly namespace: Namespace;
  readonly workloads: readonly Workload[];
  readonly standings: readonly Standing[];
}

/** In the order of the namespaces. */
export function namespaceFindings(mesh: Mesh): readonly Finding[] {
  const workloads = Map.groupBy(mesh.workloads, (workload) => workload.namespace);
  const pods = Map.groupBy(standings(mesh), (standing) => standing.pod.namespace);
  return mesh.namespaces.flatMap((namespace) => {
    const inside = { mesh, namespace, workloads: workloads.get(namespace.name) ?? [], standings: pods.get(namespace.name) ?? [] };
    return [labels, injectors, refusal, undecided, lackingSidecars, stale, losing, orphans, strangers, rejections, migration].flatMap((find) => find(inside) ?? []);
  });
}

function labels({ mesh, namespace }: Inside): Finding | undefined {
  const injection = labelOf(namespace.labels, injectionLabel);
  const revision = labelOf(namespace.labels, revisionLabel);
  const object = `namespace/${namespace.name}`;
  if (injection !== undefined && revision !== undefined) {
    const message = `both ${injectionLabel}=${injection} and ${revisionLabel}=${revision} are set: ${revisionLabel} is ignored`;
    return warning("both-labels", object, message, `kubectl label namespace ${namespace.name} ${revisionLabel}- (to stay as it is), or ${injectionLabel}- (to follow ${revisionLabel})`);
  }
  if (namespace.injection.kind !== "none" || (injection !== "enabled" && !revision)) return undefined;
  const label = injection === undefined ? `${revisionLabel}=${revision}` : `${injectionLabel}=${injection}`;
  const served = servedLabels(mesh);
  const remedy = served.length === 0 ? "install a control plane, or set a tag" : `kubectl label namespace ${namespace.name} ${injectionLabel}- ${revisionLabel}=${served.length === 1 ? served[0] : "REVISION"} --overwrite (served today: ${listed(served, 6)})`;
  return warning("label-unserved", object, `new pods come up without a sidecar although ${label} is set: ${namespace.injection.reason}`, remedy);
}

/** Values of `istio.io/rev` that some active webhook serves. */
const servedLabels = (mesh: Mesh): readonly string[] => [...new Set(mesh.injectors.filter((injector) => !injector.deactivated).map((injector) => injector.tag ?? injector.revision))];

/** Several webhooks for one pod: each injects over what the one before it made (istioctl: IST0139). */
function injectors({ namespace, workloads }: Inside): Finding | undefined {
  const doubled = [namespace.injection, ...workloads.map((workload) => workload.injection)].find((injection) => injection.kind === "injected" && injection.also.length > 0);
  if (doubled?.kind !== "injected") return undefined;
  const message = `more than one webhook would inject its pods: ${listed([doubled.by, ...doubled.also], 6)}; ${doubled.revision} has the last word`;
  return warning("several-injectors", `namespace/${namespace.name}`, message, "keep one: istioctl analyze names them (IST0139), istioctl tag set default deactivates the un-revisioned one");
}

function refusal({ namespace, workloads }: Inside): Finding | undefined {
  const injection = [namespace.injection, ...workloads.map((workload) => workload.injection)].find((each) => each.kind === "refused");
  if (injection?.kind !== "refused") return undefined;
  const message = `new pods cannot be created: webhook ${injection.by} of revision ${injection.revision} selects them and ${injection.reason}`;
  return warning("pods-refused", `namespace/${namespace.name}`, message, `bring istiod of ${injection.revision} back, or move the namespace to another revision`);
}

function undecided({ namespace }: Inside): Finding | undefined {
  if (namespace.injection.kind !== "unknown") return undefined;
  return missingEvidence("injection-unknown", `namespace/${namespace.name}`, `what would inject its pods is unknown: ${namespace.injection.reason}`, undefined);
}

function lackingSidecars({ namespace, standings }: Inside): Finding | undefined {
  const pods = standings.filter((standing) => standing.lacksSidecar);
  if (pods.length === 0) return undefined;
  const owners = ownersOf(pods);
  return warning("sidecar-missing", `namespace/${namespace.name}`, `${counted(pods.length, "pod")} of ${names(owners)} run${pods.length === 1 ? "s" : ""} without a sidecar although one is due`, restart(namespace.name, owners));
}

function stale({ namespace, standings }: Inside): Finding | undefined {
  const pods = standings.filter((standing) => standing.injected && standing.stale && standing.due?.kind === "injected");
  if (pods.length === 0) return undefined;
  const owners = ownersOf(pods);
  const running = listed([...new Set(pods.map((standing) => standing.revision ?? "unknown"))]);
  const due = listed([...new Set(pods.map((standing) => (standing.due?.kind === "injected" ? standing.due.revision : "")))]);
  const label = labelOf(namespace.labels, injectionLabel) === undefined ? labelOf(namespace.labels, revisionLabel) : undefined;
  const remedy = label ? `kubectl mesh-migrate -n ${namespace.name} --to ${label}` : restart(namespace.name, owners);
  return warning("stale-workloads", `namespace/${namespace.name}`, `${counted(pods.length, "pod")} of ${names(owners)} run${pods.length === 1 ? "s" : ""} ${running}; ${due} would inject them today`, remedy);
}

function losing({ namespace, standings }: Inside): Finding | undefined {
  const pods = standings.filter((standing) => standing.injected && standing.due?.kind === "none");
  if (pods.length === 0) return undefined;
  const message = `${counted(pods.length, "pod")} of ${names(ownersOf(pods))} would come up without a sidecar if restarted today`;
  return warning("sidecar-lost-at-restart", `namespace/${namespace.name}`, message, "label the namespace for a revision before anything restarts");
}

function orphans({ mesh, namespace, standings }: Inside): readonly Finding[] {
  const living = livingRevisions(mesh);
  const lost = standings.filter((standing) => standing.revision !== undefined && !living.has(standing.revision));
  return [...Map.groupBy(lost, (standing) => standing.revision ?? "")].map(([revision, pods]) => {
    const message = `${counted(pods.length, "pod")} of ${names(ownersOf(pods))} run${pods.length === 1 ? "s" : ""} ${revision}, which has no control plane: no new configuration, and certificates end within a day`;
    return warning("control-plane-missing", `namespace/${namespace.name}`, message, `kubectl mesh-migrate -n ${namespace.name} --to REVISION`);
  });
}

/** Connected to a control plane, and to none of the revision that injected it. A proxy that is connected nowhere may be reconnecting. */
function strangers({ namespace, standings }: Inside): Finding | undefined {
  const pods = standings.filter(({ revision, connections }) => revision !== undefined && connections.length > 0 && connections.every((connection) => connection.revision !== revision));
  if (pods.length === 0) return undefined;
  const where = listed([...new Set(pods.flatMap((standing) => standing.connections.map((connection) => `${standing.revision} → ${connection.revision}`)))]);
  const message = `proxies of ${counted(pods.length, "pod")} of ${names(ownersOf(pods))} are connected to another control plane than injected them (${where})`;
  return warning("connected-elsewhere", `namespace/${namespace.name}`, message, "look for discoveryAddress in their proxy.istio.io/config annotations and in the mesh config of the revision");
}

function rejections({ namespace, standings }: Inside): Finding | undefined {
  const rejected = standings.flatMap(({ pod, connections }) => connections.flatMap(({ proxy }) => proxy.rejected.map((each) => ({ pod, ...each }))));
  const first = rejected[0];
  if (first === undefined) return undefined;
  const pods = [...new Set(rejected.map(({ pod }) => pod.name))];
  return warning("configuration-rejected", `namespace/${namespace.name}`, `${listed(pods)} reject configuration: ${first.type}: ${first.message}`, `istioctl proxy-status ${first.pod.name}.${namespace.name} --revision ${standings.find(({ pod }) => pod === first.pod)?.connections[0]?.revision}`);
}

function migration({ namespace }: Inside): Finding | undefined {
  const open = openMigration(namespace);
  if (open === undefined) return undefined;
  const message = `a migration${open.target === undefined ? "" : ` to ${open.target}`} was begun and has not ended`;
  return warning("migration-open", `namespace/${namespace.name}`, message, `kubectl mesh-migrate -n ${namespace.name} --to ${open.target ?? "REVISION"} (goes on)`);
}

/** The unfinished migration that the namespace's annotation tells of. An annotation that cannot be read counts as one. */
export function openMigration(namespace: Namespace): { readonly target: string | undefined } | undefined {
  const text = labelOf(namespace.annotations, undoAnnotation);
  if (text === undefined) return undefined;
  try {
    const record = JSON.parse(text) as { readonly state?: unknown; readonly target?: { readonly label?: unknown } } | null;
    if (record?.state === "done") return undefined;
    const label = record?.target?.label;
    return { target: typeof label === "string" ? label : undefined };
  } catch {
    return { target: undefined };
  }
}

const ownersOf = (pods: readonly Standing[]): readonly ObjectRef[] => [...new Map(pods.map(({ pod }) => pod.workload ?? { kind: "Pod", namespace: pod.namespace, name: pod.name }).map((ref) => [refKey(ref), ref])).values()];

const names = (refs: readonly ObjectRef[]): string => listed(refs.map((ref) => `${ref.kind.toLowerCase()}/${ref.name}`));

const restartable = new Set(["Deployment", "StatefulSet", "DaemonSet"]);

function restart(namespace: string, refs: readonly ObjectRef[]): string {
  const known = refs.filter((ref) => restartable.has(ref.kind)).map((ref) => `${ref.kind.toLowerCase()}/${ref.name}`);
  return known.length === 0 ? "its pods have to be created again by whoever made them" : `kubectl rollout restart -n ${namespace} ${known.slice(0, 8).join(" ")}${known.length > 8 ? " …" : ""}`;
}

