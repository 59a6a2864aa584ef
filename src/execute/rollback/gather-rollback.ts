/**
 * Reads the cluster once and decides: from a request to the plan of a rollback and the findings about it. Writes
 * nothing.
 */
import type { Cluster } from "../../cluster/cluster.ts";
import { kinds } from "../../cluster/kinds.ts";
import { type Where, whereOf } from "../../gather/list-kind.ts";
import { missingRights } from "../../gather/missing-rights.ts";
import { recordingUnknown } from "../../gather/optional-read.ts";
import { readClusterEvidence } from "../../gather/read-evidence.ts";
import { journalsOfAll } from "../../gather/read-history.ts";
import { readJournals } from "../../gather/read-journals.ts";
import { readTagObjects } from "../../gather/read-tag-objects.ts";
import { snapshot } from "../../gather/snapshot.ts";
import type { Finding } from "../../mesh/finding.ts";
import type { NamespaceObject } from "../../mesh/kubernetes.ts";
import { labelOf } from "../../mesh/labels.ts";
import { type Unknown, undoAnnotation } from "../../mesh/model.ts";
import { continuedFindings, roomFindings } from "../../upgrade/checks/journal-findings.ts";
import { rollbackFindings } from "../../upgrade/checks/rollback/rollback-checks.ts";
import { ownersWith } from "../../upgrade/owners/known-owners.ts";
import type { RunDrafts } from "../../upgrade/plan/run-drafts.ts";
import { type Journals, runNamed } from "../../upgrade/record/found-journal.ts";
import { isMalformed } from "../../upgrade/record/record-fields.ts";
import {
  type NamespacesRollbackPlan,
  planNamespacesRollback,
  rollbackDrafts,
} from "../../upgrade/rollback/plan-rollback.ts";
import { type RollbackFacts, type RollbackGathered, rollbackFacts } from "../../upgrade/rollback/rollback-facts.ts";
import {
  concerns,
  type StandingNamespace,
  standingPlace,
  usableRecord,
} from "../../upgrade/rollback/rollback-place.ts";
import type { RollbackRequest } from "../../upgrade/rollback/rollback-request.ts";
import { tagBack } from "../../upgrade/tags/tag-back.ts";
import { rehearseLabels, rehearseTag } from "../steps/rehearse.ts";

export interface PreparedRollback {
  readonly facts: RollbackFacts;
  readonly plan: NamespacesRollbackPlan;
  readonly findings: readonly Finding[];
  /** Of the namespaces that the plan writes to. */
  readonly drafts: RunDrafts;
  /** Undefined where they could not be read; then the findings say so. */
  readonly journals: Journals | undefined;
  /** Where it was read. */
  readonly where: Where;
}

export interface PrepareRollbackOptions {
  readonly istioNamespace: string;
  readonly parallelNamespaces: number;
  /** Told first: the namespaces that have an undo record or were named, and the revisions that they go back to. */
  readonly announce: (namespaces: readonly string[], revisions: readonly string[]) => void;
}

/**
 * Reads the records, the mesh and what surrounds it, plans, and asks the server whether it would let the plan be carried
 * out. Throws `ClusterError`.
 */
export async function prepareRollback(
  cluster: Cluster,
  request: RollbackRequest,
  { istioNamespace, parallelNamespaces, announce }: PrepareRollbackOptions,
): Promise<PreparedRollback> {
  const { names, where, recorded, journalsUnlisted } = await scopeOf(cluster, request);
  announce(names, [...new Set(recorded.map(({ revision }) => revision))]);
  const read = await readForRollback(cluster, names, where, istioNamespace, request);
  const { mesh, journals } = read;
  const runKnown = await isRunKnown(cluster, request, recorded, journals);
  const gathered = { ...read, journalsUnlisted, runKnown };
  const facts = rollbackFacts(gathered, request);
  const plan = planNamespacesRollback(facts, parallelNamespaces);
  const found = rollbackFindings(facts);
  const refused = found.some(({ severity }) => severity === "blocker");
  const asked = refused
    ? []
    : await Promise.all([
        missingRights(cluster, plan, istioNamespace),
        rehearseLabels(cluster, plan),
        rehearseTag(cluster, plan),
      ]);
  const drafts = rollbackDrafts(facts, plan);
  const continued = journals ? [...roomFindings(drafts, journals), ...continuedFindings(drafts, journals, mesh)] : [];
  return { facts, plan, findings: [...found, ...continued, ...asked.flat()], drafts, journals, where };
}

