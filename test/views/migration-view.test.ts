import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { Ajv2020 } from "ajv/dist/2020.js";
import { load } from "js-yaml";
import type { Finding } from "../../src/mesh/finding.ts";
import type { MigrationPlan } from "../../src/upgrade/plan/plan.ts";
import type { RelabelStep, RestartStep } from "../../src/upgrade/plan/step.ts";
import type { MigratedNamespace, MigratedWorkload, MigrationResult, Outcome } from "../../src/upgrade/result.ts";
import { jsonView, yamlView } from "../../src/views/document.ts";
import { acceptingCommand, findingsView, refusalView } from "../../src/views/findings-view.ts";
import {
  migrationDocument,
  migrationNamesView,
  migrationView,
  unchangedView,
  withNextCommand,
} from "../../src/views/migration-view.ts";
import { planView } from "../../src/views/plan-view.ts";
import { golden } from "./golden.ts";

const before = { "istio-injection": "enabled", "istio.io/rev": null };
const after = { "istio-injection": null, "istio.io/rev": "1-20" };
const target = { label: "1-20", revision: "1-20", tag: undefined };
const ref = (kind: string, name: string) => ({ kind, namespace: "production", name });
const workload = (
  kind: string,
  name: string,
  outcome: Outcome,
  change: Partial<MigratedWorkload> = {},
): MigratedWorkload => ({
  ...ref(kind, name),
  outcome,
  pods: 3,
  proven: outcome === "moved" || outcome === "already" ? 3 : 0,
  canary: false,
  reason: undefined,
  ...change,
});
const namespace = (change: Partial<MigratedNamespace> = {}): MigratedNamespace => ({
  name: "production",
  from: "default",
  to: "1-20",
  before,
  after,
  labels: "written",
  ...change,
});

const finding = (check: string, severity: Finding["severity"], change: Partial<Finding> = {}): Finding => ({
  check,
  severity,
  object: "production/Deployment/web",
  message: `what ${check} found`,
  remedy: undefined,
  accept: undefined,
  ...change,
});

const noWayBack = { goBack: undefined, goBackKubectl: undefined };
const done: MigrationResult = {
  state: "done",
  target,
  namespaces: [namespace()],
  workloads: [
    workload("Deployment", "web", "moved", { canary: true }),
    workload("StatefulSet", "db", "moved"),
    workload("Deployment", "off", "empty", { pods: 0 }),
  ],
  proof: "connections",
  left: [],
  findings: [],
  failure: undefined,
  goOn: undefined,
  goBack: "kubectl mesh-rollback -n production",
  goBackKubectl:
    "kubectl label namespace production istio-injection=enabled istio.io/rev- --overwrite && kubectl -n production rollout restart deployment/web statefulset/db",
  exitCode: 0,
};

const goOn = "kubectl mesh-migrate -n production --to 1-20";
const results: Readonly<Record<string, MigrationResult>> = {
  done,
  left: {
    ...done,
    left: [
      { object: ref("Pod", "lonely"), reason: "no controller would create it again", by: "--leave" },
      { object: ref("Job", "nightly-1"), reason: "it is running", by: "job" },
    ],
  },
  planned: {
    ...done,
    state: "planned",
    namespaces: [namespace({ labels: "planned" })],
    workloads: [workload("Deployment", "web", "planned"), workload("Deployment", "api", "planned", { pods: 1 })],
    ...noWayBack,
  },
  "nothing-to-do": {
    ...done,
    state: "nothing-to-do",
    namespaces: [namespace({ labels: "kept", from: "1-20", before: after })],
    workloads: [workload("Deployment", "web", "already")],
    ...noWayBack,
  },
  restored: {
    ...done,
    state: "restored",
    namespaces: [namespace({ labels: "restored" })],
    workloads: [
      workload("Deployment", "web", "restored", { canary: true, reason: "its first pod did not get ready" }),
      workload("StatefulSet", "db", "not-started"),
    ],
    failure: {
      object: ref("Deployment", "web"),
      reason: "its first pod on 1-20 crashes",
      pod: "web-7f-abc",
      container: "istio-proxy",
      logs: ["info\tstarting", "error\t\u001b[31mbad config\u001b[0m"],
      events: ["Warning BackOff: Back-off restarting failed container istio-proxy"],
    },
    ...noWayBack,
    goOn,
    exitCode: 4,
  },
  partial: {
    ...done,
    state: "partial",
    workloads: [
      workload("Deployment", "web", "moved", { canary: true }),
      workload("StatefulSet", "db", "failed", { proven: 1, reason: "db-1 cannot pull its image" }),
      workload("DaemonSet", "agent", "not-started"),
    ],
    findings: [finding("deadline", "warning", { remedy: "give it more with --timeout" })],
    failure: {
      object: ref("StatefulSet", "db"),
      reason: "db-1 cannot pull its image",
      pod: "db-1",
      container: "app",
      logs: [],
      events: [],
    },
    goOn,
    exitCode: 4,
  },
  unknown: {
    ...done,
    state: "unknown",
    workloads: [
      workload("Deployment", "web", "unproven", { reason: "istiod istio-system/istiod-1-20-abc stopped answering" }),
    ],
    goOn,
    exitCode: 4,
  },
  interrupted: {
    ...done,
    state: "interrupted",
    workloads: [
      workload("Deployment", "web", "moved"),
      workload("StatefulSet", "db", "unproven", { proven: 1, reason: "2 of 3 pods to go" }),
    ],
    goOn,
    exitCode: 130,
  },
  refused: {
    ...done,
    state: "refused",
    target: undefined,
    namespaces: [],
    workloads: [],
    findings: [
      finding("target-missing", "blocker", {
        object: "revision/1-2O",
        message: "no webhook serves istio.io/rev=1-2O",
        remedy: "did you mean 1-20?",
      }),
    ],
    ...noWayBack,
    exitCode: 3,
  },
};

