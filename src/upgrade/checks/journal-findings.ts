/** What the journals of the namespaces say before a run begins. Pure. */
import type { Finding } from "../../mesh/finding.ts";
import type { Mesh, Namespace } from "../../mesh/model.ts";
import { counted } from "../../mesh/phrase.ts";
import { safe } from "../../mesh/safe.ts";
import type { RunDrafts } from "../plan/run-drafts.ts";
import { type FoundJournal, foreignReason, type Journals, runNamed, runsOf } from "../record/found-journal.ts";
import { beginRun, type RunDraft } from "../record/run-changes.ts";
import { type RunRecord, runExcess, stateName } from "../record/run-journal.ts";
import { blocker, note, observe } from "./check.ts";
import { journalUsable, runContinued } from "./single-checks.ts";

/** What a person can do where nothing but a journal is there, and it cannot be used. */
export const journalRemedy = (namespace: string): string =>
  `where a later release wrote it, use that release; else look at it, and when nothing of it is needed: kubectl -n ${namespace} delete configmap ${stateName}`;

/** A blocker for each journal that cannot be used. */
export const journalFindings = (namespaces: readonly Namespace[], journals: Journals): readonly Finding[] =>
  namespaces.flatMap((namespace) => {
    const found: FoundJournal = journals.byNamespace.get(namespace.name) ?? { kind: "none" };
    const reason = foreignReason(found, namespace, journals.clusterUid);
    if (reason === undefined) return [];
    return [
      observe(
        journalUsable,
        blocker(
          `namespace/${namespace.name}`,
          `its journal (ConfigMap ${stateName}) cannot be used: ${reason}`,
          journalRemedy(namespace.name),
        ),
      ),
    ];
  });

/** A blocker for each run that begins and could not be written to its end. */
export const roomFindings = (drafts: RunDrafts, journals: Journals): readonly Finding[] =>
  [...drafts].flatMap(([namespace, { uid, draft }]) => {
    if (draft.resumed) return [];
    const runs = runsOf(journals.byNamespace.get(namespace));
    const journal = { version: 1, clusterUid: journals.clusterUid, namespaceUid: uid, runs } as const;
    const excess = runExcess(beginRun(journal, draft, someBeginning));
    if (excess === undefined) return [];
    const remedy =
      draft.verb === "migrate"
        ? "move the namespace in parts, with -l"
        : `to go back by the undo record alone: kubectl -n ${namespace} delete configmap ${stateName}`;
    return [observe(journalUsable, blocker(`namespace/${namespace}`, excess, remedy))];
  });

/** As long as any other. */
const someBeginning = {
  ...{ run: "000000000000", by: "" },
  ...{ stamp: "2000-01-01T00:00:00Z", startedAt: "2000-01-01T00:00:00Z" },
};

/** What the runs that are gone on with left, and which of their workloads somebody else changed since. */
export const continuedFindings = (
  drafts: ReadonlyMap<string, { readonly draft: RunDraft }>,
  journals: Journals,
  mesh: Mesh,
): readonly Finding[] =>
  [...drafts].flatMap(([namespace, { draft }]) => {
    const { resumed } = draft;
    const run = resumed && runNamed(journals.byNamespace.get(namespace), resumed.run);
    if (!run) return [];
    const changed = changedSince(run, namespace, mesh);
    return [
      observe(
        runContinued,
        note(
          `namespace/${namespace}`,
          `goes on with run ${run.run}, begun ${run.startedAt} by ${safe(run.by, mostShown)}: ${progressText(run)}`,
        ),
      ),
      ...changed.map(([object, what]) => observe(runContinued, note(object, what))),
    ];
  });

/** Characters of a text of a journal or of an annotation that are shown. */
const mostShown = 100;

const progressText = ({ workloads }: RunRecord): string => {
  const count = (...states: readonly RunRecord["workloads"][number]["state"][]): number =>
    workloads.filter(({ state }) => states.includes(state)).length;
  const open = count("begun", "failed", "unproven");
  return `${count("proven")} of ${counted(workloads.length, "workload")} proven${open === 0 ? "" : `, ${open} begun and not proven`}`;
};

const changedSince = (run: RunRecord, namespace: string, mesh: Mesh): readonly (readonly [string, string])[] => {
  const today = new Map(
    mesh.workloads
      .filter((workload) => workload.namespace === namespace)
      .map((workload) => [`${workload.kind}/${workload.name}`, workload]),
  );
  return run.workloads.flatMap(({ kind, name, uid, stamp, stampBefore }): readonly (readonly [string, string])[] => {
    const object = `${namespace}/${kind}/${name}`;
    const workload = today.get(`${kind}/${name}`);
    if (!workload) return [[object, "was deleted since that run began"]];
    if (workload.uid !== uid) return [[object, "was created again since that run began"]];
    const found = workload.restartedAt ?? null;
    if (found === stampBefore || found === run.stamp || (stamp !== undefined && found === stamp)) return [];
    return [
      [
        object,
        `was restarted by somebody else since that run began (${found === null ? "its restart stamp was removed" : safe(found, mostShown)})`,
      ] as const,
    ];
  });
};
