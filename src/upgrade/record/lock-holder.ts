/** Who holds the lock of a namespace, as its Lease has it. Pure. */
import type { LeaseObject } from "../../mesh/kubernetes.ts";
import { labelOf } from "../../mesh/labels.ts";
import { isText } from "./record-fields.ts";

/** Whoever holds a Lease, as it says. */
export interface Holder {
  /** USER@HOST. */
  readonly by: string;
  readonly run: string;
  readonly verb: string;
  /** RFC 3339. */
  readonly since: string;
}

/** Annotations of a Lease that is held. */
export const runAnnotation = "kubectl-mesh/run";
export const verbAnnotation = "kubectl-mesh/verb";

/** Undefined: nobody holds it. A name of any length is somebody. The texts are whatever stands there: `holderText` makes them fit for a person. */
export function holderOf(lease: LeaseObject | undefined): Holder | undefined {
  const { holderIdentity, acquireTime } = lease?.spec ?? {};
  if (typeof holderIdentity !== "string" || holderIdentity === "") return undefined;
  const annotations = lease?.metadata.annotations ?? {};
  return {
    by: holderIdentity,
    run: labelOf(annotations, runAnnotation) ?? "",
    verb: labelOf(annotations, verbAnnotation) ?? "",
    since: isText(acquireTime) ? acquireTime : "",
  };
}
