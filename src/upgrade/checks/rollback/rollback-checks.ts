/** All checks of a rollback, in the order of their findings: its own, and those of a migration that a way back needs. */
import type { Finding } from "../../../mesh/finding.ts";
import type { MissingEvidence } from "../../evidence/cluster-evidence.ts";
import type { Facts } from "../../plan/moves.ts";
import type { RollbackFacts } from "../../rollback/rollback-facts.ts";
import type { Check } from "../check.ts";
import { capacityChecks } from "../move/capacity.ts";
import { controlPlaneChecks } from "../move/control-planes.ts";
import { downtimeChecks } from "../move/downtime.ts";
import { gatewayChecks } from "../move/gateways.ts";
import { labelOwnerChecks } from "../move/label-owner.ts";
import { labelReaderChecks } from "../move/label-readers.ts";
import { oneInjector } from "../move/namespaces.ts";
import { ownedWorkloadChecks } from "../move/owned-workloads.ts";
import { requestChecks } from "../move/request.ts";
import { rolledBackWorkloadChecks } from "../move/workloads.ts";
import { runChecks } from "../run-checks.ts";
import { lostRequestChecks } from "../traffic/lost-requests.ts";
import { oldRevisionChecks } from "./old-revision.ts";
import { recordChecks } from "./records.ts";
import { tagBackChecks } from "./tag-back-checks.ts";

export const rollbackChecks: readonly Check<RollbackFacts>[] = [
  ...recordChecks,
  ...tagBackChecks,
  ...oldRevisionChecks,
];

/** Over all namespaces: they ask for no target. */
const ofAll: readonly Check<Facts>[] = [...requestChecks, ...downtimeChecks, ...capacityChecks];

/** Of the namespaces that go back to one revision. */
const ofWay: readonly Check<Facts>[] = [
  ...controlPlaneChecks,
  oneInjector,
  ...labelOwnerChecks,
  ...labelReaderChecks,
  ...gatewayChecks,
  ...rolledBackWorkloadChecks,
  ...ownedWorkloadChecks,
];

/**
 * The findings about a rollback. No `--skip-check` accepts them: a person who goes back in a hurry decides nothing about
 * single checks. What tells who else reads the labels only warns, because it is as it was before the migration.
 */
export const rollbackFindings = (facts: RollbackFacts): readonly Finding[] => {
  const missing = facts.all.evidence.unknown.filter(({ check }) => !lostIds.has(check)).map(withoutReaders);
  const found = [
    ...runChecks(rollbackChecks, facts),
    ...(facts.returns.length === 0 ? [] : runChecks(ofAll, facts.all, { missing })),
    ...facts.ways.flatMap((way) => runChecks(ofWay, way)),
  ];
  return distinct(found.map(withoutSkip));
};

const readerIds: ReadonlySet<string> = new Set(
  labelReaderChecks.map(({ id }) => id).filter((id) => id !== "discovery-selectors"),
);

/** Who goes back does not wait for a next release. */
const lostIds: ReadonlySet<string> = new Set(lostRequestChecks.map(({ id }) => id));

const withoutReaders = (missing: MissingEvidence): MissingEvidence =>
  readerIds.has(missing.check) ? { ...missing, essential: false } : missing;

const withoutSkip = (finding: Finding): Finding =>
  finding.accept?.flag === "--skip-check" ? { ...finding, accept: undefined } : finding;

/** Two ways may find the same of what is the whole mesh's. */
const distinct = (findings: readonly Finding[]): readonly Finding[] => [
  ...new Map(findings.map((finding) => [JSON.stringify(finding), finding])).values(),
];
