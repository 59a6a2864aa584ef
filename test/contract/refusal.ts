/** What a refusal says and what it must leave as it was, for the tests that ask for one. */
import assert from "node:assert/strict";
import type { Json, MeshUnderTest, Run } from "./mesh-under-test.ts";
import { writesTo } from "./migrations.ts";
import { commandAfter } from "./verify-result.ts";

/** A finding as it stands on stderr. */
export interface Told {
  readonly severity: "blocker" | "unknown" | "warning" | "note";
  readonly object: string;
  readonly message: string;
  readonly check: string;
  readonly remedy: string | undefined;
}

export interface Refused extends Run {
  /** What stands in the way: blockers, or what is unknown. */
  readonly reasons: readonly Told[];
  readonly findings: readonly Told[];
  /** The command that would accept it and go on. */
  readonly accepting: () => string;
}

/** The first of the reasons. */
export const told = ({ reasons: [first] }: Refused): Told => {
  assert.ok(first);
  return first;
};

/** The findings that stderr tells, in order. */
export const findingsIn = (stderr: string): readonly Told[] =>
  [...stderr.matchAll(/^(blocker|unknown|warning|note): (.+?): (.*) \[([a-z-]+)\]\n(?: {2}→ (.*)\n)?/gm)].map(
    ([, severity, object = "", message = "", check = "", remedy]) => ({
      severity: severity as Told["severity"],
      object,
      message,
      check,
      remedy,
    }),
  );

const kinds = ["deployments", "statefulsets", "daemonsets", "replicasets"];

/** What must not change: the namespace, and every workload and pod in it. */
export async function stateOf({ api }: Pick<MeshUnderTest, "api">, namespace: string): Promise<object> {
  const { metadata } = await api.get(`/api/v1/namespaces/${namespace}`);
  const paths = [
    ...kinds.map((kind) => `/apis/apps/v1/namespaces/${namespace}/${kind}`),
    `/api/v1/namespaces/${namespace}/pods`,
  ];
  const lists = await Promise.all(paths.map((path) => api.get(path)));
  return {
    namespace: [metadata.uid, metadata.resourceVersion],
    objects: lists.flatMap(({ kind, items }) =>
      items.map(({ metadata: { name, uid, generation } }: Json) => `${kind} ${name} ${uid} ${generation}`).sort(),
    ),
  };
}

/**
 * Runs `mesh-migrate -n NAMESPACE ARGS` and holds that it is refused (3, or 5 where it cannot tell) by these reasons
 * and no others, each as
 * `CHECK OBJECT`; that each comes with a remedy, that stdout is empty, that nobody sees a stack, and that nothing was
 * changed.
 */
export async function refused(
  mesh: Pick<MeshUnderTest, "api" | "run" | "audit" | "now">,
  namespace: string,
  args: readonly string[],
  reasons: readonly string[],
  code: 3 | 5 = 3,
): Promise<Refused> {
  const [before, since] = [await stateOf(mesh, namespace), mesh.now()];
  const result = await mesh.run("mesh-migrate", ["-n", namespace, ...args]);
  const findings = findingsIn(result.stderr);
  const against = findings.filter(({ severity }) => severity === "blocker" || severity === "unknown");
  assert.deepEqual([result.code, result.stdout], [code, ""], result.stderr);
  assert.deepEqual(
    against.map(({ check, object }) => `${check} ${object}`).toSorted(),
    reasons.toSorted(),
    result.stderr,
  );
  for (const { message, remedy } of against) assert.ok(remedy, `no remedy for: ${message}`);
  assert.match(
    result.stderr,
    new RegExp(`^error: ${code === 3 ? "refused" : "cannot tell"}; nothing was changed$`, "m"),
  );
  assertNoStack(result);
  await foreseen(mesh, namespace, args, against);
  assert.deepEqual(await stateOf(mesh, namespace), before);
  assert.deepEqual(await writesTo(mesh, namespace, since), []);
  return {
    ...result,
    findings,
    reasons: against,
    accepting: () => commandAfter("to accept this and go on:", result.stderr),
  };
}

/** Holds that a preflight with the same flags finds the same, under the same ids. */
async function foreseen(
  mesh: Pick<MeshUnderTest, "run">,
  namespace: string,
  args: readonly string[],
  reasons: readonly Told[],
): Promise<void> {
  // what is skipped by name is a flag of the migration's own
  if (args.some((word) => word.startsWith("--skip-check") || word.startsWith("--from"))) return;
  const { code, stdout, stderr } = await mesh.run("mesh-preflight", ["-n", namespace, ...args, "-o", "json"]);
  assert.ok(code === 3 || code === 5, stdout + stderr);
  const checks: readonly Json[] = JSON.parse(stdout).checks;
  const said = checks.flatMap(({ findings }) =>
    findings.map(({ severity, check, object }: Json) => `${severity} ${check} ${object}`),
  );
  for (const { severity, check, object } of reasons) assert.ok(said.includes(`${severity} ${check} ${object}`), stdout);
}

/** No line of a stack, and no fault of ours. */
export function assertNoStack({ stdout, stderr }: Pick<Run, "stdout" | "stderr">): void {
  assert.doesNotMatch(
    stdout + stderr,
    /^\s+at .*:\d+|this is a bug in|\bnode:internal\b|\[object Object\]|\bundefined\b/m,
  );
}
