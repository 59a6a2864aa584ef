/** The machine: a plan and what each step comes to go in; what became of each step, and the result, come out. */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { ClusterError } from "../../src/cluster/cluster-error.ts";
import { createBudget } from "../../src/execute/budget.ts";
import { createJournal } from "../../src/execute/journal.ts";
import { type Machine, type Proof, runPlan } from "../../src/execute/run-plan.ts";
import { createStop } from "../../src/execute/stop.ts";
import type { Tools } from "../../src/execute/tools.ts";
import { migrationResult } from "../../src/upgrade/migration-result.ts";
import { isWritten, outcomeOf, type StepOutcome } from "../../src/upgrade/plan/outcome.ts";
import { type Lane, type MigrationPlan, type Stage, stepsOf, stepsOfLane } from "../../src/upgrade/plan/plan.ts";
import { type RelabelStep, type RestartStep, type Step, stepKey } from "../../src/upgrade/plan/step.ts";
import { fakeCluster } from "../fixtures/fake-cluster.ts";
import { fakeLedger } from "../fixtures/ledger.ts";
import { manualClock, settled } from "../fixtures/manual-clock.ts";

const target = { label: "1-20", revision: "1-20", tag: undefined };
const before = { "istio-injection": "enabled", "istio.io/rev": null };
const after = { "istio-injection": null, "istio.io/rev": "1-20" };

const relabel = (namespace: string): RelabelStep => ({
  kind: "relabel",
  namespace,
  uid: namespace,
  before,
  after,
  from: { revision: "default", deploymentUid: "d" },
  to: "1-20",
  record: { kind: "open", target, resumed: undefined },
  probe: undefined,
});

const restart = (namespace: string, name: string, canary = false): RestartStep => ({
  kind: "restart",
  workload: { kind: "Deployment", namespace, name },
  uid: name,
  canary,
  podsInFlight: 1,
  stalePods: 2,
  pods: 2,
  from: ["default"],
  to: "1-20",
  gateway: false,
  stamp: { kind: "of-record" },
  guarded: true,
  blockingPods: [],
});

const [one, two] = [relabel("one"), relabel("two")];
const [canary, web, db] = [restart("one", "canary", true), restart("one", "web"), restart("two", "db")];
const close = (step: RelabelStep): RelabelStep => ({ ...step, before: after, record: { kind: "close", proven: [] } });
const names = new Map<Step, string>([
  [one, "labels one"],
  [two, "labels two"],
  [canary, "canary"],
  [web, "web"],
  [db, "db"],
]);

const stage = (name: Stage["name"], lanes: readonly Lane[], change: Partial<Stage> = {}): Stage => ({
  ...{ name, lanes, sideBySide: 8, until: "all-pods", gate: undefined, evenAfterFailure: false },
  ...change,
});

/** One namespace with a canary, one without; `sideBySide`: namespaces under way at once. */
const planOf = (sideBySide = 8): MigrationPlan => ({
  stages: [
    stage("canary", [{ namespace: "one", steps: [one, canary], onFailure: "undo" }], { until: "first-pod" }),
    stage(
      "workloads",
      [
        { namespace: "one", steps: [[canary, web]], onFailure: "stop" },
        { namespace: "two", steps: [two, [db]], onFailure: "undo-labels" },
      ],
      { sideBySide },
    ),
    stage(
      "close",
      [one, two].map((step) => ({ namespace: step.namespace, steps: [close(step)], onFailure: "stop" })),
      { gate: "last-look", evenAfterFailure: true },
    ),
  ],
  ...{ target, namespaces: ["one", "two"], oldRevisions: ["default"] },
  ...{ left: [], already: [], empty: [], notInjected: [] },
});

/**
 * What a step comes to. `refused`: its guard says no · `denied`: its write · `lost`: its write, perhaps done · `skip` ·
 * a proof, after the write · `waits`: no proof until the run ends · `bug`: a fault of ours.
 */
type Script = "proven" | "failed" | "unproven" | "refused" | "denied" | "lost" | "skip" | "waits" | "bug";

interface Told {
  /** `write NAME`, `proof NAME until …`, `undo NAMESPACE`, in their order. */
  readonly events: readonly string[];
  readonly plan: MigrationPlan;
  readonly tools: Tools;
  /** Restarts and their states, as they are told to those who write Events. */
  readonly told: readonly string[];
}

