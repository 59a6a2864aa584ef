/**
 * What became of a migration, seen without a line of ours: pods as kubectl lists them, proxies as each istiod lists them through
 * kubectl's port-forward, commands as a shell runs them.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import path from "node:path";
import type { Readable } from "node:stream";
import { Ajv2020 } from "ajv/dist/2020.js";
import type { MigrationDocument } from "../../src/views/migration.ts";
import { eventually, type Json, type Mesh, type Result } from "./kit.ts";
import { fileOf } from "./mesh/programs.ts";

/** A proxy as an istiod of `revision` lists it. */
export interface HeldProxy {
  readonly revision: string;
  /** Acknowledged what was last sent of it, and something was. */
  readonly cds: boolean;
  readonly lds: boolean;
}

const kubectlBinary = fileOf("kubernetes", "bin/kubectl");
const dist = process.env.MESH_PLUGINS ?? path.join(import.meta.dirname, "..", "..", "dist");
const environmentOf = ({ kubeconfig }: Mesh) => ({
  ...process.env,
  KUBECONFIG: kubeconfig,
  PATH: [dist, path.dirname(kubectlBinary), process.env.PATH].join(path.delimiter),
});

/** Every proxy that any istiod holds, by `POD.NAMESPACE`; asked of each running istiod pod, or of those of the revisions given. */
export async function heldProxies(mesh: Mesh, revisions?: readonly string[]): Promise<ReadonlyMap<string, readonly HeldProxy[]>> {
  const of = revisions === undefined ? "" : `,istio.io/rev in (${revisions.join()})`;
  const istiods = await listed(mesh, ["pods", "-n", "istio-system", "-l", `app=istiod${of}`]);
  const answers = await Promise.all(
    istiods
      .filter(({ metadata, status }) => metadata.deletionTimestamp === undefined && status.phase === "Running")
      .map(async ({ metadata }) => {
        const proxies: Json[] = JSON.parse(await askPod(mesh, "istio-system", metadata.name, 15014, "/debug/syncz"));
        return proxies.map(({ proxy, cluster_sent, cluster_acked, listener_sent, listener_acked }) => ({
          proxy: proxy as string,
          held: {
            revision: metadata.labels["istio.io/rev"] as string,
            cds: cluster_sent !== undefined && cluster_sent !== "" && cluster_sent === cluster_acked,
            lds: listener_sent !== undefined && listener_sent !== "" && listener_sent === listener_acked,
          },
        }));
      }),
  );
  return new Map([...Map.groupBy(answers.flat(), ({ proxy }) => proxy)].map(([proxy, each]) => [proxy, each.map(({ held }) => held)]));
}

/** GET of a pod's port through `kubectl port-forward`. */
async function askPod(mesh: Mesh, namespace: string, pod: string, port: number, where: string): Promise<string> {
  const forward = spawn(kubectlBinary, ["port-forward", "-n", namespace, `pod/${pod}`, `:${port}`], {
    env: environmentOf(mesh),
    stdio: ["ignore", "pipe", "inherit"],
  });
  try {
    const line = await new Promise((resolve) => forward.stdout.once("data", resolve).once("end", () => resolve("nothing")));
    forward.stdout.resume();
    const local = /127\.0\.0\.1:(\d+)/.exec(String(line))?.[1];
    assert.ok(local, `kubectl port-forward said: ${line}`);
    return await (await fetch(`http://127.0.0.1:${local}${where}`)).text();
  } finally {
    forward.kill();
  }
}

/** What `kubectl get ARGS -o json` lists. */
export const listed = async (mesh: Mesh, args: readonly string[]): Promise<readonly Json[]> =>
  JSON.parse(await mesh.kubectl(["get", ...args, "-o", "json"])).items;

/** The revision that injected a pod; undefined where none did. */
export const revisionOf = (pod: Json): string | undefined =>
  JSON.parse(pod.metadata.annotations?.["sidecar.istio.io/status"] ?? "{}").revision;

export const isReady = (pod: Json): boolean =>
  pod.status.conditions?.some((each: Json) => each.type === "Ready" && each.status === "True") === true;

export const isGoing = (pod: Json): boolean => pod.metadata.deletionTimestamp !== undefined;

/** Status of the proxy's container, a native sidecar or not. */
export const proxyStatusOf = ({ status }: Json): Json =>
  [...(status.initContainerStatuses ?? []), ...(status.containerStatuses ?? [])].find(({ name }: Json) => name === "istio-proxy");

export interface Which {
  /** Only these pods; all unless given. */
  readonly of?: (pod: Json) => boolean;
  /** Only istiods of these revisions are asked: for when others are stopped. */
  readonly among?: readonly string[];
}

