import { type Injectable, injectableFrom, injectionOf } from "../../mesh/injection.ts";
import { isBefore } from "../../mesh/instant.ts";
import { labelOf } from "../../mesh/labels.ts";
import type { Injection, Mesh, Namespace, Pod, Workload } from "../../mesh/model.ts";
import { undoAnnotation } from "../../mesh/model.ts";
import { refText } from "../../mesh/object-ref.ts";
import { isLive } from "../../mesh/pod-state.ts";
import { type RevisionLabels, revisionLabelKeys, revisionLabelsOf } from "../../mesh/revision-labels.ts";
import { endsByItself, podEndsByItself } from "../owners/ends-by-itself.ts";
import { isMalformed } from "../record/record-fields.ts";
import type { FromRevision, Target, UndoRecord } from "../record/undo-record.ts";
import { parseUndoRecord } from "../record/undo-record.ts";
import { blockedReason } from "./blocked-reason.ts";
import type { Asked, Disposition, NamespaceMove, PodsWithoutWorkload, WorkloadMove } from "./moves.ts";
import { isNamed } from "./object-pattern.ts";

export interface Moving {
  readonly mesh: Mesh;
  readonly target: Target;
  /** The values of `--leave`. */
  readonly leave: readonly string[];
  /** The values of `--ends-by-itself`. */
  readonly endsByItself: readonly string[];
  /** UIDs of the workloads that `-l` selects; undefined without `-l`. */
  readonly selected: ReadonlySet<string> | undefined;
}

/** The moves of these namespaces of the mesh, each by its way where it has one. */
export const namespaceMoves = (
  moving: Moving,
  namespaces: readonly string[],
  wayOf: (namespace: Namespace) => Way | undefined = () => undefined,
): readonly NamespaceMove[] => {
  const workloads = Map.groupBy(moving.mesh.workloads, ({ namespace }) => namespace);
  const pods = Map.groupBy(moving.mesh.pods, ({ namespace }) => namespace);
  return moving.mesh.namespaces
    .filter(({ name }) => namespaces.includes(name))
    .map((namespace) => {
      const inside = { workloads: workloads.get(namespace.name) ?? [], pods: pods.get(namespace.name) ?? [] };
      return namespaceMove({ namespace, ...inside }, moving, wayOf(namespace));
    });
};

/** By which labels a namespace gets to the target, and which of its pods need not. */
export interface Way {
  readonly after: RevisionLabels;
  /** The record that the move continues or undoes. */
  readonly open: UndoRecord | undefined;
  /** Where the namespace comes from; undefined: the record or the mesh shows it. */
  readonly from: FromRevision | undefined;
  /** A pod on another revision that stays there. */
  readonly stays: (pod: Pod) => boolean;
}

/** The labels that a migration to the target writes. */
export const labelsTo = ({ label }: Pick<Target, "label">): RevisionLabels => ({
  "istio-injection": null,
  "istio.io/rev": label,
});

/** A tag is moved, and the labels stay as they are. */
export const behindTag = (namespace: Namespace, target: Target): Way => ({
  ...onward(namespace, target),
  after: revisionLabelsOf(namespace.labels),
});

const onward = (namespace: Namespace, target: Target): Way => ({
  after: labelsTo(target),
  open: openRecord(namespace, target),
  from: undefined,
  stays: () => false,
});

/**
 * What moving this namespace to the target means for its labels and for each of its workloads. Without a `way` it is
 * the move of a migration.
 */
export const namespaceMove = (
  { namespace, workloads, pods }: Pick<NonNullable<Asked["found"]>, "namespace" | "workloads" | "pods">,
  moving: Moving,
  way: Way = onward(namespace, moving.target),
): NamespaceMove => {
  const { mesh, target } = moving;
  const { after, open } = way;
  const before = revisionLabelsOf(namespace.labels);
  const labelsAfter = withRevisionLabels(namespace.labels, after);
  const inject = (pod: Injectable): Injection =>
    injectionOf(mesh.injectors, { name: namespace.name, labels: labelsAfter }, pod);
  const plain = inject({});
  const moves = workloads.map((workload) =>
    workloadMove(workload, injectionAfter(workload, inject), plain, way, moving),
  );
  const unowned = pods.filter((pod) => !way.stays(pod));
  const podsWithoutWorkload = podsWithoutWorkloadIn(namespace.name, unowned, new Set(workloads.map(refText)), moving);
  const stale = [...moves.flatMap((move) => move.stale), ...podsWithoutWorkload.flatMap((move) => move.pods)];
  return {
    namespace,
    before,
    after,
    labelsAfter,
    from: way.from ?? open?.from ?? fromRevision(mesh, namespace, target, stale),
    open,
    workloads: moves,
    podsWithoutWorkload,
    pods,
  };
};

const withRevisionLabels = (labels: Namespace["labels"], after: RevisionLabels): Namespace["labels"] =>
  Object.fromEntries([
    ...Object.entries(labels).filter(([name]) => !revisionLabelKeys.some((key) => key === name)),
    ...revisionLabelKeys.flatMap((key) => (after[key] === null ? [] : [[key, after[key]]])),
  ]);

/** The record of an unfinished run to this target in this namespace. */
const openRecord = (namespace: Namespace, target: Target): UndoRecord | undefined => {
  const record = recordTo(namespace, target);
  return record?.state === "open" ? record : undefined;
};

