/** What it means that a label, a template or a text leads to the revision of a cleanup. */
import { statusRevision } from "../../../mesh/from/pod-proxy.ts";
import { injectableFrom, injectionOf } from "../../../mesh/injection.ts";
import type { Labels, PodTemplateSpec } from "../../../mesh/kubernetes.ts";
import { labelOf } from "../../../mesh/labels.ts";
import type { Injection, Mesh, ObjectRef } from "../../../mesh/model.ts";
import { refText } from "../../../mesh/object-ref.ts";
import { counted } from "../../../mesh/phrase.ts";
import { revisionsWithIstiod } from "../../../mesh/revision-state.ts";
import { containsAddress } from "../../cleanup/service-names.ts";
import { blocker, type Check, type CheckRecord, cannotTell, type Observation } from "../check.ts";
import type { CleanupFacts } from "./cleanup-facts.ts";

/** The check of one route of the proof of disuse. */
export interface RouteCheck extends Check<CleanupFacts> {
  /** What was looked at, for a person: `48 namespaces`. */
  readonly evidence: (facts: CleanupFacts) => string;
}

/** The record of a route: every one is a blocker, and nothing accepts it. */
export const routeRecord = (id: string, title: string): CheckRecord => ({
  ...{ id, title, severity: "blocker", category: "cleanup" },
});

/**
 * Whether this value of `istio.io/rev`, on a namespace or a pod, means the revision: by its name, also where its webhook
 * is deactivated or gone, or by a tag that leads to it. A tag with the name of the revision that leads elsewhere wins:
 * after an upgrade `default` means the new revision.
 */
export const meansRevision = ({ mesh, revision }: CleanupFacts, value: string | undefined): boolean => {
  if (value === undefined) return false;
  const tags = mesh.tags.filter(({ tag }) => tag === value);
  if (tags.some((tag) => tag.revision === revision)) return true;
  return value === revision && !tags.some(({ injects }) => injects);
};

/** Whether `istio-injection=enabled` means the revision: by tag `default`, or without one because it has no revision. */
export const isDefault = ({ mesh, revision }: CleanupFacts): boolean => {
  const tags = mesh.tags.filter(({ tag }) => tag === "default");
  return tags.length > 0 ? tags.some((tag) => tag.revision === revision) : revision === "default";
};

/** What the webhooks of the revision and of its tags alone would do to a pod. */
export const injectionBy = (
  { mesh, revision }: CleanupFacts,
  namespace: { readonly name: string; readonly labels: Labels },
  template: PodTemplateSpec | undefined,
): Injection =>
  injectionOf(
    mesh.injectors.filter((injector) => injector.revision === revision),
    namespace,
    template === undefined ? {} : injectableFrom(template),
  );

/** Why a new pod of a template would need the revision, or why that cannot be told. */
export interface TemplateUse {
  readonly severity: "blocker" | "unknown";
  readonly reason: string;
  readonly remedy: string;
}

/** What is said of the object with such a template; nothing where it is no use. */
export const useFinding = (object: ObjectRef, use: TemplateUse | undefined): readonly Observation[] =>
  use === undefined
    ? []
    : [(use.severity === "blocker" ? blocker : cannotTell)(refText(object), use.reason, use.remedy)];

/** `undefined` where a new pod of it would not need the revision. */
export const templateUse = (
  facts: CleanupFacts,
  namespace: string,
  template: PodTemplateSpec | undefined,
): TemplateUse | undefined => {
  const { mesh, revision, services } = facts;
  if (template === undefined)
    return { severity: "unknown", reason: "its pod template was not read", remedy: "look at the object" };
  const labels = mesh.namespaces.find(({ name }) => name === namespace)?.labels;
  const label = labelOf(template.metadata?.labels, "istio.io/rev");
  const decided = ["istio-injection", "istio.io/rev"].some((key) => labelOf(labels, key) !== undefined);
  if (!decided && meansRevision(facts, label))
    return {
      severity: "blocker",
      reason: `its pod template has istio.io/rev=${label}`,
      remedy: "set the label of its pod template to the new revision",
    };
  const { annotations } = template.metadata ?? {};
  const status = labelOf(annotations, "sidecar.istio.io/status");
  if ((status === undefined ? labelOf(annotations, "istio.io/rev") : statusRevision(status)) === revision)
    return {
      severity: "blocker",
      reason: `its pod template contains a proxy of revision ${revision}`,
      remedy: "put a proxy of the new revision in its pod template, or let the new revision inject it",
    };
  const text = textsOf(template).find(({ value }) => containsAddress(value, services));
  if (text !== undefined)
    return {
      severity: "blocker",
      reason: `${text.name} of its pod template is ${text.value}`,
      remedy: "set it to the address of the new revision",
    };
  const injection = injectionBy(facts, { name: namespace, labels: labels ?? {} }, template);
  if (injection.kind === "injected" || injection.kind === "refused")
    return {
      severity: "blocker",
      reason: `a new pod of it would be sent to webhook ${injection.by} of revision ${revision}`,
      remedy: migrateCommand(facts, namespace),
    };
  return injection.kind === "unknown"
    ? {
        severity: "unknown",
        reason: `whether revision ${revision} would inject a new pod of it is unknown: ${injection.reason}`,
        remedy: "look at the webhook that is named",
      }
    : undefined;
};

/** Every variable of every container, and every annotation that may contain an address. */
const textsOf = ({ metadata, spec }: PodTemplateSpec): readonly { readonly name: string; readonly value: string }[] => [
  ...[...spec.containers, ...(spec.initContainers ?? [])].flatMap(({ name: container, env = [] }) =>
    env.flatMap(({ name, value }) =>
      value === undefined ? [] : [{ name: `variable ${name} of container ${container}`, value }],
    ),
  ),
  ...Object.entries(metadata?.annotations ?? {}).map(([name, value]) => ({ name: `annotation ${name}`, value })),
];

/** The one other revision with an istiod; undefined where there is no choice, or more than one. */
export const onlyOther = (mesh: Mesh, revision: string): string | undefined => {
  const [other, ...more] = [...revisionsWithIstiod(mesh)].filter((each) => each !== revision);
  return more.length === 0 ? other : undefined;
};

/** `REVISION` where it has to be chosen. */
export const otherRevision = ({ mesh, revision }: CleanupFacts): string => onlyOther(mesh, revision) ?? "REVISION";

export const migrateCommand = (facts: CleanupFacts, namespace: string): string =>
  `kubectl mesh-migrate -n ${namespace} --to ${otherRevision(facts)}`;

/** `48 namespaces read`. */
export const readCount = (count: number, noun: string): string => `${counted(count, noun)} read`;
