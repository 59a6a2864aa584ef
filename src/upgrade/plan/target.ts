/** What `--to` stands for: the revision behind a label, or why there is none. */
import type { Finding } from "../../mesh/finding.ts";
import type { LabelSelector, Labels } from "../../mesh/kubernetes.ts";
import { matchesSelector } from "../../mesh/labels.ts";
import type { Injector, Mesh } from "../../mesh/model.ts";
import { listed } from "../../mesh/phrase.ts";
import { type RevisionLabels, revisionLabelKeys } from "../../mesh/revision-labels.ts";
import { revisionsWithIstiod } from "../../mesh/revision-state.ts";
import { didYouMean } from "../../mesh/text/suggestion.ts";
import { blocker, observe } from "../checks/check.ts";
import { targetExists } from "../checks/single-checks.ts";
import type { Target } from "../record/undo-record.ts";

export type Resolved =
  | { readonly ok: true; readonly target: Target }
  | { readonly ok: false; readonly findings: readonly Finding[] };

/**
 * The revision that the label `istio.io/rev=<label>` stands for: the one whose active webhook serves it, regardless of
 * object names. Refused, with what to do, when no webhook serves it, when two of different revisions do, and when a
 * revision has this name but a tag of this name points at another. Istio:
 * `manifests/charts/istio-control/istio-discovery/templates/{mutatingwebhook,revision-tags-mwc}.yaml`.
 */
export const resolveTarget = (mesh: Mesh, label: string): Resolved => {
  const serving = mesh.injectors.filter((injector) => serves(injector, label));
  const target = targetOf(mesh, label, serving);
  if (target !== undefined) return { ok: true, target };
  const [message, remedy] = whyRefused(mesh, label, serving);
  return { ok: false, findings: [observe(targetExists, blocker(`revision/${label}`, message, remedy))] };
};

/** `undefined`: the label stands for no revision, or not certainly for one. */
const targetOf = (mesh: Mesh, label: string, serving: readonly Injector[]): Target | undefined => {
  const [revision, ...others] = revisionsOf(serving);
  if (revision === undefined || others.length > 0) return undefined;
  if (revision !== label && isRevision(mesh, label)) return undefined;
  return { label, revision, tag: serving.every((injector) => injector.tag === label) ? label : undefined };
};

/** Message and remedy. */
const whyRefused = (mesh: Mesh, label: string, serving: readonly Injector[]): readonly [string, string] => {
  const [revision, ...others] = revisionsOf(serving);
  if (revision === undefined) return unserved(mesh, label);
  if (others.length > 0) {
    const webhooks = [...new Set(serving.map((injector) => injector.configuration))];
    return [
      `it is served by webhooks of several revisions: ${listed([revision, ...others], 6)} (${listed(webhooks, 6)})`,
      "keep one of them: 'istioctl analyze -A' names them (IST0139)",
    ];
  }
  return [
    `it is a revision and also a tag of revision ${revision}: what a namespace labelled with it gets depends on which of the two is meant`,
    `--to ${revision}, or move the tag: 'istioctl tag set ${label} --revision ${label} --overwrite'`,
  ];
};

const revisionsOf = (injectors: readonly Injector[]): readonly string[] => [
  ...new Set(injectors.map((injector) => injector.revision)),
];

/**
 * Does the entry inject pods because their namespace says `istio.io/rev=<label>`? An entry that also takes a namespace
 * without the label serves no label in particular; one that istioctl deactivated takes none.
 */
const serves = (injector: Injector, label: string): boolean =>
  servesLabels(injector, { "istio-injection": null, "istio.io/rev": label });

/** The same of both labels. */
export const servesLabels = ({ entry }: Injector, labels: RevisionLabels): boolean => {
  const present = revisionLabelKeys.flatMap((key) => (labels[key] === null ? [] : [[key, labels[key]] as const]));
  return (
    selects(entry.namespaceSelector, Object.fromEntries(present)) === true &&
    selects(entry.namespaceSelector, {}) === false
  );
};

/** `undefined` where the selector cannot be evaluated. */
export const selects = (selector: LabelSelector | undefined, labels: Labels): boolean | undefined => {
  try {
    return matchesSelector(selector, labels);
  } catch {
    return undefined;
  }
};

/**
 * The labels to propose, for a namespace or for `--to`: each resolves to one revision, and that has an istiod. In
 * alphabetical order.
 */
export const servedLabels = (mesh: Mesh): readonly string[] => {
  const withIstiod = revisionsWithIstiod(mesh);
  const names = new Set(mesh.injectors.map((injector) => injector.tag ?? injector.revision));
  return [...names]
    .filter((label) => {
      const serving = mesh.injectors.filter((injector) => serves(injector, label));
      const target = targetOf(mesh, label, serving);
      return target !== undefined && withIstiod.has(target.revision);
    })
    .sort();
};

const isRevision = (mesh: Mesh, name: string): boolean =>
  mesh.controlPlanes.some((plane) => plane.revision === name && plane.deployment !== undefined);

/** Why nobody serves the label, and what to do. */
const unserved = (mesh: Mesh, label: string): readonly [string, string] => {
  const own = mesh.injectors.filter((injector) => (injector.tag ?? injector.revision) === label);
  const tag = mesh.tags.find((each) => each.tag === label);
  if (own.length > 0 && own.every((injector) => injector.deactivated)) {
    return [
      `its webhook ${own[0]?.configuration} is deactivated: it injects nothing`,
      `kubectl mesh-migrate --tag ${label} --to ${own[0]?.revision}`,
    ];
  }
  if (own.length > 0)
    return [
      `its webhook ${own[0]?.configuration} does not select namespaces labelled istio.io/rev=${label}`,
      `kubectl get mutatingwebhookconfiguration ${own[0]?.configuration} -o yaml`,
    ];
  if (tag !== undefined) {
    return [
      `tag ${label} is only a Service of revision ${tag.revision}: without a webhook it injects nothing`,
      `kubectl mesh-migrate --tag ${label} --to ${tag.revision}`,
    ];
  }
  if (isRevision(mesh, label))
    return [
      `revision ${label} has istiod but no webhook that injects`,
      `istioctl install --set revision=${label}, or upgrade its Helm release`,
    ];
  const known = servedLabels(mesh);
  const existing = known.length === 0 ? "the mesh has no active sidecar injector" : `served here: ${listed(known, 12)}`;
  return [`no revision or tag has this name${didYouMean(label, known)}`, existing];
};
