/** Who would put the old labels back? */
import { labelOf } from "../../../mesh/labels.ts";
import type { Namespace } from "../../../mesh/model.ts";
import { ownerText } from "../../../mesh/object-ref.ts";
import { listed } from "../../../mesh/phrase.ts";
import { reconcilerOf } from "../../owners/reconcilers.ts";
import { type Facts, type NamespaceMove, writesLabels } from "../../plan/moves.ts";
import { blocker, type Check, type Observation, warning } from "../check.ts";

/** A tool that writes objects as its source says: its field manager, and the marks that it leaves on these objects. */
interface Tool {
  readonly name: string;
  readonly manager: RegExp;
  readonly source: (object: Marked) => string | undefined;
  readonly change: (source: string) => string;
}

/** Any object on which a tool may leave its marks. */
type Marked = Pick<Namespace, "labels" | "annotations">;

const annotationOf = (namespace: Marked, key: string): string | undefined => labelOf(namespace.annotations, key);
const pair = (namespace: string | undefined, name: string | undefined): string | undefined =>
  name === undefined ? undefined : namespace === undefined ? name : `${namespace}/${name}`;

/**
 * Field managers and marks as the tools write them. Argo CD: docs/user-guide/resource_tracking.md; Flux:
 * kustomize.toolkit.fluxcd.io and helm.toolkit.fluxcd.io owner labels (fluxcd/pkg/ssa); Helm: pkg/kube/client.go
 * (manager `helm`), action/validate.go (release marks).
 */
const tools: readonly Tool[] = [
  {
    name: "Argo CD",
    manager: /^argocd(-|$)/,
    source: (namespace) => annotationOf(namespace, "argocd.argoproj.io/tracking-id")?.split(":", 1)[0],
    change: (source) => `change the labels in the Git source of Argo CD application ${source} and sync it`,
  },
  {
    name: "Flux",
    manager: /^(kustomize-controller|helm-controller|flux)$/,
    source: ({ labels }) =>
      pair(
        labelOf(labels, "kustomize.toolkit.fluxcd.io/namespace"),
        labelOf(labels, "kustomize.toolkit.fluxcd.io/name"),
      ) ?? pair(labelOf(labels, "helm.toolkit.fluxcd.io/namespace"), labelOf(labels, "helm.toolkit.fluxcd.io/name")),
    change: (source) => `change the labels in the Git source of Flux object ${source} and let it reconcile`,
  },
  {
    name: "Helm",
    manager: /^helm(?!-controller)/i,
    source: (namespace) =>
      pair(
        annotationOf(namespace, "meta.helm.sh/release-namespace"),
        annotationOf(namespace, "meta.helm.sh/release-name"),
      ),
    change: (source) => `change the labels in the chart or values of Helm release ${source} and upgrade it`,
  },
];

/** The tool that writes an object with these marks and field managers, and its source. */
export const toolOf = (
  object: Marked,
  managers: readonly string[],
): { readonly name: string; readonly source: string | undefined } | undefined => {
  const tool = tools.find(
    ({ manager, source }) => managers.some((name) => manager.test(name)) || source(object) !== undefined,
  );
  return tool && { name: tool.name, source: tool.source(object) };
};

/** Whether the manager is neither a person at a terminal or a dashboard, nor one of our plugins. */
const isProgram = (manager: string): boolean =>
  !/^(kubectl|mesh-|istioctl|k9s|Mozilla|node-fetch|unknown)/.test(manager);

const keys = ["istio-injection", "istio.io/rev"] as const;

const labelOwner: Check<Facts> = {
  id: "label-owner",
  title: "nobody puts the old labels back",
  severity: "blocker",
  category: "namespaces",
  accepts: ["--skip-check"],
  run: ({ moves }) =>
    moves
      .filter(writesLabels)
      .flatMap((move) => ownedByTool(move) ?? reconciled(move) ?? controlled(move) ?? appliedElsewhere(move)),
};

/** The labels that are changed or removed, and the field managers of these. */
const writtenLabels = ({ namespace, before, after }: NamespaceMove) => {
  const written = keys.filter((key) => before[key] !== null && before[key] !== after[key]);
  const managers = namespace.labelManagers
    .filter(({ labels }) => labels.some((label) => written.some((key) => key === label)))
    .map(({ manager }) => manager);
  return { written, managers };
};