/**
 * Asserts that every pod of the namespace is injected by the revision, ready with its proxy, held by istiods of that revision alone
 * with clusters and listeners acknowledged. Gives back the pods, in kubectl's order.
 */
export async function assertArrived(
  mesh: Mesh,
  namespace: string,
  revision: string,
  { of = () => true, among }: Which = {},
): Promise<readonly Json[]> {
  const pods = (await listed(mesh, ["pods", "-n", namespace])).filter(of);
  assert.notEqual(pods.length, 0);
  assert.deepEqual(
    pods.map((pod) => [pod.metadata.name, revisionOf(pod), isReady(pod), proxyStatusOf(pod)?.ready, isGoing(pod)]),
    pods.map((pod) => [pod.metadata.name, revision, true, true, false]),
    `injected by ${revision} and ready`,
  );
  const held = await heldProxies(mesh, among);
  assert.deepEqual(
    pods.map(({ metadata: { name } }) => [name, held.get(`${name}.${namespace}`) ?? []]),
    pods.map(({ metadata: { name } }) => [name, [{ revision, cds: true, lds: true }]]),
    `connected to ${revision} alone and in sync`,
  );
  return pods;
}

/** The same, once it is so: for what only went on by itself. */
export async function eventuallyArrived(mesh: Mesh, namespace: string, revision: string, which?: Which): Promise<void> {
  let difference: unknown;
  const arrived = () =>
    assertArrived(mesh, namespace, revision, which).then(
      () => true,
      (error: unknown) => {
        difference = error;
        return false;
      },
    );
  await eventually(`${namespace} to be on ${revision}`, arrived, 60, 500).catch(() => {
    throw difference;
  });
}

/** The two labels of a namespace that decide its injection, as they stand. */
export async function labelsOf(mesh: Mesh, namespace: string): Promise<Readonly<Record<string, string>>> {
  const { labels } = JSON.parse(await mesh.kubectl(["get", "namespace", namespace, "-o", "json"])).metadata;
  return Object.fromEntries(Object.entries<string>(labels).filter(([key]) => key === "istio-injection" || key === "istio.io/rev"));
}

/** How many ReplicaSets each Deployment has, and revisions each StatefulSet and DaemonSet: one more for each restart. */
export async function templatesOf(mesh: Mesh, namespace: string): Promise<Readonly<Record<string, number>>> {
  const owned = await listed(mesh, ["replicasets,controllerrevisions", "-n", namespace]);
  const counts = Map.groupBy(owned, ({ metadata }) => `${metadata.ownerReferences[0].kind}/${metadata.ownerReferences[0].name}`);
  return Object.fromEntries([...counts].map(([owner, each]): [string, number] => [owner, each.length]).sort());
}

/** Runs a command line as somebody who copied it would: by a shell, with kubectl and the plugins on its path. */
export async function runShell(mesh: Mesh, commandLine: string, options: { readonly timeout?: number } = {}): Promise<Result> {
  const started = performance.now();
  const child = spawn("/bin/sh", ["-c", commandLine], { env: environmentOf(mesh), stdio: ["ignore", "pipe", "pipe"] });
  const timer = setTimeout(() => child.kill("SIGKILL"), options.timeout ?? 180_000);
  const ended = new Promise<[number | null, NodeJS.Signals | null]>((resolve) => child.once("close", (...how) => resolve(how)));
  const [stdout, stderr, [code, signal]] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  clearTimeout(timer);
  return { code: code ?? undefined, signal: signal ?? undefined, stdout, stderr, ms: performance.now() - started };
}

const text = async (stream: Readable): Promise<string> => (await stream.setEncoding("utf8").toArray()).join("");

/** The command that stands alone on the line after a title (`to go back:`); fails where there is none. */
export function commandAfter(title: string, output: string): string {
  const lines = output.split("\n");
  const command = lines[lines.indexOf(title) + 1]?.trim();
  assert.ok(lines.includes(title) && command !== undefined, `no command after "${title}" in:\n${output}`);
  assert.ok(command.startsWith("kubectl "), command);
  return command;
}

const validate = new Ajv2020({ strict: true, allErrors: true }).compile<MigrationDocument>(
  JSON.parse(readFileSync(path.join(import.meta.dirname, "..", "..", "schemas", "migration.schema.json"), "utf8")),
);

/** The document of `-o json`, held against its schema and the exit code. */
export function documentOf({ stdout, stderr, code }: Result): MigrationDocument {
  assert.ok(stdout.startsWith("{"), `no document on stdout (exit ${code}): ${stdout}${stderr}`);
  const document: unknown = JSON.parse(stdout);
  assert.ok(validate(document), JSON.stringify(validate.errors, undefined, 2));
  assert.equal(document.exitCode, code);
  return document;
}
