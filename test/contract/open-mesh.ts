/**
 * Opens the mesh that the tests of this folder run on: `MESH=real` takes real programs with simulated pods,
 * `MESH=kubelet` a bed where pods are containers (for what README.md says), anything else the embedded mesh.
 * Where the two differ, the embedded one is wrong.
 */
import type { MeshUnderTest, MeshUnderTestOptions } from "./mesh-under-test.ts";

/** Whether the real mesh's pods are containers of a real kubelet, with real sidecars. */
const onKubelet = process.env.MESH === "kubelet";

/** Which mesh the tests of this process run on. */
export const meshKind: MeshUnderTest["kind"] = onKubelet || process.env.MESH === "real" ? "real" : "embedded";

/** A real kubelet's containers take the machine's cores: few tests at once there. */
const mostAtOnce = (most: number | true): number | true => (onKubelet ? 2 : most);

/** Options of a suite whose tests have a namespace each: so many at once, where time is not one for all. */
export const together = (most: number | true = true) => ({
  concurrency: meshKind === "real" ? mostAtOnce(most) : false,
});

export async function openMesh(options: MeshUnderTestOptions): Promise<MeshUnderTest> {
  if (meshKind === "real") return (await import("./open-real.ts")).openRealMesh(options, onKubelet);
  return (await import("./open-embedded.ts")).openEmbeddedMesh(options);
}
