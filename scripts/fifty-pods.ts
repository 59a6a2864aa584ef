/**
 * A real mesh with exactly fifty pods, for measurements of start-up: two istiods and 48 injected pods, half of them on
 * each.
 */

import { deployment, statefulSet } from "../test/fixtures/workload-objects.ts";
import { type Mesh, upMesh } from "../test/real/kit.ts";

const pods = 50;

/** Starts it in half a minute. Throws if `kubectl get pods -A` does not list fifty pods. */
export const upFiftyPods = async (): Promise<Mesh> => {
  const mesh = await upMesh({ revisions: { "1-28": "1.28.2", "1-29": "1.29.1" } });
  try {
    for (const [index, revision] of ["1-28", "1-29", "1-28", "1-29"].entries()) {
      const namespace = await mesh.createNamespace({ "istio.io/rev": revision }, `team-${index}`);
      await mesh.apply([
        ...["web", "api"].map((name) => deployment({ namespace, name, replicas: 4 })),
        deployment({ namespace, name: "cart", replicas: 2 }),
        statefulSet({ namespace, name: "db", replicas: 2, spec: { podManagementPolicy: "Parallel" } }),
      ]);
    }
    for (const index of [0, 1, 2, 3]) await mesh.waitReady(`team-${index}`, 120);
    const listed = (await mesh.kubectl(["get", "pods", "-A", "-o", "name"])).trim().split("\n").length;
    if (listed !== pods) throw new Error(`the mesh has ${listed} pods, not ${pods}`);
    return mesh;
  } catch (error) {
    await mesh.down();
    throw error;
  }
};
