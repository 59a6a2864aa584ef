/** Is the target configured as the control plane that it replaces, and does it stay up? */
import { instantOf } from "../../../mesh/instant.ts";
import { releaseOf } from "../../../mesh/istio-version.ts";
import { selects, servesLabels } from "../../plan/target.ts";
import type { IstiodAutoscaler, IstiodBudget } from "../../preflight/evidence/control-plane-evidence.ts";
import { type InstalledPlane, planeText, targetPlane } from "../../preflight/planes.ts";
import type { PreflightFacts } from "../../preflight/preflight-facts.ts";
import { type Check, note, type Observation, warning } from "../check.ts";
import { istiodVersion } from "./proxy-versions.ts";
import { sameMeshChecks } from "./same-mesh.ts";

const autoscalerOf = (
  { around }: PreflightFacts,
  { namespace, deployment }: InstalledPlane,
): IstiodAutoscaler | undefined =>
  around.controlPlanes.autoscalers.find(
    (each) => each.namespace === namespace && each.target.kind === "Deployment" && each.target.name === deployment.name,
  );

/** Milliseconds in which a new autoscaler has no metrics yet. */
const noMetricsYet = 5 * 60_000;

const autoscaler: Check<PreflightFacts> = {
  id: "target-autoscaler",
  title: "istiod of the target can scale out",
  severity: "warning",
  category: "target",
  run: (facts) => {
    const plane = targetPlane(facts);
    const found = plane && autoscalerOf(facts, plane);
    if (plane === undefined || found === undefined) return [];
    const { namespace, name, max, min, current } = found;
    const object = `${namespace}/HorizontalPodAutoscaler/${name}`;
    const look = `kubectl -n ${namespace} describe hpa ${name}`;
    const failing = found.failing.find(({ type }) => type === "ScalingActive" || type === "AbleToScale");
    const deployment = facts.around.controlPlanes.deployments.find((each) => each.revision === plane.revision);
    const [created, now] = [instantOf(deployment?.createdAt), instantOf(facts.mesh.takenAt)];
    const isNew = created !== undefined && now !== undefined && now - created < noMetricsYet;
    // An autoscaler whose target has no replicas is switched off: ScalingDisabled.
    if (failing !== undefined && !isNew)
      return [
        warning(
          object,
          `it does not scale istiod now (${failing.type} is False: ${failing.reason}): istiod stays at ${plane.desiredReplicas} while proxies move to it`,
          look,
        ),
      ];
    if (current >= max && max > min)
      return [
        warning(
          object,
          `it is at its maximum of ${max}: istiod cannot scale out while proxies move to it`,
          `raise maxReplicas for the time of the upgrade; ${look}`,
        ),
      ];
    return [];
  },
};

const budgetsOf = ({ around }: PreflightFacts, { namespace, revision }: InstalledPlane): readonly IstiodBudget[] => {
  const labels = around.controlPlanes.deployments.find((each) => each.revision === revision)?.podLabels;
  return labels === undefined
    ? []
    : around.controlPlanes.disruptionBudgets.filter(
        (budget) => budget.namespace === namespace && selects(budget.selector, labels) === true,
      );
};

const disruptionBudget: Check<PreflightFacts> = {
  id: "target-disruption-budget",
  title: "a drain of a node does not wait for istiod of the target",
  severity: "note",
  category: "target",
  run: (facts) => {
    const plane = targetPlane(facts);
    if (plane === undefined) return [];
    return budgetsOf(facts, plane)
      .filter(({ allowed }) => allowed === 0)
      .map(({ namespace, name }) =>
        note(
          `${namespace}/PodDisruptionBudget/${name}`,
          "it allows no disruption now: a drain of the node waits until istiod has another ready pod",
          "run two or more replicas of istiod",
        ),
      );
  },
};

const replicas: Check<PreflightFacts> = {
  id: "target-replicas",
  title: "istiod of the target has more than one replica",
  severity: "note",
  category: "target",
  run: (facts) => {
    const plane = targetPlane(facts);
    if (plane === undefined || plane.desiredReplicas !== 1 || (autoscalerOf(facts, plane)?.min ?? 1) > 1) return [];
    return [
      note(
        planeText(plane),
        "it has one replica: while that pod is replaced, no pod that the target injects can be created",
        "run two or more, by the values of its installation (autoscaleMin, or replicaCount without an autoscaler)",
      ),
    ];
  },
};

/** Istio's charts set `Fail` (manifests/charts/istio-control/istio-discovery/templates/mutatingwebhook.yaml). */
const webhookPolicy: Check<PreflightFacts> = {
  id: "target-webhook-policy",
  title: "no pod starts without its sidecar when istiod of the target does not answer",
  severity: "warning",
  category: "target",
  run: (facts) => {
    if (!facts.installed) return [];
    const ignoring = facts.mesh.injectors.filter(
      (injector) => servesLabels(injector, facts.after) && injector.entry.failurePolicy === "Ignore",
    );
    return [...new Set(ignoring.map(({ configuration }) => configuration))].map((name) =>
      warning(
        `MutatingWebhookConfiguration/${name}`,
        "its failurePolicy is Ignore: when istiod does not answer, pods start without a sidecar, and nobody is told",
        "set failurePolicy Fail, as Istio's charts do",
      ),
    );
  },
};

const version: Check<PreflightFacts> = {
  id: "target-version",
  title: "the target's istiods run the release of their Deployment",
  severity: "warning",
  category: "target",
  run: (facts) => {
    const plane = targetPlane(facts);
    const expected = releaseOf(plane?.version);
    if (plane === undefined || expected === undefined) return [];
    const own = new Set(plane.istiods.map(({ namespace, name }) => `${namespace}/${name}`));
    return facts.around.controlPlanes.versions.flatMap(({ istiod, text }): readonly Observation[] => {
      const actual = releaseOf(istiodVersion(text));
      return !own.has(istiod) || actual === undefined || actual === expected
        ? []
        : [
            warning(
              `istiod ${istiod}`,
              `it runs Istio ${actual}, and its Deployment has the image of ${expected}`,
              `kubectl -n ${plane.namespace} rollout status deployment/${plane.deployment.name}`,
            ),
          ];
    });
  },
};

export const targetConfigChecks: readonly Check<PreflightFacts>[] = [
  autoscaler,
  disruptionBudget,
  replicas,
  webhookPolicy,
  version,
  ...sameMeshChecks,
];
