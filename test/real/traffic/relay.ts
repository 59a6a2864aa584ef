/** Leads connections on: into a bed's network through a socket in its folder, and out of it. */
import net from "node:net";

/** A port of the loopback, or a socket's path. */
type At = { readonly port: number } | { readonly path: string };

/** Listens, and leads every connection to where `to` says. Comes back when it listens. */
export function relay(at: At, to: At): Promise<net.Server> {
  const server = net.createServer({ allowHalfOpen: true, noDelay: true }, (near) => {
    const far = net.connect({ ...place(to), allowHalfOpen: true, noDelay: true });
    near.pipe(far).pipe(near);
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      one.on("error", () => other.destroy());
      one.on("close", () => other.destroy());
    }
  });
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(place(at), () => resolve(server));
  });
}

const place = (at: At) => ("port" in at ? { ...at, host: "127.0.0.1" } : at);
