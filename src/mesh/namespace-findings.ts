/**
 * What is wrong with namespaces and what runs in them: one finding a namespace and kind of trouble, however many pods
 * it has.
 */
import { livingRevisions, missingEvidence, warning } from "./control-plane-findings.ts";
import type { Finding } from "./finding.ts";
import { labelOf } from "./labels.ts";
import { type Mesh, type Namespace, undoAnnotation, type Workload } from "./model.ts";
import { listed } from "./phrase.ts";
import { podFindings } from "./pod-findings.ts";
import { podStates } from "./pod-state.ts";

const injectionLabel = "istio-injection";
const revisionLabel = "istio.io/rev";

interface Inside {
  readonly mesh: Mesh;
  readonly namespace: Namespace;
  readonly workloads: readonly Workload[];
}

/** In the order of the namespaces. */
export function namespaceFindings(mesh: Mesh): readonly Finding[] {
  const workloads = Map.groupBy(mesh.workloads, (workload) => workload.namespace);
  const pods = Map.groupBy(podStates(mesh), (standing) => standing.pod.namespace);
  return mesh.namespaces.flatMap((namespace) => {
    const inside = { mesh, namespace, workloads: workloads.get(namespace.name) ?? [] };
    return [
      ...[bothLabels, unservedLabel, severalInjectors, refusal, undecided].flatMap((find) => find(inside) ?? []),
      ...podFindings(mesh, namespace, pods.get(namespace.name) ?? []),
      ...migration(namespace),
    ];
  });
}

function bothLabels({ namespace }: Inside): Finding | undefined {
  const { name, labels } = namespace;
  const [injection, revision] = [labelOf(labels, injectionLabel), labelOf(labels, revisionLabel)];
  if (injection === undefined || revision === undefined) return undefined;
  const message = `both ${injectionLabel}=${injection} and ${revisionLabel}=${revision} are set: ${revisionLabel} is ignored`;
  const remedy = `kubectl label namespace ${name} ${revisionLabel}- (to stay as it is), or ${injectionLabel}- (to follow ${revisionLabel})`;
  return warning("both-labels", `namespace/${name}`, message, remedy);
}

function unservedLabel({ mesh, namespace }: Inside): Finding | undefined {
  const { name, labels, injection: outcome } = namespace;
  const [injection, revision] = [labelOf(labels, injectionLabel), labelOf(labels, revisionLabel)];
  if (outcome.kind !== "none" || (injection === undefined ? !revision : injection !== "enabled")) return undefined;
  const label = injection === undefined ? `${revisionLabel}=${revision}` : `${injectionLabel}=${injection}`;
  const message = `new pods come up without a sidecar although ${label} is set: ${outcome.reason}`;
  const served = servedLabels(mesh);
  const choice = `kubectl label namespace ${name} ${injectionLabel}- ${revisionLabel}=${served.length === 1 ? served[0] : "REVISION"} --overwrite`;
  const remedy =
    served.length === 0 ? "install a control plane, or set a tag" : `${choice} (served today: ${listed(served, 6)})`;
  return warning("label-unserved", `namespace/${name}`, message, remedy);
}

/** Values of `istio.io/rev` that an active webhook with an istiod behind it serves. */
function servedLabels(mesh: Mesh): readonly string[] {
  const living = livingRevisions(mesh);
  const active = mesh.injectors.filter((injector) => !injector.deactivated && living.has(injector.revision));
  return [...new Set(active.map((injector) => injector.tag ?? injector.revision))];
}

/** Several webhooks for one pod: each injects over what the one before it made (istioctl: IST0139). */
function severalInjectors({ namespace, workloads }: Inside): Finding | undefined {
  const doubled = [namespace.injection, ...workloads.map((workload) => workload.injection)].find(
    (injection) => injection.kind === "injected" && injection.also.length > 0,
  );
  if (doubled?.kind !== "injected") return undefined;
  const message = `more than one webhook would inject its pods: ${listed([doubled.by, ...doubled.also], 6)}; ${doubled.revision} has the last word`;
  return warning(
    "several-injectors",
    `namespace/${namespace.name}`,
    message,
    "keep one: istioctl analyze names them (IST0139), istioctl tag set default deactivates the un-revisioned one",
  );
}

function refusal({ namespace, workloads }: Inside): Finding | undefined {
  const injection = [namespace.injection, ...workloads.map((workload) => workload.injection)].find(
    (each) => each.kind === "refused",
  );
  if (injection?.kind !== "refused") return undefined;
  const message = `new pods cannot be created: webhook ${injection.by} of revision ${injection.revision} selects them and ${injection.reason}`;
  return warning(
    "pods-refused",
    `namespace/${namespace.name}`,
    message,
    `bring istiod of ${injection.revision} back, or move the namespace to another revision`,
  );
}

function undecided({ namespace }: Inside): Finding | undefined {
  if (namespace.injection.kind !== "unknown") return undefined;
  return missingEvidence(
    "injection-unknown",
    `namespace/${namespace.name}`,
    `what would inject its pods is unknown: ${namespace.injection.reason}`,
    undefined,
  );
}

function migration(namespace: Namespace): readonly Finding[] {
  const open = openMigration(namespace);
  if (open === undefined) return [];
  const message = `a migration${open.target === undefined ? "" : ` to ${open.target}`} was begun and has not ended`;
  const remedy = `kubectl mesh-migrate -n ${namespace.name} --to ${open.target ?? "REVISION"} (goes on)`;
  return [warning("migration-open", `namespace/${namespace.name}`, message, remedy)];
}

/**
 * The unfinished migration that the namespace's annotation tells of. An annotation that cannot be read counts as one.
 */
export function openMigration(namespace: Namespace): { readonly target: string | undefined } | undefined {
  const text = labelOf(namespace.annotations, undoAnnotation);
  if (text === undefined) return undefined;
  try {
    const record = JSON.parse(text) as {
      readonly state?: unknown;
      readonly target?: { readonly label?: unknown };
    } | null;
    if (record?.state === "done") return undefined;
    const label = record?.target?.label;
    return { target: typeof label === "string" ? label : undefined };
  } catch {
    return { target: undefined };
  }
}
