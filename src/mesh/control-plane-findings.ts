/** What is wrong with control planes, their webhooks, tags and defaults. */
import type { Finding } from "./finding.ts";
import type { ControlPlane, Injector, Mesh } from "./model.ts";
import { listed } from "./phrase.ts";

/** A finding that is told and stops nothing. */
export const warning = (check: string, object: string, message: string, remedy: string | undefined): Finding => ({
  check,
  severity: "warning",
  object,
  message,
  remedy,
  accept: undefined,
});

/** Evidence that is missing. */
export const missingEvidence = (
  check: string,
  object: string,
  message: string,
  remedy: string | undefined,
): Finding => ({
  ...warning(check, object, message, remedy),
  severity: "unknown",
});

/** In the order: control planes, istiods that did not answer, tags, defaults. */
export const controlPlaneFindings = (mesh: Mesh): readonly Finding[] => [
  ...mesh.controlPlanes.flatMap((plane) => planeFindings(mesh, plane)),
  ...silentIstiods(mesh),
  ...tagFindings(mesh),
  ...defaultFindings(mesh),
];

/** Revisions that have an istiod, in this cluster or reached by a webhook's URL. */
export function livingRevisions(mesh: Mesh): ReadonlySet<string> {
  const planes = mesh.controlPlanes.filter((plane) => plane.deployment !== undefined || plane.istiods.length > 0);
  const external = mesh.injectors.filter((injector) => injector.entry.clientConfig.url !== undefined);
  return new Set([...planes, ...external].map(({ revision }) => revision));
}

function planeFindings(mesh: Mesh, plane: ControlPlane): readonly Finding[] {
  const object = `revision/${plane.revision}`;
  const own = mesh.injectors.filter((injector) => injector.revision === plane.revision && injector.tag === undefined);
  if (plane.deployment === undefined) return withoutDeployment(mesh, plane, own);
  const findings: Finding[] = [];
  if (plane.readyReplicas === 0) findings.push(notReady(plane, object));
  if (own.length === 0) {
    const message = `istiod of revision ${plane.revision} runs, but its injection webhook is missing: it injects nothing and no tag can be set to it`;
    findings.push(
      warning(
        "deployment-without-webhook",
        object,
        message,
        "install the revision again, or remove what is left of it",
      ),
    );
  } else if (own.every((injector) => injector.deactivated) && !isServedByTag(mesh, plane.revision)) {
    const message = `the injection webhook of revision ${plane.revision} is deactivated and no tag points at it: it injects nothing`;
    findings.push(
      warning(
        "webhook-deactivated",
        object,
        message,
        `istioctl tag set ${plane.revision === "default" ? "default" : "TAG"} --revision ${plane.revision}`,
      ),
    );
  }
  return [...findings, ...withoutCaBundle(mesh, plane.revision)];
}

/** Who is left of a revision without istiod: a webhook that fails closed, or one that does nothing. */
function withoutDeployment(mesh: Mesh, plane: ControlPlane, own: readonly Injector[]): readonly Finding[] {
  if (livingRevisions(mesh).has(plane.revision) || own.length === 0) return [];
  const name = own[0]?.configuration ?? "";
  const effect = own.some((injector) => !injector.deactivated)
    ? "pods that it selects cannot be created"
    : "it is deactivated and does nothing";
  const message = `webhook ${name} of revision ${plane.revision} has no istiod behind it: ${effect}`;
  return [
    warning(
      "webhook-without-deployment",
      `revision/${plane.revision}`,
      message,
      `once no namespace or pod selects it: kubectl delete mutatingwebhookconfiguration ${name}`,
    ),
  ];
}

function notReady(plane: ControlPlane, object: string): Finding {
  const scaledDown = plane.desiredReplicas === 0;
  const message = `no istiod of revision ${plane.revision} is ready${scaledDown ? ", it is scaled to 0" : ""}: it injects nothing and configures no proxy`;
  const remedy = scaledDown
    ? `kubectl scale deployment ${plane.deployment?.name} -n ${plane.namespace} --replicas 1`
    : `kubectl describe pods -n ${plane.namespace} -l app=istiod,istio.io/rev=${plane.revision}`;
  return warning("revision-not-ready", object, message, remedy);
}

