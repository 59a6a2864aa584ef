/** What the tests of removals share: a mesh after its migration, and everything that there is in it. */
import assert from "node:assert/strict";
import { enabled } from "../contract/migrations.ts";
import { deployment } from "../fixtures/workload-objects.ts";
import { bootMesh, type EmbeddedMesh, type MeshOptions } from "./mesh.ts";
import type { Json } from "./object.ts";

export const sinceNow = ["--soak", "0s", "--reason", "a test", "--yes"] as const;
export const removal = ["--revision", "default", ...sinceNow, "--drain", "20s"] as const;

export interface Migrated extends AsyncDisposable {
  readonly mesh: EmbeddedMesh;
  readonly namespace: string;
}

/** The un-revisioned 1.19.0 is left: its namespace is on 1-20, and so is the default tag. */
export async function migrated(options: Partial<MeshOptions> = {}): Promise<Migrated> {
  const mesh = await bootMesh({ revisions: { default: "1.19.0", "1-20": "1.20.0" }, ...options });
  const namespace = await mesh.createNamespace(enabled);
  await mesh.apply([deployment({ namespace, name: "web", replicas: 2, readyAfter: 500 })]);
  await mesh.waitReady(namespace);
  const { code, stdout, stderr } = await mesh.run("mesh-migrate", ["-n", namespace, "--to", "1-20"]);
  assert.equal(code, 0, stdout + stderr);
  await mesh.setTag("default", "1-20");
  await mesh.pass(60_000);
  return { mesh, namespace, [Symbol.asyncDispose]: () => mesh[Symbol.asyncDispose]() };
}

/** What others write all the time, or what a run keeps for itself. */
const ofRuns =
  /^(events|leases\.coordination\.k8s\.io|endpointslices\.discovery\.k8s\.io|replicasets\.apps|pods)\b|kubectl-mesh/;

/** Every object, by resource and name, without what the API server sets. */
export function everything({ store, resources }: EmbeddedMesh): ReadonlyMap<string, Json> {
  const all = resources.all().flatMap((resource) =>
    store.list(resource).map((object) => {
      const { group, plural } = resource;
      const { namespace, name } = object.metadata;
      const key = [group === "" ? plural : `${plural}.${group}`, ...(namespace ? [namespace] : []), name].join("/");
      return [key, contentOf(object)] as const;
    }),
  );
  return new Map(all.filter(([key]) => !ofRuns.test(key)));
}

function contentOf({ metadata, status: _, ...rest }: Json): Json {
  const { name, namespace, labels, annotations = {} } = metadata;
  const kept = Object.entries(annotations).filter(
    ([key]) => !key.startsWith("deployment.kubernetes.io/") && !key.startsWith("kubectl-mesh/"),
  );
  return { metadata: { name, namespace, labels, annotations: Object.fromEntries(kept) }, ...rest };
}

/** The names that are in the one and not in the other. */
export const missingIn = (before: ReadonlyMap<string, Json>, after: ReadonlyMap<string, Json>): readonly string[] =>
  [...before.keys()].filter((key) => !after.has(key)).toSorted();
