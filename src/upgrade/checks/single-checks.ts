/** Checks that are not in a list: they ask the API server, or come before there is a plan. */
import type { CheckRecord } from "./check.ts";

export const targetExists: CheckRecord = {
  id: "target-exists",
  title: "the target is a revision or a tag that injects",
  severity: "blocker",
  category: "control-planes",
};

export const skipCheckKnown: CheckRecord = {
  id: "skip-check-known",
  title: "--skip-check names a check",
  severity: "blocker",
  category: "request",
};

export const rightsHeld: CheckRecord = {
  id: "rights",
  title: "you have every right that the migration and its way back need",
  severity: "blocker",
  category: "request",
};

export const labelAdmission: CheckRecord = {
  id: "label-admission",
  title: "the API server would take the new labels",
  severity: "blocker",
  category: "namespaces",
};

export const restartAdmission: CheckRecord = {
  id: "restart-admission",
  title: "the API server would take the restarts",
  severity: "blocker",
  category: "workloads",
};

export const trialPodAdmission: CheckRecord = {
  id: "trial-pod",
  title: "a trial pod of each namespace is let in with the target's sidecar",
  severity: "blocker",
  category: "injection",
  accepts: ["--skip-check"],
};

export const trialPodMesh: CheckRecord = {
  id: "trial-pod-mesh",
  title: "the target's sidecar is of the same mesh as the old one",
  severity: "blocker",
  category: "injection",
  accepts: ["--skip-check"],
};

export const tagAdmission: CheckRecord = {
  id: "tag-admission",
  title: "the API server would take the objects of the tag",
  severity: "blocker",
  category: "control-planes",
};

export const alreadyProven: CheckRecord = {
  id: "already-proven",
  title: "what is on the target already is proven to be there",
  severity: "unknown",
  category: "workloads",
};

export const versionsProven: CheckRecord = {
  id: "versions-proven",
  title: "the new proxies are of the release of the target's istiod",
  severity: "warning",
  category: "versions",
};

export const lockFree: CheckRecord = {
  id: "lock-free",
  title: "nobody else is changing the namespace",
  severity: "blocker",
  category: "request",
};

export const journalUsable: CheckRecord = {
  id: "journal-usable",
  title: "the journal of the namespace can be read and is its own",
  severity: "blocker",
  category: "request",
};

export const runContinued: CheckRecord = {
  id: "run-continued",
  title: "what an unfinished run left, and what changed since",
  severity: "note",
  category: "request",
};

export const singleChecks: readonly CheckRecord[] = [
  targetExists,
  skipCheckKnown,
  rightsHeld,
  labelAdmission,
  restartAdmission,
  trialPodAdmission,
  trialPodMesh,
  tagAdmission,
  alreadyProven,
  versionsProven,
  lockFree,
  journalUsable,
  runContinued,
];