function machineOf(scripts: Readonly<Record<string, Script>>, undoFails: boolean, undoWaits: boolean) {
  const events: string[] = [];
  const nameOf = (step: Step): string => names.get(step) ?? `close ${step.kind === "relabel" && step.namespace}`;
  const refuse = (step: Step, ambiguous = false): never => {
    throw new ClusterError(`${nameOf(step)}: no`, { reason: "denied", ambiguous });
  };
  const machine: Machine = {
    gate: async ({ lanes, name }) => {
      events.push(`look before ${name}`);
      return lanes;
    },
    undo: async ({ namespace, ...lane }, { journal }) => {
      events.push(`undo ${namespace}`);
      if (undoWaits) await new Promise((resolve) => setTimeout(resolve, 50));
      if (undoFails) throw new ClusterError("nothing answers", { reason: "unreachable" });
      for (const step of stepsOfLane({ namespace, ...lane }))
        if (isWritten(journal.outcome(stepKey(step)))) journal.note(stepKey(step), { state: "undone" });
      return undefined;
    },
    actionsOf: (step) => {
      const script = scripts[nameOf(step)] ?? "proven";
      return {
        podsInFlight: () => (step.kind === "restart" ? 1 : 0),
        guard: async () => (script === "skip" ? "skip" : script === "refused" ? refuse(step) : "go"),
        apply: async () => {
          if (script === "bug") throw new TypeError("a fault of ours");
          if (script === "denied") refuse(step);
          events.push(`write ${nameOf(step)}`);
          if (script === "lost") refuse(step, true);
          return undefined;
        },
        prove: async (_, __, until, { stop }): Promise<Proof> => {
          events.push(`proof ${nameOf(step)} until ${until}`);
          if (script === "waits")
            await new Promise((_resolve, reject) =>
              stop.now.addEventListener("abort", () => reject(stop.now.reason), { once: true }),
            );
          const state = script === "failed" || script === "unproven" ? script : "proven";
          return { state, reason: state === "proven" ? undefined : `it ${state}` };
        },
      };
    },
  };
  return { machine, events };
}

interface Case {
  readonly scripts?: Readonly<Record<string, Script>>;
  readonly undoFails?: boolean;
  /** The rollback is still under way when the signal comes. */
  readonly undoWaits?: boolean;
  readonly sideBySide?: number;
  /** The plan ends after so many stages. */
  readonly stages?: number;
  /** The intent of this step is written slowly; while it is, this becomes of the run. */
  readonly slowIntent?: { readonly of: string; readonly meanwhile: "failure" | "signal" };
  /** Ends the run once everything waits: by a signal, or because the time is over. */
  readonly ends?: "signal" | "time";
}

async function running({
  scripts = {},
  undoFails = false,
  undoWaits = false,
  sideBySide,
  stages,
  slowIntent,
  ends,
}: Case): Promise<Told> {
  const clock = manualClock();
  const signal = new AbortController();
  const { machine, events } = machineOf(scripts, undoFails, undoWaits);
  const whole = planOf(sideBySide);
  const plan = { ...whole, stages: whole.stages.slice(0, stages) };
  const told: string[] = [];
  const task = { update: () => {}, done: () => {}, fail: () => {}, skip: () => {} };
  const stop = createStop(signal.signal, 60_000, clock);
  const tools = {
    cluster: fakeCluster(),
    stop,
    budget: createBudget(100),
    journal: createJournal(),
    ledger: fakeLedger({
      begin: async (step) => {
        if (slowIntent && names.get(step) === slowIntent.of) {
          if (slowIntent.meanwhile === "failure") stop.fail(new Error("another step"));
          else signal.abort(new Error("SIGINT"));
        }
        return "current";
      },
    }),
    events: {
      tell: (step: Step, { state }: StepOutcome) => {
        if (step.kind === "restart" && state !== "not-begun") told.push(`${names.get(step)} ${state}`);
      },
    },
    sectionOf: () => ({ task: () => task }),
    warn: (text: string) => events.push(`warning: ${text}`),
  } as unknown as Tools;
  const run = runPlan(plan, machine, tools);
  run.catch(() => {});
  await settled();
  if (ends === "signal") signal.abort(new Error("SIGINT"));
  if (ends === "time") await clock.advance(60_000);
  await run;
  return { events, plan, tools, told };
}

