/** A restart that is asked of an operator: an annotation on its own object, and the operator replaces the pods. */
import type { Labels } from "../kubernetes.ts";

/** How the operator of one kind of object is asked to replace its pods. */
export interface OwnerKind {
  readonly group: string;
  readonly kind: string;
  /** Where in the object the annotations are that ask for it: the names of the fields, the last is `annotations`. */
  readonly annotations: readonly string[];
  /** The annotation that gets the restart stamp. */
  readonly stamp: string;
  /** Annotations that are written beside it, always the same. */
  readonly fixed: Labels;
  /** Where the object has the number of its pods, or a list with an entry for each; undefined: nowhere. */
  readonly replicas: readonly string[] | undefined;
  /** Where it has the template of its pods, or a list of pods that are all alike; undefined: nowhere. */
  readonly template: readonly string[] | undefined;
  /** Pods that may be missing at once: a number or a percentage, or where the object has one (else `fallback`). */
  readonly unavailable: { readonly path: readonly string[] | undefined; readonly fallback: number | string };
  /** States of the object in which the operator would not replace its pods. */
  readonly hindrances: readonly OwnerHindrance[];
  /** What to look at where the operator does not do it, for a person. */
  readonly hint: string;
}

/** A field whose value keeps the operator from replacing pods: one of `values`, or any that is not 0, false or empty. */
export interface OwnerHindrance {
  readonly path: readonly string[];
  readonly values: readonly unknown[] | "any";
  readonly reason: string;
  readonly remedy: string;
}

/** An API resource of an operator, as discovery has it. */
export interface OwnerResource {
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly kind: string;
}

/** How one workload is restarted: by a write to this object of its namespace. */
export interface RestartWay {
  readonly by: OwnerKind;
  readonly resource: OwnerResource;
  /** As it is named for people: the kind with its group. */
  readonly object: { readonly kind: string; readonly namespace: string; readonly name: string };
  readonly uid: string;
  /** The workload is the object itself: its pods have no other controller. */
  readonly direct: boolean;
  /** How many pods the object had when it was read first: what it has to have again. */
  readonly pods: number;
  /** What keeps the operator from doing it today. */
  readonly hindrance: Pick<OwnerHindrance, "reason" | "remedy"> | undefined;
}

/** The value at a path of fields; undefined where one of them is missing. */
export const fieldAt = (object: unknown, path: readonly string[]): unknown =>
  path.reduce<unknown>(
    (value, name) =>
      typeof value === "object" && value !== null && Object.hasOwn(value, name)
        ? (value as Record<string, unknown>)[name]
        : undefined,
    object,
  );

/** The annotations that ask the operator, as the object has them. Values that are no texts are left out. */
export const askingAnnotations = (object: unknown, { annotations }: Pick<OwnerKind, "annotations">): Labels => {
  const found = fieldAt(object, annotations);
  if (typeof found !== "object" || found === null) return {};
  return Object.fromEntries(Object.entries(found).filter(([, value]) => typeof value === "string"));
};

/** The stamp of the last restart that was asked for in this way. */
export const askedStamp = (object: unknown, by: OwnerKind): string | undefined => {
  const annotations = askingAnnotations(object, by);
  return Object.hasOwn(annotations, by.stamp) ? annotations[by.stamp] : undefined;
};

/** Whether the object asks for this restart: `null` for none, and then nothing that is always written is there. */
export const asksFor = (object: unknown, by: OwnerKind, stamp: string | null): boolean => {
  if ((askedStamp(object, by) ?? null) !== stamp) return false;
  const annotations = askingAnnotations(object, by);
  return Object.entries(by.fixed).every(([key, value]) =>
    stamp === null ? !Object.hasOwn(annotations, key) : annotations[key] === value,
  );
};

/**
 * The merge patch (RFC 7386) that asks for a restart, or with `null` takes the asking back. It names the UID: the server
 * refuses it for another object of the same name.
 */
export const askingPatch = (by: OwnerKind, uid: string, stamp: string | null): object => {
  const fixed = Object.fromEntries(
    Object.entries(by.fixed).map(([key, value]) => [key, stamp === null ? null : value]),
  );
  const asking = by.annotations.reduceRight<Record<string, unknown>>((inner, name) => ({ [name]: inner }), {
    ...fixed,
    [by.stamp]: stamp,
  });
  return { ...asking, metadata: { ...(asking.metadata as object | undefined), uid } };
};

/** The annotations that are written, for a person: `a=true and b`. */
export const askingText = ({ stamp, fixed }: OwnerKind): string =>
  [
    ...Object.entries(fixed).map(([key, value]) => `${key}=${value}`),
    ...(Object.keys(fixed).length > 0 ? [] : [stamp]),
  ].join(" and ");
