/**
 * Port-forwards in the protocol v4.channel.k8s.io over websockets: of each port a channel for data and one for errors
 * (k8s.io/kubelet/pkg/cri/streaming/portforward/websocket.go). `kubectl port-forward` wants SPDY, which is not here.
 */
import type { IncomingMessage } from "node:http";
import { Duplex } from "node:stream";
import { type WebSocket, WebSocketServer } from "ws";

/** Takes a connection to a port of a pod; says in words why it cannot. */
export type ConnectPort = (port: number, connection: Duplex) => string | undefined;

const channels = "v4.channel.k8s.io";
const sockets = new WebSocketServer({ noServer: true, handleProtocols: () => channels, perMessageDeflate: false });

/** Is it an upgrade to the protocol that is spoken here? */
export const isForward = ({ headers }: IncomingMessage): boolean =>
  (headers["sec-websocket-protocol"] ?? "").split(/, */).includes(channels);

/** Answers an upgrade that has been allowed. */
export function forwardPorts(
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  ports: readonly number[],
  connect: ConnectPort,
): void {
  sockets.handleUpgrade(request, socket, head, (websocket) => forwardChannels(websocket, ports, connect));
}

/** The first message of each channel names the port. */
function forwardChannels(socket: WebSocket, ports: readonly number[], connect: ConnectPort): void {
  const isOpen = (): boolean => socket.readyState === 1;
  const connections = ports.map((port, index) => {
    for (const each of [index * 2, index * 2 + 1]) socket.send(Buffer.of(each, port & 255, port >> 8));
    return new Connection({
      write: (data, done) =>
        isOpen() ? socket.send(Buffer.concat([Buffer.of(index * 2), data]), () => done()) : done(),
      end: () => isOpen() && socket.close(),
    });
  });
  socket.on("message", (data: Buffer) => {
    const channel = data[0] ?? 0;
    if (channel % 2 === 0 && data.length > 1) connections[channel / 2]?.receive(data.subarray(1));
  });
  socket.on("error", () => {});
  socket.on("close", () => {
    for (const connection of connections) connection.destroy();
  });
  for (const [index, port] of ports.entries()) {
    const connection = connections[index];
    const why = connection && connect(port, connection);
    if (connection === undefined || why === undefined) continue;
    socket.send(Buffer.concat([Buffer.of(index * 2 + 1), Buffer.from(why)]));
    connection.destroy();
  }
}

interface Wire {
  write(data: Buffer, done: () => void): void;
  end(): void;
}

/** A connection as the pod sees it. */
class Connection extends Duplex {
  readonly #wire: Wire;

  constructor(wire: Wire) {
    super({ allowHalfOpen: false });
    this.#wire = wire;
    this.on("error", () => {});
  }

  receive(data: Buffer): void {
    if (!this.destroyed) this.push(data);
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.#wire.write(chunk, done);
  }

  override _final(done: () => void): void {
    this.#wire.end();
    done();
  }

  override _destroy(cause: Error | null, done: (cause?: Error | null) => void): void {
    if (!this.writableFinished) this.#wire.end();
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