/** istiod writes its CA into its webhooks; until then the API server cannot call them. */
function withoutCaBundle(mesh: Mesh, revision: string): readonly Finding[] {
  const lacking = mesh.injectors.filter(
    (injector) =>
      injector.revision === revision &&
      !injector.deactivated &&
      !injector.caBundle &&
      injector.entry.clientConfig.url === undefined,
  );
  return [...new Set(lacking.map((injector) => injector.configuration))].map((name) => {
    const message = `webhook ${name} has no CA bundle: pods that it selects cannot be created`;
    return warning(
      "webhook-without-ca",
      `revision/${revision}`,
      message,
      `istiod of ${revision} writes it when it starts; if it stays empty: kubectl logs -n ${mesh.istioNamespace} -l app=istiod,istio.io/rev=${revision}`,
    );
  });
}

const isServedByTag = (mesh: Mesh, revision: string): boolean =>
  mesh.injectors.some(
    (injector) => injector.revision === revision && injector.tag !== undefined && !injector.deactivated,
  );

const silentIstiods = (mesh: Mesh): readonly Finding[] =>
  mesh.answers.flatMap((answer) => {
    if (answer.kind === "answered") return [];
    const message = `istiod ${answer.istiod} of revision ${answer.revision} does not answer, so which proxies it serves is unknown: ${answer.reason}`;
    return [
      missingEvidence(
        "istiod-silent",
        `revision/${answer.revision}`,
        message,
        `kubectl get pods -n ${mesh.istioNamespace} -l app=istiod,istio.io/rev=${answer.revision}`,
      ),
    ];
  });

function tagFindings(mesh: Mesh): readonly Finding[] {
  const living = livingRevisions(mesh);
  return mesh.tags.flatMap((tag) => {
    const object = `tag/${tag.tag}`;
    if (!living.has(tag.revision)) {
      const effect = tag.injects ? "pods of namespaces that use it cannot be created" : "nothing is behind it";
      const message = `tag ${tag.tag} points at revision ${tag.revision}, which has no istiod: ${effect}`;
      return [
        warning(
          "tag-to-missing-revision",
          object,
          message,
          `istioctl tag set ${tag.tag} --revision ${some(living)} --overwrite, or: istioctl tag remove ${tag.tag}`,
        ),
      ];
    }
    if (tag.injects) return [];
    const other = mesh.tags.find((each) => each.tag === tag.tag && each.injects);
    const remedy = `istioctl tag set ${tag.tag} --revision ${(other ?? tag).revision} --overwrite`;
    if (other !== undefined) {
      const message = `the webhook of tag ${tag.tag} points at revision ${other.revision} and its Service at ${tag.revision}`;
      return [warning("tag-disagrees", object, message, remedy)];
    }
    const lack = tag.webhook === undefined ? "has a Service and no webhook" : "has a deactivated webhook";
    return [
      warning(
        "tag-without-webhook",
        object,
        `tag ${tag.tag} ${lack}: namespaces labelled istio.io/rev=${tag.tag} get no sidecars`,
        remedy,
      ),
    ];
  });
}

/**
 * Two stores hold "the default revision" (istio/istio#58578): the tag `default`, which injects, and the default
 * validator.
 */
function defaultFindings(mesh: Mesh): readonly Finding[] {
  const validator = mesh.defaultValidator;
  if (validator === undefined) return [];
  const object = `ValidatingWebhookConfiguration/${validator.name}`;
  if (!livingRevisions(mesh).has(validator.revision)) {
    const message = `the default validator points at revision ${validator.revision}, which has no istiod: writes of Istio configuration may be refused`;
    return [
      warning(
        "default-validator-missing-revision",
        object,
        message,
        `istioctl tag set default --revision ${some(livingRevisions(mesh))} --overwrite`,
      ),
    ];
  }
  const injecting = defaultRevision(mesh);
  if (injecting === undefined || injecting === validator.revision) return [];
  const message = `revision ${injecting} injects by default and revision ${validator.revision} validates by default`;
  return [
    warning("defaults-disagree", object, message, `istioctl tag set default --revision ${injecting} --overwrite`),
  ];
}

/**
 * The revision behind `istio-injection=enabled`: of the tag `default`, else of an un-revisioned install whose webhook
 * is active.
 */
export function defaultRevision(mesh: Mesh): string | undefined {
  const tag = mesh.tags.find((each) => each.tag === "default" && each.injects);
  if (tag !== undefined) return tag.revision;
  return mesh.injectors.some(
    (injector) => injector.revision === "default" && injector.tag === undefined && !injector.deactivated,
  )
    ? "default"
    : undefined;
}

const some = (revisions: ReadonlySet<string>): string => (revisions.size === 1 ? listed([...revisions]) : "REVISION");
