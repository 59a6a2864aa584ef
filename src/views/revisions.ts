/** `mesh-revisions` as text for a person: control planes, namespaces, gateways, workloads, and findings. */

import type { Injection } from "../mesh/model.ts";
import { isWorkloadKind, workloadResources } from "../mesh/workload-kinds.ts";
import { findingsView } from "./findings-view.ts";
import type { NamespaceEntry, RevisionEntry, RevisionsDocument } from "./revisions-document.ts";
import type { GatewayEntry } from "./revisions-gateways.ts";
import type { Count, Tally } from "./revisions-tally.ts";
import { tally } from "./revisions-tally.ts";
import type { WorkloadEntry } from "./revisions-workloads.ts";
import { type Head, type TableOptions, table } from "./table.ts";

/** The tables, with an empty line between them; empty tables are left out. */
export function revisionsView(document: RevisionsDocument, options: TableOptions = {}): string {
  const parts = [
    document.revisions.length === 0
      ? `No Istio control plane found: no istiod, injection webhook or tag (looked for istiod in namespace ${document.istioNamespace}).\n`
      : table(revisionHeads, document.revisions.map(revisionRow(document)), options),
    rowsOrNothing(namespaceHeads, document.namespaces.map(namespaceRow), options),
    rowsOrNothing(gatewayHeads, document.gateways.map(gatewayRow), options),
    document.workloads === undefined ? "" : rowsOrNothing(workloadHeads, document.workloads.map(workloadRow), options),
    findingsView(document.findings),
  ];
  return parts.filter((part) => part !== "").join("\n");
}

/**
 * One name in each line, as `kubectl -o name` prints them: with `-n` or `-A` workloads, else revisions, tags and
 * namespaces.
 */
export function revisionNamesView({ workloads, revisions, tags, namespaces }: RevisionsDocument): string {
  const names = workloads?.map(resourceName) ?? [
    ...revisions.filter((entry) => entry.deployment !== null).map((entry) => `revision/${entry.revision}`),
    ...tags.map((entry) => `tag/${entry.tag}`),
    ...namespaces.map((entry) => `namespace/${entry.name}`),
  ];
  return names.map((name) => `${name}\n`).join("");
}

const rowsOrNothing = (heads: readonly Head[], rows: Parameters<typeof table>[1], options: TableOptions): string =>
  rows.length === 0 ? "" : table(heads, rows, options);

const revisionHeads: readonly Head[] = [
  "revision",
  "default",
  "tags",
  "version",
  "istiods",
  "proxies",
  "installer",
  { wide: "deployment" },
  { wide: "injects" },
];

const revisionRow =
  (document: RevisionsDocument) =>
  (entry: RevisionEntry): readonly (string | undefined)[] => [
    entry.revision,
    defaultMarks(document, entry.revision),
    entry.tags.join(","),
    entry.version ?? "unknown",
    entry.deployment === null && entry.whereabouts !== "here"
      ? entry.whereabouts
      : entry.deployment === null
        ? "missing"
        : `${entry.istiods.ready}/${entry.istiods.desired}`,
    entry.connectedProxies === null ? "unknown" : `${entry.connectedProxies}`,
    entry.installer,
    entry.deployment === null ? undefined : `${entry.namespace}/${entry.deployment}`,
    entry.injectsVersion ?? "unknown",
  ];

/** Which of the two default roles a revision has. */
const defaultMarks = ({ default: roles }: RevisionsDocument, revision: string): string =>
  [roles.injects === revision ? "injects" : "", roles.validates === revision ? "validates" : ""]
    .filter((mark) => mark !== "")
    .join(",");

const namespaceHeads: readonly Head[] = [
  "namespace",
  "labels",
  "injects",
  "pods",
  "connected",
  "no sidecar",
  "stale",
  "note",
  { wide: "synced" },
  { wide: "outdated" },
  { wide: "reason" },
];

