/**
 * Workloads, their revisions and what scales them, as `kubectl get` prints them (kubernetes
 * pkg/printers/internalversion/printers.go).
 */
import { conditionOf, controllerOf, type Json, type KubeJson } from "../../object.ts";
import {
  ageColumn,
  ageOf,
  type Column,
  column,
  containerColumns,
  humanDuration,
  integer,
  labelsText,
  nameColumn,
  selectorText,
  wide,
} from "./column.ts";

const selector = wide("Selector", ({ spec }) => selectorText(spec.selector));
const containers = containerColumns(({ spec }) => spec.template);

const ready = column("Ready", ({ spec, status }) => `${status?.readyReplicas ?? 0}/${spec.replicas ?? 0}`);

const ofStatus = (name: string, field: string, type?: string): Column =>
  column(name, ({ status }) => status?.[field] ?? 0, type);

const jobColumns: readonly Column[] = [
  nameColumn,
  column("Status", (job) => {
    const holds = ["Complete", "Failed"].find((type) => conditionOf(job, type)?.status === "True");
    if (holds) return holds;
    if (job.metadata.deletionTimestamp) return "Terminating";
    return (
      ["Suspended", "FailureTarget", "SuccessCriteriaMet"].find((type) => conditionOf(job, type)?.status === "True") ??
      "Running"
    );
  }),
  column("Completions", ({ spec, status }) => {
    const done = status?.succeeded ?? 0;
    if (spec.completions !== undefined) return `${done}/${spec.completions}`;
    return spec.parallelism > 1 ? `${done}/1 of ${spec.parallelism}` : `${done}/1`;
  }),
  column("Duration", ({ status }, now) => {
    if (!status?.startTime) return "";
    const end = status.completionTime ? Date.parse(status.completionTime) : now;
    return humanDuration(Math.trunc((end - Date.parse(status.startTime)) / 1000));
  }),
  ageColumn,
  ...containers,
  selector,
];

const cronJobColumns: readonly Column[] = [
  nameColumn,
  column("Schedule", ({ spec }) => spec.schedule),
  column("Timezone", ({ spec }) => spec.timeZone ?? "<none>"),
  column(
    "Suspend",
    ({ spec }) => (spec.suspend === undefined ? "<unset>" : spec.suspend ? "True" : "False"),
    "boolean",
  ),
  integer("Active", ({ status }) => status?.active?.length ?? 0),
  column("Last Schedule", ({ status }, now) =>
    status?.lastScheduleTime ? ageOf(status.lastScheduleTime, now) : "<none>",
  ),
  ageColumn,
  ...containerColumns(({ spec }) => spec.jobTemplate.spec.template),
  wide("Selector", ({ spec }) => selectorText(spec.jobTemplate.spec.selector)),
];

/** Metrics of resources; of others only that they are there. */
function targetsText({ spec, status }: KubeJson): string {
  const texts = (spec.metrics ?? []).map(({ type, resource }: Json, index: number) => {
    if (type !== "Resource") return "<unknown type>";
    const current = status?.currentMetrics?.[index]?.resource?.current;
    const { averageValue, averageUtilization } = resource.target;
    if (averageValue !== undefined) return `${resource.name}: ${current?.averageValue ?? "<unknown>"}/${averageValue}`;
    const now = current?.averageUtilization === undefined ? "<unknown>" : `${current.averageUtilization}%`;
    return `${resource.name}: ${now}/${averageUtilization === undefined ? "<auto>" : `${averageUtilization}%`}`;
  });
  if (texts.length === 0) return "<none>";
  return texts.length > 2 ? `${texts.slice(0, 2).join(", ")} + ${texts.length - 2} more...` : texts.join(", ");
}

export const workloadColumns: readonly (readonly [plural: string, columns: readonly Column[]])[] = [
  [
    "deployments",
    [
      nameColumn,
      ready,
      ofStatus("Up-to-date", "updatedReplicas"),
      ofStatus("Available", "availableReplicas"),
      ageColumn,
      ...containers,
      selector,
    ],
  ],
  ["statefulsets", [nameColumn, ready, ageColumn, ...containers]],
  [
    "daemonsets",
    [
      nameColumn,
      ofStatus("Desired", "desiredNumberScheduled", "integer"),
      ofStatus("Current", "currentNumberScheduled", "integer"),
      ofStatus("Ready", "numberReady", "integer"),
      ofStatus("Up-to-date", "updatedNumberScheduled", "integer"),
      ofStatus("Available", "numberAvailable", "integer"),
      column("Node Selector", ({ spec }) => labelsText(spec.template.spec.nodeSelector)),
      ...[ageColumn, ...containers, selector],
    ],
  ],
  [
    "replicasets",
    [
      nameColumn,
      integer("Desired", ({ spec }) => spec.replicas ?? 0),
      ofStatus("Current", "replicas", "integer"),
      ofStatus("Ready", "readyReplicas", "integer"),
      ...[ageColumn, ...containers, selector],
    ],
  ],
  [
    "controllerrevisions",
    [
      nameColumn,
      column("Controller", (revision) => {
        const owner = controllerOf(revision);
        return owner ? `${`${owner.kind}.${owner.apiVersion.split("/", 1)[0]}`.toLowerCase()}/${owner.name}` : "<none>";
      }),
      column("Revision", ({ revision }) => revision),
      ageColumn,
    ],
  ],
  ["jobs", jobColumns],
  ["cronjobs", cronJobColumns],
  [
    "horizontalpodautoscalers",
    [
      nameColumn,
      column("Reference", ({ spec }) => `${spec.scaleTargetRef.kind}/${spec.scaleTargetRef.name}`),
      column("Targets", targetsText),
      column("MinPods", ({ spec }) => (spec.minReplicas === undefined ? "<unset>" : String(spec.minReplicas))),
      column("MaxPods", ({ spec }) => spec.maxReplicas),
      ofStatus("Replicas", "currentReplicas"),
      ageColumn,
    ],
  ],
  [
    "poddisruptionbudgets",
    [
      nameColumn,
      column("Min Available", ({ spec }) => String(spec.minAvailable ?? "N/A")),
      column("Max Unavailable", ({ spec }) => String(spec.maxUnavailable ?? "N/A")),
      ofStatus("Allowed Disruptions", "disruptionsAllowed", "integer"),
      ageColumn,
    ],
  ],
];