/** `state exit`, then `name state` for every step that is not proven. */
async function endOf(theCase: Case): Promise<readonly string[]> {
  const { plan, tools } = await running(theCase);
  const { stop, journal } = tools;
  const end = {
    outcomes: journal.outcomes(),
    failure: journal.failure(),
    interruptedCode: stop.interrupted() ? (130 as const) : undefined,
    timedOut: stop.now.aborted && !stop.interrupted(),
  };
  const request = { to: "1-20", namespaces: ["one", "two"], from: undefined, selector: undefined };
  const repeated = {
    request: { ...request, leave: [], allowDowntime: [], restartOwned: [], endsByItself: [], skipCheck: [] },
    clusterFlags: [],
    meshFlags: [],
    ownFlags: [],
  };
  const { state, exitCode, failure } = migrationResult(plan, end, [], repeated);
  const states = stepsOf(plan)
    .filter((step) => names.has(step))
    .map((step) => [names.get(step), outcomeOf(journal.outcomes(), stepKey(step)).state])
    .filter(([, each]) => each !== "proven");
  return [`${state} ${exitCode}`, ...(failure ? [failure.reason] : []), ...states.map((each) => each.join(": "))];
}

const cases: readonly (readonly [what: string, Case, readonly string[]])[] = [
  ["everything is proven", {}, ["done 0"]],
  ["a first write that is refused changes nothing", { scripts: { "labels one": "denied" } },
    ["failed 1", "labels one: no", "labels one: not-begun", "canary: not-begun", "web: not-begun", "labels two: not-begun", "db: not-begun"]],
  ["a first guard that says no changes nothing", { scripts: { "labels one": "refused" } },
    ["failed 1", "labels one: no", "labels one: not-begun", "canary: not-begun", "web: not-begun", "labels two: not-begun", "db: not-begun"]],
  ["a first write that may have been done is put back", { scripts: { "labels one": "lost" } },
    ["restored 4", "labels one: no", "labels one: undone", "canary: not-begun", "web: not-begun", "labels two: not-begun", "db: not-begun"]],
  ["new pods that would go elsewhere: the labels are put back", { scripts: { "labels one": "failed" } },
    ["restored 4", "it failed", "labels one: undone", "canary: not-begun", "web: not-begun", "labels two: not-begun", "db: not-begun"]],
  ["a canary that fails is put back", { scripts: { canary: "failed" } },
    ["restored 4", "it failed", "labels one: undone", "canary: undone", "web: not-begun", "labels two: not-begun", "db: not-begun"]],
  ["a canary without a proof is put back", { scripts: { canary: "unproven" } },
    ["restored 4", "it unproven", "labels one: undone", "canary: undone", "web: not-begun", "labels two: not-begun", "db: not-begun"]],
  ["a canary that may not be restarted: its labels are put back", { scripts: { canary: "refused" } },
    ["restored 4", "canary: no", "labels one: undone", "canary: not-begun", "web: not-begun", "labels two: not-begun", "db: not-begun"]],
  ["a way back that fails leaves what it found", { scripts: { canary: "failed" }, undoFails: true },
    ["partial 4", "it failed", "canary: failed", "web: not-begun", "labels two: not-begun", "db: not-begun"]],
  ["a workload that fails: what is begun goes on, what is not begun stays as it is", { scripts: { web: "failed" } },
    ["partial 4", "it failed", "web: failed", "db: not-begun"]],
  ["a workload without a proof", { scripts: { db: "unproven" } },
    ["unknown 4", "it unproven", "db: unproven"]],
  ["a restart that is refused", { scripts: { web: "denied" } },
    ["partial 4", "web: no", "web: not-begun", "db: not-begun"]],
  ["a restart that may have been done counts as done", { scripts: { web: "lost" } },
    ["partial 4", "web: no", "web: failed", "db: not-begun"]],
  ["labels of a later namespace are put back while nothing in it was restarted", { scripts: { "labels two": "failed" } },
    ["partial 4", "it failed", "labels two: undone", "db: not-begun"]],
  ["and not any more after that", { scripts: { db: "failed" } },
    ["partial 4", "it failed", "db: failed"]],
  ["its first restart is refused", { scripts: { db: "refused" } },
    ["partial 4", "db: no", "labels two: undone", "db: not-begun"]],
  ["one namespace at a time: a failure keeps the next from beginning", { scripts: { web: "failed" }, sideBySide: 1 },
    ["partial 4", "it failed", "web: failed", "labels two: not-begun", "db: not-begun"]],
  ["a signal while the canary is waited for: nothing is put back", { scripts: { canary: "waits" }, ends: "signal" },
    ["interrupted 130", "canary: unproven", "web: not-begun", "labels two: not-begun", "db: not-begun"]],
  ["a signal while everything is put back: it is put back", { scripts: { canary: "failed" }, undoWaits: true, ends: "signal" },
    ["restored 4", "it failed", "labels one: undone", "canary: undone", "web: not-begun", "labels two: not-begun", "db: not-begun"]],
  ["a signal while the rest is waited for", { scripts: { web: "waits", db: "waits" }, ends: "signal" },
    ["interrupted 130", "web: unproven", "db: unproven"]],
  ["no time left for the canary: it is put back", { scripts: { canary: "waits" }, ends: "time" },
    ["restored 4", "not waited for to the end: the time of --timeout was over", "labels one: undone", "canary: undone", "web: not-begun", "labels two: not-begun", "db: not-begun"]],
  ["no time left for the rest", { scripts: { web: "waits" }, ends: "time" },
    ["unknown 4", "not waited for to the end: the time of --timeout was over", "web: unproven"]],
  ["no time left for the labels of a later namespace: they are put back", { scripts: { "labels two": "waits" }, ends: "time" },
    ["partial 4", "not waited for to the end: the time of --timeout was over", "labels two: undone", "db: not-begun"]],
  ["a record that cannot be closed", { scripts: { "close one": "denied" } }, ["partial 4", "close one: no"]],
  ["a record that is not to be closed yet is no failure", { scripts: { "close one": "skip" } }, ["done 0"]],
]; // biome-ignore format: a table

