/** What a preflight reads of Istio's and the Gateway API's objects, and of those who keep objects as they are. */

export interface ConfigEvidence {
  readonly workloadEntries: readonly { readonly namespace: string; readonly name: string }[];
}

/** Nothing was found; tests begin with it. */
export const noConfigEvidence: ConfigEvidence = { workloadEntries: [] };
