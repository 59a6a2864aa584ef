/**
 * A blocker of `kubectl mesh-preflight` set up on a real mesh, and what its cases share: the state of a namespace as
 * the API server and the istiods tell it, without a line of the plugins.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import type { MigrationDocument } from "../../../../src/views/migration-view.ts";
import { isReady, revisionOf } from "../../../contract/verify-result.ts";
import type { Json, Mesh, Result } from "../../kit.ts";
import { fileOf } from "../../mesh/programs.ts";
import type { Availability } from "../../recorder.ts";

/** Where a case is played. */
export interface Stage {
  readonly mesh: Mesh;
  readonly namespace: string;
  /** UIDs of the pods that were there before the migration. */
  readonly before: ReadonlySet<string>;
  /** The fewest ready pods of each workload of the namespace since the migration began. */
  readonly availability: () => readonly Availability[];
}

/** A migration that went on in spite of the blocker. */
export interface WentOn extends Result {
  readonly document: MigrationDocument;
}

export interface BlockerCase {
  /** Id of the check that has to speak, alone. */
  readonly check: string;
  /** Tells two cases of one check apart. */
  readonly variant?: string;
  /** What is set up, in a sentence's part. */
  readonly setUp: string;
  /** Labels of the namespace; `istio-injection=enabled` unless given. */
  readonly labels?: Readonly<Record<string, string>>;
  /** `1-20` unless given. */
  readonly to?: string;
  /** Whether it changes what other namespaces see: then it is played alone. */
  readonly alone?: true;
  /** Revisions that it needs beside the two; they are gone afterwards. */
  readonly revisions?: readonly (readonly [name: string, version: string, values: readonly string[]])[];
  readonly prepare: (stage: Stage) => Promise<void>;
  /** The flags that accept the blocker; none for what only a preflight knows. */
  readonly accept: (namespace: string) => readonly string[];
  /** Goes on beside the migration, from before it begins until `happened` has come back. */
  readonly meanwhile?: (stage: Stage, signal: AbortSignal) => Promise<void>;
  /** Holds that the bad thing happened, and tells what was measured. Throws where it did not. */
  readonly happened: (stage: Stage, wentOn: WentOn) => Promise<string>;
  /** Mends what was changed beyond the namespace. */
  readonly mend?: (stage: Stage) => Promise<void>;
  /** What simulated nodes cannot show. */
  readonly unseen?: string;
}

/** Makes one new pod before it stops an old one. */
export const surging = { strategy: { rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } } };

export const podsOf = async ({ mesh, namespace }: Stage, app?: string): Promise<readonly Json[]> =>
  (await mesh.pods(namespace, app && `app=${app}`)).filter((pod) => pod.metadata.deletionTimestamp === undefined);

/** `2 of 3 pods on 1-20, 3 ready` is what the pods of an app say. */
export async function podsText(stage: Stage, app: string, revision = "1-20"): Promise<string> {
  const pods = await podsOf(stage, app);
  const moved = pods.filter((pod) => revisionOf(pod) === revision).length;
  return `${moved} of ${pods.length} pods of ${app} on ${revision}, ${pods.filter(isReady).length} ready`;
}

/** Holds that the pods of an app are all of one revision. */
export async function assertAllOn(stage: Stage, app: string, revision: string): Promise<readonly Json[]> {
  const pods = await podsOf(stage, app);
  assert.deepEqual([...new Set(pods.map((pod) => revisionOf(pod) ?? "none"))], [revision]);
  return pods;
}

/** Exit code and state of a migration, with the reason where it failed. */
export const endOf = ({ document: { exitCode, state, failure } }: WentOn): string =>
  `mesh-migrate ended with ${exitCode} (${state})${failure ? `: ${failure.reason}` : ""}`;

/** Holds that a migration did not get to its end, by what was given as reason. */
export function assertFailed(wentOn: WentOn, reason: RegExp): string {
  assert.equal(wentOn.code, 4, wentOn.stdout + wentOn.stderr);
  assert.match(JSON.stringify(wentOn.document.failure ?? {}) + wentOn.stderr, reason);
  return endOf(wentOn);
}

