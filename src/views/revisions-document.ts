/** The JSON document of `mesh-revisions`. The table is made from it too, so that both show the same. */

import type { Finding } from "../mesh/finding.ts";
import type { LabelSelector } from "../mesh/kubernetes.ts";
import { labelOf, matchesSelector } from "../mesh/labels.ts";
import type { ControlPlane, Injection, Mesh, Namespace, Tag, Unknown } from "../mesh/model.ts";
import { type PodState, podStates } from "../mesh/pod-state.ts";
import { connectedProxies, everyConnectionKnown } from "../mesh/proxy/connected-proxies.ts";
import { injectedVersion } from "../mesh/proxy/proxy-version.ts";
import { defaultRevision, type IstiodPlace, isElsewhere, whereabouts } from "../mesh/revision-state.ts";
import { meshFindings } from "../upgrade/checks/mesh/mesh-checks.ts";
import { openMigration } from "../upgrade/record/open-migration.ts";
import { apiVersion, type ResultDocument } from "./document.ts";
import { type GatewayEntry, gatewayEntries } from "./revisions-gateways.ts";
import { type Tally, tally } from "./revisions-tally.ts";
import { type PodEntry, podEntry, type WorkloadEntry, workloadEntries } from "./revisions-workloads.ts";

export interface RevisionsDocument extends ResultDocument {
  readonly kind: "MeshRevisions";
  readonly takenAt: string;
  readonly istioNamespace: string;
  /** The revisions that `istio-injection=enabled` and the default validator lead to. */
  readonly default: { readonly injects: string | null; readonly validates: string | null };
  readonly revisions: readonly RevisionEntry[];
  readonly tags: readonly {
    readonly tag: string;
    readonly revision: string;
    readonly injects: boolean;
    readonly webhook: string | null;
  }[];
  readonly namespaces: readonly NamespaceEntry[];
  readonly gateways: readonly GatewayEntry[];
  /** Only with `-n` or `-A`. */
  readonly workloads?: readonly WorkloadEntry[];
  readonly findings: readonly Finding[];
  /** What could not be read. */
  readonly unknown: readonly Unknown[];
}

export interface RevisionEntry {
  readonly revision: string;
  readonly tags: readonly string[];
  readonly version: string | null;
  /** The version of the proxies that it injects; null: cannot be told. */
  readonly injectsVersion: string | null;
  readonly installer: ControlPlane["installer"];
  readonly namespace: string;
  /** Name of istiod's Deployment; null when the revision has only a webhook or a tag. */
  readonly deployment: string | null;
  /** istiod runs outside the cluster: its webhook has a URL, or calls a Service that leads out. */
  readonly external: boolean;
  /** Where istiod runs; `missing` only where it is certain that nothing answers its webhook. */
  readonly whereabouts: IstiodPlace;
  readonly istiods: { readonly ready: number; readonly desired: number };
  /** Null: unknown. */
  readonly connectedProxies: number | null;
}

export interface NamespaceEntry {
  readonly name: string;
  readonly labels: {
    readonly "istio-injection": string | null;
    readonly "istio.io/rev": string | null;
    readonly "istio.io/dataplane-mode": string | null;
  };
  readonly injection: Injection;
  readonly pods: Tally;
  /** Ids of the findings about it. */
  readonly findings: readonly string[];
  readonly terminating: boolean;
}

/** What to show: the mesh in overview, or the workloads of some or all namespaces. */
export interface RevisionsScope {
  readonly namespaces: readonly string[] | "all" | "overview";
  /** Selects workloads by their labels, in the overview namespaces. */
  readonly selector: LabelSelector | undefined;
}

