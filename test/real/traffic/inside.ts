/**
 * What runs in a bed's namespaces, started by init.sh: boots Kubernetes with its one real node, and leads the socket
 * `api.sock` of the mesh's folder to the API server. Ends when something of it does not start; all else ends with it.
 */
import fs from "node:fs";
import path from "node:path";
import { createMachine } from "../mesh/machine.ts";
import { apiSocketOf, type BedOptions } from "./bed.ts";
import { bootKubernetes } from "./kubernetes.ts";
import { startKwok } from "./kwok.ts";
import { bootNode } from "./node.ts";
import { relay } from "./relay.ts";

const options = JSON.parse(process.argv[2] as string) as BedOptions;
const programs = path.join(options.dir, "inside");
fs.mkdirSync(programs, { recursive: true });
const machine = await createMachine(programs);
const started = performance.now();
const note = (what: string) => console.log(`${((performance.now() - started) / 1000).toFixed(1)} s: ${what}`);

await Promise.all([
  bootKubernetes(machine, options).then(async () => {
    note("the API server is ready");
    if (options.kwokNodes > 0) await startKwok(machine, options.dir, options.kwokNodes);
  }),
  bootNode(machine, options).then(() => note("the node's programs run")),
]);
await relay({ path: apiSocketOf(options.dir) }, { port: options.port });
