/** Who keeps the objects that are to be written as they are. */
import { labelOf } from "../../../mesh/labels.ts";
import type { ObjectRef } from "../../../mesh/model.ts";
import { refText } from "../../../mesh/object-ref.ts";
import { counted, listed } from "../../../mesh/phrase.ts";
import { revisionLabelKeys } from "../../../mesh/revision-labels.ts";
import { type NamespaceMove, restarts, writesLabels } from "../../plan/moves.ts";
import type { Application } from "../../preflight/evidence/config-evidence.ts";
import type { PreflightFacts } from "../../preflight/preflight-facts.ts";
import { type Check, note, type Observation, warning } from "../check.ts";
import { labelOwnerChecks, toolOf } from "../move/label-owner.ts";

const appRef = ({ namespace, name }: Application): ObjectRef => ({ kind: "Application", namespace, name });

/**
 * Argo CD puts labels of a namespace back in two cases: the Application says them in `managedNamespaceMetadata`, which
 * leaves no mark on the namespace; or the namespace is one of its objects, and check `label-owner` finds that the tool
 * keeps the label. https://argo-cd.readthedocs.io/en/stable/user-guide/sync-options/#namespace-metadata
 * and docs/user-guide/auto_sync.md (self-heal).
 */
const gitopsReverts: Check<PreflightFacts> = {
  id: "gitops-reverts",
  title: "no Argo CD application takes the labels or the restarts back",
  severity: "warning",
  category: "ownership",
  run: (facts) => {
    const moves = facts.moves.filter(writesLabels);
    const kept = new Set(
      labelOwnerChecks.flatMap((check) =>
        check
          .run(facts)
          .filter(({ severity }) => severity === "blocker")
          .map(({ object }) => object),
      ),
    );
    const restarted = new Set(restarts(facts).map(({ workload }) => refText(workload)));
    return facts.around.config.applications.flatMap((app) => [
      ...moves.flatMap((move) => declaredLabels(app, move) ?? healedLabels(app, move, kept)),
      ...replacedRestarts(app, restarted),
    ]);
  },
};

const wish = ({ after }: NamespaceMove): string =>
  revisionLabelKeys.map((key) => (after[key] === null ? `no ${key}` : `${key}: ${after[key]}`)).join(", ");

const declaredLabels = (app: Application, move: NamespaceMove): readonly Observation[] | undefined => {
  if (app.managed?.namespace !== move.namespace.name) return undefined;
  const { labels } = app.managed;
  const against = revisionLabelKeys.filter((key) => {
    const value = labelOf(labels, key);
    return value !== undefined && value !== move.after[key];
  });
  if (against.length === 0) return undefined;
  const said = listed(against.map((key) => `${key}=${labelOf(labels, key)}`));
  const when = app.selfHeal ? "puts it back by itself (selfHeal)" : "puts it back at its next sync";
  return [
    warning(
      refText(appRef(app)),
      `its syncPolicy.managedNamespaceMetadata says ${said} for namespace ${move.namespace.name}, and Argo CD ${when}`,
      `change managedNamespaceMetadata where the Application is written (${wish(move)}); then only the restarts are left to do`,
    ),
  ];
};

const healedLabels = (app: Application, move: NamespaceMove, kept: ReadonlySet<string>): readonly Observation[] => {
  const { name } = move.namespace;
  const owns = app.owns.some((ref) => ref.kind === "Namespace" && ref.name === name);
  if (!app.selfHeal || !owns || !kept.has(`namespace/${name}`)) return [];
  return [
    warning(
      refText(appRef(app)),
      `it keeps the labels of namespace ${name} and heals itself (selfHeal): they would be back within seconds`,
      `change them in its Git source (${wish(move)}) and sync it; then only the restarts are left to do`,
    ),
  ];
};

/**
 * Where it patches, Argo CD leaves annotations alone that are not in its source; `Replace=true` writes objects whole.
 * https://argo-cd.readthedocs.io/en/stable/user-guide/sync-options/#replace-resource-instead-of-applying-changes
 */
const replacedRestarts = (app: Application, restarted: ReadonlySet<string>): readonly Observation[] => {
  const workloads = app.owns.filter((ref) => restarted.has(refText(ref)));
  if (!app.replaces || !app.automated || workloads.length === 0) return [];
  return [
    warning(
      refText(appRef(app)),
      `it syncs by itself and replaces objects (Replace=true): a sync during the move takes the restart of ${counted(workloads.length, "workload")} back (${listed(workloads.map(({ name }) => name))})`,
      "switch syncPolicy.automated off in its source while you move, or take Replace=true out",
    ),
  ];
};

/** Owners for which each has a note of its own; the rest of them are counted in one. */
const mostOwners = 10;

/**
 * The annotation of a restart stays where a tool patches: Argo CD and Helm write only what is in their source, and Flux
 * removes what `kubectl` wrote, but not what other field managers did.
 * https://fluxcd.io/flux/faq/#why-are-kubectl-edits-rolled-back-by-flux
 */
const templateOwners: Check<PreflightFacts> = {
  id: "template-owners",
  title: "it is known who writes the workloads that are restarted",
  severity: "note",
  category: "ownership",
  run: (facts) => {
    const appOf = new Map(
      facts.around.config.applications.flatMap((app) => app.owns.map((ref) => [refText(ref), app] as const)),
    );
    const nameOf = (app: Application | undefined): string | undefined => app && `Argo CD application ${app.name}`;
    const owned = restarts(facts).flatMap(({ workload }) => {
      const tool = toolOf(workload, []);
      const source = tool?.source === undefined ? tool?.name : `${sourceKind(tool.name)} ${tool.source}`;
      const app = appOf.get(refText(workload));
      const owner = nameOf(app) ?? source;
      const name = `${workload.namespace}/${workload.name}`;
      return owner === undefined ? [] : [{ owner, name, replaces: app?.replaces === true }];
    });
    const byOwner = [...Map.groupBy(owned, ({ owner }) => owner)].toSorted(
      ([nameA, a], [nameB, b]) => b.length - a.length || (nameA < nameB ? -1 : 1),
    );
    const rest = byOwner.slice(mostOwners);
    return [
      ...byOwner
        .slice(0, mostOwners)
        .map(([owner, workloads]) =>
          note(
            owner,
            `it writes ${counted(workloads.length, "workload")} that will be restarted (${listed(workloads.map(({ name }) => name))}); ${restartText(owner, workloads)}`,
            "what is to stay, such as a label of the pod template, has to be changed there",
          ),
        ),
      ...(rest.length === 0
        ? []
        : [
            note(
              "other owners",
              `${rest.length} more write ${rest.reduce((sum, [, workloads]) => sum + workloads.length, 0)} workloads that will be restarted: ${listed(rest.map(([owner]) => owner))}`,
            ),
          ]),
    ];
  },
};

const restartText = (owner: string, workloads: readonly { readonly replaces: boolean }[]): string => {
  if (workloads.some(({ replaces }) => replaces))
    return "it replaces objects, and so takes a restart back when it syncs";
  const byKubectl = owner.startsWith("Flux") ? ", and would take one by 'kubectl rollout restart' back" : "";
  return `it leaves the restart of mesh-migrate alone${byKubectl}`;
};

const sourceKind = (tool: string): string =>
  tool === "Helm" ? "Helm release" : tool === "Flux" ? "Flux object" : `${tool} application`;

export const ownerChecks: readonly Check<PreflightFacts>[] = [gitopsReverts, templateOwners];