/**
 * The record of the last run to this target in this namespace; what else the annotation may contain is the checks'
 * business.
 */
export const recordTo = (namespace: Namespace, target: Target): UndoRecord | undefined => {
  const text = labelOf(namespace.annotations, undoAnnotation);
  const record = text === undefined ? undefined : parseUndoRecord(text);
  if (record === undefined || isMalformed(record) || record.namespaceUid !== namespace.uid) return undefined;
  return record.target.label === target.label && record.target.revision === target.revision ? record : undefined;
};

const injectionAfter = ({ template }: Workload, inject: (pod: Injectable) => Injection): Injection => {
  if (template === undefined) return { kind: "unknown", reason: "its pod template is not known" };
  return inject(injectableFrom(template));
};

const workloadMove = (
  workload: Workload,
  after: Injection,
  plain: Injection,
  { open, stays }: Way,
  { target, leave, endsByItself: more, selected }: Moving,
): WorkloadMove => {
  const lostItsSidecar = open !== undefined && lostSidecar(workload, after, open, target);
  const stale = workload.pods.filter(
    (pod) =>
      (isStale(pod, target) && !stays(pod)) || (lostItsSidecar && isRunning(pod) && !isInjected(pod) && !stays(pod)),
  );
  const blocked = stale.length === 0 ? undefined : blockedReason(workload, after, plain, target);
  const { owner } = workload;
  const disposition = (): Disposition => {
    if (stale.length === 0)
      return workload.pods.some((pod) => isStale(pod, target)) ? "before" : restingFate(workload, after, target);
    if (isNamed(leave, workload)) return "left";
    if (owner?.controller && endsByItself(owner, more)) return "job";
    if (selected !== undefined && !selected.has(workload.uid)) return "unselected";
    return blocked === undefined ? "restart" : "blocked";
  };
  return { workload, after, disposition: disposition(), stale, blocked };
};

/**
 * Restarted since the unfinished run began, which restarts only what has sidecars: pods without one lost it then (its
 * injector was away, or the labels were), and it is for the run that goes on to give it back.
 */
const lostSidecar = ({ restartedAt }: Workload, after: Injection, { stamp }: UndoRecord, target: Target): boolean =>
  after.kind === "injected" &&
  after.revision === target.revision &&
  (restartedAt === stamp || isBefore(stamp, restartedAt));

/**
 * A pod that runs an injected proxy of another revision, or of one that it does not say. A terminating one needs no
 * restart.
 */
const isStale = (pod: Pod, target: Target): boolean =>
  isRunning(pod) && isInjected(pod) && pod.proxy?.revision !== target.revision;

const isRunning = (pod: Pod): boolean => isLive(pod) && !pod.terminating;
const isInjected = (pod: Pod): boolean => pod.proxy?.kind === "sidecar" || pod.proxy?.kind === "gateway";

const restingFate = ({ pods }: Workload, after: Injection, target: Target): Disposition => {
  if (after.kind === "none" || after.kind === "unknown" || after.revision !== target.revision) return "not-injected";
  const running = pods.filter(isRunning);
  if (running.length === 0) return "empty";
  return running.every(isInjected) ? "already" : "not-injected";
};

const podsWithoutWorkloadIn = (
  namespace: string,
  pods: readonly Pod[],
  known: ReadonlySet<string>,
  { target, leave, endsByItself: more, selected }: Moving,
): readonly PodsWithoutWorkload[] => {
  const podsWithoutWorkload = pods.filter(
    (pod) => isStale(pod, target) && !(pod.workload !== undefined && known.has(refText(pod.workload))),
  );
  const byOwner = Map.groupBy(
    podsWithoutWorkload,
    ({ owner, name }) => `${owner?.group ?? ""}/${owner?.kind ?? "Pod"}/${owner?.name ?? name}`,
  );
  const byUid = new Map(pods.map((pod) => [pod.uid, pod]));
  return [...byOwner.values()].map((owned): PodsWithoutWorkload => {
    const first = owned[0] as Pod;
    const { owner, name } = first;
    const ref = { kind: owner?.kind ?? "Pod", namespace, name: owner?.name ?? name };
    const disposition = podEndsByItself(first, more, byUid)
      ? "job"
      : isNamed(leave, ref)
        ? "left"
        : selected !== undefined
          ? "unselected"
          : "blocked";
    return { ref, pods: owned, disposition };
  });
};

/**
 * The revision that the namespace comes from: the one its labels give, or, where they give the target already or
 * nothing, the one most of its pods still run.
 */
const fromRevision = (mesh: Mesh, { injection }: Namespace, target: Target, stale: readonly Pod[]): FromRevision => {
  const labelled = injection.kind === "injected" || injection.kind === "refused" ? injection.revision : undefined;
  const running = [
    ...Map.groupBy(
      stale.flatMap((pod) => pod.proxy?.revision ?? []),
      (revision) => revision,
    ),
  ].sort((a, b) => b[1].length - a[1].length)[0]?.[0];
  const revision =
    labelled !== undefined && labelled !== target.revision ? labelled : (running ?? labelled ?? target.revision);
  return { revision, deploymentUid: mesh.controlPlanes.find((plane) => plane.revision === revision)?.deployment?.uid };
};
