/** What the sweeps share: a mesh whose requests can be met by faults, and namespaces on it. */
import type { AuditEntry, MeshUnderTestOptions } from "../contract/mesh-under-test.ts";
import { isChange } from "../contract/mesh-under-test.ts";
import { neverFell, settled } from "../contract/migrations.ts";
import { openEmbeddedMesh } from "../contract/open-embedded.ts";
import type { EmbeddedMesh } from "./mesh.ts";

export interface SweepMesh extends AsyncDisposable {
  readonly mesh: EmbeddedMesh;
  /** A namespace of the un-revisioned control plane, with everything in it ready. */
  settled(workloads: (namespace: string) => readonly object[]): Promise<string>;
  /** No workload of the namespace ever fell below its own bound. */
  neverFell(namespace: string): void;
  /** What the plugins changed after so many entries of the audit log. */
  writesSince(index: number): Promise<readonly AuditEntry[]>;
}

export async function openSweepMesh(options: MeshUnderTestOptions): Promise<SweepMesh> {
  const mesh = await openEmbeddedMesh(options);
  return {
    mesh: mesh.embedded,
    settled: (workloads) => settled(mesh, workloads),
    neverFell: (namespace) => neverFell(mesh, namespace),
    writesSince: async (index) =>
      (await mesh.audit())
        .slice(index)
        .filter((entry) => isChange(entry) && /^mesh-(migrate|rollback)\//.test(entry.userAgent)),
    [Symbol.asyncDispose]: () => mesh[Symbol.asyncDispose](),
  };
}
