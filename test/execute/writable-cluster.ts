/**
 * A cluster of given objects that can be got, merge-patched and changed by others; patches are refused and lost as a
 * test says.
 */
import type { Cluster } from "../../src/cluster/cluster.ts";
import { ClusterError } from "../../src/cluster/cluster-error.ts";
import type { KubeObject } from "../../src/mesh/kubernetes.ts";
import { fakeUntil } from "../fixtures/fake-until.ts";

// biome-ignore lint/suspicious/noExplicitAny: objects of any kind, as they stand on the wire
type Json = any;

/** `lost`: carried out, the answer never came. `dropped`: not carried out, and nobody can tell. */
export type Fate = "carried out" | "lost" | "dropped" | "conflict" | "denied";

export interface WritableCluster {
  readonly cluster: Cluster;
  readonly patches: readonly { readonly name: string; readonly body: unknown; readonly dryRun: boolean }[];
  object(name: string): Json;
  /** Somebody else changes an object, now or just before the next patch arrives. */
  change(name: string, by: (object: Json) => void): void;
  beforeNextPatch(act: () => void): void;
}

/**
 * `dispositions` are the dispositions of the patches in their order; those that follow are carried out. `admission`
 * changes what is written.
 */
export function writableCluster(
  given: readonly KubeObject[],
  dispositions: Fate[] = [],
  admission: (object: Json) => void = () => {},
): WritableCluster {
  const objects = new Map<string, Json>(given.map((object) => [object.metadata.name, structuredClone(object)]));
  const patches: { name: string; body: unknown; dryRun: boolean }[] = [];
  let before = (): void => {};
  const bump = (object: Json): void => {
    object.metadata.resourceVersion = String(Number(object.metadata.resourceVersion) + 1);
  };
  const patch = async (
    _kind: unknown,
    { name }: { readonly name: string },
    body: Json,
    { dryRun = false }: { readonly dryRun?: boolean },
  ) => {
    before();
    before = () => {};
    const disposition = dispositions.shift() ?? "carried out";
    patches.push({ name, body, dryRun });
    const current = objects.get(name);
    if (!current) throw new ClusterError(`${name} not found`, { reason: "not-found", status: 404 });
    const { uid, resourceVersion } = body.metadata ?? {};
    const stale =
      (uid ?? current.metadata.uid) !== current.metadata.uid ||
      (resourceVersion ?? current.metadata.resourceVersion) !== current.metadata.resourceVersion;
    if (stale || disposition === "conflict")
      throw new ClusterError(`${name} has changed`, { reason: "conflict", status: 409 });
    if (disposition === "denied")
      throw new ClusterError(`admission webhook denied ${name}`, { reason: "denied", status: 403 });
    if (disposition === "dropped") throw new ClusterError("no answer", { reason: "unreachable", ambiguous: true });
    const next = merged(structuredClone(current), body);
    admission(next);
    if (!dryRun) {
      bump(next);
      objects.set(name, next);
    }
    if (disposition === "lost") throw new ClusterError("no answer", { reason: "unreachable", ambiguous: true });
    return structuredClone(next);
  };
  const cluster = {
    get: async (_kind: unknown, name: string) => structuredClone(objects.get(name)),
    patch,
  } as unknown as Cluster;
  return {
    cluster: { ...cluster, until: fakeUntil(cluster) },
    patches,
    object: (name) => objects.get(name),
    change: (name, by) => {
      by(objects.get(name));
      bump(objects.get(name));
    },
    beforeNextPatch: (act) => {
      before = act;
    },
  };
}

/** https://www.rfc-editor.org/rfc/rfc7386 */
function merged(target: Json, patch: Json): Json {
  if (typeof patch !== "object" || patch === null || Array.isArray(patch)) return patch;
  const result = typeof target === "object" && target !== null ? target : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else result[key] = merged(result[key], value);
  }
  return result;
}
