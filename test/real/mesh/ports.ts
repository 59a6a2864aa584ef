/**
 * Loopback ports for one mesh: a block of 200, claimed by listening on its first.
 * The blocks lie below the range from which systems take ports for outgoing connections, or one of those could be in
 * the way.
 */
import net from "node:net";

const [first, size, blocks] = [10_000, 200, 100];

export interface Ports {
  /** A port of the block on which nobody listens. Throws when the block is used up. */
  next(): Promise<number>;
  /** Gives the block back. */
  release(): void;
}

/** Claims a block of ports. Throws where every block is taken. */
export async function claimPorts(): Promise<Ports> {
  const offset = process.pid % blocks;
  for (let index = 0; index < blocks; index++) {
    const base = first + ((offset + index) % blocks) * size;
    const claim = await listen(base);
    if (claim !== undefined) return portsOf(base, claim);
  }
  throw new Error(`no block of ${size} free ports between ${first} and ${first + blocks * size}`);
}

function portsOf(base: number, claim: net.Server): Ports {
  let used = 0;
  return {
    async next() {
      while (++used < size) {
        const probe = await listen(base + used);
        if (probe === undefined) continue;
        await new Promise((resolve) => probe.close(resolve));
        return base + used;
      }
      throw new Error(`the ${size} ports from ${base} are used up`);
    },
    release: () => void claim.close(),
  };
}

function listen(port: number): Promise<net.Server | undefined> {
  return new Promise((resolve) => {
    const server = net.createServer((socket) => socket.destroy());
    server.once("error", () => resolve(undefined));
    server.listen({ port, host: "127.0.0.1", exclusive: true }, () => resolve(server));
  });
}
