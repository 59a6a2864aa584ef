/** May these namespaces be moved at all? */
import type { Finding } from "../../mesh/finding.ts";
import { labelOf } from "../../mesh/labels.ts";
import type { Namespace, Workload } from "../../mesh/model.ts";
import { listed } from "../../mesh/phrase.ts";
import { asksForInjection, type Eligibility } from "../eligibility.ts";
import { comesFrom, type Facts, writesLabels } from "../facts.ts";
import { undoAnnotation } from "../plan.ts";
import { didYouMean } from "../suggestion.ts";
import { isMalformed, parseUndoRecord } from "../undo.ts";
import { blocker, type Check, note, unknown, warning } from "./check.ts";

const exist: Check = {
  id: "namespaces-exist",
  title: "the namespaces exist",
  run: ({ mesh, asked, request }) => {
    if (request.namespaces === "all" && asked.length === 0)
      return [note("namespaces-exist", "namespaces", "no namespace is injected by its own labels")];
    const names = mesh.namespaces.map(({ name }) => name);
    return asked
      .filter(({ found }) => found === undefined)
      .map(({ name }) =>
        blocker(
          "namespaces-exist",
          `namespace/${name}`,
          `there is no namespace ${name}${didYouMean(name, names)}`,
          "kubectl get namespaces",
        ),
      );
  },
};

const injected: Check = {
  id: "namespaces-injected",
  title: "the namespaces are injected by their own labels",
  run: ({ asked, target }) =>
    asked.flatMap(({ found }) => {
      const refusal = found === undefined ? undefined : refusals[found.eligibility](found.namespace, found.workloads, target.label);
      return found === undefined || refusal === undefined
        ? []
        : [blocker("namespaces-injected", `namespace/${found.namespace.name}`, ...refusal)];
    }),
};

type Refusal = (namespace: Namespace, workloads: readonly Workload[], to: string) => readonly [message: string, remedy: string] | undefined;

