/** May these namespaces be moved at all? */
import { labelOf } from "../../../mesh/labels.ts";
import type { Namespace, Workload } from "../../../mesh/model.ts";
import { listed } from "../../../mesh/phrase.ts";
import { didYouMean } from "../../../mesh/text/suggestion.ts";
import { labelAgainstOthers } from "../../evidence/label-against-others.ts";
import { onlyOneRemedy } from "../../plan/blocked-reason.ts";
import { asksForInjection, type Eligibility } from "../../plan/eligibility.ts";
import { type Facts, writesLabels } from "../../plan/moves.ts";
import { selects } from "../../plan/target.ts";
import { blocker, type Check, cannotTell, note, warning } from "../check.ts";

const exist: Check<Facts> = {
  id: "namespaces-exist",
  title: "the namespaces exist",
  severity: "blocker",
  category: "namespaces",
  run: ({ mesh, evidence, asked, request }) => {
    if (request.tag !== undefined && asked.length === 0)
      return [note(`tag/${request.tag}`, "no namespace and no pod is injected by it today: only the tag moves")];
    if (request.namespaces === "all" && asked.length === 0)
      return [note("namespaces", "no namespace is injected today")];
    const names = [...new Set([...mesh.namespaces.map(({ name }) => name), ...evidence.namespaces])];
    return asked
      .filter(({ found }) => found === undefined)
      .map(({ name }) =>
        blocker(
          `namespace/${name}`,
          `there is no namespace ${name}${didYouMean(name, names)}`,
          "kubectl get namespaces",
        ),
      );
  },
};

const injected: Check<Facts> = {
  id: "namespaces-injected",
  title: "new pods of the namespaces are injected",
  severity: "blocker",
  category: "namespaces",
  run: ({ asked, target, mesh }) =>
    asked.flatMap(({ found }) => {
      const refusal =
        found === undefined
          ? undefined
          : (ofAnotherMesh(found, target, mesh) ??
            refusals[found.eligibility](found.namespace, found.workloads, target.label));
      return found === undefined || refusal === undefined
        ? []
        : [blocker(`namespace/${found.namespace.name}`, ...refusal)];
    }),
};

/** Labels of its own, and not Istio's, have another mesh inject it: to label it for the target too is to inject it twice. */
const ofAnotherMesh = (
  { namespace, workloads, eligibility }: NonNullable<Facts["asked"][number]["found"]>,
  { label, revision }: Facts["target"],
  mesh: Facts["mesh"],
): ReturnType<NotEligible> => {
  if (eligibility !== "unlabelled") return undefined;
  const today = [namespace, ...workloads].map(({ injection }) => injection).find(({ kind }) => kind === "injected");
  if (today?.kind !== "injected") return undefined;
  const isSelected = mesh.injectors.some(
    ({ configuration, entry: { namespaceSelector } }) =>
      configuration === today.by &&
      selects(namespaceSelector, namespace.labels) === true &&
      selects(namespaceSelector, {}) === false,
  );
  if (!isSelected) return undefined;
  const labels = { ...namespace.labels, "istio.io/rev": label };
  const template = workloads.find(({ injection }) => injection.kind === "injected")?.template;
  const away = labelAgainstOthers(mesh, { name: namespace.name, labels }, template, revision);
  const rest = away === undefined ? "" : `; what keeps it away: --set-label ${away}`;
  return [
    `no label of Istio's own injects it, and webhook ${today.by} of revision ${today.revision} does: with istio.io/rev=${label} alone both would inject its pods, and they would not start`,
    `leave it out, or take it out of the other mesh as that mesh's documentation says${rest}`,
  ];
};

type NotEligible = (
  namespace: Namespace,
  workloads: readonly Workload[],
  to: string,
) => readonly [message: string, remedy: string] | undefined;