const namespaceRow = ({
  name,
  labels,
  injection,
  pods,
  findings,
  terminating,
}: NamespaceEntry): readonly (string | undefined)[] => [
  name,
  Object.entries(labels)
    .flatMap(([label, value]) => (value === null ? [] : [`${label}=${value}`]))
    .join(","),
  injects(injection),
  countsText(pods.injected),
  connectedText(pods),
  `${pods.withoutSidecar}`,
  staleText(pods),
  [...(terminating ? ["terminating"] : []), ...findings].join(","),
  syncedText(pods),
  outdatedText(pods),
  reasonOf(injection),
];

const gatewayHeads: readonly Head[] = [
  "namespace",
  "gateway",
  "class",
  "pinned",
  "pods",
  "connected",
  { wide: "synced" },
];

const gatewayRow = (entry: GatewayEntry): readonly (string | undefined)[] => [
  entry.namespace,
  entry.waypoint ? `waypoint/${entry.name}` : `${entry.kind.toLowerCase()}/${entry.name}`,
  entry.className ?? undefined,
  entry.pinned ?? undefined,
  countsText(entry.pods.injected),
  connectedText(entry.pods),
  syncedText(entry.pods),
];

const workloadHeads: readonly Head[] = [
  "namespace",
  "workload",
  "ready",
  "injects",
  "pods",
  "connected",
  "synced",
  "restart needed",
  { wide: "strategy" },
  { wide: "no sidecar" },
  { wide: "proxies" },
  { wide: "outdated" },
  { wide: "reason" },
];

function workloadRow(entry: WorkloadEntry): readonly (string | undefined)[] {
  const pods = tally(entry.pods);
  const versions = [...new Set(entry.pods.flatMap((pod) => pod.version ?? []))];
  return [
    entry.namespace,
    resourceName(entry),
    `${entry.ready}/${entry.desired}`,
    entry.injection === null ? undefined : injects(entry.injection),
    countsText(pods.injected),
    connectedText(pods),
    syncedText(pods),
    entry.restartNeeded === null ? "unknown" : entry.restartNeeded ? "yes" : "no",
    entry.strategy ?? undefined,
    `${pods.withoutSidecar}`,
    versions.join(","),
    outdatedText(pods),
    entry.injection === null ? undefined : reasonOf(entry.injection),
  ];
}

/** Owners of pods that cannot be restarted by their owner. */
const otherGroups = new Map([
  ["ReplicaSet", "apps"],
  ["Job", "batch"],
]);

/** `deployment.apps/web`, as kubectl names it. */
const resourceName = ({ kind, name }: WorkloadEntry): string => {
  const group = isWorkloadKind(kind) ? workloadResources[kind].group : otherGroups.get(kind);
  return `${kind.toLowerCase()}${group === undefined ? "" : `.${group}`}/${name}`;
};

/** The revision that would inject, or why no revision would. */
function injects(injection: Injection): string | undefined {
  switch (injection.kind) {
    case "injected":
      return injection.revision;
    case "none":
      return undefined;
    case "refused":
      return `refused (${injection.revision})`;
    case "unknown":
      return "unknown";
  }
}

const reasonOf = (injection: Injection): string => (injection.kind === "injected" ? injection.by : injection.reason);

/** `1-20 (12), default (3)`. */
const countsText = (counts: readonly Count[]): string =>
  counts.map(({ revision, pods }) => `${revision ?? "unknown"} (${pods})`).join(", ");

const connectedText = ({ connected, notConnected, connectionUnknown }: Tally): string =>
  [
    countsText(connected),
    notConnected === 0 ? "" : `<none> (${notConnected})`,
    connectionUnknown === 0 ? "" : `unknown (${connectionUnknown})`,
  ]
    .filter((part) => part !== "")
    .join(", ");

const staleText = ({ stale, staleUnknown }: Tally): string => numberText(stale, staleUnknown);
const outdatedText = ({ outdated, outdatedUnknown }: Tally): string => numberText(outdated, outdatedUnknown);

const numberText = (number: number, unknown: number): string =>
  unknown === 0 ? `${number}` : number === 0 ? "unknown" : `${number}, unknown (${unknown})`;

/** Synced proxies and all proxies. Unknown ones are not in the first number; column CONNECTED has them. */
const syncedText = ({ total, withoutSidecar, synced }: Tally): string =>
  total === withoutSidecar ? "" : `${synced}/${total - withoutSidecar}`;
