/** Checks of an object before it is stored: names and labels, and what may not be changed. */
import { isDeepStrictEqual } from "node:util";
import { matchesSelector } from "../../../src/mesh/labels.ts";
import { isGoing, type KubeJson } from "../object.ts";
import type { Resource } from "./resources.ts";
import { smallObjectCauses } from "./small-objects.ts";
import { type Cause, forbiddenValue, invalid, invalidValue, requiredValue } from "./status.ts";

const subdomain = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const label = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const value = /^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$/;
const key = /^([a-z0-9]([-a-z0-9.]*[a-z0-9])?\/)?([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$/;

const subdomainWords =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const labelWords =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const valueWords =
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";

const keyWords =
  "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";

/** Names that are a path's segment and no more: those of RBAC and of core/v1 Events. */
const isFree = ({ group, plural }: Resource): boolean => group === "rbac.authorization.k8s.io" || plural === "events";
const asLabel = new Set(["namespaces", "services"]);
const templated = new Set(["deployments", "statefulsets", "daemonsets", "replicasets"]);

/** Throws `Refusal` (422). `before` is absent for what is new. */
export function assertValid(resource: Resource, before: KubeJson | undefined, object: KubeJson): void {
  const causes = [
    ...nameCauses(resource, object),
    ...labelCauses(object),
    ...finalizerCauses(before, object),
    ...templateCauses(resource, before, object),
    ...smallObjectCauses(resource, before, object),
  ];
  if (causes.length > 0) throw invalid(resource, object.metadata.name, causes);
}

function nameCauses(resource: Resource, { metadata: { name } }: KubeJson): readonly Cause[] {
  if (isFree(resource)) return [];
  if (asLabel.has(resource.plural))
    return label.test(name) && name.length <= 63 ? [] : [invalidValue("metadata.name", name, labelWords)];
  return subdomain.test(name) && name.length <= 253 ? [] : [invalidValue("metadata.name", name, subdomainWords)];
}

function labelCauses({ metadata }: KubeJson): readonly Cause[] {
  return Object.entries(metadata.labels ?? {}).flatMap(([name, text]) => {
    if (!key.test(name)) return [invalidValue("metadata.labels", name, keyWords)];
    if (text.length > 63) return [invalidValue("metadata.labels", text, "must be no more than 63 bytes")];
    return value.test(text) ? [] : [invalidValue("metadata.labels", text, valueWords)];
  });
}

function templateCauses({ plural }: Resource, before: KubeJson | undefined, { spec }: KubeJson): readonly Cause[] {
  if (plural === "pods" && (spec?.containers ?? []).length === 0) return [requiredValue("spec.containers")];
  if (!templated.has(plural)) return [];
  if (!spec?.selector) return [requiredValue("spec.selector")];
  const labels = spec.template?.metadata?.labels;
  const isNew = before && !isDeepStrictEqual(before.spec.selector, spec.selector);
  return [
    ...(spec.replicas < 0 ? [invalidValue("spec.replicas", spec.replicas, "must be greater than or equal to 0")] : []),
    ...(matchesSelector(spec.selector, labels)
      ? []
      : [invalidValue("spec.template.metadata.labels", labels ?? null, "`selector` does not match template `labels`")]),
    ...(isNew ? [invalidValue("spec.selector", spec.selector, "field is immutable")] : []),
    ...((spec.template?.spec?.containers ?? []).length === 0 ? [requiredValue("spec.template.spec.containers")] : []),
  ];
}

function finalizerCauses(before: KubeJson | undefined, { metadata }: KubeJson): readonly Cause[] {
  if (!before || !isGoing(before)) return [];
  const added = (metadata.finalizers ?? []).filter((each) => !before.metadata.finalizers?.includes(each));
  const found = `[]string{${added.map((each) => JSON.stringify(each)).join(", ")}}`;
  const why = `no new finalizers can be added if the object is being deleted, found new finalizers ${found}`;
  return added.length === 0 ? [] : [forbiddenValue("metadata.finalizers", why)];
}
