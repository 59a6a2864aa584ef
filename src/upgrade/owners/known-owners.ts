/**
 * The operators whose own way to restart is known, by group and kind of their objects. Their pods are replaced by the
 * operator, in its order and as fast as it likes: a restart of the pods' own controller would be taken back, or there is
 * none. docs/owners.md shows the table to users, and how they add to it.
 */
import type { OwnerHindrance, OwnerKind } from "../../mesh/operators/restart-way.ts";

/** The annotation of `kubectl rollout restart`, which several operators have taken over. */
export const kubectlStamp = "kubectl.kubernetes.io/restartedAt";

/** What most rows have in common. */
const row = (
  group: string,
  kind: string,
  annotations: string,
  rest: Partial<OwnerKind> & Pick<OwnerKind, "hint">,
): OwnerKind => ({
  group,
  kind,
  annotations: annotations.split("."),
  stamp: kubectlStamp,
  fixed: {},
  replicas: undefined,
  template: undefined,
  unavailable: { path: undefined, fallback: 1 },
  hindrances: [],
  ...rest,
});

const path = (text: string): readonly string[] => text.split(".");

const inPlace = (at: string): OwnerHindrance => ({
  path: path(at),
  values: ["InPlaceIfPossible", "InPlaceOnly"],
  reason: `its ${at} updates pods in place: they keep the proxy that they have`,
  remedy: "set it to ReCreate while it moves",
});

const paused = (at: string): OwnerHindrance => ({
  path: path(at),
  values: [true],
  reason: `its ${at} is true: a restart would wait for somebody to set it to false`,
  remedy: `set ${at} to false`,
});

const partitioned = (at: string): OwnerHindrance => ({
  path: path(at),
  values: "any",
  reason: `its ${at} keeps some of its pods as they are`,
  remedy: "set it to 0 while it moves",
});

/**
 * Strimzi: Kafka, Connect and MirrorMaker 2. The Cluster Operator rolls the pods one by one at its next reconciliation
 * (every two minutes), brokers only while their partitions stay in sync, and removes the annotation when it is done:
 * https://strimzi.io/docs/operators/latest/deploying#assembly-rolling-updates-str (Kafka), and since 0.38 Connect and
 * MirrorMaker 2 (strimzi/strimzi-kafka-operator#9142, PR #9153).
 */
const strimzi = row("core.strimzi.io", "StrimziPodSet", "metadata.annotations", {
  stamp: "kubectl-mesh/restartedAt",
  fixed: { "strimzi.io/manual-rolling-update": "true" },
  replicas: path("spec.pods"),
  template: path("spec.pods"),
  hint: "Strimzi's Cluster Operator rolls it at its next reconciliation: see its log, and whether annotation strimzi.io/pause-reconciliation is on the Kafka",
});

/**
 * CloudNativePG: what `kubectl cnpg restart CLUSTER` writes (internal/cmd/plugin/restart/restart.go). The replicas are
 * replaced first, then the primary, by a switchover or by a restart of it.
 */
const cloudNativePg = row("postgresql.cnpg.io", "Cluster", "metadata.annotations", {
  replicas: path("spec.instances"),
  hindrances: [
    {
      path: path("spec.primaryUpdateStrategy"),
      values: ["supervised"],
      reason: "its primaryUpdateStrategy is supervised: the primary waits for a person to promote another instance",
      remedy: "set it to unsupervised while it moves",
    },
    {
      path: ["metadata", "annotations", "cnpg.io/reconciliationLoop"],
      values: ["disabled"],
      reason: "its annotation cnpg.io/reconciliationLoop is disabled: its operator does nothing",
      remedy: "remove the annotation",
    },
  ],
  hint: "an operator before 1.25.2 restarts the primary in its old pod (cloudnative-pg#7120): set primaryUpdateMethod to switchover, or promote another instance",
});

/**
 * OpenKruise. CloneSet: what `kubectl-kruise rollout restart` writes (openkruise/kruise-tools
 * pkg/internal/polymorphichelpers/objectrestarter.go), and its bounds by apis/apps/v1alpha1/cloneset_types.go. With an
 * in-place strategy a changed annotation replaces no pod (openkruise/kruise-tools#18).
 */
