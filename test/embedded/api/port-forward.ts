/**
 * Port-forwards in the two protocols that clients speak: v4.channel.k8s.io over websockets, of each port a channel for
 * data and one for errors (k8s.io/kubelet/pkg/cri/streaming/portforward/websocket.go), and SPDY, of each connection a
 * stream for data and one for errors (httpstream.go there). kubectl offers SPDY through a websocket first, and takes
 * SPDY as such where that is refused (client-go tools/portforward/fallback_dialer.go).
 */
import type { IncomingMessage } from "node:http";
import { Duplex } from "node:stream";
import { type WebSocket, WebSocketServer } from "ws";
import { type SpdyStream, serveSpdy } from "./spdy.ts";

/** Takes a connection to a port of a pod; says in words why it cannot. */
export type ConnectPort = (port: number, connection: Duplex) => string | undefined;

const channels = "v4.channel.k8s.io";
const sockets = new WebSocketServer({ noServer: true, handleProtocols: () => channels, perMessageDeflate: false });

const isSpdy = ({ headers }: IncomingMessage): boolean => headers.upgrade?.toLowerCase() === "spdy/3.1";

/** Is it an upgrade to a protocol that is spoken here? */
export const isForward = (request: IncomingMessage): boolean =>
  isSpdy(request) || (request.headers["sec-websocket-protocol"] ?? "").split(/, */).includes(channels);

/** Answers an upgrade that has been allowed. */
export function forwardPorts(
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  ports: readonly number[],
  connect: ConnectPort,
): void {
  if (!isSpdy(request)) {
    sockets.handleUpgrade(request, socket, head, (websocket) => forwardChannels(websocket, ports, connect));
    return;
  }
  const upgraded = ["Connection: Upgrade", "Upgrade: SPDY/3.1", "X-Stream-Protocol-Version: portforward.k8s.io"];
  socket.write(`HTTP/1.1 101 Switching Protocols\r\n${upgraded.join("\r\n")}\r\n\r\n`);
  if (head.length > 0) socket.unshift(head);
  void forwardStreams(socket, connect);
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

/** For each connection the client opens a stream for errors and then one for data, that name the same request. */
async function forwardStreams(wire: Duplex, connect: ConnectPort): Promise<void> {
  const errors = new Map<string, SpdyStream>();
  const connections = new Map<SpdyStream, Connection>();
  const opened = (stream: SpdyStream): void => {
    const request = stream.headers.get("requestid") ?? "";
    if (stream.headers.get("streamtype") === "error") return void errors.set(request, stream);
    const error = errors.get(request);
    const end = (): void => {
      stream.end();
      error?.end();
    };
    const connection = new Connection({ write: (data, done) => stream.write(data, done), end });
    connections.set(stream, connection);
    const why = connect(Number(stream.headers.get("port")), connection);
    if (why === undefined) return;
    error?.write(Buffer.from(why));
    connection.destroy();
  };
  wire.on("error", () => {});
  try {
    await serveSpdy(wire, {
      opened,
      data: (stream, data) => connections.get(stream)?.receive(data),
      ended: (stream) => connections.get(stream)?.receive(null),
    });
  } catch (e) {
    console.log(e);
    // The client went in the midst of something.
  }
  for (const connection of connections.values()) connection.destroy();
  wire.destroy();
}

interface Wire {
  write(data: Buffer, done: () => void): void;
  end(): void;
}

/** A connection as the pod sees it. */
class Connection extends Duplex {
  readonly #wire: Wire;
  #heardAll = false;

  constructor(wire: Wire) {
    super({ allowHalfOpen: false });
    this.#wire = wire;
    this.on("error", () => {});
  }

  /** `null`: nothing more comes. */
  receive(data: Buffer | null): void {
    if (!this.#heardAll && !this.destroyed) this.push(data);
    this.#heardAll ||= data === null;
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