/** What a rollback of these namespaces is judged by. Throws `ClusterError`. */
async function readForRollback(
  cluster: Cluster,
  names: readonly string[],
  where: Where,
  istioNamespace: string,
  { tag, owners }: Pick<RollbackRequest, "tag" | "owners"> = {},
): Promise<Omit<RollbackGathered, "runKnown" | "journalsUnlisted">> {
  const unknown: Unknown[] = [];
  const optional = recordingUnknown(unknown);
  const places = tag === undefined ? names : [...new Set([...names, istioNamespace])];
  const [mesh, journals, objects] = await Promise.all([
    snapshot(cluster, {
      istioNamespace,
      namespaces: tag === undefined ? where : "all",
      workloads: true,
      askIstiods: true,
      owners: ownersWith(owners),
    }),
    optional("journals", readJournals(cluster, places)),
    tag === undefined ? undefined : readTagObjects(cluster, istioNamespace),
  ]);
  const evidence = await readClusterEvidence(cluster, mesh, where);
  const back = tag === undefined || !objects ? undefined : tagBack(objects, tag);
  return { mesh, evidence, names, journals, journalsUnread: unknown[0]?.reason, tag: back };
}

/**
 * What the checks of a rollback find today in each of these namespaces, read once for all of them. Rights are not asked
 * for. Throws `ClusterError`.
 */
export async function wayBackFindings(
  cluster: Cluster,
  names: readonly string[],
  istioNamespace: string,
): Promise<ReadonlyMap<string, readonly Finding[]>> {
  if (names.length === 0) return new Map();
  const read = {
    ...(await readForRollback(cluster, names, names, istioNamespace)),
    journalsUnlisted: undefined,
    runKnown: true,
  };
  return new Map(
    names.map(
      (name) => [name, rollbackFindings(rollbackFacts({ ...read, names: [name] }, everything([name])))] as const,
    ),
  );
}

const everything = (namespaces: readonly string[]): RollbackRequest => ({
  ...{ namespaces, run: undefined, toBefore: undefined, pin: false, leave: [], allowDowntime: [], endsByItself: [] },
});

interface Recorded {
  readonly name: string;
  readonly run: string;
  readonly revision: string;
}

interface Scope {
  readonly names: readonly string[];
  /** Where all of them are read. */
  readonly where: Where;
  readonly recorded: readonly Recorded[];
  readonly journalsUnlisted: string | undefined;
}

/**
 * The namespaces to look at, and what their records have. Where none was named: every namespace with a record, and those
 * without one whose journal has, or may have, a run that changed them.
 */
