/** Who else reads the labels of a namespace, and would decide differently once they are changed? */
import type { Labels } from "../../../mesh/kubernetes.ts";
import { listed } from "../../../mesh/phrase.ts";
import type { Discovery, NamespaceReader } from "../../evidence/cluster-evidence.ts";
import { type Facts, type NamespaceMove, oldRevisions, writesLabels } from "../../plan/moves.ts";
import { selects } from "../../plan/target.ts";
import { blocker, type Check, type CheckRecord, cannotTell, type Observation, warning } from "../check.ts";

/**
 * https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/#MeshConfig: selectors are ORed, none selects
 * everything.
 */
const discoverySelectors: Check<Facts> = {
  id: "discovery-selectors",
  title: "every control plane goes on seeing the namespaces that it sees",
  severity: "blocker",
  category: "namespaces",
  accepts: ["--skip-check"],
  run: (facts) => {
    const { moves, evidence, target } = facts;
    const back = facts.verb === "rollback";
    const concerned = new Set([target.revision, ...(back ? [] : oldRevisions(facts))]);
    return moves.flatMap((move) =>
      evidence.discovery.flatMap((discovery): readonly Observation[] => {
        const [before, after] = [sees(discovery, move.namespace.labels), sees(discovery, move.labelsAfter)];
        const object = discovery.configMap;
        const name = `namespace ${move.namespace.name}`;
        const remedy = `change discoverySelectors in ConfigMap ${object} so that they select ${name} by another label`;
        const accept = "--skip-check";
        if (before === undefined || after === undefined)
          return [
            cannotTell(
              object,
              "its discoverySelectors cannot be evaluated: they have an operator that Kubernetes does not know",
              remedy,
              accept,
            ),
          ];
        if (before !== after && !(back && (after || !concerned.has(discovery.revision))))
          return [
            blocker(
              object,
              `revision ${discovery.revision} sees ${name} by the labels that are to be changed: it would ${after ? "begin to see" : "lose"} it`,
              remedy,
              accept,
            ),
          ];
        if (!after && concerned.has(discovery.revision))
          return [
            blocker(
              object,
              `revision ${discovery.revision} does not see ${name}: its proxies would get no configuration for what runs there`,
              remedy,
              accept,
            ),
          ];
        return [];
      }),
    );
  },
};

const sees = ({ selectors }: Discovery, labels: Labels): boolean | undefined => {
  if (selectors.length === 0) return true;
  const answers = selectors.map((selector) => selects(selector, labels));
  return answers.includes(true) ? true : answers.includes(undefined) ? undefined : false;
};

const readerCheck = (record: CheckRecord, kinds: readonly NamespaceReader["kind"][]): Check<Facts> => ({
  ...record,
  run: ({ moves, evidence, verb }) => {
    const readers = evidence.readers.filter(({ kind }) => kinds.includes(kind));
    const written = moves.filter(writesLabels);
    return [
      ...readers
        .flatMap((reader) => changed(reader, written))
        .map((each) => (verb === "rollback" ? asBefore(each) : each)),
      ...(written.length === 0 ? [] : readers.flatMap((reader) => named(reader))),
    ];
  },
});

/** What a rollback changes for others is what the migration changed for them: it stops nothing. */
const asBefore = (observation: Observation): Observation => ({
  ...observation,
  severity: "warning",
  accept: undefined,
});

/** One finding for a selector, however many namespaces it tells apart. */
const changed = (reader: NamespaceReader, moves: readonly NamespaceMove[]): readonly Observation[] => {
  if (reader.expression !== undefined) return [];
  const answers = moves.map((move) => ({
    name: move.namespace.name,
    before: selects(reader.selector, move.namespace.labels),
    after: selects(reader.selector, move.labelsAfter),
  }));
  const differing = answers.filter(({ before, after }) => before !== after);
  if (answers.some(({ before, after }) => before === undefined || after === undefined)) {
    return [
      cannotTell(
        readerName(reader),
        `${reader.where} has a selector with an operator that Kubernetes does not know`,
        undefined,
        "--skip-check",
      ),
    ];
  }
  const first = differing[0];
  if (first === undefined) return [];
  const names = listed(
    differing.map(({ name }) => name),
    6,
  );
  const message = `${reader.where} selects namespaces by the labels that are to be changed: it ${first.before ? "would no longer select" : "would begin to select"} ${names}`;
  return [
    blocker(
      readerName(reader),
      message,
      `let it select ${names} by another label, such as kubernetes.io/metadata.name (now: ${JSON.stringify(reader.selector)})`,
      "--skip-check",
    ),
  ];
};

const named = (reader: NamespaceReader): readonly Observation[] =>
  reader.expression === undefined
    ? []
    : [
        warning(
          readerName(reader),
          `${reader.where} names an injection label in an expression, which is not evaluated here: ${reader.expression}`,
          "read it: does it say the same after the move?",
        ),
      ];

const readerName = ({ kind, namespace, name }: NamespaceReader): string =>
  namespace === undefined ? `${kind}/${name}` : `${namespace}/${kind}/${name}`;

export const labelReaderChecks: readonly Check<Facts>[] = [
  discoverySelectors,
  readerCheck(
    {
      id: "network-policies",
      title: "no NetworkPolicy tells the namespaces by the labels that are changed",
      severity: "blocker",
      category: "namespaces",
      accepts: ["--skip-check"],
    },
    ["NetworkPolicy"],
  ),
  readerCheck(
    {
      id: "admission-readers",
      title: "no other webhook or admission policy tells the namespaces by the labels that are changed",
      severity: "blocker",
      category: "namespaces",
      accepts: ["--skip-check"],
    },
    [
      "MutatingWebhookConfiguration",
      "ValidatingWebhookConfiguration",
      "ValidatingAdmissionPolicy",
      "ValidatingAdmissionPolicyBinding",
      "MutatingAdmissionPolicy",
      "MutatingAdmissionPolicyBinding",
    ],
  ),
  readerCheck(
    {
      id: "gateway-routes",
      title: "no Gateway admits routes by the labels that are changed",
      severity: "blocker",
      category: "gateways",
      accepts: ["--skip-check"],
    },
    ["Gateway"],
  ),
];