/** The message by which the controller of a Deployment says that it could not create a pod. */
export const refusalOf = ({ mesh, namespace }: Stage, name: string): Promise<string> =>
  mesh.eventually(`a refusal of pods of ${name}`, async () => {
    const { status } = await mesh.api.get(`/apis/apps/v1/namespaces/${namespace}/deployments/${name}`);
    return status.conditions?.find((each: Json) => each.type === "ReplicaFailure" && each.status === "True")?.message;
  });

/** Restarts a workload as `kubectl rollout restart` does, and holds that it never gets to its end. */
export async function restartHangs({ mesh, namespace }: Stage, workload: string): Promise<string> {
  await mesh.kubectl(["-n", namespace, "rollout", "restart", workload]);
  const status = await mesh.runKubectl(["-n", namespace, "rollout", "status", workload, "--timeout", "20s"]);
  assert.notEqual(status.code, 0, status.stdout);
  return (status.stderr || status.stdout).trim().split("\n").at(-1) ?? "";
}

/** The same, and holds that all its pods stay. */
export async function restartReplacesNothing(stage: Stage, workload: string, app: string): Promise<void> {
  const uids = async () => (await podsOf(stage, app)).map(({ metadata }) => metadata.uid).sort();
  const before = await uids();
  await stage.mesh.kubectl(["-n", stage.namespace, "rollout", "restart", workload]);
  await sleep(10_000);
  assert.deepEqual(await uids(), before);
}

/** GET of the debug port of a revision's istiod, through `kubectl port-forward`. */
export async function askIstiod(mesh: Mesh, revision: string, where: string): Promise<Json> {
  const pod = await istiodPod(mesh, revision);
  const args = ["--kubeconfig", mesh.kubeconfig, "-n", "istio-system", "port-forward", `pod/${pod}`, ":15014"];
  const forward = spawn(fileOf("kubernetes", "bin/kubectl"), args, { stdio: ["ignore", "pipe", "inherit"] });
  try {
    const line = await new Promise((resolve) => forward.stdout.once("data", resolve).once("end", () => resolve("")));
    forward.stdout.resume();
    const local = /127\.0\.0\.1:(\d+)/.exec(String(line))?.[1];
    assert.ok(local, `kubectl port-forward said: ${line}`);
    const answer = await fetch(`http://127.0.0.1:${local}${where}`);
    const text = await answer.text();
    assert.equal(answer.status, 200, `${where}: ${text}`);
    return JSON.parse(text);
  } finally {
    forward.kill();
  }
}

export async function istiodPod({ api }: Mesh, revision: string): Promise<string> {
  const selector = encodeURIComponent(`app=istiod,istio.io/rev=${revision}`);
  const { items } = await api.get(`/api/v1/namespaces/istio-system/pods?labelSelector=${selector}`);
  return items[0].metadata.name;
}

/** The local port behind a port of an istiod's pod. */
export async function istiodPort(mesh: Mesh, revision: string, port: number): Promise<number> {
  const name = await istiodPod(mesh, revision);
  const { spec } = await mesh.api.get(`/apis/kwok.x-k8s.io/v1alpha1/namespaces/istio-system/portforwards/${name}`);
  return spec.forwards.find((each: Json) => each.ports.includes(port)).target.port;
}

/** What an istiod has for a proxy, as text: clusters, listeners, routes. */
export const configurationOf = async (mesh: Mesh, revision: string, pod: string, namespace: string): Promise<string> =>
  JSON.stringify(await askIstiod(mesh, revision, `/debug/config_dump?proxyID=${pod}.${namespace}`));

/** Adds lines to a mesh config; gives back what puts it back as it was. */
export async function changeMeshConfig(mesh: Mesh, configMap: string, lines: string): Promise<() => Promise<void>> {
  const where = `/api/v1/namespaces/istio-system/configmaps/${configMap}`;
  const { data } = await mesh.api.get(where);
  await mesh.api.merge(where, { data: { mesh: `${data.mesh.trimEnd()}\n${lines}\n` } });
  return async () => {
    await mesh.api.merge(where, { data });
  };
}

/** A Service for the pods of an app. */
export const serviceOf = (namespace: string, name: string): object => ({
  apiVersion: "v1",
  kind: "Service",
  metadata: { namespace, name },
  spec: { selector: { app: name }, ports: [{ name: "http", port: 80 }] },
});