async function scopeOf(cluster: Cluster, request: RollbackRequest): Promise<Scope> {
  const { namespaces, tag } = request;
  if (namespaces !== "all") {
    const found = await Promise.all(namespaces.map((name) => cluster.get(kinds.namespaces, name)));
    const recorded = found.flatMap((each) => (each ? recordedOf(each) : []));
    return { names: namespaces, where: namespaces, recorded, ...allListed };
  }
  const listed = await cluster.list(kinds.namespaces, { metadataOnly: true }, ({ metadata }) => ({ metadata }));
  const isAnnotated = ({ metadata }: Pick<NamespaceObject, "metadata">): boolean =>
    labelOf(metadata.annotations, undoAnnotation) !== undefined;
  const all = listed?.items ?? [];
  if (tag !== undefined) {
    const moved = all.filter(({ metadata }) => hasMoved(metadata, tag));
    const names = moved.map(({ metadata }) => metadata.name).toSorted((a, b) => (a < b ? -1 : 1));
    return { names, where: whereOf(names, all.length), recorded: moved.flatMap(recordedOf), ...allListed };
  }
  const annotated = all.filter(isAnnotated);
  const others = all.filter((each) => !isAnnotated(each)).map(namespaceIn);
  const unlisted: Unknown[] = [];
  const concerned = await recordingUnknown(unlisted)("journals", concernedBy(cluster, request, others));
  const named = [...annotated.map(({ metadata }) => metadata.name), ...(concerned ?? [])];
  const names = named.toSorted((a, b) => (a < b ? -1 : 1));
  return {
    names,
    where: whereOf(names, all.length),
    recorded: annotated.flatMap(recordedOf),
    journalsUnlisted: unlisted[0]?.reason,
  };
}

const allListed = { journalsUnlisted: undefined } as const;

const namespaceIn = ({ metadata }: Pick<NamespaceObject, "metadata">): StandingNamespace => ({
  ...{ name: metadata.name, uid: metadata.uid, labels: metadata.labels ?? {}, annotations: metadata.annotations ?? {} },
  terminating: metadata.deletionTimestamp !== undefined,
});

/** Which of these namespaces, all without an undo record, a rollback of all has to tell of. Throws `ClusterError`. */
async function concernedBy(
  cluster: Cluster,
  request: RollbackRequest,
  namespaces: readonly StandingNamespace[],
): Promise<readonly string[]> {
  const listed = await cluster.list(kinds.configMaps, journalsOfAll, ({ metadata }) => metadata.namespace ?? "");
  const noted = new Set(listed?.items);
  const candidates = namespaces.filter(({ name }) => noted.has(name));
  if (candidates.length === 0) return [];
  const journals = await readJournals(
    cluster,
    candidates.map(({ name }) => name),
  );
  return candidates
    .filter((each) =>
      concerns(standingPlace(each.name, each, journals, request), request, journals.byNamespace.get(each.name)),
    )
    .map(({ name }) => name);
}

/** Whether the namespace moved with this tag. */
const hasMoved = ({ annotations = {}, uid }: NamespaceObject["metadata"], tag: string): boolean => {
  const record = usableRecord({ annotations, uid });
  if (record === undefined) return false;
  // A record that cannot be read may be one of this tag: then it is refused, and not left out.
  return isMalformed(record)
    ? (labelOf(annotations, undoAnnotation) ?? "").includes(`"movedTag":${JSON.stringify(tag)}`)
    : record.movedTag === tag;
};

const recordedOf = ({ metadata }: Pick<NamespaceObject, "metadata">): readonly Recorded[] => {
  const record = usableRecord({ annotations: metadata.annotations ?? {}, uid: metadata.uid });
  return record === undefined || isMalformed(record)
    ? []
    : [{ name: metadata.name, run: record.run, revision: record.from.revision }];
};

/**
 * A run that no record names may have been put back already: then a journal has it. Without `--run`, and where
 * namespaces are named, nothing has to be known.
 */
async function isRunKnown(
  cluster: Cluster,
  { run, namespaces }: RollbackRequest,
  recorded: readonly Recorded[],
  journals: Journals | undefined,
): Promise<boolean> {
  if (run === undefined || namespaces !== "all" || recorded.some((each) => each.run === run)) return true;
  const has = (each: Journals): boolean =>
    [...each.byNamespace.values()].some((found) => runNamed(found, run) !== undefined);
  if (journals && has(journals)) return true;
  const listed = await cluster.list(kinds.configMaps, journalsOfAll, ({ metadata }) => metadata.namespace ?? "");
  return has(await readJournals(cluster, [...new Set(listed?.items ?? [])]));
}
