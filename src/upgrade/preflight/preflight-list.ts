/** The checks of a preflight, in the order in which they are shown, and which of them are wanted. */
import { type CheckRecord, pageOf } from "../checks/check.ts";
import { meshChecks } from "../checks/mesh/mesh-checks.ts";
import { migrationChecks } from "../checks/move/migration-checks.ts";
import { tagMoveChecks } from "../checks/move/tag-move-checks.ts";
import { preflightChecks } from "../checks/preflight/preflight-checks.ts";
import {
  journalUsable,
  labelAdmission,
  restartAdmission,
  rightsHeld,
  targetExists,
  trialPodMesh,
} from "../checks/single-checks.ts";

type Category = CheckRecord["category"];

/** The categories in the order of an upgrade, each with its heading. */
const headings: readonly (readonly [Category, string])[] = [
  ["versions", "versions"],
  ["control-planes", "control planes"],
  ["target", "settings of the target"],
  ["request", "rights and unfinished runs"],
  ["namespaces", "namespaces"],
  ["injection", "injection"],
  ["workloads", "workloads"],
  ["availability", "availability"],
  ["gateways", "gateways"],
  ["node-agents", "nodes and what runs on each"],
  ["ownership", "owners"],
  ["unmoved", "what does not move by itself"],
];

export const headingOf = (category: Category): string => headings.find(([each]) => each === category)?.[1] ?? category;

/** Of a tag that is moved; a preflight is about namespaces. */
const ofTags: ReadonlySet<CheckRecord> = new Set<CheckRecord>(tagMoveChecks);

const every: readonly CheckRecord[] = [
  targetExists,
  rightsHeld,
  journalUsable,
  labelAdmission,
  restartAdmission,
  trialPodMesh,
  ...migrationChecks.filter((check) => !ofTags.has(check)),
  ...meshChecks,
  ...preflightChecks,
];

/** Every check of a preflight, by category. */
export const preflightList: readonly CheckRecord[] = headings.flatMap(([category]) =>
  every.filter((check) => check.category === category),
);

/** What `--check` and `--skip` name; empty: every check, none. */
export interface Choice {
  readonly only: readonly string[];
  readonly skip: readonly string[];
}

export const isChosen = ({ only, skip }: Choice, id: string): boolean =>
  !skip.includes(id) && (only.length === 0 || only.includes(id));

/** What is known of a check without running it. */
export interface ListedCheck {
  readonly id: string;
  readonly title: string;
  readonly severity: CheckRecord["severity"];
  readonly category: Category;
  readonly page: string;
}

export const listedCheck = (check: CheckRecord): ListedCheck => {
  const { id, title, severity, category } = check;
  return { id, title, severity, category, page: pageOf(check) };
};
