/**
 * What is lost when a gateway is moved in the ordinary way: `node test/real/bench/gateways.ts [MOVES]` boots a bed, puts
 * a gateway of each kind on it and moves each there and back under a stream from outside the mesh, MOVES times (2 unless
 * given). Prints a line a move, and what failed.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { upMesh } from "../kit.ts";
import { addInjectedGateway, addManagedGateway, addStaticGateway, moveGateway } from "../traffic/gateways.ts";
import { startStream, told } from "../traffic/stream.ts";
import { servers, strict } from "../traffic/workloads.ts";

const moves = Number(process.argv[2] ?? 2);
const older = { revision: "1-28", version: "1.28.2" };
const newer = { revision: "1-29", version: "1.29.1" };
const server = { namespace: "shop", name: "server" };

await using mesh = await upMesh({
  revisions: { [older.revision]: older.version, [newer.revision]: newer.version },
  gatewayApi: true,
  traffic: true,
});
await mesh.createNamespace({ "istio.io/rev": older.revision }, server.namespace);
await mesh.createNamespace({}, "plain");
await mesh.apply([...servers(server.namespace, server.name, 3), strict(server.namespace)]);
const gateways = await Promise.all([
  addInjectedGateway(mesh, older, server),
  addManagedGateway(mesh, older, server),
  addStaticGateway(mesh, older, server),
]);
await mesh.waitReady(server.namespace);
await using stream = await startStream(
  mesh,
  gateways.map(({ kind, host }) => ({
    ...{ namespace: "plain", name: kind, replicas: 2, host, rate: 8 },
    kinds: ["http1-new", "http1-kept", "http2-kept"],
  })),
);
for (let move = 0; move < moves; move++)
  for (const gateway of gateways) {
    const to = move % 2 === 0 ? newer : older;
    const mark = await stream.mark();
    const begun = performance.now();
    await moveGateway(mesh, gateway, to);
    const took = (performance.now() - begun) / 1000;
    await sleep(3_000); // clients with kept connections find out late
    const traffic = await stream.since(mark);
    const own = Object.entries(traffic.by).filter(([key]) => key.startsWith(`plain/${gateway.kind} `));
    const requests = own.reduce((sum, [, { ok, failed }]) => sum + ok + failed, 0);
    const failed = own.reduce((sum, [, count]) => sum + count.failed, 0);
    console.log(
      `${gateway.kind} to ${to.version} in ${took.toFixed(1)} s: ${failed} of ${requests} failed\n  ${told(traffic)}`,
    );
  }
