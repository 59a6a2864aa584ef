/** What a check found: on which object, how grave it is, and how to fix it. */
export interface Finding {
  /** Stable id of the check, in kebab-case; `--skip-check` takes it. */
  readonly check: string;
  /**
   * `blocker`: refused (exit 3) · `unknown`: evidence is missing (exit 5) · `warning` and `note`: printed, and nothing
   * stops.
   */
  readonly severity: "blocker" | "unknown" | "warning" | "note";
  /** `namespace/production`, `production/Deployment/web`, `revision/1-20`, … */
  readonly object: string;
  readonly message: string;
  /** A sentence or a command that fixes it. */
  readonly remedy: string | undefined;
  /** The flag that accepts it, where naming it is enough. `value` is empty for a flag that has none. */
  readonly accept:
    | {
        readonly flag: "--leave" | "--allow-downtime" | "--restart-owned" | "--skip-check" | "--skip" | "--pin";
        readonly value: string;
      }
    | undefined;
}

/** The gravest first. */
export const severities = ["blocker", "unknown", "warning", "note"] as const satisfies readonly Finding["severity"][];

/** Whether it keeps a run from changing anything: something is wrong, or cannot be told. */
export const isObstacle = ({ severity }: Pick<Finding, "severity">): boolean =>
  severity === "blocker" || severity === "unknown";
