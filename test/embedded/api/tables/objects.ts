/** Everything that is no workload, as `kubectl get` prints it (kubernetes pkg/printers/internalversion/printers.go). */
import { conditionOf, type Json, type KubeJson } from "../../object.ts";
import {
  ageColumn,
  ageOf,
  type Column,
  column,
  createdColumn,
  fewOf,
  integer,
  labelsText,
  nameColumn,
  selectorText,
  wide,
} from "./column.ts";

const none = "<none>";
const unset = "<unset>";

const node: readonly Column[] = [
  nameColumn,
  column("Status", (of) => {
    const ready = conditionOf(of, "Ready")?.status;
    const status = ready === undefined ? "Unknown" : ready === "True" ? "Ready" : "NotReady";
    return of.spec?.unschedulable ? `${status},SchedulingDisabled` : status;
  }),
  column("Roles", ({ metadata }) => {
    const roles = Object.keys(metadata.labels ?? {}).flatMap(
      (key) => /^node-role\.kubernetes\.io\/(.+)$/.exec(key)?.[1] ?? [],
    );
    return roles.toSorted().join() || none;
  }),
  ageColumn,
  column("Version", ({ status }) => status?.nodeInfo?.kubeletVersion ?? ""),
  wide("Internal-IP", (of) => addressOf(of, "InternalIP")),
  wide("External-IP", (of) => addressOf(of, "ExternalIP")),
  wide("OS-Image", ({ status }) => status?.nodeInfo?.osImage || "<unknown>"),
  wide(
    "Kernel-Version",
    ({ status }) => `${status?.nodeInfo?.kernelVersion || "<unknown>"} (${status?.nodeInfo?.architecture})`,
  ),
  wide("Container-Runtime", ({ status }) => status?.nodeInfo?.containerRuntimeVersion || "<unknown>"),
];
const addressOf = ({ status }: KubeJson, type: string): string =>
  status?.addresses?.find((each: Json) => each.type === type)?.address ?? none;

const service: readonly Column[] = [
  nameColumn,
  column("Type", ({ spec }) => spec.type),
  column("Cluster-IP", ({ spec }) => spec.clusterIPs?.[0] ?? none),
  column("External-IP", ({ spec, status }) => {
    if (spec.type === "ExternalName") return spec.externalName;
    const given = (status?.loadBalancer?.ingress ?? []).map(({ ip, hostname }: Json) => ip || hostname);
    return [...given, ...(spec.externalIPs ?? [])].join() || (spec.type === "LoadBalancer" ? "<pending>" : none);
  }),
  column("Port(s)", ({ spec }) => {
    const text = ({ port, nodePort, protocol }: Json): string => `${port}${nodePort ? `:${nodePort}` : ""}/${protocol}`;
    return (spec.ports ?? []).map(text).join() || none;
  }),
  ageColumn,
  wide("Selector", ({ spec }) => labelsText(spec.selector)),
];

const firstSeen = ({ firstTimestamp, eventTime }: KubeJson): string => firstTimestamp ?? eventTime;
const event: readonly Column[] = [
  column("Last Seen", (of, now) => ageOf(of.series?.lastObservedTime ?? of.lastTimestamp ?? firstSeen(of), now)),
  column("Type", ({ type }) => type),
  column("Reason", ({ reason }) => reason),
  column("Object", ({ involvedObject: { kind = "", name } }) => `${kind.toLowerCase()}${name ? `/${name}` : ""}`),
  wide("Subobject", ({ involvedObject }) => involvedObject.fieldPath ?? ""),
  wide("Source", ({ source, reportingComponent, reportingInstance }) =>
    [source?.component || reportingComponent, source?.host || reportingInstance].filter(Boolean).join(", "),
  ),
  column("Message", ({ message }) => (message ?? "").trim()),
  wide("First Seen", (of, now) => ageOf(firstSeen(of), now)),
  wide("Count", ({ series, count }) => series?.count ?? (count || 1)),
  { ...nameColumn, priority: 1 },
];

const accessModes = (modes: readonly string[] | undefined): string =>
  (modes ?? []).map((mode) => mode.replaceAll(/[a-z]/g, "")).join();

const claim: readonly Column[] = [
  nameColumn,
  column("Status", ({ metadata, status }) => (metadata.deletionTimestamp ? "Terminating" : (status?.phase ?? ""))),
  column("Volume", ({ spec }) => spec.volumeName ?? ""),
  column("Capacity", ({ spec, status }) => (spec.volumeName ? (status?.capacity?.storage ?? "0") : "")),
  column("Access Modes", ({ spec, status }) => (spec.volumeName ? accessModes(status?.accessModes) : "")),
  column("StorageClass", ({ spec }) => spec.storageClassName ?? ""),
  column("VolumeAttributesClass", ({ spec }) => spec.volumeAttributesClassName ?? unset),
  ageColumn,
  wide("VolumeMode", ({ spec }) => spec.volumeMode ?? unset),
];

const volume: readonly Column[] = [
  nameColumn,
  column("Capacity", ({ spec }) => spec.capacity?.storage ?? "0"),
  column("Access Modes", ({ spec }) => accessModes(spec.accessModes)),
  column("Reclaim Policy", ({ spec }) => spec.persistentVolumeReclaimPolicy ?? ""),
  column("Status", ({ metadata, status }) => (metadata.deletionTimestamp ? "Terminating" : (status?.phase ?? ""))),
  column("Claim", ({ spec }) => (spec.claimRef ? `${spec.claimRef.namespace}/${spec.claimRef.name}` : "")),
  column("StorageClass", ({ spec }) => spec.storageClassName ?? ""),
  column("VolumeAttributesClass", ({ spec }) => spec.volumeAttributesClassName ?? unset),
  column("Reason", ({ status }) => status?.reason ?? ""),
  ageColumn,
  wide("VolumeMode", ({ spec }) => spec.volumeMode ?? unset),
];

