/** What points to the revision: tags, the two stores of the default, and every webhook that calls it. */

import { labelOf } from "../../../mesh/labels.ts";
import { counted } from "../../../mesh/phrase.ts";
import { labelledRevision, revisionedName } from "../../../mesh/revision-names.ts";
import { containsAddress } from "../../cleanup/service-names.ts";
import { blocker, type Observation, warning } from "../check.ts";
import type { CleanupFacts, WebhookFacts } from "./cleanup-facts.ts";
import { otherRevision, type RouteCheck, readCount, routeRecord } from "./revision-use.ts";

export const tagsRoute: RouteCheck = {
  ...routeRecord("cleanup-tags", "no tag leads to it"),
  evidence: ({ mesh }) => readCount(mesh.tags.length, "tag"),
  run: (facts) => {
    const { mesh, revision } = facts;
    const leading = tagsTo(facts).filter(({ tag }) => tag !== "default");
    return [
      ...leading.map(({ tag, by }) =>
        blocker(
          `tag/${tag}`,
          `${by} leads to it`,
          `kubectl mesh-migrate --tag ${tag} --to ${otherRevision(facts)}, or where nothing uses the tag: istioctl tag remove ${tag}`,
        ),
      ),
      // istiod writes the CA bundle of the webhooks that have its revision's label, whatever they call.
      ...mesh.injectors
        .filter(({ tag, labelled }, at, all) => tag !== undefined && labelled === revision && isFirst(all, at))
        .map(({ tag, configuration, revision: called }) =>
          warning(
            `tag/${tag}`,
            `label istio.io/rev of MutatingWebhookConfiguration ${configuration} names it, and it calls revision ${called}: nobody renews its CA bundle afterwards`,
            `istioctl tag set ${tag} --revision ${called} --overwrite`,
          ),
        ),
    ];
  },
};

const isFirst = (all: CleanupFacts["mesh"]["injectors"], at: number): boolean =>
  all.findIndex(({ configuration }) => configuration === all[at]?.configuration) === at;

/** Tags by their webhooks, and by their Services: by label as well as by selector. */
const tagsTo = ({
  mesh,
  revision,
  services,
}: CleanupFacts): readonly { readonly tag: string; readonly by: string }[] => {
  const byMesh = mesh.tags
    .filter((tag) => tag.revision === revision)
    .map(({ tag, webhook }) => ({
      tag,
      by: webhook === undefined ? "its Service" : `MutatingWebhookConfiguration ${webhook}`,
    }));
  const byService = services.flatMap(({ tag, name }) => (tag === undefined ? [] : [{ tag, by: `Service ${name}` }]));
  const all = [...byMesh, ...byService];
  return all.filter(({ tag }, at) => all.findIndex((each) => each.tag === tag) === at);
};

const moveDefault = (facts: CleanupFacts): string => `kubectl mesh-migrate --tag default --to ${otherRevision(facts)}`;

export const defaultTagRoute: RouteCheck = {
  ...routeRecord("cleanup-default-tag", "the default tag does not lead to it"),
  evidence: ({ mesh }) => {
    const revisions = new Set(mesh.tags.filter(({ tag }) => tag === "default").map(({ revision }) => revision));
    return revisions.size === 0 ? "there is no default tag" : `it leads to ${[...revisions].join(", ")}`;
  },
  run: (facts) =>
    tagsTo(facts)
      .filter(({ tag }) => tag === "default")
      .map(({ by }) =>
        blocker("tag/default", `${by} leads to it: it injects where istio-injection=enabled`, moveDefault(facts)),
      ),
};

const isDefaultValidator = ({ kind, name, labels }: WebhookFacts): boolean =>
  kind === "ValidatingWebhookConfiguration" &&
  (/^istiod-default-validator(-|$)/.test(name) || labelOf(labels, "istio.io/tag") === "default");

export const defaultValidatorRoute: RouteCheck = {
  ...routeRecord("cleanup-default-validator", "the default validator does not call it"),
  evidence: ({ webhooks }) => counted(webhooks.filter(isDefaultValidator).length, "default validator"),
  run: (facts) =>
    facts.webhooks
      .filter(
        (webhook) => isDefaultValidator(webhook) && (callsRevision(facts, webhook) || isLabelledLost(facts, webhook)),
      )
      .map(({ kind, name }) =>
        blocker(
          `${kind}/${name}`,
          "it calls this revision: without it the API server refuses every write of Istio's objects",
          moveDefault(facts),
        ),
      ),
};

/**
 * Every webhook whose Service leads to the revision, whatever its labels are, but for those that are removed with it
 * (its own injector and validator) and those of tags and of the default, which are other routes.
 */
export const webhooksRoute: RouteCheck = {
  ...routeRecord("cleanup-webhooks", "no other webhook calls it"),
  evidence: ({ webhooks }) => readCount(webhooks.length, "webhook configuration"),
  run: (facts) =>
    facts.webhooks
      .filter((webhook) => callsRevision(facts, webhook) && !isOwn(facts, webhook) && !isDefaultValidator(webhook))
      .filter(({ name }) => !facts.mesh.tags.some((tag) => tag.webhook === name && tag.revision === facts.revision))
      .map(({ kind, name, entries }): Observation => {
        const entry = entries.find((each) => calls(facts, each));
        const service = entry?.clientConfig.service;
        const address = service ? `Service ${service.namespace}/${service.name}` : entry?.clientConfig.url;
        return blocker(
          `${kind}/${name}`,
          `its entry ${entry?.name} calls ${address}, which leads to it`,
          `let it call the new revision, or delete it where nothing needs it: kubectl delete ${kind.toLowerCase()} ${name}`,
        );
      }),
};

const calls = (
  { services }: CleanupFacts,
  { clientConfig: { service, url } }: WebhookFacts["entries"][number],
): boolean =>
  service === undefined
    ? containsAddress(url ?? "", services)
    : services.some(({ name, namespace }) => name === service.name && namespace === service.namespace);

const callsRevision = (facts: CleanupFacts, { entries }: WebhookFacts): boolean =>
  entries.some((entry) => calls(facts, entry));

/** Its label names the revision, and it calls a Service that leads to no istiod at all. */
const isLabelledLost = ({ revision, mesh }: CleanupFacts, { name, labels }: WebhookFacts): boolean =>
  (mesh.defaultValidator?.name === name ? mesh.defaultValidator.revision : undefined) === revision &&
  labelOf(labels, "istio.io/rev") === revision;

/** Names as the chart has them; label and calls agree. */
const isOwn = (facts: CleanupFacts, { kind, name, labels, entries }: WebhookFacts): boolean => {
  const { revision } = facts;
  const chartName = revisionedName(
    kind === "MutatingWebhookConfiguration" ? "istio-sidecar-injector" : "istio-validator",
    revision,
  );
  return (
    (name === chartName || name.startsWith(`${chartName}-`)) &&
    labelledRevision(labels) === revision &&
    labelOf(labels, "istio.io/tag") === undefined &&
    entries.every((entry) => calls(facts, entry))
  );
};