suite("what becomes of a plan", () => {
  for (const [what, theCase, expected] of cases)
    test(what, async () => assert.deepEqual(await endOf(theCase), expected));

  test("a fault of ours is not taken for an answer of the cluster", async () => {
    await assert.rejects(running({ scripts: { web: "bug" } }), /a fault of ours/);
  });
});

suite("the order", () => {
  test("as printed: the canary, then all side by side, then a last look and the records", async () => {
    assert.deepEqual((await running({})).events, [
      ...["write labels one", "proof labels one until first-pod"],
      ...["write canary", "proof canary until first-pod"],
      ...["proof canary until all-pods", "write labels two", "write web", "proof labels two until all-pods"],
      ...["proof web until all-pods", "write db", "proof db until all-pods"],
      ...["look before close", "write close one", "write close two"],
      ...["proof close one until all-pods", "proof close two until all-pods"],
    ]);
  });

  test("what the plan has before a step is proven before it is written", async () => {
    const { events } = await running({ sideBySide: 1 });
    const at = (event: string): number => events.indexOf(event);
    assert.ok(at("proof labels one until first-pod") < at("write canary"), events.join("\n"));
    assert.ok(at("proof web until all-pods") < at("write labels two"), events.join("\n"));
    assert.ok(at("proof labels two until all-pods") < at("write db"), events.join("\n"));
  });

  test("the records are closed after a failure too; after a signal and after the time nothing is written", async () => {
    const closes = async (theCase: Case) =>
      (await running(theCase)).events.filter((event) => event.startsWith("write close"));
    assert.deepEqual(await closes({ scripts: { web: "failed" } }), ["write close one", "write close two"]);
    assert.deepEqual(await closes({ scripts: { web: "waits" }, ends: "signal" }), []);
    assert.deepEqual(await closes({ scripts: { web: "waits" }, ends: "time" }), []);
  });

  test("what could not be put back is said", async () => {
    const { events } = await running({ scripts: { canary: "failed" }, undoFails: true });
    assert.deepEqual(
      events.filter((event) => /undo|warning/.test(event)),
      ["undo one", "warning: not everything could be put back: nothing answers"],
    );
  });
});

suite("the end of each restart is told", () => {
  const toldOf = async (theCase: Case) => (await running(theCase)).told;

  test("once, when it is proven; of a canary when all of its pods are", async () => {
    assert.deepEqual(await toldOf({}), ["canary proven", "web proven", "db proven"]);
  });

  test("also when it failed, and when it was not waited for to the end", async () => {
    assert.deepEqual(await toldOf({ scripts: { web: "failed" } }), ["canary proven", "web failed"]);
    const late = await toldOf({ scripts: { canary: "waits", web: "waits", db: "waits" }, ends: "signal" });
    assert.deepEqual(late, ["canary unproven"]);
  });

  test("of a canary whose other pods nobody waits for any more, as unproven", async () => {
    assert.deepEqual(await toldOf({ stages: 1 }), ["canary unproven"]);
  });
});

for (const meanwhile of ["failure", "signal"] as const)
  for (const name of ["labels two", "db"])
    test(`${name}: a ${meanwhile} while its intent is written, before its write: nothing of it was begun`, async () => {
      const { events, tools, told } = await running({ slowIntent: { of: name, meanwhile } });
      const step = name === "db" ? db : two;
      assert.ok(!events.includes(`write ${name}`), events.join("\n"));
      assert.equal(tools.journal.outcome(stepKey(step)).state, "not-begun");
      assert.ok(!told.some((line) => line.startsWith(name)), told.join("\n"));
    });
