/** Is the target's control plane ready, and can its webhook be called? */
import { counted } from "../../../mesh/phrase.ts";
import { whereabouts } from "../../../mesh/revision-state.ts";
import type { Facts } from "../../plan/moves.ts";
import { servesLabels } from "../../plan/target.ts";
import { blocker, type Check, cannotTell, type Observation, proofByPods, warning } from "../check.ts";
import { askForLess, istiodsAnswer } from "./istiods-answer.ts";

const targetReady: Check<Facts> = {
  id: "target-ready",
  title: "istiod of the target is ready",
  severity: "blocker",
  category: "control-planes",
  accepts: ["--proof"],
  run: (facts) => {
    const { mesh, target } = facts;
    const object = `revision/${target.revision}`;
    const plane = mesh.controlPlanes.find(({ revision }) => revision === target.revision);
    if (plane?.deployment === undefined) {
      return [withoutDeployment(facts, object)];
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

/** Its istiod is elsewhere, or nowhere. */
const withoutDeployment = ({ mesh, target: { revision }, verb, request }: Facts, object: string): Observation => {
  const where = whereabouts(mesh, revision);
  if (where === "external" || where === "managed") {
    const message = `its istiod runs outside this cluster${where === "managed" ? " (its provider runs it)" : ""}: whether it is ready, and which proxies it serves, cannot be seen from here`;
    return request.proof === "pods" ? warning(object, message) : cannotTell(object, message, askForLess, proofByPods);
  }
  if (where === "unknown")
    return cannotTell(
      object,
      "where its istiod runs is not known: something may answer its webhook, and no istiod of it was found",
      "look at the Service that its webhook calls; to read Services you may need the right",
    );
  return blocker(
    object,
    "it has a webhook but no istiod",
    verb === "rollback"
      ? "install the same release of it again before you go back"
      : `istioctl install --set revision=${revision}, or choose another target`,
  );
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
  accepts: ["--proof"],
  run: (facts) =>
    servingInjectors(facts).flatMap(({ configuration, entry, readyEndpoints, service: lead }) => {
      const service = entry.clientConfig.service;
      if (service !== undefined && lead === "name") return [byName(facts, service, configuration)];
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

/** A trial pod tells, once the label is written. Source: `ResolveCluster` (k8s.io/apiserver pkg/util/proxy/proxy.go). */
const byName = (
  { request }: Facts,
  { namespace, name }: { readonly namespace: string; readonly name: string },
  configuration: string,
): Observation => {
  const object = `${namespace}/Service/${name}`;
  const message = `it is of type ExternalName: whether the API server calls webhook ${configuration} through it cannot be told before a pod is created`;
  return request.proof === "pods"
    ? warning(object, `${message}; a trial pod tries it before anything is restarted`)
    : cannotTell(object, message, "give it endpoints instead (an EndpointSlice with the address)", proofByPods);
};

export const controlPlaneChecks: readonly Check<Facts>[] = [
  targetReady,
  targetCaBundle,
  targetEndpoints,
  istiodsAnswer,
];
