/** What a run came to: its state, its exit code and the two commands, by what became of each step. */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { Finding } from "../../src/mesh/finding.ts";
import {
  migrationResult,
  nothingToDoResult,
  plannedResult,
  type RunEnd,
  refusedResult,
} from "../../src/upgrade/migration-result.ts";
import { notBegun, type StepOutcome, type StepState } from "../../src/upgrade/plan/outcome.ts";
import { type MigrationPlan, stepsOf } from "../../src/upgrade/plan/plan.ts";
import { type Step, stepKey } from "../../src/upgrade/plan/step.ts";
import type { Failure, MigrationResult } from "../../src/upgrade/result.ts";
import { mission, planOf, request } from "../fixtures/plan.ts";

const old = ["default", "default"];
const web = { namespace: "production", name: "web", runs: old };
const db = { namespace: "production", name: "db", kind: "StatefulSet" as const, runs: [...old, ...old] };
const there = { namespace: "production", name: "there", runs: ["1-20"] };
/** The canary `web`, `db`, and `there`: on the target already, and not connected to it. */
const plan = planOf(mission({ workloads: [web, db, there], connected: { "there-0": null } }));
/** A namespace without a workload to restart. */
const labelsOnly = planOf(mission({ workloads: [] }));
/** `db` is left out by the selector. */
const selecting = planOf(
  mission({ workloads: [{ ...web, uid: "selected" }, db] }), // biome-ignore format: one line
  { selector: "app=web", selected: new Set(["selected"]) },
);

const repeated = {
  request: request(),
  clusterFlags: ["--context", "prod"],
  meshFlags: ["--istio-namespace", "mesh"],
  ownFlags: ["--parallel", "4"],
};
const goOn = "kubectl mesh-migrate --context prod -n production --to 1-20 --istio-namespace mesh --parallel 4";
const goBack = "kubectl mesh-rollback --context prod --istio-namespace mesh -n production";
const labelsBack =
  "kubectl --context prod label namespace production istio-injection=enabled istio.io/rev- --overwrite";
const restart = (...names: readonly string[]): string =>
  `${labelsBack} && kubectl --context prod -n production rollout restart ${names.join(" ")}`;

const [labels, record] = ["labels of production", "record of production"];
const [webKey, dbKey, thereKey] = [
  "production/Deployment/web",
  "production/StatefulSet/db",
  "production/Deployment/there",
];

const failure: Failure = {
  object: { kind: "Deployment", namespace: "production", name: "web" },
  reason: "it crashes",
  ...{ pod: undefined, container: undefined, logs: [], events: [] },
};

const recordOf = (step: Step): Partial<StepOutcome> =>
  step.kind === "relabel"
    ? {
        record: {
          ...{ version: 1, run: "a", stamp: "2026-11-03T04:05:06Z", state: "open", namespaceUid: step.uid },
          ...{ target: plan.target, before: step.before, from: step.from },
        },
      }
    : {};

interface Case {
  readonly of?: MigrationPlan;
  /** Steps that are not proven, by key; `*`: all the others. */
  readonly states?: Readonly<Record<string, StepState>>;
  readonly failed?: boolean;
  readonly signal?: boolean;
  readonly timedOut?: boolean;
}

function resultOf({ of = plan, states = {}, failed = false, signal = false, timedOut = false }: Case): MigrationResult {
  const keys = new Map<string, StepOutcome>();
  for (const step of stepsOf(of)) {
    const key = stepKey(step);
    const state = states[key] ?? states["*"] ?? "proven";
    keys.set(key, state === "not-begun" ? notBegun : { ...notBegun, ...recordOf(step), state });
  }
  for (const [key, state] of Object.entries(states))
    if (key !== "*" && !keys.has(key)) keys.set(key, { ...notBegun, state });
  const end: RunEnd = {
    outcomes: keys,
    failure: failed ? failure : undefined,
    interruptedCode: signal ? 130 : undefined,
    timedOut,
  };
  return migrationResult(of, end, [], repeated);
}

const [notStarted, undone] = [{ "*": "not-begun" }, { "*": "not-begun", [labels]: "undone" }] as const;

