/** GETs over HTTP from ports of pods, through tunnels that are kept open for a while. */
import http from "node:http";
import type { Duplex } from "node:stream";
import type { Clock } from "../clock.ts";
import type { ObjectName } from "../cluster.ts";

/** GETs from ports of pods, through tunnels that are kept for a while. */
export interface PodReader {
  get(pod: ObjectName, port: number, path: string, signal: AbortSignal): Promise<PodAnswer>;
  close(): void;
}

export interface PodAnswer {
  readonly status: number;
  readonly body: string;
}

/** Milliseconds for a whole answer, and until an idle tunnel is closed. */
const usual = { answer: 10_000, idle: 15_000 };
const bodyLimit = 256 * 1024 * 1024;

/**
 * `open` makes a tunnel. Throws what `open` throws, and an Error with a `code` where the connection broke, the answer
 * was cut or took longer than `limits.answer` milliseconds, or the signal aborted (ABORT_ERR). A kept tunnel that turns
 * out to be dead is replaced by a new one, once.
 */
export function createPodReader(
  open: (pod: ObjectName, port: number) => Promise<Duplex>,
  clock: Clock,
  limits = usual,
): PodReader {
  const agents = new Map<string, http.Agent>();
  const agentOf = (pod: ObjectName, port: number): http.Agent => {
    const key = JSON.stringify([pod.namespace, pod.name, port]);
    const agent = agents.get(key) ?? tunnelAgent(() => open(pod, port), limits.idle);
    agents.set(key, agent);
    return agent;
  };
  return {
    async get(pod, port, path, signal) {
      const agent = agentOf(pod, port);
      const within = { clock, limit: limits.answer };
      const first = await getOnce(agent, port, path, within, signal);
      const answer = "stale" in first ? await getOnce(agent, port, path, within, signal) : first;
      if ("stale" in answer) throw answer.stale;
      return answer;
    },
    close() {
      for (const agent of agents.values()) agent.destroy();
      agents.clear();
    },
  };
}

function tunnelAgent(open: () => Promise<Duplex>, idle: number): http.Agent {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 4, timeout: idle });
  agent.createConnection = (_options, done) => {
    open().then(
      (tunnel) => done?.(null, tunnel),
      (cause) => done?.(cause, undefined as unknown as Duplex),
    );
    return undefined;
  };
  return agent;
}

function getOnce(
  agent: http.Agent,
  port: number,
  path: string,
  { clock, limit }: { readonly clock: Clock; readonly limit: number },
  signal: AbortSignal,
): Promise<PodAnswer | { readonly stale: Error }> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(aborted());
    // The address and not the name, which Node would try as an IPv6 address by an expression that takes 7 ms to
    // compile.
    const request = http.get({ agent, host: "127.0.0.1", port, path, headers: { accept: "*/*" } });
    // A read that we stop ourselves does not mean that the tunnel is dead.
    let stopped = false;
    const stop = (cause: Error): void => {
      stopped = true;
      end();
      reject(cause);
      request.destroy(cause);
    };
    const abort = (): void => stop(aborted());
    signal.addEventListener("abort", abort, { once: true });
    const late = clock.timeout(limit);
    const giveUp = (): void => stop(coded("ETIMEDOUT", `no complete answer within ${limit / 1000} s`));
    late.addEventListener("abort", giveUp, { once: true });
    const end = (): void => {
      late.removeEventListener("abort", giveUp);
      signal.removeEventListener("abort", abort);
    };
    const chunks: Buffer[] = [];
    let size = 0;
    request.on("error", (cause) => {
      end();
      const stale = request.reusedSocket && size === 0 && !stopped;
      if (stale) resolve({ stale: cause });
      else reject(cause);
    });
    request.on("response", (response) => {
      response.on("data", (chunk: Buffer) => {
        chunks.push(chunk);
        size += chunk.length;
        if (size > bodyLimit) stop(coded("ERR_BODY_TOO_LARGE", "the answer is larger than 256 MiB"));
      });
      response.on("error", (cause) => request.destroy(cause));
      response.on("close", () => {
        end();
        if (response.complete)
          resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks, size).toString() });
        else reject(coded("ECONNRESET", "the answer was cut"));
      });
    });
  });
}

const coded = (code: string, message: string): Error => Object.assign(new Error(message), { code });
const aborted = (): Error => coded("ABORT_ERR", "the signal aborted");