const validate = new Ajv2020({ strict: true, allErrors: true }).compile(
  JSON.parse(readFileSync(`${import.meta.dirname}/../../schemas/migration.schema.json`, "utf8")),
);

for (const [name, result] of Object.entries(results)) {
  test(`${name}: for a person`, (t) => golden(t, `migration-${name}.txt`, migrationView(result)));
  test(`${name}: JSON and YAML say the same, and as the schema has it`, () => {
    const document = migrationDocument(result);
    const value: { readonly exitCode?: unknown } = JSON.parse(jsonView(document));
    assert.deepEqual(load(yamlView(document)), value);
    assert.ok(validate(value), JSON.stringify(validate.errors, undefined, 2));
    assert.equal(value.exitCode, result.exitCode);
  });
}

test("wide lists the workloads that went as hoped for too", (t) =>
  golden(t, "migration-done-wide.txt", migrationView(done, { wide: true })));

test("the schema takes no other document", () => {
  const document = JSON.parse(jsonView(migrationDocument(done)));
  for (const change of [
    { state: "fine" },
    { goBack: undefined },
    { goBackKubectl: undefined },
    { exitCode: null },
    { extra: 1 },
  ])
    assert.equal(validate({ ...document, ...change }), false, JSON.stringify(change));
});

test("names of what moved", () => {
  assert.equal(migrationNamesView(done), "production/deployment/web\nproduction/statefulset/db\n");
});

test("commands stand whole on a line of their own", () => {
  const lines = migrationView(results.partial as MigrationResult).split("\n");
  assert.ok(lines.includes(`  ${goOn}`));
  assert.ok(lines.includes(`  ${done.goBack}`));
  assert.ok(!lines.includes(`  ${done.goBackKubectl}`), "the long line is in wide output only");
  assert.ok(migrationView(done, { wide: true }).split("\n").includes(`  ${done.goBackKubectl}`));
});

const relabel: RelabelStep = {
  kind: "relabel",
  namespace: "production",
  uid: "u",
  before,
  after,
  from: { revision: "default", deploymentUid: "d" },
  to: "1-20",
  record: { kind: "open", target, resumed: undefined },
  probe: { workload: ref("Deployment", "web"), required: true },
};
const restart: RestartStep = {
  kind: "restart",
  workload: ref("Deployment", "web"),
  uid: "w",
  canary: true,
  podsInFlight: 1,
  stalePods: 3,
  pods: 3,
  from: ["default"],
  to: "1-20",
  gateway: false,
  stamp: { kind: "of-record" },
  guarded: true,
  blockingPods: [],
};
const db: RestartStep = {
  ...restart,
  workload: ref("StatefulSet", "db"),
  uid: "s",
  canary: false,
  podsInFlight: 2,
  stalePods: 2,
  from: ["default", "1-19"],
};
const shop: RelabelStep = {
  ...relabel,
  namespace: "shop",
  uid: "v",
  before: after,
  from: { revision: "1-19", deploymentUid: undefined },
  probe: undefined,
};
const stage = { sideBySide: 1, until: "all-pods", gate: undefined, evenAfterFailure: false } as const;
const plan: MigrationPlan = {
  target,
  namespaces: ["production", "shop"],
  oldRevisions: ["default", "1-19"],
  stages: [
    {
      ...stage,
      name: "canary",
      until: "first-pod",
      lanes: [{ namespace: "production", steps: [relabel, restart], onFailure: "undo" }],
    },
    {
      ...stage,
      name: "workloads",
      lanes: [
        { namespace: "production", steps: [[restart, db]], onFailure: "stop" },
        { namespace: "shop", steps: [shop, []], onFailure: "undo-first" },
      ],
    },
    {
      ...stage,
      name: "close",
      gate: "last-look",
      evenAfterFailure: true,
      lanes: [relabel, shop].map((step) => ({
        namespace: step.namespace,
        steps: [{ ...step, before: after, record: { kind: "close", proven: [] } as const, probe: undefined }],
        onFailure: "stop",
      })),
    },
  ],
  left: [{ object: ref("Pod", "lonely"), reason: "no controller would create it again", by: "--leave" }],
  already: [],
  empty: [],
  notInjected: [],
};
const quota = [finding("quota", "warning")];

