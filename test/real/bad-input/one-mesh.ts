/** The mesh that the suites of bad-input.test.ts share, and what they ask of it. */

import { type Refused, refused as refusedOn } from "../../contract/refusal.ts";
import { deployment } from "../../fixtures/workload-objects.ts";
import { type Mesh, upMesh } from "../kit.ts";

export let mesh: Mesh;

export async function bootMesh(): Promise<void> {
  mesh = await upMesh({ revisions: { default: "1.19.0", "1-20": "1.20.0" } });
}

export const to = ["--to", "1-20"];

/** A namespace that the un-revisioned install injects, with one Deployment that is ready. */
export async function inNamespace(labels: Readonly<Record<string, string>> = {}, name?: string): Promise<string> {
  const namespace = await mesh.createNamespace({ "istio-injection": "enabled", ...labels }, name);
  await mesh.apply([deployment({ namespace, name: "web", replicas: 2 })]);
  await mesh.waitReady(namespace);
  return namespace;
}

export const refused = (
  namespace: string,
  reasons: readonly string[],
  args: readonly string[] = to,
  code?: 3 | 5,
): Promise<Refused> => refusedOn(mesh, namespace, args, reasons, code);
