/**
 * Boots one mesh and keeps it: a program of its own, so that it outlives nobody who wants it gone. It ends everything
 * it started when it is told to, and, if attached, when the process that started it is gone (its standard input ends).
 *
 * `node daemon.ts OPTIONS` with JSON of `DaemonOptions`; says `{up}` or `{failed}` to its parent; then serves
 * `control.sock`.
 */
import fs from "node:fs";
import http from "node:http";
import path from "node:path";
import { installGatewayApi, startArgoRollouts } from "./addons.ts";
import { bootControlPlane } from "./control-plane.ts";
import { type Fault, serveEgress } from "./egress.ts";
import { runIstiods, type Stop } from "./istiods.ts";
import { installLogs } from "./logs.ts";
import { createMachine } from "./machine.ts";
import { installRevision, type Revision } from "./revision.ts";
import { followServices } from "./services.ts";

export interface DaemonOptions {
  readonly dir: string;
  readonly attached: boolean;
  /** Version of the nodes' kubelet. */
  readonly kubelet: string;
  readonly revisions: readonly Revision[];
  readonly gatewayApi: boolean;
  readonly argoRollouts: boolean;
  /** Added to the environment of every istiod. */
  readonly istiodEnv: Readonly<Record<string, string>>;
  /** A bed with traffic instead (`traffic/daemon.ts`): the archives of its images, and kwok's nodes beside the real one. */
  readonly traffic?: { readonly images: readonly string[]; readonly kwokNodes: number };
}

/** What can be asked of a running mesh, one at a time, as `POST /` with this as JSON. */
export type Command =
  | { readonly do: "stop-istiod"; readonly revision: string; readonly how: Stop }
  | { readonly do: "start-istiod"; readonly revision: string }
  | { readonly do: "fault"; readonly service: string; readonly fault?: Fault }
  | { readonly do: "down" };

const options = JSON.parse(process.argv[2] as string) as DaemonOptions;
const ending = new AbortController();
const machine = await createMachine(options.dir);

async function end(code: number): Promise<never> {
  ending.abort();
  await machine.stop();
  if (process.env.MESH_KEEP === undefined) fs.rmSync(options.dir, { recursive: true, force: true, maxRetries: 5 });
  process.exit(code);
}

if (options.attached) {
  process.stdin.on("close", () => void end(0));
  process.stdin.resume();
}
for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.on(signal, () => void end(0));
const tell = (message: object) => process.send?.(message, undefined, undefined, () => {}); // whoever started us may be gone
let up = false;
process.on("disconnect", () => up || void end(1)); // whoever started us did not wait for it to be up

const started = performance.now();
const note = (what: string) => console.log(`${((performance.now() - started) / 1000).toFixed(1)} s: ${what}`);

try {
  const { api, kubeconfig, kubeconfigFor } = await bootControlPlane(machine, options.kubelet);
  note("Kubernetes is up");
  const namespace = "istio-system";
  const istiods = await runIstiods(
    machine,
    api,
    { namespace, kubeconfig: kubeconfigFor("istiod"), env: options.istiodEnv },
    ending.signal,
  );
  const services = await followServices(api, namespace, istiods.findPort, ending.signal);
  await installLogs(api, machine.dir);
  const egress = await serveEgress(path.join(machine.dir, "egress.sock"), services.byAddress);
  await machine.start("fleet", process.execPath, [
    path.join(import.meta.dirname, "fleet.ts"),
    kubeconfigFor("fleet"),
    machine.dir,
  ]);
  if (options.gatewayApi) await installGatewayApi(kubeconfig);
  const rollouts = options.argoRollouts ? startArgoRollouts(machine, kubeconfigFor("machine")) : undefined;
  for (const revision of options.revisions) {
    await installRevision({ api, kubeconfig: kubeconfigFor("machine"), dir: machine.dir }, revision);
    note(`revision ${revision.name} injects`);
  }
  await rollouts;

  const obey = async (command: Command): Promise<void> => {
    if (command.do === "stop-istiod") await istiods.stop(command.revision, command.how);
    else if (command.do === "start-istiod") await istiods.start(command.revision);
    else if (command.do === "fault") egress.setFault(command.service, command.fault);
    else if (command.do === "down") setImmediate(() => void end(0));
  };
  const control = http.createServer(async (request, response) => {
    try {
      await obey(JSON.parse((await request.toArray()).join("")) as Command);
      response.end("{}");
    } catch (error) {
      response.writeHead(500).end(JSON.stringify({ failed: (error as Error).message }));
    }
  });
  await new Promise<void>((resolve) => control.listen(path.join(machine.dir, "control.sock"), resolve));
  note("up");
  up = true;
  tell({ up: true });
} catch (error) {
  console.log((error as Error).stack);
  tell({ failed: (error as Error).message });
  await new Promise((resolve) => setTimeout(resolve, 100));
  await end(1);
}
