/** Is the target's control plane ready, and does every istiod of the old and the new revision answer? */
import type { Istiod } from "../../../mesh/model.ts";
import { counted } from "../../../mesh/phrase.ts";
import { isExternal, isRunningIstiod } from "../../../mesh/revision-state.ts";
import { type Facts, oldRevisions } from "../../plan/moves.ts";
import { servesLabels } from "../../plan/target.ts";
import { blocker, type Check, cannotTell, type Observation, warning } from "../check.ts";

const targetReady: Check<Facts> = {
  id: "target-ready",
  title: "istiod of the target is ready",
  severity: "blocker",
  category: "control-planes",
  run: ({ mesh, target, verb }) => {
    const object = `revision/${target.revision}`;
    const plane = mesh.controlPlanes.find(({ revision }) => revision === target.revision);
    if (plane?.deployment === undefined) {
      return isExternal(mesh, target.revision)
        ? [
            cannotTell(
              object,
              "its istiod runs outside this cluster: whether it is ready, and which proxies it serves, cannot be seen from here",
            ),
          ]
        : [
            blocker(
              object,
              "it has a webhook but no istiod",
              verb === "rollback"
                ? "install the same release of it again before you go back"
                : `istioctl install --set revision=${target.revision}, or choose another target`,
            ),
          ];
    }
    const look = `kubectl -n ${plane.namespace} rollout status deployment/${plane.deployment.name}`;
    if (plane.readyReplicas === 0)
      return [blocker(object, `none of its ${counted(plane.desiredReplicas, "istiod pod")} is ready`, look)];
    if (plane.readyReplicas >= plane.desiredReplicas) return [];
    return [
      warning(object, `only ${plane.readyReplicas} of ${counted(plane.desiredReplicas, "istiod pod")} ready`, look),
    ];
  },
};

const servingInjectors = ({ mesh, after }: Facts) => mesh.injectors.filter((injector) => servesLabels(injector, after));

const targetCaBundle: Check<Facts> = {
  id: "target-ca-bundle",
  title: "the target's webhook has a CA bundle",
  severity: "blocker",
  category: "control-planes",
  run: (facts) =>
    servingInjectors(facts)
      .filter(({ caBundle, entry }) => !caBundle && entry.clientConfig.service !== undefined)
      .map(({ configuration, entry }) =>
        blocker(
          `MutatingWebhookConfiguration/${configuration}`,
          `webhook ${entry.name} has no CA bundle: the API server would refuse every pod`,
          `its istiod writes it within seconds of its start; see 'kubectl -n ${facts.mesh.istioNamespace} logs -l app=istiod,istio.io/rev=${facts.target.revision}'`,
        ),
      ),
};

const targetEndpoints: Check<Facts> = {
  id: "target-endpoints",
  title: "the target's webhook can be called",
  severity: "blocker",
  category: "control-planes",
  run: (facts) =>
    servingInjectors(facts).flatMap(({ configuration, entry, readyEndpoints }) => {
      const service = entry.clientConfig.service;
      if (service === undefined || (readyEndpoints ?? 0) > 0) return [];
      const object = `${service.namespace}/Service/${service.name}`;
      const look = `kubectl -n ${service.namespace} get endpointslices -l kubernetes.io/service-name=${service.name}`;
      return readyEndpoints === 0
        ? [
            blocker(
              object,
              `it has no ready endpoints: webhook ${configuration} could not be called, and the API server would refuse every pod`,
              look,
            ),
          ]
        : [
            cannotTell(
              object,
              `whether it has ready endpoints is unknown; webhook ${configuration} is called through it`,
              look,
            ),
          ];
    }),
};

const istiodsAnswer: Check<Facts> = {
  id: "istiods-answer",
  title: "every istiod of the old and the new revision answers",
  severity: "unknown",
  category: "control-planes",
  run: (facts) => {
    // A rollback may leave a control plane that has failed: nothing is asked of it.
    const left = facts.verb === "rollback" ? [] : oldRevisions(facts);
    const revisions = new Set([facts.target.revision, ...left]);
    const { answers, controlPlanes } = facts.mesh;
    const unanswered = answers.flatMap((answer) =>
      answer.kind === "unanswered" && revisions.has(answer.revision)
        ? [silent(answer.istiod, answer.revision, answer.reason)]
        : [],
    );
    const unasked = controlPlanes
      .filter(({ revision }) => revisions.has(revision))
      .flatMap(({ revision, istiods }) =>
        istiods
          .filter((istiod) => isRunningIstiod(istiod) && !answers.some((answer) => answer.istiod === nameOf(istiod)))
          .map((istiod) => silent(nameOf(istiod), revision, "it was not asked")),
      );
    return [...unanswered, ...unasked];
  },
};

/** As an answer names its istiod. */
const nameOf = ({ namespace, name }: Istiod): string => `${namespace}/${name}`;

const silent = (istiod: string, revision: string, reason: string): Observation =>
  cannotTell(
    `istiod ${istiod}`,
    `this istiod of revision ${revision} did not say which proxies it holds: ${reason}`,
    "wait until it is ready or gone and try again; 'kubectl port-forward' to it has to be allowed",
  );

export const controlPlaneChecks: readonly Check<Facts>[] = [
  targetReady,
  targetCaBundle,
  targetEndpoints,
  istiodsAnswer,
];
