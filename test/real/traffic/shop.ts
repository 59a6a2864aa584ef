/** A shop under a stream: servers with clients beside them, which are moved, and clients elsewhere, which stay. */
import type { Mesh } from "../kit.ts";
import { type Stream, startStream } from "./stream.ts";
import { type Behaviour, servers, strict } from "./workloads.ts";

export interface ShopOptions {
  /** Labels of both namespaces. */
  readonly labels: Readonly<Record<string, string>>;
  /** Deployments of servers: one called "server" unless given. The stream asks the first. */
  readonly servers?: readonly { readonly name: string; readonly replicas: number; readonly behaviour?: Behaviour }[];
  /**
   * Requests a second of each of the four kinds from each of the two clients elsewhere, twice as many from the one
   * beside the servers; 5 unless given, 80 in all.
   */
  readonly rate?: number;
}

export interface Shop {
  /** The namespace that is moved. */
  readonly namespace: string;
  readonly stream: Stream;
}

/** Makes the namespaces, and comes back when the servers are ready and the clients run. */
export async function openShop(mesh: Mesh, { labels, servers: given, rate = 5 }: ShopOptions): Promise<Shop> {
  const namespace = await mesh.createNamespace(labels);
  const elsewhere = await mesh.createNamespace(labels);
  const all = given ?? [{ name: "server", replicas: 3 }];
  await mesh.apply([
    strict(namespace),
    ...all.flatMap(({ name, replicas, behaviour }) => servers(namespace, name, replicas, behaviour)),
  ]);
  await mesh.waitReady(namespace, 120);
  const host = `${all[0]?.name}.${namespace}`;
  const stream = await startStream(mesh, [
    // one alone is no canary where others have two pods: the servers are
    { namespace, name: "client", replicas: 1, host, rate: rate * 2 },
    { namespace: elsewhere, name: "client", replicas: 2, host, rate },
  ]);
  for (const each of [namespace, elsewhere]) await mesh.waitReady(each, 120);
  return { namespace, stream };
}
