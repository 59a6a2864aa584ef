/** The names that Istio's charts give the objects of a revision, and the label that names it. */
import type { Labels } from "./kubernetes.ts";
import { labelOf } from "./labels.ts";

/** `istiod-1-19`; of the install without a revision `istiod`. */
export const revisionedName = (name: string, revision: string): string =>
  revision === "default" ? name : `${name}-${revision}`;

/** The revision in label `istio.io/rev` of one of Istio's own objects; without the label it is `default`. */
export const labelledRevision = (labels: Labels | undefined): string => labelOf(labels, "istio.io/rev") ?? "default";

/** Name of the ValidatingWebhookConfiguration for the Istio objects that name no revision. */
export const defaultValidatorName = "istiod-default-validator";
