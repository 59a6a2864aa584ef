/**
 * Begins and ends meshes from outside: starts the daemon of one, finds those that there are, makes sure that nothing
 * stays.
 */
import { spawn } from "node:child_process";
import fs from "node:fs";
import http from "node:http";
import os from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { assertBedPossible } from "../traffic/bed.ts";
import { ensureImages } from "../traffic/images.ts";
import type { Command, DaemonOptions } from "./daemon.ts";
import { endRecorded, recordedProcesses, recordProcess } from "./machine.ts";
import { ensureBuilt } from "./programs.ts";

const meshes = path.join(os.tmpdir(), `kubectl-mesh-${os.userInfo().username}`);

export interface MeshToBoot extends Omit<DaemonOptions, "dir" | "traffic"> {
  /** With one real node, where pods are containers; kwok's nodes beside it where some are wanted. */
  readonly traffic?: { readonly kwokNodes: number };
}

/** The folder of a mesh by its name. */
export const folderOfMesh = (name: string): string => path.join(meshes, name);

/**
 * Boots a mesh, having built what it needs; comes back when every revision injects. Throws, with the reason, where it
 * does not come up.
 */
export async function bootMesh(
  { traffic, ...options }: MeshToBoot,
  name: string,
  report: (line: string) => void = () => {},
): Promise<string> {
  if (traffic) assertBedPossible(os.tmpdir());
  await ensureBuilt(programsOf({ ...options, ...(traffic && { traffic }) }), report);
  const versions = [...new Set(options.revisions.map(({ version }) => version))];
  const bed = traffic && { ...traffic, images: await ensureImages(versions, report) };
  await sweep();
  const dir = folderOfMesh(name);
  fs.mkdirSync(meshes, { recursive: true, mode: 0o700 });
  if (fs.existsSync(dir) && runningMeshes().includes(name))
    throw new Error(`a mesh called "${name}" runs already; npm run mesh:down -- ${name}`);
  fs.rmSync(dir, { recursive: true, force: true }); // what a kept one left
  fs.mkdirSync(dir);
  const log = fs.openSync(path.join(dir, "daemon.log"), "a");
  const daemon = spawn(
    process.execPath,
    [
      path.join(import.meta.dirname, traffic ? "../traffic/daemon.ts" : "daemon.ts"),
      JSON.stringify({ ...options, dir, ...(bed && { traffic: bed }) } satisfies DaemonOptions),
    ],
    {
      detached: true,
      stdio: [options.attached ? "pipe" : "ignore", log, log, "ipc"],
    },
  );
  fs.closeSync(log);
  if (daemon.pid !== undefined) recordProcess(dir, daemon.pid, "daemon");
  const end = await new Promise<{ up?: boolean; failed?: string }>((resolve) => {
    daemon.once("message", resolve);
    daemon.once("error", (error) => resolve({ failed: error.message }));
    daemon.once("exit", (code, signal) =>
      resolve({ failed: `the daemon ended with ${code ?? signal}: ${logOf(dir)}` }),
    );
  });
  daemon.removeAllListeners();
  if (end.up !== true) {
    await removeMesh(dir);
    throw new Error(`the mesh did not come up: ${end.failed}`);
  }
  daemon.on("exit", () => void endRecorded(dir)); // a daemon that was killed could not end what it had started
  daemon.disconnect();
  daemon.unref();
  (daemon.stdin as unknown as { unref?(): void } | null)?.unref?.();
  return dir;
}

/** Stops a mesh, whatever state it is in, and removes its folder. Comes back when nothing of it runs. */
export async function removeMesh(dir: string): Promise<void> {
  await command(dir, { do: "down" }).catch(() => {}); // a half-booted or broken one does not hear
  const daemon = () => recordedProcesses(dir).some(({ name }) => name === "daemon");
  for (const until = performance.now() + 5000; daemon() && performance.now() < until; ) await sleep(20);
  await endRecorded(dir);
  if (process.env.MESH_KEEP === undefined) fs.rmSync(dir, { recursive: true, force: true, maxRetries: 5 });
}

/** The names of the meshes that run. */
export function runningMeshes(): string[] {
  if (!fs.existsSync(meshes)) return [];
  return fs.readdirSync(meshes).filter((name) => recordedProcesses(folderOfMesh(name)).length > 0);
}

/** Tells a running mesh to do something. Throws, with its reason, where it does not. */
export function command(dir: string, what: Command): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = http.request(
      { socketPath: path.join(dir, "control.sock"), method: "POST", path: "/" },
      async (response) => {
        const text = (await response.toArray()).join("");
        if (response.statusCode === 200) resolve();
        else reject(new Error(JSON.parse(text).failed));
      },
    );
    request.on("error", reject);
    request.end(JSON.stringify(what));
  });
}

/** Ends what runs of meshes whose daemon was killed together with whoever had started it. */
async function sweep(): Promise<void> {
  for (const name of runningMeshes()) {
    const dir = folderOfMesh(name);
    if (!recordedProcesses(dir).some((process) => process.name === "daemon")) await removeMesh(dir);
  }
}

function programsOf({ revisions, gatewayApi, argoRollouts, traffic }: MeshToBoot): string[] {
  const machinery = traffic ? ["node", "containerd", "coredns", ...(traffic.kwokNodes > 0 ? ["kwok"] : [])] : ["kwok"];
  const names = ["kubernetes", "etcd", ...machinery, ...revisions.map((revision) => `istio-${revision.version}`)];
  if (revisions.some((revision) => revision.by === "helm")) names.push("helm");
  if (gatewayApi) names.push("gateway-api");
  if (argoRollouts) names.push("argo-rollouts");
  return names;
}

function logOf(dir: string): string {
  return fs.readFileSync(path.join(dir, "daemon.log"), "utf8").slice(-2000);
}
