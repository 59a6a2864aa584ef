/** What the migrations' tests share: a mesh, namespaces on it, and what must hold after every run. */
import assert from "node:assert/strict";
import type { MigrationDocument } from "../../src/views/migration.ts";
import { type AuditEntry, isWrite } from "../real/mesh/audit.ts";
import { bootMesh, type EmbeddedMesh, type MeshOptions, type RunOptions } from "./mesh.ts";
import { recordAvailability } from "./recorder.ts";
import { documentOf, eventuallyArrived, labelsOf, recordOf } from "./witness.ts";

export const enabled = { "istio-injection": "enabled" };
const quick = ["--workload-timeout", "20s"];

export interface Scene extends AsyncDisposable {
  readonly mesh: EmbeddedMesh;
  /** A namespace of the un-revisioned control plane, with everything in it ready. */
  settled(workloads: (namespace: string) => readonly object[], name?: string): Promise<string>;
  /** Runs a migration with a short patience; its document, held against the schema. */
  migrate(namespace: string, to: string, options?: RunOptions): Promise<MigrationDocument>;
  /** No workload of the namespace ever fell below its own bound. */
  neverFell(namespace: string): void;
  /** Everything is as before the run: labels, no record, and on `default`. */
  assertRestored(namespace: string, document: MigrationDocument): Promise<void>;
  /** What mesh-migrate wrote after so many entries of the audit log. */
  writesSince(index: number): Promise<readonly AuditEntry[]>;
  merge(namespace: string, plural: string, name: string, body: object): Promise<unknown>;
  /** What was recorded of the namespace's workloads: the fewest ready pods of each. */
  lowest(namespace: string): ReadonlyMap<string, number>;
}

export async function openScene(options: MeshOptions): Promise<Scene> {
  const mesh = await bootMesh(options);
  const recorder = recordAvailability(mesh);
  return {
    mesh,
    settled: async (workloads, name) => {
      const namespace = await mesh.createNamespace(enabled, name);
      await mesh.apply(workloads(namespace));
      await mesh.waitReady(namespace, 600);
      return namespace;
    },
    migrate: async (namespace, to, runOptions) =>
      documentOf(await mesh.run("mesh-migrate", ["-n", namespace, "--to", to, ...quick, "-o", "json"], runOptions)),
    neverFell: (namespace) =>
      assert.deepEqual(
        recorder.report(namespace).filter(({ ok }) => !ok),
        [],
      ),
    assertRestored: async (namespace, document) => {
      assert.deepEqual([document.exitCode, document.state], [4, "restored"], JSON.stringify(document, undefined, 2));
      assert.deepEqual(
        document.namespaces.map(({ labels }) => labels),
        ["restored"],
      );
      assert.equal(document.goBack, null);
      assert.deepEqual(labelsOf(mesh, namespace), enabled);
      assert.equal(recordOf(mesh, namespace), undefined);
      await eventuallyArrived(mesh, namespace, "default");
    },
    writesSince: async (index) =>
      (await mesh.audit()).slice(index).filter((entry) => isWrite(entry) && entry.userAgent.startsWith("mesh-migrate/")),
    merge: (namespace, plural, name, body) => mesh.api.merge(`/apis/apps/v1/namespaces/${namespace}/${plural}/${name}`, body),
    lowest: (namespace) => new Map(recorder.report(namespace).map(({ workload, lowest }) => [workload, lowest])),
    [Symbol.asyncDispose]: async () => {
      recorder[Symbol.dispose]();
      await mesh.down();
    },
  };
}

export const outcomesOf = ({ workloads }: MigrationDocument) => Object.fromEntries(workloads.map(({ name, outcome }) => [name, outcome]));
