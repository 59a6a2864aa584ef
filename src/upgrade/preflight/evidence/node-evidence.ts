/** What a preflight reads of the nodes, of what runs on each of them for every revision, and of what new pods meet. */
import type { InjectorValues } from "../injector-values.ts";
import type { LimitRange } from "../limit-range.ts";

export interface NodeEvidence {
  /** Empty also where they could not be read. */
  readonly nodes: readonly ClusterNode[];
  /** DaemonSets of Istio's CNI plugin and of ztunnel, in all namespaces. */
  readonly nodeAgents: readonly NodeAgent[];
  /** The values of each revision's injector; a revision without its ConfigMap, or whose could not be read, is absent. */
  readonly injectors: ReadonlyMap<string, InjectorValues>;
  /** LimitRanges of the namespaces that were asked for. */
  readonly limitRanges: readonly LimitRange[];
}

export interface ClusterNode {
  readonly name: string;
  /** e.g. `v1.29.3`; empty where a node does not say it, as the next three. */
  readonly kubelet: string;
  readonly osImage: string;
  readonly kernel: string;
  readonly architecture: string;
  readonly ready: boolean;
  readonly unschedulable: boolean;
}

export interface NodeAgent {
  readonly kind: "istio-cni" | "ztunnel";
  readonly namespace: string;
  readonly name: string;
  /** Tag of its image, where that is a version. */
  readonly version: string | undefined;
  /** On how many nodes it should run, and on how many it is ready. */
  readonly desired: number;
  readonly ready: number;
  /** What its template refers to and is not there: `ConfigMap istio-cni-config`, `key log_level of ConfigMap …`. */
  readonly missing: readonly string[];
}

/** Nothing was found; tests begin with it. */
export const noNodeEvidence: NodeEvidence = {
  nodes: [],
  nodeAgents: [],
  injectors: new Map(),
  limitRanges: [],
};
