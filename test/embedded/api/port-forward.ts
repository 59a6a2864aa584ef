/** Port-forwards over websockets, protocol v4.channel.k8s.io: of each port a channel for data and one for errors (k8s.io/kubelet/pkg/cri/streaming/portforward/websocket.go). */
import type { IncomingMessage } from "node:http";
import { Duplex } from "node:stream";
import { type WebSocket, WebSocketServer } from "ws";

/** Takes a connection to a port of a pod; says in words why it cannot. */
export type ConnectPort = (port: number, connection: Duplex) => string | undefined;

const protocol = "v4.channel.k8s.io";
const sockets = new WebSocketServer({
  noServer: true,
  handleProtocols: (offered) => (offered.has(protocol) ? protocol : false),
  perMessageDeflate: false,
});

/** Answers an upgrade that has been allowed. */
export function forwardPorts(request: IncomingMessage, socket: Duplex, head: Buffer, ports: readonly number[], connect: ConnectPort): void {
  sockets.handleUpgrade(request, socket, head, (websocket) => {
    const connections = ports.map((port, index) => new Connection(websocket, index * 2, port));
    websocket.on("message", (data: Buffer) => connections[Math.floor((data[0] ?? 0) / 2)]?.receive(data));
    websocket.on("error", () => {});
    websocket.on("close", () => {
      for (const connection of connections) connection.destroy();
    });
    for (const [index, port] of ports.entries()) {
      const connection = connections[index];
      const why = connection && connect(port, connection);
      if (connection && why !== undefined) connection.fail(why);
    }
  });
}

/** One port's bytes. The first message of each channel names the port. */
class Connection extends Duplex {
  readonly #socket: WebSocket;
  readonly #channel: number;

  constructor(socket: WebSocket, channel: number, port: number) {
    super({ allowHalfOpen: false });
    this.#socket = socket;
    this.#channel = channel;
    for (const each of [channel, channel + 1]) socket.send(Buffer.of(each, port & 255, port >> 8));
    this.on("error", () => {});
  }

  receive(data: Buffer): void {
    if (data[0] === this.#channel && data.length > 1 && !this.destroyed) this.push(data.subarray(1));
  }

  fail(message: string): void {
    this.#socket.send(Buffer.concat([Buffer.of(this.#channel + 1), Buffer.from(message)]));
    this.destroy();
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: string, done: (cause?: Error | null) => void): void {
    if (this.#socket.readyState !== 1) done();
    else this.#socket.send(Buffer.concat([Buffer.of(this.#channel), chunk]), done);
  }

  override _final(done: () => void): void {
    this.#socket.close();
    done();
  }

  override _destroy(cause: Error | null, done: (cause?: Error | null) => void): void {
    if (this.#socket.readyState === 1) this.#socket.close();
    done(cause);
  }

  // What node:http asks of a socket.
  setTimeout(): this {
    return this;
  }
  setNoDelay(): this {
    return this;
  }
  setKeepAlive(): this {
    return this;
  }
}
