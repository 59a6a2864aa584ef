/**
 * A steady stream of requests to servers on a bed with traffic, and what it sees: `await using stream = await
 * startStream(mesh, { clients })`, `const mark = await stream.mark()`, the move, `await stream.since(mark)`.
 */
import assert from "node:assert/strict";
import fs from "node:fs/promises";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Mesh } from "../kit.ts";
import { type ClientLog, type Failure, readClient } from "./client-lines.ts";
import { type Expected, isSettled, type Traffic, trafficOf, whyCold } from "./counting.ts";
import { type Clients, clientOf, clients as deploymentOf } from "./workloads.ts";

/** A stream is warm when every client went on so long with answers of each kind and no failure. */
export const warmSeconds = 5;

/** A moment at which the stream was warm, in ms since the epoch. */
export type Mark = number;

export interface Stream extends AsyncDisposable {
  /**
   * Waits until the stream is warm, and gives that moment. Throws, with the reason, where it is not warm in time: what
   * is measured by a stream that was never warm is no measurement.
   */
  mark(seconds?: number): Promise<Mark>;
  /** What the stream saw from the mark until now; waits for the requests that are under way. */
  since(mark: Mark): Promise<Traffic>;
  /** Takes the clients away, when they have ended what is under way. */
  end(): Promise<void>;
}

let streams = 0;

/** Starts clients, whose namespaces are there. They write to a folder of the mesh. */
export async function startStream(
  mesh: Pick<Mesh, "apply" | "dir" | "api">,
  clients: readonly Clients[],
): Promise<Stream> {
  const folder = path.join(mesh.dir, `stream-${++streams}`);
  await fs.mkdir(folder);
  await fs.chmod(folder, 0o777); // the clients' image runs as a user of its own
  await mesh.apply(clients.map((each) => deploymentOf(each, folder)));
  const expected: Expected = Object.fromEntries(clients.map((each) => [clientOf(each), each.replicas]));
  const logs = async (): Promise<readonly ClientLog[]> =>
    Promise.all(
      (await fs.readdir(folder)).map(async (name) =>
        readClient({ name, text: await fs.readFile(path.join(folder, name), "utf8") }),
      ),
    );
  const end = async () => {
    for (const { namespace, name } of clients)
      await mesh.api.delete(`/apis/apps/v1/namespaces/${namespace}/deployments/${name}`);
  };
  return {
    async mark(seconds = 60) {
      let why: string | undefined;
      for (const until = performance.now() + seconds * 1000; performance.now() < until; await sleep(250)) {
        const all = await logs();
        const now = Date.now();
        why = whyCold(all, expected, warmSeconds, now);
        if (why === undefined) return now;
      }
      throw new Error(`the stream is not warm after ${seconds} s: ${why}`);
    },
    async since(mark) {
      const to = Date.now();
      for (const until = to + 10_000; Date.now() < until; await sleep(250))
        if (isSettled(await logs(), to, Date.now())) break;
      return trafficOf(await logs(), mark, Date.now());
    },
    end,
    [Symbol.asyncDispose]: end,
  };
}

/** One line: what was asked, what failed, and what of it is not known. */
export function told({ seconds, requests, failed, p50, p99, failures, unknown }: Traffic): string {
  const reasonOf = ({ client, kind, status, error }: Failure) => `${client} ${kind} ${status}: ${plain(error)}`;
  const grouped = [...Map.groupBy(failures, reasonOf)].map(([reason, all]) => `${all.length} × ${reason}`);
  return [
    `${failed} of ${requests} requests failed in ${seconds.toFixed(0)} s, p50 ${p50} ms, p99 ${p99} ms`,
    ...grouped,
    ...unknown.map((each) => `not known: ${each}`),
  ].join("\n  ");
}

/** Without addresses and times, so that equal failures are equal. */
const plain = (error: string): string => error.replace(/\d+\.\d+\.\d+\.\d+(:\d+)?(->\S+)?/g, "IP").slice(0, 140);

/** Fails where a request failed, where that is not known, and where there were none. */
export function assertNoneLost(traffic: Traffic): void {
  assert.deepEqual([traffic.failed, traffic.unknown], [0, []], told(traffic));
  assert.ok(traffic.requests > 0, told(traffic));
}
