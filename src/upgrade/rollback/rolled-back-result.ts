/** The result of a migration that failed and was rolled back as a whole (`--on-failure=rollback`). Pure. */
import { refText } from "../../mesh/object-ref.ts";
import { stateCodes } from "../migration-result.ts";
import type { MigrationResult } from "../result.ts";
import type { RollbackResult } from "./rollback-result.ts";

/** The namespaces that a migration left half done by a failure, and not by a signal; undefined: it did not. */
export const leftHalfDone = ({ state, failure, namespaces }: MigrationResult): readonly string[] | undefined =>
  failure !== undefined && (state === "partial" || state === "unknown")
    ? namespaces.filter(({ labels }) => labels === "written" || labels === "kept").map(({ name }) => name)
    : undefined;

const restoredTag = { outcome: "restored" } as const;

/** `restored` where everything is back; else what the migration came to, with the way back as it stands now. */
export const rolledBackResult = (migration: MigrationResult, rollback: RollbackResult): MigrationResult => {
  const isBack = rollback.state === "done" || rollback.state === "nothing-to-do";
  const restored = new Set(rollback.workloads.filter(({ outcome }) => outcome === "restored").map(refText));
  const closed = new Set(rollback.namespaces.filter(({ record }) => record === "removed").map(({ name }) => name));
  const tag =
    rollback.tag?.outcome === "restored" ? migration.tag && { ...migration.tag, ...restoredTag } : migration.tag;
  const shown: MigrationResult = {
    ...migration,
    ...(tag && { tag }),
    namespaces: migration.namespaces.map((each) => (closed.has(each.name) ? { ...each, labels: "restored" } : each)),
    workloads: migration.workloads.map((each) =>
      restored.has(refText(each)) ? { ...each, outcome: "restored" } : each,
    ),
    findings: [...migration.findings, ...rollback.findings],
  };
  if (isBack)
    return { ...shown, state: "restored", goBack: undefined, goBackKubectl: undefined, exitCode: stateCodes.restored };
  return rollback.state === "interrupted"
    ? { ...shown, state: "interrupted", goBack: rollback.goOn ?? migration.goBack, exitCode: rollback.exitCode }
    : { ...shown, goBack: rollback.goOn ?? migration.goBack };
};
