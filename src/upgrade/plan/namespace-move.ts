import { type Injectable, injectableFrom, injectionOf } from "../../mesh/injection.ts";
import { isBefore } from "../../mesh/instant.ts";
import type { Labels } from "../../mesh/kubernetes.ts";
import { labelOf } from "../../mesh/labels.ts";
import type { Injection, Mesh, Namespace, Pod, Workload } from "../../mesh/model.ts";
import { undoAnnotation } from "../../mesh/model.ts";
import { refText } from "../../mesh/object-ref.ts";
import { isLive } from "../../mesh/pod-state.ts";
import { labelEntries, type RevisionLabels, revisionLabelsOf, sameRevisionLabels } from "../../mesh/revision-labels.ts";
import { labelAgainstOthers } from "../evidence/label-against-others.ts";
import { endsByItself, podEndsByItself } from "../owners/ends-by-itself.ts";
import { ownersWish, refusalOf } from "../owners/owners-wish.ts";
import { isMalformed } from "../record/record-fields.ts";
import type { FromRevision, Target, UndoRecord } from "../record/undo-record.ts";
import { parseUndoRecord } from "../record/undo-record.ts";
import { blockedReason } from "./blocked-reason.ts";
import type { MigrationRequest } from "./migration-request.ts";
import type { Asked, Blocked, Disposition, NamespaceMove, PodsWithoutWorkload, WorkloadMove } from "./moves.ts";
import { isNamed } from "./object-pattern.ts";
import { type ProxyVersions, proxyVersionsIn } from "./outdated.ts";

export interface Moving {
  readonly mesh: Mesh;
  readonly target: Target;
  /** The values of `--leave`. */
  readonly leave: readonly string[];
  /** The values of `--ends-by-itself`. */
  readonly endsByItself: readonly string[];
  /** UIDs of the workloads that `-l` selects; undefined without `-l`. */
  readonly selected: ReadonlySet<string> | undefined;
  /** `--outdated`: older proxies of the target are replaced too. */
  readonly outdated?: ProxyVersions | undefined;
  /** Labels that are written beside the two; absent: none. */
  readonly setLabels?: Readonly<Record<string, string>> | undefined;
  /** What the owners say by annotation counts: of a migration; a way back is for all. */
  readonly heedsOwners?: boolean;
}

/** What a migration was asked for, of every namespace that it moves. */
export const movingOf = (
  mesh: Mesh,
  target: Target,
  { leave, endsByItself, outdated, setLabels }: MigrationRequest,
  selected: Moving["selected"],
): Moving => ({
  ...{ mesh, target, leave, endsByItself, selected, setLabels, heedsOwners: true },
  outdated: outdated ? proxyVersionsIn(mesh, target.revision) : undefined,
});

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

const isInjectedBy = ({ injection }: Namespace, { revision }: Target): boolean =>
  injection.kind === "injected" && injection.revision === revision;

/** A tag is moved, and the labels stay as they are. */
export const behindTag = (namespace: Namespace, target: Target): Way => ({
  ...onward(namespace, { target }),
  after: revisionLabelsOf(namespace.labels),
});

/**
 * With `--outdated` the labels of a namespace that the target injects already stay, by whatever name they call it: a
 * tag, or the default.
 */
const onward = (namespace: Namespace, { target, outdated }: Pick<Moving, "target" | "outdated">): Way => ({
  after: outdated && isInjectedBy(namespace, target) ? revisionLabelsOf(namespace.labels) : labelsTo(target),
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
  way: Way = onward(namespace, moving),
): NamespaceMove => {
  const { mesh, target } = moving;
  const { open } = way;
  const after = moving.setLabels ? { ...way.after, also: moving.setLabels } : way.after;
  const before = revisionLabelsOf(namespace.labels, after);
  const labelsAfter = withRevisionLabels(namespace.labels, after);
  const inject = (pod: Injectable): Injection =>
    injectionOf(mesh.injectors, { name: namespace.name, labels: labelsAfter }, pod);
  const plain = inject({});
  const moves = workloads.map((workload) =>
    workloadMove(workload, injectionAfter(workload, inject), plain, way, {
      ...moving,
      labelsAfter,
      name: namespace.name,
    }),
  );
  const others = [...workloads.flatMap((each) => each.pods), ...pods].some(
    (pod) => isStale(pod, target) && !way.stays(pod),
  );
  const catchUp =
    moving.outdated !== undefined &&
    !others &&
    open === undefined &&
    isInjectedBy(namespace, target) &&
    sameRevisionLabels(before, after);
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
    catchUp,
  };
};

