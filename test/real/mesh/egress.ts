/**
 * The API server's only way out to nodes, pods and services: an HTTP CONNECT proxy on a unix socket, as konnectivity
 * is. Kubelets are on loopback and passed as they are; the addresses of Services go where kube-proxy would send them.
 * It is also where calls of webhooks are made to fail or to wait.
 */
import http from "node:http";
import net from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { Route } from "./services.ts";

/** What happens to calls to a Service: refused at once, never answered, or answered after a while. */
export type Fault =
  | { readonly kind: "refuse" }
  | { readonly kind: "hang" }
  | { readonly kind: "slow"; readonly ms: number };

export interface Egress {
  /** Sets or, without a fault, lifts what happens to calls to a Service of the Istio namespace. */
  setFault(service: string, fault?: Fault): void;
  close(): void;
}

/** Listens on `socket`; `route` says where an address of a Service leads. */
export async function serveEgress(socket: string, route: (address: string) => Route): Promise<Egress> {
  const faults = new Map<string, Fault>();
  const server = http.createServer();
  const open = new Map<net.Socket, string>(); // connection → the Service that it goes to

  async function connect(address: string, client: net.Socket, head: Buffer): Promise<void> {
    client.on("error", () => client.destroy());
    client.on("close", () => open.delete(client));
    const refuse = (reason: string) => client.end(`HTTP/1.1 502 ${reason}\r\n\r\n`);
    const target = address.startsWith("127.0.0.1:")
      ? { port: Number(address.split(":")[1]), service: "" }
      : route(address);
    if ("missing" in target) return void refuse(target.missing);
    open.set(client, target.service);
    const fault = faults.get(target.service);
    if (fault?.kind === "refuse") return void refuse("connection refused");
    if (fault?.kind === "hang") return;
    if (fault?.kind === "slow") await sleep(fault.ms);
    let connected = false;
    // As Go's proxies do: else every other small write waits 40 ms for the acknowledgement of the one before.
    const upstream = net.connect({ port: target.port, host: "127.0.0.1", noDelay: true }, () => {
      connected = true;
      client.write("HTTP/1.1 200 OK\r\n\r\n");
      upstream.write(head);
      upstream.pipe(client).pipe(upstream);
    });
    upstream.on("error", () => (connected ? client.destroy() : refuse("connection refused")));
    upstream.on("close", () => connected && client.destroy());
    client.on("close", () => upstream.destroy());
  }

  server.on("connect", (request, client, head) => void connect(request.url ?? "", client as net.Socket, head));
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  return {
    setFault(service, fault) {
      if (fault === undefined) faults.delete(service);
      else faults.set(service, fault);
      // the API server keeps connections to webhooks: end them, or a fault would only meet new ones
      for (const [client, to] of open) if (to === service) client.destroy();
    },
    close: () => {
      server.close();
      for (const client of open.keys()) client.destroy();
    },
  };
}
