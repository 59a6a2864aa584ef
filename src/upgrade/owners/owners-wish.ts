/**
 * What the owners of a namespace or of a workload say of its migration, by an annotation that they write themselves:
 * whoever runs the migration may know nothing of their clients. docs/checks/ownership.md#owners-consent
 */
import type { Labels } from "../../mesh/kubernetes.ts";
import { labelOf } from "../../mesh/labels.ts";

/** Annotation of a Namespace, Deployment, StatefulSet, DaemonSet or Rollout; of these themselves, not of their pods. */
export const migrateAnnotation = "kubectl-mesh/migrate";

/**
 * `free`: they say nothing · `no`: it stays where it is · `wait`: not before they take the annotation away · `unclear`:
 * another value, of which nobody knows what it forbids.
 */
export type OwnersWish = "free" | "no" | "wait" | "unclear";

export const ownersWish = (annotations: Labels): OwnersWish => {
  const value = labelOf(annotations, migrateAnnotation);
  return value === undefined ? "free" : value === "no" || value === "wait" ? value : "unclear";
};

/** The sentence and the remedy of a refusal; `object`: as kubectl takes it, e.g. `namespace/shop`. */
export const refusalOf = (
  annotations: Labels,
  object: string,
): { readonly reason: string; readonly remedy: string } | undefined => {
  const free = `kubectl annotate ${object} ${migrateAnnotation}-`;
  const said = `annotation ${migrateAnnotation}: ${labelOf(annotations, migrateAnnotation)}`;
  switch (ownersWish(annotations)) {
    case "free":
      return undefined;
    case "no":
      return { reason: `its owners do not want it moved (${said})`, remedy: `ask them, then: ${free}` };
    case "wait":
      return { reason: `its owners ask to wait (${said})`, remedy: `when they agree: ${free}` };
    case "unclear":
      return {
        reason: `what its owners want cannot be told (${said}): "no" keeps it where it is, "wait" stops the migration`,
        remedy: `ask them, then write one of the two, or: ${free}`,
      };
  }
};
