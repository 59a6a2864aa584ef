/** The verbs that change a mesh, as the sweeps run them: one table, so that every sweep covers each of them. */

export interface Verb {
  readonly plugin: string;
  /** Command line for these namespaces, without credentials. */
  readonly args: (namespaces: readonly string[]) => readonly string[];
  /** The revision that every proxy is on when it has succeeded. */
  readonly to: string;
}

/** Revisions that the meshes of the sweeps have. */
export const sweptRevisions = { default: "1.19.0", "1-20": "1.20.0" } as const;

const timeouts = ["--workload-timeout", "60s", "--timeout", "10m"] as const;

export const migrating: Verb = {
  plugin: "mesh-migrate",
  args: (namespaces) => ["-n", namespaces.join(","), "--to", "1-20", ...timeouts],
  to: "1-20",
};

export const rollingBack: Verb = {
  plugin: "mesh-rollback",
  args: (namespaces) => ["-n", namespaces.join(","), ...timeouts],
  to: "default",
};
