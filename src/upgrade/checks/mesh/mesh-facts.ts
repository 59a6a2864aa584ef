/** What the checks of a mesh judge: the whole mesh, or one control plane, tag or namespace of it. */
import type { ControlPlane, Injector, Mesh, Namespace, Tag, Workload } from "../../../mesh/model.ts";
import type { PodState } from "../../../mesh/pod-state.ts";

export interface MeshFacts {
  readonly mesh: Mesh;
  /** Revisions that certainly have an istiod, here or elsewhere: those to name in a remedy. */
  readonly withIstiod: ReadonlySet<string>;
  /** Whether it is certain that a revision has none. */
  readonly isMissing: (revision: string) => boolean;
  /** What `mesh-migrate --to` takes. */
  readonly servedLabels: readonly string[];
}

export interface RevisionFacts extends MeshFacts {
  readonly plane: ControlPlane;
  /** Entries of the revision's own webhook, not those of its tags. */
  readonly own: readonly Injector[];
}

export interface TagFacts extends MeshFacts {
  readonly tag: Tag;
}

export interface NamespaceFacts extends MeshFacts {
  readonly namespace: Namespace;
  readonly workloads: readonly Workload[];
  /** Of its live pods. */
  readonly states: readonly PodState[];
}
