/** One POST over TLS to a port of a pod, through a tunnel of its own. */
import http from "node:http";
import type { Duplex } from "node:stream";
import tls from "node:tls";
import type { Clock } from "../clock.ts";
import type { PodRequest } from "../cluster.ts";
import type { PodAnswer } from "./pod-reader.ts";

/** Milliseconds for the whole answer, and its largest size. */
const [answerMs, bodyLimit] = [10_000, 16 * 1024 * 1024];

/**
 * Takes the tunnel over and ends it. Throws an Error with a `code` where the connection broke, the certificate is not
 * the one that is expected, the answer took too long, or the signal aborted (ABORT_ERR).
 */
export const postOverTls = async (
  tunnel: Duplex,
  { path, body, ca, servername }: PodRequest,
  clock: Clock,
  signal: AbortSignal,
): Promise<PodAnswer> => {
  const late = clock.timeout(answerMs);
  const socket = tls.connect({ socket: tunnel, ca, servername, ALPNProtocols: ["http/1.1"] });
  const end = (code: string, why: string) => (): void => void socket.destroy(Object.assign(new Error(why), { code }));
  const [giveUp, abort] = [end("ETIMEDOUT", "no complete answer"), end("ABORT_ERR", "the signal aborted")];
  late.addEventListener("abort", giveUp, { once: true });
  signal.addEventListener("abort", abort, { once: true });
  if (signal.aborted) abort();
  try {
    return await exchange(socket, path, JSON.stringify(body), servername);
  } finally {
    late.removeEventListener("abort", giveUp);
    signal.removeEventListener("abort", abort);
    socket.destroy();
    tunnel.destroy();
  }
};

const exchange = (socket: tls.TLSSocket, path: string, text: string, host: string): Promise<PodAnswer> =>
  new Promise((resolve, reject) => {
    socket.on("error", reject);
    const headers = {
      "content-type": "application/json",
      "content-length": Buffer.byteLength(text),
      connection: "close",
    };
    const request = http.request({ createConnection: () => socket, method: "POST", host, path, headers });
    request.on("error", reject);
    request.on("response", (response) => {
      const chunks: Buffer[] = [];
      let size = 0;
      response.on("data", (chunk: Buffer) => {
        chunks.push(chunk);
        size += chunk.length;
        if (size > bodyLimit) socket.destroy(new Error("the answer is too large"));
      });
      response.on("error", reject);
      response.on("end", () =>
        resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks, size).toString() }),
      );
    });
    request.end(text);
  });
