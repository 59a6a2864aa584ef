/** The objects of a revision: what its removal deletes, and what it never touches. */

import type { Unknown } from "../../mesh/model.ts";

/** Any object of the cluster, by its API resource. */
export interface ResourceRef {
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly kind: string;
  /** Undefined: cluster-scoped. */
  readonly namespace: string | undefined;
  readonly name: string;
}

/** An object that is provably the revision's, as it was read. */
export interface OwnedObject {
  readonly ref: ResourceRef;
  readonly uid: string;
  readonly resourceVersion: string;
  /** Why it is the revision's, for a person: `name and selector of the chart`, `label istio.io/rev`. */
  readonly why: string;
  /** The whole object, as the server gave it: it is kept before it is deleted. */
  readonly manifest: Readonly<Record<string, unknown>>;
}

/** An object that carries the revision's label or name and is needed by others: it stays. */
export interface SharedObject {
  readonly ref: ResourceRef;
  readonly why: string;
}

/** Who installed the revision, and so who has to remove it. */
export type Owner =
  /** By istioctl, or by applied manifests: mesh-cleanup removes it. */
  | { readonly kind: "nobody"; readonly installer: "istioctl" | "manifests" }
  /** Something else looks after it: nothing is deleted here. */
  | {
      readonly kind: "helm" | "operator" | "managed";
      /** e.g. `Helm release istiod-1-19 in namespace istio-system`. */
      readonly name: string;
      /** Every live object that the owner's own removal would delete. */
      readonly deletes: readonly ResourceRef[];
      /** Those of them that are needed by others: while there is one the command is not named. */
      readonly shared: readonly SharedObject[];
      /** The owner's own command; undefined while `shared` has an entry, or where not all was read. */
      readonly command: string | undefined;
      /** How to keep what is shared, or what has to be mended first. */
      readonly advice?: string;
    };

/** Everything that there is of a revision. While `unknown` has an entry it is not complete, and nothing is deleted. */
export interface Inventory {
  readonly revision: string;
  readonly istioNamespace: string;
  readonly owner: Owner;
  /** In the order of their deletion: injection webhooks, then Services, then Deployments, then the rest. */
  readonly owned: readonly OwnedObject[];
  readonly shared: readonly SharedObject[];
  /** What could not be read. */
  readonly unknown: readonly Unknown[];
}