const cases: readonly (readonly [what: string, Case, state: string, on: string | undefined, back: string | undefined])[] = [
  ["everything is proven", {}, "done 0", undefined, restart("deployment/there", "deployment/web", "statefulset/db")],
  ["labels alone", { of: labelsOnly }, "done 0", undefined, labelsBack],
  ["what -l left out moves at its next pod: to go on is to drop it", { of: selecting }, "partial 4", goOn, restart("deployment/web")],
  ["nothing was written", { states: notStarted, failed: true }, "failed 1", goOn, undefined],
  ["the labels were put back", { states: undone, failed: true }, "restored 4", goOn, undefined],
  ["the canary too", { states: { ...undone, [webKey]: "undone" }, failed: true }, "restored 4", goOn, undefined],
  ["the labels are back, the canary is not", { states: { ...undone, [webKey]: "failed" }, failed: true },
    "partial 4", goOn, restart("deployment/there", "deployment/web")],
  ["pods that nothing restarts stayed on the target", { states: { ...undone, "pods of production": "failed" }, failed: true },
    "partial 4", goOn, restart("deployment/there")],
  ["another workload was restarted for the way back, and is not back", { states: { ...undone, "production/Deployment/other": "failed" }, failed: true },
    "partial 4", goOn, restart("deployment/there", "deployment/other")],
  ["one workload failed", { states: { [dbKey]: "failed", [record]: "not-begun" }, failed: true },
    "partial 4", goOn, restart("deployment/there", "deployment/web", "statefulset/db")],
  ["one was not begun", { states: { [dbKey]: "not-begun", [record]: "not-begun" }, failed: true },
    "partial 4", goOn, restart("deployment/there", "deployment/web")],
  ["one has no proof", { states: { [dbKey]: "unproven", [record]: "not-begun" }, failed: true },
    "unknown 4", goOn, restart("deployment/there", "deployment/web", "statefulset/db")],
  ["what needs no restart has no proof", { states: { [thereKey]: "unproven", [record]: "not-begun" }, failed: true },
    "unknown 4", goOn, restart("deployment/there", "deployment/web", "statefulset/db")],
  ["the record could not be closed", { states: { [record]: "failed" }, failed: true },
    "partial 4", goOn, restart("deployment/there", "deployment/web", "statefulset/db")],
  ["a signal", { states: { [dbKey]: "unproven", [record]: "not-begun" }, signal: true },
    "interrupted 130", goOn, restart("deployment/there", "deployment/web", "statefulset/db")],
  ["a signal before the first write", { states: notStarted, signal: true }, "interrupted 130", goOn, undefined],
  ["no time left before the first write", { states: notStarted, timedOut: true }, "failed 1", goOn, undefined],
  ["no time left for a proof", { states: { [dbKey]: "unproven", [record]: "not-begun" }, timedOut: true },
    "unknown 4", goOn, restart("deployment/there", "deployment/web", "statefulset/db")],
  ["no time left for the last look and the record", { states: { [record]: "not-begun" }, timedOut: true },
    "partial 4", goOn, restart("deployment/there", "deployment/web", "statefulset/db")],
  ["no time left for what needs no restart", { states: { [thereKey]: "not-begun", [record]: "not-begun" }, timedOut: true },
    "partial 4", goOn, restart("deployment/there", "deployment/web", "statefulset/db")],
  ["no time left for the labels, the only step: put back", { of: labelsOnly, states: undone, timedOut: true }, "restored 4", goOn, undefined],
  ["no time left for the labels: perhaps written", { of: labelsOnly, states: { [labels]: "unproven", [record]: "not-begun" }, timedOut: true },
    "partial 4", goOn, labelsBack],
  ["the time was over after the last step", { timedOut: true }, "done 0", undefined, restart("deployment/there", "deployment/web", "statefulset/db")],
]; // biome-ignore format: a table

suite("the result of a run", () => {
  for (const [what, theCase, state, on, back] of cases)
    test(what, () => {
      const result = resultOf(theCase);
      assert.deepEqual(
        [`${result.state} ${result.exitCode}`, result.goOn, result.goBackKubectl, result.goBack],
        [state, on, back, back && goBack],
        `failure: ${result.failure?.reason}`,
      );
      // Whatever is not as it was asked for has a reason.
      const wants = result.exitCode !== 0 && result.state !== "interrupted" && theCase.of !== selecting;
      assert.equal(result.failure !== undefined, wants);
    });

  test("a workload that was there already, and has pods of another revision at the last look, has failed", () => {
    const { state, workloads } = resultOf({ states: { [thereKey]: "failed", [record]: "not-begun" }, failed: true });
    assert.equal(state, "partial");
    assert.equal(workloads.find(({ name }) => name === "there")?.outcome, "failed");
  });

  test("to go on with -l left out loses the selector", () => {
    const withSelector = { ...repeated, request: request({ selector: "app=web" }) };
    const outcomes = new Map(
      stepsOf(selecting).map((step) => [stepKey(step), { ...notBegun, state: "proven" as const }]),
    );
    const end = { outcomes, failure: undefined, interruptedCode: undefined, timedOut: false };
    assert.equal(migrationResult(selecting, end, [], withSelector).goOn, goOn);
    assert.match(migrationResult(selecting, { ...end, failure }, [], withSelector).goOn ?? "", / -l app=web /);
  });
});

suite("the result without a run", () => {
  const finding = (severity: Finding["severity"]): Finding => ({
    ...{ check: "rights", severity, object: "cluster", message: "no", remedy: undefined, accept: undefined },
  });
  const told = ({ state, exitCode, goOn: on, goBack: back, goBackKubectl }: MigrationResult) => [
    ...[state, exitCode, on],
    back ?? goBackKubectl,
  ];

  test("refused, not to be told, planned, nothing to do", () => {
    const nothing = undefined;
    assert.deepEqual(told(refusedResult(plan, [finding("blocker"), finding("unknown")])), ["refused", 3, nothing, nothing]);
    assert.deepEqual(told(refusedResult(nothing, [finding("unknown")])), ["cannot-tell", 5, nothing, nothing]);
    assert.deepEqual(told(plannedResult(plan, [], repeated)), ["planned", 0, goOn, nothing]);
    assert.deepEqual(told(nothingToDoResult(plan, [], [])), ["nothing-to-do", 0, nothing, nothing]);
  }); // biome-ignore format: a table

  test("a plan that is shown names what it would restart, and what is there already", () => {
    const { namespaces, workloads } = plannedResult(plan, [], repeated);
    assert.deepEqual(namespaces.map((each) => each.labels), ["planned"]); // biome-ignore format: one line
    assert.deepEqual(
      workloads.map(({ name, outcome }) => `${name} ${outcome}`),
      ["there already", "web planned", "db planned"],
    );
  });
});
