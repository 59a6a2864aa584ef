/** The two upgrades that are judged by traffic, and what brings a namespace over one of them. */
import assert from "node:assert/strict";
import { assertArrived } from "../../contract/verify-result.ts";
import type { Json, Mesh } from "../kit.ts";

export interface Pair {
  readonly revisions: Readonly<Record<string, string>>;
  /** Of a namespace on the old one. */
  readonly labels: Readonly<Record<string, string>>;
  readonly from: string;
  readonly to: string;
}

/** From a control plane without a revision; classic sidecars before and after. */
export const classic: Pair = {
  revisions: { default: "1.19.0", "1-20": "1.20.0" },
  labels: { "istio-injection": "enabled" },
  from: "default",
  to: "1-20",
};

/** Native sidecars before and after. */
export const native: Pair = {
  revisions: { "1-28": "1.28.2", "1-29": "1.29.1" },
  labels: { "istio.io/rev": "1-28" },
  from: "1-28",
  to: "1-29",
};

/** A plugin, its arguments without the namespace, and the revision where all is when it has ended well. */
export interface Way {
  readonly plugin: string;
  readonly args: readonly string[];
  readonly arrives: string;
}

export const there = ({ to }: Pair): Way => ({ plugin: "mesh-migrate", args: ["--to", to], arrives: to });
export const back = ({ from }: Pair): Way => ({ plugin: "mesh-rollback", args: [], arrives: from });

/**
 * A pod that is deleted is Succeeded or Failed when its containers have ended, a moment before the kubelet lets it be
 * removed: it takes no traffic and has no proxy, and nothing waits for it.
 */
const hasEnded = ({ status }: Json): boolean => status.phase === "Succeeded" || status.phase === "Failed";

/** Runs it to its end, and has every pod and every proxy be where it should. */
export async function go(mesh: Mesh, namespace: string, { plugin, args, arrives }: Way): Promise<void> {
  const { code, stderr } = await mesh.run(plugin, ["-n", namespace, ...args]);
  assert.equal(code, 0, stderr);
  await assertArrived(mesh, namespace, arrives, { of: (pod) => !hasEnded(pod) });
}

/** Kills it after so many ms, and then gives the same command again; says how the first run ended. */
export async function goKilled(mesh: Mesh, namespace: string, way: Way, ms: number): Promise<string> {
  const { signal, code } = await mesh.run(way.plugin, ["-n", namespace, ...way.args], {
    onStart: (child) => void setTimeout(() => child.kill("SIGKILL"), ms),
  });
  await go(mesh, namespace, way);
  return `${way.plugin} ${signal === "SIGKILL" ? "was killed" : `had ended with ${code}`} after ${Math.round(ms)} ms`;
}
