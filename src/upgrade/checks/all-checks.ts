/** Every check of the suite: a finding's id is the id of one of these. */
import type { CheckRecord } from "./check.ts";
import { cleanupChecks } from "./cleanup/cleanup-checks.ts";
import { noIstiodRoute } from "./cleanup/proxy-routes.ts";
import { meshChecks } from "./mesh/mesh-checks.ts";
import { migrationChecks } from "./move/migration-checks.ts";
import { preflightChecks } from "./preflight/preflight-checks.ts";
import { rollbackChecks } from "./rollback/rollback-checks.ts";
import { singleChecks } from "./single-checks.ts";

export const allChecks: readonly CheckRecord[] = [
  ...singleChecks,
  ...migrationChecks,
  ...meshChecks,
  ...preflightChecks,
  ...rollbackChecks,
  ...cleanupChecks,
  noIstiodRoute,
];
