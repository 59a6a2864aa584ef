/**
 * Opens the mesh that the tests of this folder run on: `MESH=real` takes real programs, anything else the embedded mesh.
 * Where the two differ, the embedded one is wrong.
 */
import type { Bed, BedOptions } from "./bed.ts";

/** Which mesh the tests of this process run on. */
export const bedKind: Bed["kind"] = process.env.MESH === "real" ? "real" : "embedded";

/** Options of a suite whose tests have a namespace each: so many at once, where time is not one for all. */
export const together = (most: number | true = true) => ({ concurrency: bedKind === "real" ? most : false });

export async function openBed(options: BedOptions): Promise<Bed> {
  if (bedKind === "real") return (await import("./real-bed.ts")).openRealBed(options);
  return (await import("./embedded-bed.ts")).openEmbeddedBed(options);
}
