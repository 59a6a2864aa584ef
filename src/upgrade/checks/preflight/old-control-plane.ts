/** Is the way back open: would the old control plane take every pod back? */
import { isBefore } from "../../../mesh/instant.ts";
import { dropsConfigOfMovedGateways } from "../../../mesh/istio-version.ts";
import type { Gateway, Mesh } from "../../../mesh/model.ts";
import { counted, listed } from "../../../mesh/phrase.ts";
import { writesLabels } from "../../plan/moves.ts";
import { selects, servesLabels } from "../../plan/target.ts";
import { leftPlanes, planeText } from "../../preflight/planes.ts";
import type { PreflightFacts } from "../../preflight/preflight-facts.ts";
import { kubernetesMinor, minorRelease, supportedKubernetes } from "../../preflight/releases.ts";
import { type Check, note, type Observation, warning } from "../check.ts";
import { gatewayOwner } from "../move/gateways.ts";

const ready: Check<PreflightFacts> = {
  id: "old-istiod-ready",
  title: "every istiod of the old control plane is ready",
  severity: "warning",
  category: "control-planes",
  run: (facts) =>
    leftPlanes(facts)
      .filter(({ readyReplicas, desiredReplicas }) => readyReplicas > 0 && readyReplicas < desiredReplicas)
      .map((plane) =>
        warning(
          planeText(plane),
          `only ${plane.readyReplicas} of ${counted(plane.desiredReplicas, "istiod pod")} ready: the rollback depends on it`,
          `kubectl -n ${plane.namespace} rollout status deployment/${plane.deployment.name}`,
        ),
      ),
};

/** The webhooks that would inject the pods again once the labels are as before. */
const webhook: Check<PreflightFacts> = {
  id: "old-webhook",
  title: "the old control plane's webhook can be called",
  severity: "warning",
  category: "control-planes",
  run: ({ mesh, moves, target }) => {
    const back = moves.filter((move) => writesLabels(move) && move.from.revision !== target.revision);
    const serving = mesh.injectors.filter(
      (injector) =>
        injector.entry.clientConfig.service !== undefined && back.some(({ before }) => servesLabels(injector, before)),
    );
    return [...Map.groupBy(serving, ({ configuration }) => configuration)].flatMap(
      ([configuration, entries]): readonly Observation[] => {
        const object = `MutatingWebhookConfiguration/${configuration}`;
        if (entries.some(({ caBundle }) => !caBundle))
          return [
            warning(
              object,
              "it has no CA bundle: a rollback would be refused, and no pod of the namespaces that are still there can be created",
              `its istiod writes it when it starts; see 'kubectl -n ${mesh.istioNamespace} logs -l app=istiod,istio.io/rev=${entries[0]?.revision}'`,
            ),
          ];
        const [empty] = entries.filter(({ readyEndpoints }) => readyEndpoints === 0);
        const service = empty?.entry.clientConfig.service;
        return service === undefined
          ? []
          : [
              warning(
                object,
                `its Service ${service.name} has no ready endpoints: a rollback would be refused, and no pod of the namespaces that are still there can be created`,
                `kubectl -n ${service.namespace} get endpointslices -l kubernetes.io/service-name=${service.name}`,
              ),
            ];
      },
    );
  },
};

/**
 * An installation changes what all revisions share (CRDs, ClusterRoles with the same name). An istiod that runs goes
 * on; whether it can start again is seen at its next start alone (istio/istio#29364, #41262).
 */
const restarted: Check<PreflightFacts> = {
  id: "old-istiod-restarted",
  title: "an istiod of the old control plane was started after the target was installed",
  severity: "note",
  category: "control-planes",
  run: (facts) => {
    const { deployments, pods } = facts.around.controlPlanes;
    const target = deployments.find(({ revision }) => revision === facts.target.revision);
    return leftPlanes(facts).flatMap((plane): readonly Observation[] => {
      const own = pods.filter(
        ({ revision, namespace }) => revision === plane.revision && namespace === plane.namespace,
      );
      if (own.length === 0 || !own.every(({ startedAt }) => isBefore(startedAt, target?.createdAt))) return [];
      return [
        note(
          planeText(plane),
          `no pod of it was started since the target was installed (${target?.createdAt}): that it can start again beside the target's CRDs and ClusterRoles was never tried, and the rollback depends on it`,
          `with two or more replicas, and before the first namespace moves: kubectl -n ${plane.namespace} rollout restart deployment/${plane.deployment.name}`,
        ),
      ];
    });
  },
};