const openKruise = [
  row("apps.kruise.io", "CloneSet", "spec.template.metadata.annotations", {
    stamp: "kubectl.kruise.io/restartedAt",
    replicas: path("spec.replicas"),
    template: path("spec.template"),
    unavailable: { path: path("spec.updateStrategy.maxUnavailable"), fallback: "20%" },
    hindrances: [
      inPlace("spec.updateStrategy.type"),
      paused("spec.updateStrategy.paused"),
      partitioned("spec.updateStrategy.partition"),
    ],
    hint: "kubectl describe cloneset shows its events",
  }),
  row("apps.kruise.io", "StatefulSet", "spec.template.metadata.annotations", {
    replicas: path("spec.replicas"),
    template: path("spec.template"),
    unavailable: { path: path("spec.updateStrategy.rollingUpdate.maxUnavailable"), fallback: 1 },
    hindrances: [
      {
        path: path("spec.updateStrategy.type"),
        values: ["OnDelete"],
        reason: "its update strategy is OnDelete: a pod is replaced only when somebody deletes it",
        remedy: "set its updateStrategy to RollingUpdate",
      },
      inPlace("spec.updateStrategy.rollingUpdate.podUpdatePolicy"),
      paused("spec.updateStrategy.rollingUpdate.paused"),
      partitioned("spec.updateStrategy.rollingUpdate.partition"),
    ],
    hint: "kubectl describe statefulsets.apps.kruise.io shows its events",
  }),
];

/**
 * Prometheus operator: `spec.podMetadata` is propagated to the pods of its StatefulSets (its API reference,
 * EmbeddedObjectMetadata). Before 0.50 it took the annotation of `kubectl rollout restart` out of the StatefulSet
 * (prometheus-operator/prometheus-operator#4155).
 */
const prometheusOperator = ["Prometheus", "PrometheusAgent", "Alertmanager", "ThanosRuler"].map((kind) =>
  row("monitoring.coreos.com", kind, "spec.podMetadata.annotations", {
    hindrances: [paused("spec.paused")],
    hint: "see the log of the Prometheus operator, and whether it watches this namespace",
  }),
);

/** Every operator whose way is known without a file of the user. */
export const knownOwners: readonly OwnerKind[] = [strimzi, cloudNativePg, ...openKruise, ...prometheusOperator];

/** A way that only a person can go, in words. */
interface Advice {
  readonly group: string;
  readonly kind: string;
  readonly how: string;
}

/**
 * Where a restart in the owner's way makes another object, and traffic moves to it: that is the owner's decision.
 * Knative: a Revision cannot be changed; a new one is made by its Service
 * (https://knative.dev/docs/serving/services/traffic-management/, knative/serving#14705).
 */
const advices: readonly Advice[] = [
  {
    group: "serving.knative.dev",
    kind: "Revision",
    how: "add an annotation to spec.template.metadata.annotations of its Knative Service: a new Revision comes up with the new proxy, and this one is scaled down when traffic has left it",
  },
];

/** The rows that hold: those of the user first, one for each group and kind. */
export const ownersWith = (users: readonly OwnerKind[] = []): readonly OwnerKind[] => [
  ...users,
  ...knownOwners.filter(({ group, kind }) => !users.some((each) => each.group === group && each.kind === kind)),
];

/** How an object of this group and kind is restarted by hand, in words; undefined where it is not known. */
export const restartByHand = (
  owner: { readonly group: string; readonly kind: string },
  owners: readonly OwnerKind[] = knownOwners,
): string | undefined => {
  const same = (each: { readonly group: string; readonly kind: string }): boolean =>
    each.group === owner.group && each.kind === owner.kind;
  const known = owners.find(same);
  if (known) return `set ${askedBy(known)} on the ${known.kind}, and its operator replaces the pods`;
  return advices.find(same)?.how;
};

const askedBy = ({ annotations, stamp, fixed }: OwnerKind): string => {
  const [first] = Object.entries(fixed);
  const what = first ? `${first[0]}=${first[1]}` : `${stamp} to the time now`;
  return `annotation ${what} in ${annotations.join(".")}`;
};
