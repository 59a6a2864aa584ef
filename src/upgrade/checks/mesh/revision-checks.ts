/** What is wrong with the control plane of a revision and with its webhook. */
import { type Check, cannotTell, note, warning } from "../check.ts";
import { barrierRemedy, barrierText } from "../move/istiods-answer.ts";
import type { MeshFacts, RevisionFacts } from "./mesh-facts.ts";

const objectOf = (revision: string): string => `revision/${revision}`;

const revisionNotReady: Check<RevisionFacts> = {
  id: "revision-not-ready",
  title: "every revision has a ready istiod",
  severity: "warning",
  category: "control-planes",
  run: ({ plane }) => {
    if (plane.deployment === undefined || plane.readyReplicas > 0) return [];
    const scaledDown = plane.desiredReplicas === 0;
    const message = `no istiod of revision ${plane.revision} is ready${scaledDown ? ", it is scaled to 0" : ""}: it injects nothing and configures no proxy`;
    const remedy = scaledDown
      ? `kubectl scale deployment ${plane.deployment.name} -n ${plane.namespace} --replicas 1`
      : `kubectl describe pods -n ${plane.namespace} -l app=istiod,istio.io/rev=${plane.revision}`;
    return [warning(objectOf(plane.revision), message, remedy)];
  },
};

const deploymentWithoutWebhook: Check<RevisionFacts> = {
  id: "deployment-without-webhook",
  title: "every istiod has its injection webhook",
  severity: "warning",
  category: "control-planes",
  run: ({ plane: { deployment, revision }, own }) => {
    if (deployment === undefined || own.length > 0) return [];
    const message = `istiod of revision ${revision} runs, but its injection webhook is missing: it injects nothing and no tag can be set to it`;
    return [warning(objectOf(revision), message, "install the revision again, or remove what is left of it")];
  },
};

const webhookDeactivated: Check<RevisionFacts> = {
  id: "webhook-deactivated",
  title: "every revision injects, by its own webhook or by a tag",
  severity: "warning",
  category: "control-planes",
  run: ({ mesh, plane: { deployment, revision }, own }) => {
    if (deployment === undefined || own.length === 0 || own.some((injector) => !injector.deactivated)) return [];
    const isServedByTag = mesh.injectors.some(
      (injector) => injector.revision === revision && injector.tag !== undefined && !injector.deactivated,
    );
    if (isServedByTag) return [];
    const message = `the injection webhook of revision ${revision} is deactivated and no tag points at it: it injects nothing`;
    // The state after `mesh-migrate --tag default`: istioctl deactivates the un-revisioned injector then.
    const isReplaced = mesh.injectors.some(({ tag, deactivated }) => tag === "default" && !deactivated);
    if (revision === "default" && isReplaced)
      return [note(objectOf(revision), message, "when nothing needs it: kubectl mesh-cleanup --revision default")];
    const tag = revision === "default" ? "default" : "TAG";
    return [warning(objectOf(revision), message, `kubectl mesh-migrate --tag ${tag} --to ${revision}`)];
  },
};

/** istiod writes its CA into its webhooks when it starts; until then the API server cannot call them. */
const webhookWithoutCa: Check<RevisionFacts> = {
  id: "webhook-without-ca",
  title: "every active webhook has a CA bundle",
  severity: "warning",
  category: "control-planes",
  run: ({ mesh, plane: { deployment, revision } }) => {
    if (deployment === undefined) return [];
    const lacking = mesh.injectors.filter(
      (injector) =>
        injector.revision === revision &&
        !injector.deactivated &&
        !injector.caBundle &&
        injector.entry.clientConfig.url === undefined,
    );
    const remedy = `istiod of ${revision} writes it when it starts; if it stays empty: kubectl logs -n ${mesh.istioNamespace} -l app=istiod,istio.io/rev=${revision}`;
    return [...new Set(lacking.map((injector) => injector.configuration))].map((name) =>
      warning(objectOf(revision), `webhook ${name} has no CA bundle: pods that it selects cannot be created`, remedy),
    );
  },
};

/** What is left of a removed revision: a webhook that refuses every pod, or one that does nothing. */
const webhookWithoutDeployment: Check<RevisionFacts> = {
  id: "webhook-without-deployment",
  title: "every webhook has an istiod behind it",
  severity: "warning",
  category: "control-planes",
  run: ({ plane: { revision }, own: [first, ...rest], isMissing }) => {
    if (first === undefined || !isMissing(revision)) return [];
    const effect = [first, ...rest].some((injector) => !injector.deactivated)
      ? "pods that it selects cannot be created"
      : "it is deactivated and does nothing";
    const name = first.configuration;
    return [
      warning(
        objectOf(revision),
        `webhook ${name} of revision ${revision} has no istiod behind it: ${effect}`,
        `once no namespace or pod selects it: kubectl delete mutatingwebhookconfiguration ${name}`,
      ),
    ];
  },
};

export const revisionChecks: readonly Check<RevisionFacts>[] = [
  revisionNotReady,
  deploymentWithoutWebhook,
  webhookDeactivated,
  webhookWithoutCa,
  webhookWithoutDeployment,
];

export const istiodSilent: Check<MeshFacts> = {
  id: "istiod-silent",
  title: "every istiod says which proxies it serves",
  severity: "unknown",
  category: "control-planes",
  run: ({ mesh }) =>
    mesh.answers.flatMap((answer) => {
      if (answer.kind === "answered") return [];
      const { istiod, revision, reason, barrier } = answer;
      const why = barrier === undefined ? reason : `${barrierText[barrier]} (${reason})`;
      const message = `istiod ${istiod} of revision ${revision} does not answer, so which proxies it serves is unknown: ${why}`;
      const remedy =
        barrier === undefined
          ? `kubectl get pods -n ${mesh.istioNamespace} -l app=istiod,istio.io/rev=${revision}`
          : barrierRemedy(barrier, istiod);
      return [cannotTell(objectOf(revision), message, remedy)];
    }),
};