const replicas: Check<PreflightFacts> = {
  id: "old-istiod-replicas",
  title: "a drain of one node leaves an istiod of the old control plane",
  severity: "note",
  category: "control-planes",
  run: (facts) => {
    const { deployments, disruptionBudgets, autoscalers } = facts.around.controlPlanes;
    return leftPlanes(facts).flatMap((plane): readonly Observation[] => {
      const { namespace, deployment, desiredReplicas } = plane;
      if (desiredReplicas === 0) return [];
      const scaled = autoscalers.find((each) => each.namespace === namespace && each.target.name === deployment.name);
      if (desiredReplicas === 1 && (scaled?.min ?? 1) < 2)
        return [
          note(
            planeText(plane),
            "it has one replica: while that pod is away, nothing can be rolled back, and no pod that it injects can be created",
            "run two or more until the upgrade is done",
          ),
        ];
      const labels = deployments.find(({ revision }) => revision === plane.revision)?.podLabels;
      const isKept =
        labels === undefined ||
        disruptionBudgets.some(
          (budget) => budget.namespace === namespace && selects(budget.selector, labels) !== false,
        );
      return isKept
        ? []
        : [
            note(
              planeText(plane),
              "it has no PodDisruptionBudget: drains may take all of its pods at once, and the rollback depends on them",
              "Istio's charts create one where replicas or autoscaleMin are more than 1",
            ),
          ];
    });
  },
};

/** https://github.com/istio/istio/issues/44507 */
const installer: Check<PreflightFacts> = {
  id: "old-release-installable",
  title: "the old control plane could be installed again on this version of Kubernetes",
  severity: "note",
  category: "control-planes",
  run: (facts) => {
    const { kubernetes } = facts.around.controlPlanes;
    const minor = kubernetesMinor(kubernetes ?? "");
    return leftPlanes(facts).flatMap((plane): readonly Observation[] => {
      const last = supportedKubernetes.get(minorRelease(plane.version) ?? -1)?.[1];
      if (minor === undefined || last === undefined || minor <= last) return [];
      return [
        note(
          planeText(plane),
          `Istio ${plane.version} supports Kubernetes up to 1.${last}, and this is ${kubernetes}: were it lost, nobody has tested that it can be installed again; what runs is the only way back`,
          "change nothing of it until the upgrade is done",
        ),
      ];
    });
  },
};

/**
 * Gateways that stay with their control plane in this upgrade: by a label of their own, or in a namespace that does not
 * move. Those that follow a label are told by `gateways-pinned`.
 */
const gatewayOutage: Check<PreflightFacts> = {
  id: "gateway-outage",
  title: "the old control plane gives up a Gateway without an outage",
  severity: "warning",
  category: "control-planes",
  run: (facts) => {
    const { mesh, moves, evidence, tag } = facts;
    const moving = new Set(moves.filter(writesLabels).map(({ namespace }) => namespace.name));
    const told = new Set(tag?.gateways ?? []);
    return leftPlanes(facts).flatMap((plane): readonly Observation[] => {
      if (dropsConfigOfMovedGateways(plane.version) !== true) return [];
      const staying = mesh.gateways.filter(
        (gateway) =>
          evidence.gatewayClasses.includes(gateway.className) &&
          !told.has(gateway) &&
          (gateway.pinned !== undefined || !moving.has(gateway.namespace)) &&
          ownerOf(mesh, gateway) === plane.revision,
      );
      if (staying.length === 0) return [];
      const names = listed(staying.map(({ namespace, name }) => `${namespace}/${name}`));
      return [
        warning(
          planeText(plane),
          `when ${counted(staying.length, "Gateway")} (${names}) later ${staying.length === 1 ? "moves" : "move"} away, Istio ${plane.version} empties the configuration of the running pods: up to 30 s of failed requests (istio/istio#59959)`,
          "upgrade it in place to a patch release with the fix first, where there is one (1.29.5, 1.30.2); else move the traffic to a second Gateway on the target",
        ),
      ];
    });
  },
};

const ownerOf = (mesh: Mesh, { namespace, pinned }: Gateway): string =>
  gatewayOwner(mesh, mesh.namespaces.find(({ name }) => name === namespace) ?? { labels: {} }, pinned);

export const oldControlPlaneChecks: readonly Check<PreflightFacts>[] = [
  ready,
  webhook,
  restarted,
  replicas,
  installer,
  gatewayOutage,
];
