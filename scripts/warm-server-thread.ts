/** warm-server.ts in a thread: posts its address. */
import { parentPort } from "node:worker_threads";
import { warmServer } from "./warm-server.ts";

parentPort?.postMessage((await warmServer()).url);
