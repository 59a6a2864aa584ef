/** What the sweeps share: a mesh whose requests can be met by faults, and namespaces on it. */
import type { AuditEntry, BedOptions } from "../contract/bed.ts";
import { isWrite } from "../contract/bed.ts";
import { openEmbeddedBed } from "../contract/embedded-bed.ts";
import { neverFell, settled } from "../contract/scene.ts";
import type { EmbeddedMesh } from "./mesh.ts";

export interface Scene extends AsyncDisposable {
  readonly mesh: EmbeddedMesh;
  /** A namespace of the un-revisioned control plane, with everything in it ready. */
  settled(workloads: (namespace: string) => readonly object[]): Promise<string>;
  /** No workload of the namespace ever fell below its own bound. */
  neverFell(namespace: string): void;
  /** What mesh-migrate wrote after so many entries of the audit log. */
  writesSince(index: number): Promise<readonly AuditEntry[]>;
}

export async function openScene(options: BedOptions): Promise<Scene> {
  const bed = await openEmbeddedBed(options);
  return {
    mesh: bed.mesh,
    settled: (workloads) => settled(bed, workloads),
    neverFell: (namespace) => neverFell(bed, namespace),
    writesSince: async (index) =>
      (await bed.audit()).slice(index).filter((entry) => isWrite(entry) && entry.userAgent.startsWith("mesh-migrate/")),
    [Symbol.asyncDispose]: () => bed[Symbol.asyncDispose](),
  };
}