const withRevisionLabels = (labels: Namespace["labels"], after: RevisionLabels): Namespace["labels"] =>
  Object.fromEntries(
    [...new Map<string, string | null>([...Object.entries(labels), ...labelEntries(after)])].flatMap(([key, value]) =>
      value === null ? [] : [[key, value]],
    ),
  );

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
  moving: Moving & { readonly labelsAfter: Labels; readonly name: string },
): WorkloadMove => {
  const {
    target,
    leave,
    endsByItself: more,
    selected,
    outdated,
    heedsOwners = false,
    mesh,
    labelsAfter,
    name,
  } = moving;
  const isOld = (pod: Pod): boolean => isToReplace(pod, workload, moving);
  const lostItsSidecar = open !== undefined && lostSidecar(workload, after, open, target);
  const stale = workload.pods.filter(
    (pod) => (isOld(pod) && !stays(pod)) || (lostItsSidecar && isRunning(pod) && !isInjected(pod) && !stays(pod)),
  );
  const isControlPlane = mesh.controlPlanes.some(({ deployment }) => deployment?.uid === workload.uid);
  const blocked =
    stale.length === 0
      ? undefined
      : isControlPlane
        ? aControlPlane
        : ((heedsOwners ? blockedByOwners(workload) : undefined) ??
          blockedReason(workload, after, plain, target, () =>
            labelAgainstOthers(mesh, { name, labels: labelsAfter }, workload.template, target.revision),
          ));
  const { owner } = workload;
  const disposition = (): Disposition => {
    if (stale.length === 0) return workload.pods.some(isOld) ? "before" : restingFate(workload, after, target);
    if (isNamed(leave, workload) || (heedsOwners && ownersWish(workload.annotations) === "no")) return "left";
    if (owner?.controller && endsByItself(owner, more)) return "job";
    if (selected !== undefined && !selected.has(workload.uid)) return "unselected";
    return blocked === undefined ? "restart" : "blocked";
  };
  const versions = outdated && {
    versions: { from: outdated.running(stale), to: outdated.due(workload) },
  };
  return { workload, after, disposition: disposition(), stale, blocked, ...versions };
};

/** The istiod chart opts istiod out; one whose pods are injected all the same is not restarted among applications. */
const aControlPlane: Blocked = {
  check: "workloads-restartable",
  reason: "it is the istiod of a control plane, and its pods have a sidecar",
  remedy: 'leave it, and let its own template opt out: sidecar.istio.io/inject: "false"',
  unknown: false,
};

/** `no` of its owners leaves it instead. */
const blockedByOwners = ({ annotations, kind, namespace, name }: Workload): Blocked | undefined => {
  const refusal = refusalOf(annotations, `${kind.toLowerCase()}/${name} -n ${namespace}`);
  return refusal && { check: "owners-consent", ...refusal, unknown: false };
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

/** The same, and with `--outdated` one of the target whose proxy is older than a new one would be. */
const isToReplace = (pod: Pod, workload: Workload | undefined, { target, outdated }: Moving): boolean =>
  isStale(pod, target) || (outdated !== undefined && isRunning(pod) && outdated.isOutdated(pod, workload));

const isRunning = (pod: Pod): boolean => isLive(pod) && !pod.terminating;
const isInjected = (pod: Pod): boolean => pod.proxy?.kind === "sidecar" || pod.proxy?.kind === "gateway";

/**
 * A workload that an earlier run holds in the midst of its rollout goes on by a restart: with its stamp it is the same
 * one.
 */
const restingFate = ({ pods, pace }: Workload, after: Injection, target: Target): Disposition => {
  if (after.kind === "none" || after.kind === "unknown" || after.revision !== target.revision) return "not-injected";
  const running = pods.filter(isRunning);
  if (running.length === 0) return "empty";
  if (!running.every(isInjected)) return "not-injected";
  return pace ? "restart" : "already";
};

const podsWithoutWorkloadIn = (
  namespace: string,
  pods: readonly Pod[],
  known: ReadonlySet<string>,
  moving: Moving,
): readonly PodsWithoutWorkload[] => {
  const { leave, endsByItself: more, selected } = moving;
  const podsWithoutWorkload = pods.filter(
    (pod) => isToReplace(pod, undefined, moving) && !(pod.workload !== undefined && known.has(refText(pod.workload))),
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
      stale.flatMap((pod) => pod.proxy?.revision ?? []).filter((revision) => revision !== target.revision),
      (revision) => revision,
    ),
  ].sort((a, b) => b[1].length - a[1].length)[0]?.[0];
  const revision =
    labelled !== undefined && labelled !== target.revision ? labelled : (running ?? labelled ?? target.revision);
  return { revision, deploymentUid: mesh.controlPlanes.find((plane) => plane.revision === revision)?.deployment?.uid };
};
