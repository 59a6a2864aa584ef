/** What is wrong with the tags of a mesh and with its default revision. */
import type { Tag } from "../../../mesh/model.ts";
import { listed } from "../../../mesh/phrase.ts";
import { defaultRevision } from "../../../mesh/revision-state.ts";
import { type Check, warning } from "../check.ts";
import type { MeshFacts, TagFacts } from "./mesh-facts.ts";

const objectOf = ({ tag }: Tag): string => `tag/${tag}`;

const tagToMissingRevision: Check<TagFacts> = {
  id: "tag-to-missing-revision",
  title: "every tag points at a revision that has an istiod",
  severity: "warning",
  category: "control-planes",
  run: ({ tag, withIstiod, isMissing }) => {
    if (!isMissing(tag.revision)) return [];
    const effect = tag.injects ? "pods of namespaces that use it cannot be created" : "nothing is behind it";
    return [
      warning(
        objectOf(tag),
        `tag ${tag.tag} points at revision ${tag.revision}, which has no istiod: ${effect}`,
        `kubectl mesh-migrate --tag ${tag.tag} --to ${onlyOne(withIstiod)}, or: istioctl tag remove ${tag.tag}`,
      ),
    ];
  },
};

/**
 * Istio 1.28 and later writes a tag as a webhook and as a Service, and istiod reads both (istio/istio
 * pkg/revisions/tag_watcher.go).
 */
const tagDisagrees: Check<TagFacts> = {
  id: "tag-disagrees",
  title: "the webhook and the Service of a tag point at the same revision",
  severity: "warning",
  category: "control-planes",
  run: (facts) => {
    const { tag } = facts;
    const other = injectingTag(facts);
    if (!isBare(facts) || other === undefined) return [];
    const message = `the webhook of tag ${tag.tag} points at revision ${other.revision} and its Service at ${tag.revision}`;
    return [warning(objectOf(tag), message, `kubectl mesh-migrate --tag ${tag.tag} --to ${other.revision}`)];
  },
};

const tagWithoutWebhook: Check<TagFacts> = {
  id: "tag-without-webhook",
  title: "every tag has an active webhook",
  severity: "warning",
  category: "control-planes",
  run: (facts) => {
    const { tag } = facts;
    if (!isBare(facts) || injectingTag(facts) !== undefined) return [];
    const lack = tag.webhook === undefined ? "has a Service and no webhook" : "has a deactivated webhook";
    return [
      warning(
        objectOf(tag),
        `tag ${tag.tag} ${lack}: namespaces labelled istio.io/rev=${tag.tag} get no sidecars`,
        `kubectl mesh-migrate --tag ${tag.tag} --to ${tag.revision}`,
      ),
    ];
  },
};

/** Its revision is not certain to have no istiod, and it injects nothing itself. */
const isBare = ({ tag, isMissing }: TagFacts): boolean => !isMissing(tag.revision) && !tag.injects;

/** The entry of the same name that injects. */
const injectingTag = ({ mesh, tag }: TagFacts): Tag | undefined =>
  mesh.tags.find((each) => each.tag === tag.tag && each.injects);

export const tagChecks: readonly Check<TagFacts>[] = [tagToMissingRevision, tagDisagrees, tagWithoutWebhook];

/**
 * istioctl and istiod go by the label: istiod keeps the CA bundle of the webhooks with its own revision
 * (pkg/webhooks/webhookpatch.go), so nobody repairs that of one whose label names another.
 */
const webhookLabelDisagrees: Check<MeshFacts> = {
  id: "webhook-label-disagrees",
  title: "the label of every injection webhook names the revision that the webhook calls",
  severity: "warning",
  category: "control-planes",
  run: ({ mesh }) =>
    [...Map.groupBy(mesh.injectors, ({ configuration }) => configuration)].flatMap(([configuration, entries]) => {
      const wrong = entries.find(({ labelled, deactivated }) => labelled !== undefined && !deactivated);
      if (wrong === undefined) return [];
      const service = wrong.entry.clientConfig.service?.name;
      const isTag = wrong.tag !== undefined;
      return [
        warning(
          `MutatingWebhookConfiguration/${configuration}`,
          `its label names revision ${wrong.labelled} and it calls Service ${service}, which leads to revision ${wrong.revision}: injection follows the call, istioctl and the renewal of its CA bundle follow the label`,
          isTag
            ? `kubectl mesh-migrate --tag ${wrong.tag} --to ${wrong.revision}`
            : `kubectl label mutatingwebhookconfiguration ${configuration} istio.io/rev=${wrong.revision} --overwrite`,
        ),
      ];
    }),
};

const defaultValidatorMissingRevision: Check<MeshFacts> = {
  id: "default-validator-missing-revision",
  title: "the default validator points at a revision that has an istiod",
  severity: "warning",
  category: "control-planes",
  run: ({ mesh: { defaultValidator: validator }, withIstiod, isMissing }) => {
    if (validator === undefined || !isMissing(validator.revision)) return [];
    return [
      warning(
        `ValidatingWebhookConfiguration/${validator.name}`,
        `the default validator points at revision ${validator.revision}, which has no istiod: writes of Istio configuration may be refused`,
        `kubectl mesh-migrate --tag default --to ${onlyOne(withIstiod)}`,
      ),
    ];
  },
};

/**
 * Two stores hold "the default revision" (istio/istio#58578): the tag `default`, which injects, and the default
 * validator.
 */
const defaultsDisagree: Check<MeshFacts> = {
  id: "defaults-disagree",
  title: "the same revision injects and validates by default",
  severity: "warning",
  category: "control-planes",
  run: ({ mesh, isMissing }) => {
    const [validator, injecting] = [mesh.defaultValidator, defaultRevision(mesh)];
    if (validator === undefined || isMissing(validator.revision)) return [];
    if (injecting === undefined || injecting === validator.revision) return [];
    return [
      warning(
        `ValidatingWebhookConfiguration/${validator.name}`,
        `revision ${injecting} injects by default and revision ${validator.revision} validates by default`,
        `kubectl mesh-migrate --tag default --to ${injecting}`,
      ),
    ];
  },
};

export const defaultChecks: readonly Check<MeshFacts>[] = [
  webhookLabelDisagrees,
  defaultValidatorMissingRevision,
  defaultsDisagree,
];

/** The revision to name in a command, where there is no choice. */
const onlyOne = (revisions: ReadonlySet<string>): string =>
  revisions.size === 1 ? listed([...revisions]) : "REVISION";
