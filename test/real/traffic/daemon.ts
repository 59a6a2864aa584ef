/**
 * Boots one bed and keeps it, as `mesh/daemon.ts` does for the other mesh, with the same words to its parent and on
 * `control.sock`. The bed's namespaces end with the pipe that this process holds, however it ends.
 *
 * `node daemon.ts OPTIONS` with JSON of `DaemonOptions`.
 */
import { type ChildProcess, spawn } from "node:child_process";
import fs from "node:fs";
import http from "node:http";
import path from "node:path";
import { installGatewayApi, startArgoRollouts } from "../mesh/addons.ts";
import { connectApi, eventually, type Json } from "../mesh/api.ts";
import type { Command, DaemonOptions } from "../mesh/daemon.ts";
import { createMachine, recordProcess } from "../mesh/machine.ts";
import { apiSocketOf, type BedOptions, cgroupOf, initFileOf, nodeName } from "./bed.ts";
import { followIstiods } from "./istiods.ts";
import { relay } from "./relay.ts";
import { installOnBed } from "./revision.ts";

const options = JSON.parse(process.argv[2] as string) as DaemonOptions;
const { dir } = options;
const ending = new AbortController();
const machine = await createMachine(dir);
let keeper: ChildProcess | undefined;

async function end(code: number): Promise<never> {
  ending.abort();
  const ended = new Promise((resolve) => keeper?.once("exit", resolve));
  keeper?.stdin?.end();
  if (keeper !== undefined && keeper.exitCode === null && keeper.signalCode === null) await ended;
  await machine.stop();
  if (process.env.MESH_KEEP === undefined) fs.rmSync(dir, { recursive: true, force: true, maxRetries: 5 });
  process.exit(code);
}

if (options.attached) {
  process.stdin.on("close", () => void end(0));
  process.stdin.resume();
}
for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.on(signal, () => void end(0));
const tell = (message: object) => process.send?.(message, undefined, undefined, () => {});
let up = false;
process.on("disconnect", () => up || void end(1));

const started = performance.now();
const note = (what: string) => console.log(`${((performance.now() - started) / 1000).toFixed(1)} s: ${what}`);

/** Starts the namespaces and what boots in them. Throws, with the end of its log, where that ends before `until`. */
async function enter(bed: BedOptions, until: () => Promise<void>): Promise<void> {
  const log = path.join(dir, "inside.log");
  const output = fs.openSync(log, "a");
  const inside = [process.execPath, path.join(import.meta.dirname, "inside.ts"), JSON.stringify(bed)];
  const child = spawn(path.join(import.meta.dirname, "keeper.sh"), [dir, cgroupOf(dir), ...inside], {
    cwd: dir,
    stdio: ["pipe", output, output],
  });
  fs.closeSync(output);
  keeper = child;
  if (child.pid !== undefined) recordProcess(dir, child.pid, "keeper");
  const ended = new Promise<never>((_, reject) => {
    const fail = () => reject(new Error(`the bed's programs ended: ${fs.readFileSync(log, "utf8").slice(-2000)}`));
    child.once("exit", fail).once("error", fail);
  });
  ended.catch(() => up && console.log("the bed's namespaces ended"));
  await Promise.race([until(), ended]);
}

try {
  const port = await machine.ports.next();
  const api = () => connectApi(path.join(dir, "machine.kubeconfig"));
  const { images = [], kwokNodes = 0 } = options.traffic ?? {};
  await enter({ dir, port, images, kwokNodes }, async () => {
    await eventually("the API server", async () => fs.existsSync(apiSocketOf(dir)), 120, 50);
    await eventually("the namespaces", async () => fs.statSync(initFileOf(dir)).size > 0, 10, 20);
  });
  const server = await relay({ port }, { path: apiSocketOf(dir) });
  ending.signal.addEventListener("abort", () => server.close());
  await eventually("the node to be ready", async () => isReady(await api().get(`/api/v1/nodes/${nodeName}`)), 60, 100);
  note("Kubernetes is up");
  if (options.gatewayApi) await installGatewayApi(path.join(dir, "machine.kubeconfig"));
  const access = { api: api(), kubeconfig: path.join(dir, "machine.kubeconfig"), dir };
  const rollouts = options.argoRollouts ? startArgoRollouts(machine, access.kubeconfig) : undefined;
  const env = Object.entries(options.istiodEnv).map(([name, value]) => `pilot.env.${name}=${value}`);
  for (const revision of options.revisions) {
    await installOnBed(access, { ...revision, values: [...env, ...(revision.values ?? [])] });
    note(`revision ${revision.name} injects`);
  }
  await rollouts;
  const istiods = followIstiods(access.api, ending.signal);

  const obey = async (command: Command): Promise<void> => {
    if (command.do === "stop-istiod") await istiods.stop(command.revision, command.how);
    else if (command.do === "start-istiod") await istiods.start(command.revision);
    else if (command.do === "fault")
      throw new Error("the API server's calls cannot be hindered: not on a bed with traffic");
    else setImmediate(() => void end(0));
  };
  const control = http.createServer(async (request, response) => {
    try {
      await obey(JSON.parse((await request.toArray()).join("")) as Command);
      response.end("{}");
    } catch (error) {
      response.writeHead(500).end(JSON.stringify({ failed: (error as Error).message }));
    }
  });
  await new Promise<void>((resolve) => control.listen(path.join(dir, "control.sock"), resolve));
  note("up");
  up = true;
  tell({ up: true });
} catch (error) {
  console.log((error as Error).stack);
  tell({ failed: (error as Error).message });
  await new Promise((resolve) => setTimeout(resolve, 100));
  await end(1);
}

function isReady(node: Json): boolean {
  return node.status.conditions?.some((each: Json) => each.type === "Ready" && each.status === "True") ?? false;
}
