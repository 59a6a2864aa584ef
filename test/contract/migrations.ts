/** What the migrations' tests share: namespaces, runs, and what must hold after each of them. */
import assert from "node:assert/strict";
import type { MigrationDocument } from "../../src/views/migration-view.ts";
import { type AuditEntry, isChange, type MeshUnderTest, type Run, type RunOptions } from "./mesh-under-test.ts";
import { documentOf, eventuallyArrived, labelsOf, recordOf, type Seen, type Which } from "./verify-result.ts";

export const enabled = { "istio-injection": "enabled" };

/** A namespace of the un-revisioned control plane unless its labels say otherwise, with everything in it ready. */
export async function settled(
  mesh: MeshUnderTest,
  workloads: (namespace: string) => readonly object[],
  labels: Readonly<Record<string, string>> = enabled,
  name?: string,
): Promise<string> {
  const namespace = await mesh.createNamespace(labels, name);
  await mesh.apply(workloads(namespace));
  await mesh.waitReady(namespace);
  return namespace;
}

/** Runs a migration with a short patience. */
export const migrate = (
  mesh: MeshUnderTest,
  namespace: string,
  to: string,
  args: readonly string[] = [],
  options?: RunOptions,
): Promise<Run> =>
  mesh.run("mesh-migrate", ["-n", namespace, "--to", to, "--workload-timeout", "20s", ...args], options);

/** The same, and its document, held against the schema. */
export const migrateJson = async (
  mesh: MeshUnderTest,
  namespace: string,
  to: string,
  options?: RunOptions,
): Promise<MigrationDocument> => documentOf(await migrate(mesh, namespace, to, ["-o", "json"], options));

export const outcomesOf = ({ workloads }: MigrationDocument) =>
  Object.fromEntries(workloads.map(({ name, outcome }) => [name, outcome]));

/** Findings but notes: a note is there on a healthy mesh too. */
export const warningsOf = ({ findings }: MigrationDocument) => findings.filter(({ severity }) => severity !== "note");

/** Runs a command line that has to succeed. */
export async function carriedOut(mesh: MeshUnderTest, commandLine: string | null | undefined): Promise<Run> {
  assert.ok(commandLine, "there is a command");
  const run = await mesh.shell(commandLine);
  assert.equal(run.code, 0, `${commandLine}\n${run.stdout}${run.stderr}`);
  return run;
}

/** What mesh-migrate asked of the API server in a namespace or of it since a time, reads and all. */
export const askedBy = async (
  mesh: Pick<MeshUnderTest, "audit">,
  namespace: string,
  since: Date,
): Promise<readonly AuditEntry[]> =>
  (await mesh.audit(since))
    .filter(({ userAgent }) => userAgent.startsWith("mesh-migrate/"))
    .filter((entry) => entry.namespace === namespace || (entry.resource === "namespaces" && entry.name === namespace));

/** What mesh-migrate changed of a namespace or in it since a time: not its lock, its journal and its Events. */
export const writesTo = async (
  mesh: Pick<MeshUnderTest, "audit">,
  namespace: string,
  since: Date,
): Promise<readonly string[]> =>
  (await askedBy(mesh, namespace, since))
    .filter(isChange)
    .map(({ verb, resource, name }) => `${verb} ${resource}/${name}`);

/** No workload of the namespace ever fell below its own bound. */
export const neverFell = (mesh: MeshUnderTest, namespace: string): void =>
  assert.deepEqual(
    mesh.availability(namespace).filter(({ ok }) => !ok),
    [],
  );

/** Everything is as before the run: labels, no record, and on `default`. */
export async function assertRestored(
  mesh: Seen,
  namespace: string,
  document: MigrationDocument,
  which?: Which,
): Promise<void> {
  assert.deepEqual([document.exitCode, document.state], [4, "restored"], JSON.stringify(document, undefined, 2));
  assert.deepEqual(
    document.namespaces.map(({ labels }) => labels),
    ["restored"],
  );
  assert.ok(document.goOn?.startsWith("kubectl mesh-migrate "));
  assert.deepEqual([document.goBack, document.goBackKubectl], [null, null]);
  assert.deepEqual(await labelsOf(mesh, namespace), enabled);
  assert.equal(await recordOf(mesh, namespace), undefined);
  await eventuallyArrived(mesh, namespace, "default", which);
}

/**
 * Options of a run that call `act` at the first line of stderr that matches; `done` settles with it, and fails where no
 * line came.
 */
export function once(line: RegExp, act: () => unknown): RunOptions & { readonly done: () => Promise<void> } {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  promise.catch(() => {});
  let [seen, begun] = ["", false];
  return {
    done: () => {
      assert.ok(begun, `no line of stderr matches ${line}:\n${seen}`);
      return promise;
    },
    onStderr: (text) => {
      seen += text;
      if (begun || !line.test(seen)) return;
      begun = true;
      void Promise.resolve()
        .then(act)
        .then(() => resolve(), reject);
    },
  };
}

/** Options of a run that is interrupted at the first line of stderr that matches. */
export function interruptedAt(line: RegExp): RunOptions {
  const stop = new AbortController();
  return { ...once(line, () => stop.abort()), signal: stop.signal };
}