test("a plan", (t) => golden(t, "plan.txt", planView(plan, quota)));
test("a dry run shows its plan", (t) =>
  golden(t, "migration-planned-plan.txt", migrationView(results.planned as MigrationResult, {}, plan)));
test("a plan, wide", (t) => golden(t, "plan-wide.txt", planView(plan, quota, { wide: true })));

const refusals = [
  finding("surge", "note"),
  finding("disruption", "warning"),
  finding("single-replica", "blocker", {
    object: "production/StatefulSet/db",
    accept: { flag: "--allow-downtime", value: "production/statefulset/db" },
  }),
  finding("bare-pod", "blocker", {
    object: "production/Pod/lonely",
    accept: { flag: "--leave", value: "production/pod/lonely" },
  }),
  finding("bare-pod", "blocker", {
    object: "production/Pod/lonely",
    accept: { flag: "--leave", value: "production/pod/lonely" },
  }),
  finding("all", "blocker", { accept: { flag: "--leave", value: "*" } }),
  finding("istiod-silent", "unknown"),
];

test("a refusal: blockers first, then the command that accepts all of it", (t) =>
  golden(t, "refusal.txt", refusalView(refusals, goOn)));
test("a refusal with a blocker that no flag accepts", (t) =>
  golden(
    t,
    "refusal-hard.txt",
    refusalView([...refusals, finding("target-down", "blocker", { remedy: "kubectl get pods" })], goOn),
  ));

test("the command names each thing once, in words of a shell", () => {
  assert.equal(
    acceptingCommand(refusals, goOn),
    `${goOn} --allow-downtime production/statefulset/db --leave production/pod/lonely --leave '*'`,
  );
  assert.equal(
    acceptingCommand([finding("x", "warning", { accept: { flag: "--leave", value: "*" } })], goOn),
    undefined,
  );
  assert.equal(findingsView([]), "");
});

test("whatever it ended for, the command that goes on is alone on a line, and in the document", () => {
  const accept = { flag: "--leave", value: "production/pod/lonely" } as const;
  const found: readonly (readonly Finding[])[] = [
    [],
    [finding("x", "blocker", { remedy: undefined })],
    [finding("x", "blocker", { remedy: "wait until that run has ended" })],
    [finding("x", "unknown", { remedy: "try again when the server answers" })],
    [finding("x", "blocker", { accept })],
    [finding("x", "blocker"), finding("y", "blocker", { accept })],
    [finding("x", "unknown"), finding("y", "warning", { accept })],
  ];
  for (const state of ["refused", "cannot-tell", "failed"] as const)
    for (const findings of found) {
      const result = { state, findings, failure: undefined, goOn: undefined };
      const accepted = findings.some(({ severity, accept: flag }) => severity === "blocker" && flag !== undefined);
      const command = accepted ? `${goOn} --leave production/pod/lonely` : goOn;
      assert.ok(unchangedView(result, goOn).split("\n").includes(`  ${command}`), unchangedView(result, goOn));
      assert.equal(withNextCommand(result, goOn).goOn, command);
    }
});

test("every golden text of an end without a change has a command", () => {
  const folder = `${import.meta.dirname}/../golden`;
  const ended = readdirSync(folder)
    .filter((name) => name.endsWith(".txt"))
    .map((name) => readFileSync(`${folder}/${name}`, "utf8"))
    .filter((text) => /^error: /m.test(text));
  assert.ok(ended.length >= 3, `${ended.length}`);
  for (const text of ended) assert.match(text, /^ {2}kubectl mesh-(migrate|rollback) /m);
});