/** `limits.cpu: 1/2`: what is used of what there is, those of limits in a column of their own. */
const quotaText = ({ status }: KubeJson, limits: boolean): string =>
  Object.entries(status?.hard ?? {})
    .filter(([name]) => name.startsWith("limits.") === limits)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, hard]) => `${name}: ${status?.used?.[name] ?? 0}/${hard}`)
    .join(", ");

const subjects =
  (of: string): Column["cell"] =>
  (binding) =>
    (binding.subjects ?? [])
      .filter(({ kind }: Json) => kind === of)
      .map(({ namespace, name }: Json) => (of === "ServiceAccount" ? `${namespace}/${name}` : name))
      .join(", ");
const binding: readonly Column[] = [
  nameColumn,
  column("Role", ({ roleRef }) => `${roleRef.kind}/${roleRef.name}`),
  ageColumn,
  wide("Users", subjects("User")),
  wide("Groups", subjects("Group")),
  wide("ServiceAccounts", subjects("ServiceAccount")),
];

const webhooks: readonly Column[] = [nameColumn, integer("Webhooks", (of) => of.webhooks?.length ?? 0), ageColumn];
const created: readonly Column[] = [nameColumn, createdColumn];
const sizeOf = (map: Json): number => Object.keys(map ?? {}).length;

export const objectColumns: readonly (readonly [plural: string, columns: readonly Column[]])[] = [
  [
    "namespaces",
    [
      nameColumn,
      column(
        "Status",
        ({ metadata, status }) => status?.phase ?? (metadata.deletionTimestamp ? "Terminating" : "Active"),
      ),
      ageColumn,
    ],
  ],
  ["nodes", node],
  ["services", service],
  ["configmaps", [nameColumn, column("Data", (of) => sizeOf(of.data) + sizeOf(of.binaryData)), ageColumn]],
  [
    "secrets",
    [nameColumn, column("Type", ({ type }) => type ?? "Opaque"), column("Data", ({ data }) => sizeOf(data)), ageColumn],
  ],
  ["serviceaccounts", [nameColumn, ageColumn]],
  ["events", event],
  [
    "resourcequotas",
    [
      nameColumn,
      column("Request", (of) => quotaText(of, false)),
      column("Limit", (of) => quotaText(of, true)),
      ageColumn,
    ],
  ],
  ["limitranges", created],
  ["persistentvolumeclaims", claim],
  ["persistentvolumes", volume],
  [
    "endpointslices",
    [
      nameColumn,
      column("AddressType", ({ addressType }) => addressType),
      column("Ports", ({ ports }) => fewOf((ports ?? []).map(({ port, name }: Json) => String(port ?? name ?? "*")))),
      column("Endpoints", ({ endpoints }) => fewOf((endpoints ?? []).flatMap(({ addresses }: Json) => addresses))),
      ageColumn,
    ],
  ],
  ["networkpolicies", [nameColumn, column("Pod-Selector", ({ spec }) => selectorText(spec.podSelector)), ageColumn]],
  ["mutatingwebhookconfigurations", webhooks],
  ["validatingwebhookconfigurations", webhooks],
  [
    "validatingadmissionpolicies",
    [
      nameColumn,
      integer("Validations", ({ spec }) => spec.validations?.length ?? 0),
      column("ParamKind", ({ spec }) =>
        spec.paramKind ? `${spec.paramKind.apiVersion}/${spec.paramKind.kind}` : unset,
      ),
      ageColumn,
    ],
  ],
  [
    "validatingadmissionpolicybindings",
    [
      nameColumn,
      column("PolicyName", ({ spec }) => spec.policyName),
      column("ParamRef", ({ spec }) =>
        spec.paramRef?.name ? `${spec.paramRef.namespace ?? "*"}/${spec.paramRef.name}` : unset,
      ),
      ageColumn,
    ],
  ],
  ["leases", [nameColumn, column("Holder", ({ spec }) => spec?.holderIdentity ?? ""), ageColumn]],
  [
    "storageclasses",
    [
      {
        ...nameColumn,
        cell: ({ metadata }) =>
          metadata.annotations?.["storageclass.kubernetes.io/is-default-class"] === "true"
            ? `${metadata.name} (default)`
            : metadata.name,
      },
      column("Provisioner", ({ provisioner }) => provisioner),
      column("ReclaimPolicy", ({ reclaimPolicy }) => reclaimPolicy ?? "Delete"),
      column("VolumeBindingMode", ({ volumeBindingMode }) => volumeBindingMode ?? "Immediate"),
      column("AllowVolumeExpansion", ({ allowVolumeExpansion }) => allowVolumeExpansion ?? false),
      ageColumn,
    ],
  ],
  ["customresourcedefinitions", created],
  ...["roles", "clusterroles"].map((plural): readonly [string, readonly Column[]] => [plural, created]),
  ...["rolebindings", "clusterrolebindings"].map((plural): readonly [string, readonly Column[]] => [plural, binding]),
];
