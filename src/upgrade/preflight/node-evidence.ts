/** What a preflight reads of the nodes, and of what runs on each of them for every revision. */

export interface NodeEvidence {
  readonly nodes: readonly { readonly name: string }[];
}

/** Nothing was found; tests begin with it. */
export const noNodeEvidence: NodeEvidence = { nodes: [] };
