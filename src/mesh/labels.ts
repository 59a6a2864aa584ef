/** Labels and label selectors, with the rules of Kubernetes. */
import type { LabelRequirement, LabelSelector, Labels } from "./kubernetes.ts";

/**
 * Value of a label or annotation; `undefined` when it is absent, which is not the same as empty. Works for keys like
 * `constructor` too.
 */
export const labelOf = (labels: Labels | undefined, key: string): string | undefined =>
  labels !== undefined && Object.hasOwn(labels, key) ? labels[key] : undefined;

/**
 * Whether a selector selects these labels, by Kubernetes' rule for admission webhooks: an absent or empty selector
 * selects everything, all requirements must be met, and `NotIn` is met by an absent label. Throws on an operator that
 * Kubernetes does not know (the API server rejects such a selector). Source: `LabelSelectorAsSelector`
 * (k8s.io/apimachinery/pkg/apis/meta/v1/helpers.go) and `Requirement.Matches` (pkg/labels/selector.go).
 */
export const matchesSelector = (selector: LabelSelector | undefined, labels: Labels | undefined): boolean =>
  Object.entries(selector?.matchLabels ?? {}).every(([key, value]) => labelOf(labels, key) === value) &&
  (selector?.matchExpressions ?? []).every((requirement) => meets(requirement, labelOf(labels, requirement.key)));

/**
 * Whether a selector has no requirements. As `neverInjectSelector` or `alwaysInjectSelector` of istiod it then selects
 * nothing; in a webhook it selects everything.
 */
export const isEmptySelector = ({ matchLabels, matchExpressions }: LabelSelector): boolean =>
  Object.keys(matchLabels ?? {}).length === 0 && (matchExpressions ?? []).length === 0;

const meets = ({ key, operator, values = [] }: LabelRequirement, value: string | undefined): boolean => {
  switch (operator) {
    case "In":
      return value !== undefined && values.includes(value);
    case "NotIn":
      return value === undefined || !values.includes(value);
    case "Exists":
      return value !== undefined;
    case "DoesNotExist":
      return value === undefined;
    default:
      throw new Error(
        `a label selector has the unknown operator ${JSON.stringify(operator)} on label ${JSON.stringify(key)}`,
      );
  }
};

/** https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set */
export const isLabelKey = (key: string): boolean =>
  /^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?\/)?[A-Za-z0-9]([-\w.]{0,61}[A-Za-z0-9])?$/.test(key);
