/** What a refusal says and what it must leave as it was, for the tests that ask for one. */
import assert from "node:assert/strict";
import { isWrite, type Json, type Mesh, type Result } from "./kit.ts";
import { commandAfter, listed } from "./witness.ts";

/** A finding as it stands on stderr. */
export interface Told {
  readonly severity: "blocker" | "unknown" | "warning" | "note";
  readonly object: string;
  readonly message: string;
  readonly check: string;
  readonly remedy: string | undefined;
}

export interface Refused extends Result {
  /** What stands in the way: blockers, or what is unknown. */
  readonly reasons: readonly Told[];
  readonly findings: readonly Told[];
  /** The command that would accept it and go on. */
  readonly accepting: () => string;
}

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

/** What must not change: the namespace, and every workload and pod in it. */
export async function stateOf(mesh: Mesh, namespace: string): Promise<object> {
  const { metadata } = await mesh.api.get(`/api/v1/namespaces/${namespace}`);
  const objects = await listed(mesh, ["deployments,statefulsets,daemonsets,replicasets,pods", "-n", namespace]);
  return {
    namespace: [metadata.uid, metadata.resourceVersion],
    objects: objects.map(({ kind, metadata: { name, uid, generation } }: Json) => `${kind}/${name} ${uid} ${generation ?? ""}`).sort(),
  };
}

/** What mesh-migrate wrote to a namespace or in it since a time: requests that change what is stored. */
export async function writesTo(mesh: Mesh, namespace: string, since: Date): Promise<readonly string[]> {
  return (await mesh.audit(since))
    .filter((entry) => entry.userAgent.startsWith("mesh-migrate/") && isWrite(entry))
    .filter((entry) => entry.namespace === namespace || (entry.resource === "namespaces" && entry.name === namespace))
    .map(({ verb, resource, name }) => `${verb} ${resource}/${name}`);
}

/**
 * Runs `mesh-migrate -n NAMESPACE ARGS` and holds that it is refused (3, or 5 where it cannot tell) by these reasons and no others, each as
 * `CHECK OBJECT`; that each comes with a remedy, that stdout is empty, that nobody sees a stack, and that nothing was changed.
 */
export async function refused(
  mesh: Mesh,
  namespace: string,
  args: readonly string[],
  reasons: readonly string[],
  code: 3 | 5 = 3,
): Promise<Refused> {
  const [before, since] = [await stateOf(mesh, namespace), new Date()];
  const result = await mesh.run("mesh-migrate", ["-n", namespace, ...args]);
  const findings = findingsIn(result.stderr);
  const against = findings.filter(({ severity }) => severity === "blocker" || severity === "unknown");
  assert.deepEqual([result.code, result.stdout], [code, ""], result.stderr);
  assert.deepEqual(against.map(({ check, object }) => `${check} ${object}`).toSorted(), reasons.toSorted(), result.stderr);
  for (const { message, remedy } of against) assert.ok(remedy, `no remedy for: ${message}`);
  assert.match(result.stderr, new RegExp(`^error: ${code === 3 ? "refused" : "cannot tell"}; nothing was changed\n$`, "m"));
  assertNoStack(result);
  assert.deepEqual(await stateOf(mesh, namespace), before);
  assert.deepEqual(await writesTo(mesh, namespace, since), []);
  return { ...result, findings, reasons: against, accepting: () => commandAfter("to accept this and go on:", result.stderr) };
}

/** No line of a stack, and no fault of ours. */
export function assertNoStack({ stdout, stderr }: Pick<Result, "stdout" | "stderr">): void {
  assert.doesNotMatch(stdout + stderr, /^\s+at .*:\d+|this is a bug in|\bnode:internal\b|\[object Object\]|\bundefined\b/m);
}
