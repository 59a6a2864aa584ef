/** All checks of a migration, in the order of their findings. */
import type { Facts } from "../../plan/moves.ts";
import type { Check } from "../check.ts";
import { lostRequestChecks } from "../traffic/lost-requests.ts";
import { capacityChecks } from "./capacity.ts";
import { controlPlaneChecks } from "./control-planes.ts";
import { downtimeChecks } from "./downtime.ts";
import { gatewayChecks } from "./gateways.ts";
import { proxyVersionChecks } from "./injected-versions.ts";
import { labelOwnerChecks } from "./label-owner.ts";
import { labelReaderChecks } from "./label-readers.ts";
import { namespaceChecks } from "./namespaces.ts";
import { ownedWorkloadChecks } from "./owned-workloads.ts";
import { ownersConsentChecks } from "./owners-consent.ts";
import { reachChecks } from "./pods-reachable.ts";
import { unplannedChecks } from "./pods-unplanned.ts";
import { requestChecks } from "./request.ts";
import { restartTimeChecks } from "./restart-time.ts";
import { startingPointChecks } from "./starting-point.ts";
import { tagMoveChecks } from "./tag-move-checks.ts";
import { wayBackChecks } from "./way-back.ts";
import { workloadChecks } from "./workloads.ts";

export const migrationChecks: readonly Check<Facts>[] = [
  ...requestChecks,
  ...controlPlaneChecks,
  ...tagMoveChecks,
  ...namespaceChecks,
  ...unplannedChecks,
  ...startingPointChecks,
  ...labelOwnerChecks,
  ...ownersConsentChecks,
  ...labelReaderChecks,
  ...gatewayChecks,
  ...workloadChecks,
  ...ownedWorkloadChecks,
  ...downtimeChecks,
  ...reachChecks,
  ...restartTimeChecks,
  ...lostRequestChecks,
  ...capacityChecks,
  ...wayBackChecks,
  ...proxyVersionChecks,
];