const refusals: Readonly<Record<Eligibility, Refusal>> = {
  eligible: () => undefined,
  protected: () => ["it belongs to Kubernetes or to Istio itself: its workloads are no part of a migration", "leave it out"],
  terminating: () => ["it is being deleted", "leave it out"],
  disabled: ({ name, labels }, _, to) => [
    `istio-injection=${labelOf(labels, "istio-injection")} keeps every sidecar out, whatever istio.io/rev says`,
    `leave it out, or, if it is to join the mesh: kubectl label namespace ${name} istio-injection- istio.io/rev=${to} --overwrite`,
  ],
  unserved: ({ labels }) => {
    const label =
      labelOf(labels, "istio-injection") === undefined ? `istio.io/rev=${labelOf(labels, "istio.io/rev")}` : "istio-injection=enabled";
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
    const asking = workloads.filter(asksForInjection).map((workload) => `${workload.kind.toLowerCase()}/${workload.name}`);
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

const doublyLabelled: Check = {
  id: "one-injection-label",
  title: "the namespaces have one injection label each",
  run: ({ moves }) =>
    moves.flatMap(({ namespace, before }) => {
      const object = `namespace/${namespace.name}`;
      const both = before["istio-injection"] !== null && before["istio.io/rev"] !== null;
      const ambient = labelOf(namespace.labels, "istio.io/dataplane-mode") === "ambient";
      return [
        ...(both
          ? [
              warning(
                "one-injection-label",
                object,
                `it has both istio-injection and istio.io/rev=${before["istio.io/rev"]}, of which the first wins today; it will keep istio.io/rev alone`,
              ),
            ]
          : []),
        ...(ambient
          ? [
              warning(
                "one-injection-label",
                object,
                "it is labelled for injection and for ambient mode; its sidecars are moved, and nothing else",
              ),
            ]
          : []),
      ];
    }),
};

const oneInjector: Check = {
  id: "one-injector",
  title: "one webhook injects after the move",
  run: (facts) =>
    facts.moves.flatMap(({ namespace, workloads }) => {
      const doubled = workloads.find(({ after, fate }) => fate === "restart" && after.kind === "injected" && after.also.length > 0);
      if (doubled?.after.kind !== "injected") return [];
      const message = `more than one webhook would inject its pods: ${listed([doubled.after.by, ...doubled.after.also], 6)}`;
      return [
        blocker("one-injector", `namespace/${namespace.name}`, message, "keep one of them: 'istioctl analyze -A' names them (IST0139)"),
      ];
    }),
};

/** An unfinished run to another target is the way back of its namespace: it is ended before another begins (design: state). */
const noOtherMigration: Check = {
  id: "no-other-migration",
  title: "no migration to another target is unfinished",
  run: ({ asked, target }) =>
    asked.flatMap(({ found }): readonly Finding[] => {
      const text = labelOf(found?.namespace.annotations, undoAnnotation);
      if (found?.eligibility !== "eligible" || text === undefined) return [];
      const { name, uid } = found.namespace;
      const [object, forget] = [`namespace/${name}`, `kubectl annotate namespace ${name} ${undoAnnotation}-`];
      const record = parseUndoRecord(text);
      if (isMalformed(record))
        return [
          blocker(
            "no-other-migration",
            object,
            `the record of an earlier migration (annotation ${undoAnnotation}) cannot be read: ${record.malformed}`,
            `look at it, and if it is of no use: ${forget}`,
          ),
        ];
      if (record.state === "done") return [];
      if (record.namespaceUid !== uid)
        return [
          blocker(
            "no-other-migration",
            object,
            "it holds the record of an unfinished migration of another namespace of this name, since deleted",
            forget,
          ),
        ];
      if (record.target.label === target.label && record.target.revision === target.revision) return [];
      return [
        blocker(
          "no-other-migration",
          object,
          `a migration to ${record.target.label} (revision ${record.target.revision}) was begun and is not finished`,
          `finish it: kubectl mesh-migrate -n ${name} --to ${record.target.label}; or, if it was put back by hand: ${forget}`,
        ),
      ];
    }),
};

const fromRevision: Check = {
  id: "from-exists",
  title: "the namespaces are on the revision they are said to come from",
  run: ({ mesh, moves, request, asked }) => {
    const { from } = request;
    if (from === undefined) return [];
    const known = [
      ...new Set([
        ...mesh.controlPlanes.map(({ revision }) => revision),
        ...mesh.injectors.map(({ revision }) => revision),
        ...mesh.pods.flatMap((pod) => pod.proxy?.revision ?? []),
      ]),
    ];
    if (!known.includes(from))
      return [
        blocker(
          "from-exists",
          `revision/${from}`,
          `no revision has this name${didYouMean(from, known)}`,
          `revisions here: ${listed(known, 12)}`,
        ),
      ];
    if (request.namespaces === "all") return [];
    return moves
      .filter((move) => !comesFrom(move, from) && asked.some(({ name }) => name === move.namespace.name))
      .map((move) =>
        blocker(
          "from-exists",
          `namespace/${move.namespace.name}`,
          `it is on revision ${move.from.revision}, not ${from}`,
          "leave it out, or leave out --from",
        ),
      );
  },
};

const labelServed: Check = {
  id: "label-served",
  title: "the labels that are replaced are served today",
  run: ({ moves }) =>
    moves.filter(writesLabels).flatMap(({ namespace }) => {
      const object = `namespace/${namespace.name}`;
      if (namespace.injection.kind === "refused")
        return [
          warning(
            "label-served",
            object,
            `today its pods are refused: ${namespace.injection.reason}; nothing there can restart before the move`,
          ),
        ];
      if (namespace.injection.kind === "unknown")
        return [
          unknown(
            "label-served",
            object,
            `what injects its pods today cannot be told: ${namespace.injection.reason}`,
            "there is no sure way back without it",
          ),
        ];
      return [];
    }),
};

export const namespaceChecks: readonly Check[] = [
  exist,
  injected,
  doublyLabelled,
  labelServed,
  oneInjector,
  noOtherMigration,
  fromRevision,
];

/** Namespaces whose labels are written. */
export const relabelled = (facts: Facts) => facts.moves.filter(writesLabels);
