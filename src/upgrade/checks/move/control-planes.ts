/** Is there a control plane to go to, and does every istiod that matters answer? */
import { isRunningIstiod } from "../../../mesh/connected-proxies.ts";
import type { Finding } from "../../../mesh/finding.ts";
import type { Istiod } from "../../../mesh/model.ts";
import { counted } from "../../../mesh/phrase.ts";
import { type Facts, oldRevisions } from "../../plan/moves.ts";
import { serves } from "../../plan/target.ts";
import { blocker, type Check, unknown, warning } from "../check.ts";

const targetReady: Check = {
  id: "target-ready",
  title: "istiod of the target is ready",
  run: ({ mesh, target }) => {
    const object = `revision/${target.revision}`;
    const plane = mesh.controlPlanes.find(({ revision }) => revision === target.revision);
    if (plane?.deployment === undefined) {
      const external = mesh.injectors.some(
        (injector) => injector.revision === target.revision && injector.entry.clientConfig.url !== undefined,
      );
      return external
        ? [
            unknown(
              "target-ready",
              object,
              "its istiod runs outside this cluster: whether it is ready, and which proxies it serves, cannot be seen from here",
            ),
          ]
        : [
            blocker(
              "target-ready",
              object,
              "it has a webhook but no istiod",
              `istioctl install --set revision=${target.revision}, or choose another target`,
            ),
          ];
    }
    const look = `kubectl -n ${plane.namespace} rollout status deployment/${plane.deployment.name}`;
    if (plane.readyReplicas === 0)
      return [
        blocker("target-ready", object, `none of its ${counted(plane.desiredReplicas, "istiod pod")} is ready`, look),
      ];
    if (plane.readyReplicas >= plane.desiredReplicas) return [];
    return [
      warning(
        "target-ready",
        object,
        `only ${plane.readyReplicas} of ${counted(plane.desiredReplicas, "istiod pod")} ready`,
        look,
      ),
    ];
  },
};

const servingInjectors = ({ mesh, target }: Facts) =>
  mesh.injectors.filter((injector) => serves(injector, target.label));

const targetCaBundle: Check = {
  id: "target-ca-bundle",
  title: "the target's webhook has a CA bundle",
  run: (facts) =>
    servingInjectors(facts)
      .filter(({ caBundle, entry }) => !caBundle && entry.clientConfig.service !== undefined)
      .map(({ configuration, entry }) =>
        blocker(
          "target-ca-bundle",
          `MutatingWebhookConfiguration/${configuration}`,
          `webhook ${entry.name} has no CA bundle: the API server would refuse every pod`,
          `its istiod writes it within seconds of its start; see 'kubectl -n ${facts.mesh.istioNamespace} logs -l app=istiod,istio.io/rev=${facts.target.revision}'`,
        ),
      ),
};

const targetEndpoints: Check = {
  id: "target-endpoints",
  title: "the target's webhook can be called",
  run: (facts) =>
    servingInjectors(facts).flatMap(({ configuration, entry, readyEndpoints }) => {
      const service = entry.clientConfig.service;
      if (service === undefined || (readyEndpoints ?? 0) > 0) return [];
      const object = `${service.namespace}/Service/${service.name}`;
      const look = `kubectl -n ${service.namespace} get endpointslices -l kubernetes.io/service-name=${service.name}`;
      return readyEndpoints === 0
        ? [
            blocker(
              "target-endpoints",
              object,
              `it has no ready endpoints: webhook ${configuration} could not be called, and the API server would refuse every pod`,
              look,
            ),
          ]
        : [
            unknown(
              "target-endpoints",
              object,
              `whether it has ready endpoints is unknown; webhook ${configuration} is called through it`,
              look,
            ),
          ];
    }),
};

const istiodsAnswer: Check = {
  id: "istiods-answer",
  title: "every istiod of the old and the new revision answers",
  run: (facts) => {
    const revisions = new Set([facts.target.revision, ...oldRevisions(facts)]);
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

const silent = (istiod: string, revision: string, reason: string): Finding =>
  unknown(
    "istiods-answer",
    `istiod ${istiod}`,
    `this istiod of revision ${revision} did not say which proxies it holds: ${reason}`,
    "wait until it is ready or gone and try again; 'kubectl port-forward' to it has to be allowed",
  );

export const controlPlaneChecks: readonly Check[] = [targetReady, targetCaBundle, targetEndpoints, istiodsAnswer];