const refusals: Readonly<Record<Eligibility, NotEligible>> = {
  eligible: () => undefined,
  protected: () => ["it belongs to Kubernetes or to Istio itself: nothing in it is injected", "leave it out"],
  // Said by owners-consent.
  "kept-by-owners": () => undefined,
  terminating: () => ["it is being deleted", "leave it out"],
  disabled: ({ name, labels }, _, to) => [
    `istio-injection=${labelOf(labels, "istio-injection")} keeps every sidecar out, whatever istio.io/rev says`,
    `leave it out, or, if it is to join the mesh: kubectl label namespace ${name} istio-injection- istio.io/rev=${to} --overwrite`,
  ],
  unserved: ({ labels }) => {
    const label =
      labelOf(labels, "istio-injection") === undefined
        ? `istio.io/rev=${labelOf(labels, "istio.io/rev")}`
        : "istio-injection=enabled";
    return [
      `no webhook serves its label ${label}: its pods come up without a sidecar today, and would all get one`,
      "leave it out, or label it for a revision that exists first",
    ];
  },
  ambient: () => [
    "it is in ambient mode: its pods have no sidecar to move",
    "leave it out; ztunnel and waypoints are upgraded by themselves",
  ],
  "pod-labels": ({ name }, workloads, to) => {
    const asking = workloads
      .filter(asksForInjection)
      .map((workload) => `${workload.kind.toLowerCase()}/${workload.name}`);
    return [
      `it has no injection label; its pods are injected by labels of their own (${listed(asking, 6)})`,
      `set istio.io/rev: ${to} in the pod templates of ${listed(asking, 6)} in namespace ${name}, where they are kept`,
    ];
  },
  unlabelled: ({ name }, _, to) => [
    "no label of it injects",
    `leave it out, or, if it is to join the mesh: kubectl label namespace ${name} istio.io/rev=${to}`,
  ],
};

const doublyLabelled: Check<Facts> = {
  id: "one-injection-label",
  title: "the namespaces have one injection label each",
  severity: "warning",
  category: "namespaces",
  run: ({ moves }) =>
    moves.flatMap(({ namespace, before }) => {
      const object = `namespace/${namespace.name}`;
      const both = before["istio-injection"] !== null && before["istio.io/rev"] !== null;
      const ambient = labelOf(namespace.labels, "istio.io/dataplane-mode") === "ambient";
      return [
        ...(both
          ? [
              warning(
                object,
                `it has both istio-injection and istio.io/rev=${before["istio.io/rev"]}, of which the first wins today; it will keep istio.io/rev alone`,
              ),
            ]
          : []),
        ...(ambient
          ? [
              warning(
                object,
                "it is labelled for injection and for ambient mode; its sidecars are moved, and nothing else",
              ),
            ]
          : []),
      ];
    }),
};

/** Also of a rollback. */
export const oneInjector: Check<Facts> = {
  id: "one-injector",
  title: "one webhook injects after the move",
  severity: "blocker",
  category: "namespaces",
  run: (facts) =>
    facts.moves.flatMap(({ namespace, workloads, labelsAfter }) => {
      const doubled = workloads.find(
        ({ after, disposition }) => disposition === "restart" && after.kind === "injected" && after.also.length > 0,
      );
      if (doubled?.after.kind !== "injected") return [];
      const { mesh, target } = facts;
      const place = { name: namespace.name, labels: labelsAfter };
      const label = labelAgainstOthers(mesh, place, doubled.workload.template, target.revision);
      const message = `more than one webhook would inject its pods: ${listed([doubled.after.by, ...doubled.after.also], 6)}`;
      const remedy =
        label === undefined ? "keep one of them: 'istioctl analyze -A' names them (IST0139)" : onlyOneRemedy(label);
      return [blocker(`namespace/${namespace.name}`, message, remedy)];
    }),
};

const labelServed: Check<Facts> = {
  id: "label-served",
  title: "the labels that are replaced are served today",
  severity: "unknown",
  category: "namespaces",
  run: ({ moves }) =>
    moves.filter(writesLabels).flatMap(({ namespace }) => {
      const object = `namespace/${namespace.name}`;
      if (namespace.injection.kind === "refused")
        return [
          warning(
            object,
            `today its pods are refused: ${namespace.injection.reason}; nothing there can restart before the move`,
          ),
        ];
      if (namespace.injection.kind === "unknown")
        return [
          cannotTell(
            object,
            `what injects its pods today cannot be told: ${namespace.injection.reason}`,
            "there is no sure way back without it",
          ),
        ];
      return [];
    }),
};

export const namespaceChecks: readonly Check<Facts>[] = [exist, injected, doublyLabelled, labelServed, oneInjector];
