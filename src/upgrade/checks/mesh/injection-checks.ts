/** What is wrong with the injection of a namespace. */
import { labelOf } from "../../../mesh/labels.ts";
import { listed } from "../../../mesh/phrase.ts";
import { isElsewhere } from "../../../mesh/revision-state.ts";
import { openMigration } from "../../record/open-migration.ts";
import { type Check, cannotTell, warning } from "../check.ts";
import type { NamespaceFacts } from "./mesh-facts.ts";

const injectionLabel = "istio-injection";
const revisionLabel = "istio.io/rev";

const objectOf = ({ namespace }: NamespaceFacts): string => `namespace/${namespace.name}`;

const bothLabels: Check<NamespaceFacts> = {
  id: "both-labels",
  title: "no namespace has both injection labels",
  severity: "warning",
  category: "namespaces",
  run: (facts) => {
    const { name, labels } = facts.namespace;
    const [injection, revision] = [labelOf(labels, injectionLabel), labelOf(labels, revisionLabel)];
    if (injection === undefined || revision === undefined) return [];
    const message = `both ${injectionLabel}=${injection} and ${revisionLabel}=${revision} are set: ${revisionLabel} is ignored`;
    const remedy = `kubectl label namespace ${name} ${revisionLabel}- (to stay as it is), or ${injectionLabel}- (to follow ${revisionLabel})`;
    return [warning(objectOf(facts), message, remedy)];
  },
};

const labelUnserved: Check<NamespaceFacts> = {
  id: "label-unserved",
  title: "the injection label of every namespace is served",
  severity: "warning",
  category: "namespaces",
  run: (facts) => {
    const { name, labels, injection: outcome } = facts.namespace;
    const [injection, revision] = [labelOf(labels, injectionLabel), labelOf(labels, revisionLabel)];
    if (outcome.kind !== "none" || (injection === undefined ? !revision : injection !== "enabled")) return [];
    const label = injection === undefined ? `${revisionLabel}=${revision}` : `${injectionLabel}=${injection}`;
    const message = `new pods come up without a sidecar although ${label} is set: ${outcome.reason}`;
    const { servedLabels } = facts;
    const choice = servedLabels.length === 1 ? servedLabels[0] : "REVISION";
    const command = `kubectl label namespace ${name} ${injectionLabel}- ${revisionLabel}=${choice} --overwrite`;
    const remedy =
      servedLabels.length === 0
        ? "install a control plane, or set a tag"
        : `${command} (served today: ${listed(servedLabels, 6)})`;
    return [warning(objectOf(facts), message, remedy)];
  },
};

/** Each webhook injects over what the one before it made (istioctl: IST0139). */
const severalInjectors: Check<NamespaceFacts> = {
  id: "several-injectors",
  title: "one webhook injects each pod",
  severity: "warning",
  category: "namespaces",
  run: (facts) => {
    const doubled = injectionsOf(facts).find((injection) => injection.kind === "injected" && injection.also.length > 0);
    if (doubled?.kind !== "injected") return [];
    const message = `more than one webhook would inject its pods: ${listed([doubled.by, ...doubled.also], 6)}; ${doubled.revision} has the last word`;
    const remedy =
      "keep one: istioctl analyze names them (IST0139), istioctl tag set default deactivates the un-revisioned one";
    return [warning(objectOf(facts), message, remedy)];
  },
};

const podsRefused: Check<NamespaceFacts> = {
  id: "pods-refused",
  title: "new pods can be created",
  severity: "warning",
  category: "namespaces",
  run: (facts) => {
    const injection = injectionsOf(facts).find((each) => each.kind === "refused");
    if (injection?.kind !== "refused") return [];
    const message = `new pods cannot be created: webhook ${injection.by} of revision ${injection.revision} selects them and ${injection.reason}`;
    const bringBack = isElsewhere(facts.mesh, injection.revision)
      ? "give the Service that it names an EndpointSlice with the address of its istiod"
      : `bring istiod of ${injection.revision} back`;
    const remedy = `${bringBack}, or move the namespace to another revision`;
    return [warning(objectOf(facts), message, remedy)];
  },
};

/** The injection of a pod without labels, and that of each workload. */
const injectionsOf = ({ namespace, workloads }: NamespaceFacts) => [
  namespace.injection,
  ...workloads.map((workload) => workload.injection),
];

const injectionUnknown: Check<NamespaceFacts> = {
  id: "injection-unknown",
  title: "what injects a namespace is known",
  severity: "unknown",
  category: "namespaces",
  run: (facts) => {
    const { injection } = facts.namespace;
    if (injection.kind !== "unknown") return [];
    return [cannotTell(objectOf(facts), `what would inject its pods is unknown: ${injection.reason}`)];
  },
};

export const injectionChecks: readonly Check<NamespaceFacts>[] = [
  bothLabels,
  labelUnserved,
  severalInjectors,
  podsRefused,
  injectionUnknown,
];

export const migrationOpen: Check<NamespaceFacts> = {
  id: "migration-open",
  title: "no migration is unfinished",
  severity: "warning",
  category: "namespaces",
  run: (facts) => {
    const open = openMigration(facts.namespace);
    if (open === undefined) return [];
    const message = `a migration${open.target === undefined ? "" : ` to ${open.target}`} was begun and has not ended`;
    const remedy = `kubectl mesh-migrate -n ${facts.namespace.name} --to ${open.target ?? "REVISION"} (goes on)`;
    return [warning(objectOf(facts), message, remedy)];
  },
};