/** The document of a mesh. The overview has no namespaces that are outside the mesh. */
export function revisionsDocument(mesh: Mesh, scope: RevisionsScope): RevisionsDocument {
  const all = podStates(mesh);
  const complete = everyConnectionKnown(mesh);
  const byNamespace = Map.groupBy(all, (state) => state.pod.namespace);
  const shown = mesh.namespaces.filter((namespace) => isShown(namespace, byNamespace.get(namespace.name) ?? [], scope));
  const names = new Set(shown.map((namespace) => namespace.name));
  const findings = meshFindings(mesh, all).filter(
    (finding) => !finding.object.startsWith("namespace/") || names.has(finding.object.slice("namespace/".length)),
  );
  const entry = (state: PodState): PodEntry => podEntry(state, complete);
  return {
    apiVersion,
    kind: "MeshRevisions",
    takenAt: mesh.takenAt,
    istioNamespace: mesh.istioNamespace,
    default: { injects: defaultRevision(mesh) ?? null, validates: mesh.defaultValidator?.revision ?? null },
    revisions: revisionEntries(mesh),
    tags: mesh.tags.map(({ tag, revision, injects, webhook }) => ({
      tag,
      revision,
      injects,
      webhook: webhook ?? null,
    })),
    namespaces: shown.map((namespace) =>
      namespaceEntry(namespace, (byNamespace.get(namespace.name) ?? []).map(entry), findings),
    ),
    gateways: gatewayEntries(mesh, all.filter((state) => names.has(state.pod.namespace)).map(entry), names),
    ...(scope.namespaces === "overview" ? {} : { workloads: workloadEntries(mesh, shown, all, entry, scope.selector) }),
    findings,
    unknown: mesh.unknown,
    exitCode: 0,
  };
}

const meshLabels = ["istio-injection", "istio.io/rev", "istio.io/dataplane-mode"] as const;

function isShown(namespace: Namespace, pods: readonly PodState[], { namespaces, selector }: RevisionsScope): boolean {
  if (namespaces === "all") return true;
  if (namespaces !== "overview") return namespaces.includes(namespace.name);
  if (selector !== undefined && !matchesSelector(selector, namespace.labels)) return false;
  const concerned =
    meshLabels.some((label) => labelOf(namespace.labels, label) !== undefined) || namespace.injection.kind !== "none";
  return concerned || openMigration(namespace) !== undefined || pods.some((state) => state.pod.proxy !== undefined);
}

/** Every control plane, and the revisions that only a tag names. */
function revisionEntries(mesh: Mesh): readonly RevisionEntry[] {
  const tagsOf = (revision: string): readonly string[] =>
    mesh.tags.filter((tag) => tag.revision === revision).map((tag) => tag.tag);
  const known = new Set(mesh.controlPlanes.map((plane) => plane.revision));
  const dangling = new Set(mesh.tags.map((tag: Tag) => tag.revision).filter((revision) => !known.has(revision)));
  return [
    ...mesh.controlPlanes.map((plane) => ({
      revision: plane.revision,
      tags: tagsOf(plane.revision),
      version: plane.version ?? null,
      injectsVersion: injectedVersion(mesh, plane.revision) ?? null,
      installer: plane.installer,
      namespace: plane.namespace,
      deployment: plane.deployment?.name ?? null,
      external: isElsewhere(mesh, plane.revision),
      whereabouts: whereabouts(mesh, plane.revision),
      istiods: { ready: plane.readyReplicas, desired: plane.desiredReplicas },
      connectedProxies: connectedProxies(mesh, plane) ?? null,
    })),
    ...[...dangling].map((revision) => ({
      revision,
      tags: tagsOf(revision),
      version: null,
      injectsVersion: null,
      installer: "unknown" as const,
      namespace: mesh.istioNamespace,
      deployment: null,
      external: isElsewhere(mesh, revision),
      whereabouts: whereabouts(mesh, revision),
      istiods: { ready: 0, desired: 0 },
      connectedProxies: 0,
    })),
  ];
}

function namespaceEntry(namespace: Namespace, pods: readonly PodEntry[], findings: readonly Finding[]): NamespaceEntry {
  const label = (key: (typeof meshLabels)[number]): string | null => labelOf(namespace.labels, key) ?? null;
  return {
    name: namespace.name,
    labels: {
      "istio-injection": label("istio-injection"),
      "istio.io/rev": label("istio.io/rev"),
      "istio.io/dataplane-mode": label("istio.io/dataplane-mode"),
    },
    injection: namespace.injection,
    pods: tally(pods),
    findings: [
      ...new Set(
        findings.filter((finding) => finding.object === `namespace/${namespace.name}`).map((finding) => finding.check),
      ),
    ],
    terminating: namespace.terminating,
  };
}
