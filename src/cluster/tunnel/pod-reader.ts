import http from "node:http";
import type { Duplex } from "node:stream";
import type { ObjectName } from "../cluster.ts";

/** GETs from ports of pods, through tunnels that are kept for a while. */
export interface PodReader {
  get(pod: ObjectName, port: number, path: string): Promise<PodAnswer>;
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
 * was cut or took longer than
 * `limits.answer` milliseconds. A kept tunnel that turns out to be dead is replaced once.
 */
export function createPodReader(open: (pod: ObjectName, port: number) => Promise<Duplex>, limits = usual): PodReader {
  const agents = new Map<string, http.Agent>();
  const agentOf = (pod: ObjectName, port: number): http.Agent => {
    const key = JSON.stringify([pod.namespace, pod.name, port]);
    const agent = agents.get(key) ?? tunnelAgent(() => open(pod, port), limits.idle);
    agents.set(key, agent);
    return agent;
  };
  return {
    async get(pod, port, path) {
      const agent = agentOf(pod, port);
      const first = await getOnce(agent, port, path, limits.answer);
      const answer = "stale" in first ? await getOnce(agent, port, path, limits.answer) : first;
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
  limit: number,
): Promise<PodAnswer | { readonly stale: Error }> {
  return new Promise((resolve, reject) => {
    // The address and not the name, which Node would try as an IPv6 address by an expression that takes 7 ms to
    // compile.
    const request = http.get({ agent, host: "127.0.0.1", port, path, headers: { accept: "*/*" } });
    const stop = (code: string, message: string): void => {
      const cause = Object.assign(new Error(message), { code });
      reject(cause);
      request.destroy(cause);
    };
    const timer = setTimeout(stop, limit, "ETIMEDOUT", `no complete answer within ${limit / 1000} s`);
    const chunks: Buffer[] = [];
    let size = 0;
    request.on("error", (cause) => {
      clearTimeout(timer);
      const stale = request.reusedSocket && size === 0 && (cause as NodeJS.ErrnoException).code !== "ETIMEDOUT";
      if (stale) resolve({ stale: cause });
      else reject(cause);
    });
    request.on("response", (response) => {
      response.on("data", (chunk: Buffer) => {
        chunks.push(chunk);
        size += chunk.length;
        if (size > bodyLimit) stop("ERR_BODY_TOO_LARGE", "the answer is larger than 256 MiB");
      });
      response.on("error", (cause) => request.destroy(cause));
      response.on("close", () => {
        clearTimeout(timer);
        if (response.complete)
          resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks, size).toString() });
        else reject(Object.assign(new Error("the answer was cut"), { code: "ECONNRESET" }));
      });
    });
  });
}