/** Who keeps which labels, and what has to be changed where. */
const keptBy = (move: NamespaceMove, who: string, change: string): Observation => {
  const { written } = writtenLabels(move);
  const { before, after, namespace } = move;
  const wish = keys
    .filter((key) => before[key] !== null || after[key] !== null)
    .map((key) => (after[key] === null ? `no ${key}` : `${key}: ${after[key]}`))
    .join(", and ");
  return blocker(
    `namespace/${namespace.name}`,
    `${who} keeps ${written.join(" and ")} of this namespace and would put ${written.length === 1 ? "it" : "them"} back`,
    `${change} (${wish}); then run this again: only the restarts are left to do`,
    "--skip-check",
  );
};

/**
 * A tool owns the label in two cases: the server says that it wrote it; or the namespace carries its mark, and the
 * label was written by a program, is part of what was last applied, or has no known writer. A mark beside a label that
 * a person set proves nothing: the tool may own other fields of the namespace.
 */
const ownedByTool = (move: NamespaceMove): readonly Observation[] | undefined => {
  const { namespace } = move;
  const { written, managers } = writtenLabels(move);
  const tool = tools.find(
    ({ manager, source }) =>
      managers.some((name) => manager.test(name)) ||
      (source(namespace) !== undefined &&
        (managers.length === 0 || managers.some(isProgram) || written.some((key) => isApplied(namespace, key)))),
  );
  if (tool === undefined) return undefined;
  const source = tool.source(namespace) ?? instanceOf(namespace) ?? "that keeps this namespace";
  return [keptBy(move, tool.name, tool.change(source))];
};

/** The label was written by a program that goes on writing it. */
const reconciled = (move: NamespaceMove): readonly Observation[] | undefined => {
  const { managers } = writtenLabels(move);
  const [found] = managers.flatMap((manager) => reconcilerOf(manager) ?? []);
  return found && [keptBy(move, found.name, `change the labels in ${found.source}`)];
};

/**
 * A controller owns the namespace, as Kubeflow's Profile does, which enforces `istio-injection` (kubeflow/kubeflow#6988).
 * Where only persons wrote the label it has let them: another value than its own would be gone.
 */
const controlled = (move: NamespaceMove): readonly Observation[] | undefined => {
  const { namespace } = move;
  const { written, managers } = writtenLabels(move);
  const { owner } = namespace;
  if (!owner?.controller || written.length === 0) return undefined;
  const who = ownerText(owner);
  if (managers.length > 0 && !managers.some(isProgram))
    return [
      warning(
        `namespace/${namespace.name}`,
        `it belongs to ${who}, whose controller may keep its labels; ${listed(managers)} wrote ${written.join(" and ")} last`,
        "make sure that the controller does not put them back",
      ),
    ];
  return [keptBy(move, who, `have the controller of ${who} write the new labels`)];
};

/** Where Argo CD tracks by label, the application's name. */
const instanceOf = (namespace: Namespace): string | undefined =>
  labelOf(namespace.labels, "argocd.argoproj.io/instance") ?? labelOf(namespace.labels, "app.kubernetes.io/instance");

const lastApplied = "kubectl.kubernetes.io/last-applied-configuration";

/** Does the manifest that was last applied (`kubectl apply`, client-side) set this label? */
const isApplied = (namespace: Namespace, key: string): boolean => {
  try {
    const applied = JSON.parse(annotationOf(namespace, lastApplied) ?? "{}") as {
      readonly metadata?: { readonly labels?: Record<string, string> };
    };
    return labelOf(applied.metadata?.labels, key) !== undefined;
  } catch {
    return false;
  }
};

/** No tool watches, but the next `kubectl apply` of the same file, or the next run of a program, would put it back. */
const appliedElsewhere = ({ namespace, before }: NamespaceMove): readonly Observation[] => {
  const object = `namespace/${namespace.name}`;
  const applied = keys.filter((key) => before[key] !== null && isApplied(namespace, key));
  if (applied.length > 0)
    return [
      warning(
        object,
        `${applied.join(" and ")} stand${applied.length === 1 ? "s" : ""} in the manifest it was last applied from: the next 'kubectl apply' would put it back`,
        "change the manifest too",
      ),
    ];
  const otherManagers = namespace.labelManagers.map(({ manager }) => manager).filter(isProgram);
  return otherManagers.length === 0
    ? []
    : [
        warning(
          object,
          `its injection labels were written by ${listed(otherManagers)}`,
          "make sure that it does not put them back",
        ),
      ];
};

export const labelOwnerChecks: readonly Check<Facts>[] = [labelOwner];
