/** A port-forward as a byte stream, over a websocket. */
import type { IncomingMessage } from "node:http";
import { Duplex } from "node:stream";
import { type ClientOptions, WebSocket } from "ws";
import { TunnelFailed, UpgradeRefused } from "./tunnel-errors.ts";

const protocol = "v4.channel.k8s.io";
const refusalLimit = 64 * 1024;

/**
 * Opens a port-forward to one port of a pod as a byte stream, over a websocket of its own
 * (k8s.io/kubelet/pkg/cri/streaming/portforward/websocket.go). Ends when the pod's side closes, fails when the
 * connection breaks or the error channel speaks. Throws `UpgradeRefused`, or the socket's error.
 */
export async function openTunnel(url: URL, options: ClientOptions): Promise<Duplex> {
  const socket = new WebSocket(url, [protocol], {
    ...options,
    handshakeTimeout: 10_000,
    followRedirects: false,
    perMessageDeflate: false,
  });
  const tunnel = new Tunnel(socket);
  // `fail` below handles errors until the tunnel is used; without a listener an error would end the process.
  tunnel.on("error", () => {});
  return new Promise((resolve, reject) => {
    const fail = (cause: Error): void => {
      tunnel.destroy();
      reject(cause);
    };
    socket.once("error", fail);
    socket.once("unexpected-response", (request, response) => {
      readRefusal(response).then(fail, fail);
      response.once("close", () => request.destroy());
    });
    socket.once("open", () => {
      socket.off("error", fail);
      resolve(tunnel);
    });
  });
}

async function readRefusal(response: IncomingMessage): Promise<UpgradeRefused> {
  let body = "";
  response.setEncoding("utf8");
  for await (const text of response) if (body.length < refusalLimit) body += text;
  return new UpgradeRefused(response.statusCode ?? 0, response.headersDistinct, body);
}

/** Channel 0 carries data, channel 1 errors; the first message of each has only the port. There is no half-close. */
class Tunnel extends Duplex {
  timeout = 0;
  readonly #socket: WebSocket;
  readonly #opened = new Set<number>();
  #timer: NodeJS.Timeout | undefined;

  constructor(socket: WebSocket) {
    super({ allowHalfOpen: false });
    this.#socket = socket;
    socket.on("message", (data: Buffer) => this.#receive(data));
    socket.on("error", (cause) => this.destroy(cause));
    socket.on("close", (code) => {
      if (code === 1000 || code === 1005) this.push(null);
      else this.destroy(Object.assign(new Error(`the tunnel broke (${code})`), { code: "ECONNRESET" }));
    });
  }

  #receive(data: Buffer): void {
    const channel = data[0];
    if ((channel !== 0 && channel !== 1) || this.destroyed) return;
    this.#busy();
    const fresh = !this.#opened.has(channel);
    this.#opened.add(channel);
    const content = data.subarray(fresh ? 3 : 1);
    if (content.length === 0) return;
    if (channel === 1) this.destroy(new TunnelFailed(content.toString()));
    else if (!this.push(content)) this.#socket.pause();
  }

  override _read(): void {
    if (this.#socket.isPaused) this.#socket.resume();
  }

  override _write(chunk: Buffer, _encoding: string, done: (cause?: Error | null) => void): void {
    this.#busy();
    this.#socket.send(Buffer.concat([dataChannel, chunk]), done);
  }

  override _destroy(cause: Error | null, done: (cause?: Error | null) => void): void {
    clearTimeout(this.#timer);
    if (this.#socket.readyState === 1) this.#socket.close();
    // We do not wait for the other side to answer the close.
    this.#socket.terminate();
    done(cause);
  }

  // Methods that node:http calls on a socket.

  setTimeout(ms: number, listener?: () => void): this {
    this.timeout = ms;
    // With 0, net.Socket removes the listener; node:http relies on that after every response.
    if (listener && ms === 0) this.off("timeout", listener);
    else if (listener) this.once("timeout", listener);
    this.#busy();
    return this;
  }

  #busy(): void {
    clearTimeout(this.#timer);
    if (this.timeout > 0) this.#timer = setTimeout(() => this.emit("timeout"), this.timeout).unref();
  }

  setKeepAlive(): this {
    return this;
  }

  setNoDelay(): this {
    return this;
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }
}

const dataChannel = Buffer.of(0);
