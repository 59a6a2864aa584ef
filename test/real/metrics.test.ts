/**
 * a gateway of each kind.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { type Mesh, upMesh } from "./kit.ts";
import { addInjectedGateway, addManagedGateway, addStaticGateway, type GatewayOnBed } from "./traffic/gateways.ts";
import { type Prometheus, startPrometheus } from "./traffic/prometheus.ts";
import { startStream, told } from "./traffic/stream.ts";
import { servers, strict } from "./traffic/workloads.ts";

const older = { revision: "1-28", version: "1.28.2" };
const newer = { revision: "1-29", version: "1.29.1" };
/** Two scrapes: a pod that is gone is not scraped, and what it counted since the last time is lost. */
const linger = "4s";
const server = { namespace: "shop", name: "server" };

let mesh: Mesh;
let prometheus: Prometheus;
let gateways: readonly GatewayOnBed[];
before(async () => {
  mesh = await upMesh({
    revisions: { [older.revision]: older.version, [newer.revision]: newer.version },
    gatewayApi: true,
    traffic: true,
  });
  await mesh.createNamespace({ "istio.io/rev": older.revision }, server.namespace);
  await mesh.createNamespace({ "istio.io/rev": newer.revision }, "beside");
  await mesh.createNamespace({}, "plain");
  await mesh.apply([...servers(server.namespace, server.name, 2), strict(server.namespace)]);
  [prometheus, ...gateways] = await Promise.all([
    startPrometheus(mesh),
    addInjectedGateway(mesh, older, server),
    addManagedGateway(mesh, newer, server),
    addStaticGateway(mesh, older, server),
  ]);
});
after(() => mesh.down());

/** Requests that were answered well, by the value of a label. */
type Counts = Readonly<Record<string, number>>;

/** A pod that is gone has no series any more; what it said last is what it had counted. gRPC says 200 to a failure too. */
const answered = (where: string) =>
  `last_over_time(istio_requests_total{response_code="200",grpc_response_status=~"0?",${where}}[10m])`;

/** Prometheus' sum by a label is that of the clients, once it has scraped for the last time. */
async function agrees(by: string, where: string, wanted: Counts, message: string): Promise<void> {
  let counts: Counts = {};
  const ask = async () => {
    const samples = await prometheus.query(`sum by (${by}) (${answered(where)})`);
    counts = Object.fromEntries(samples.map(({ labels, value }) => [labels[by], value]));
    return Object.entries({ ...wanted, ...counts }).every(([key]) => counts[key] === wanted[key]);
  };
  await mesh.eventually("Prometheus to agree", ask, 15).catch(() => undefined);
  assert.deepEqual(counts, wanted, `${by} of ${where}: ${message}`);
}

test("Prometheus counts what the clients counted, for each revision, and each kind of gateway answers", async () => {
  const stream = await startStream(mesh, [
    { namespace: "shop", name: "inner", replicas: 1, host: "server.shop", rate: 3, linger },
    { namespace: "beside", name: "outer", replicas: 1, host: "server.shop", rate: 3, linger },
    ...gateways.map(({ kind, host }) => ({
      ...{ namespace: "plain", name: kind, replicas: 1, host, rate: 3 },
      kinds: ["http1-new", "http1-kept", "http2-kept"],
    })),
  ]);
  await stream.mark();
  await stream.end();
  await mesh.eventually("the clients to be gone", async () =>
    (await Promise.all([mesh.pods("shop", "app=inner"), mesh.pods("beside"), mesh.pods("plain")])).every(
      (pods) => pods.length === 0,
    ),
  );
  const traffic = await stream.since(0);
  const ok = (client: string) => {
    const own = Object.entries(traffic.by).filter(([key]) => key.startsWith(`${client} `));
    const sum = own.reduce((all, [, count]) => all + count.ok, 0);
    assert.ok(sum > 0, `${client} had no answer: ${told(traffic)}`);
    return sum;
  };
  const byNamespace = {
    shop: ok("shop/inner"),
    beside: ok("beside/outer"),
    ...Object.fromEntries(gateways.map(({ kind, namespace }) => [namespace, ok(`plain/${kind}`)])),
  };
  await agrees("source_workload_namespace", 'reporter="source"', byNamespace, told(traffic));
  await agrees("source_workload_namespace", 'reporter="destination"', byNamespace, told(traffic));
  const byRevision = {
    [older.revision]: ok("shop/inner") + ok("plain/injected") + ok("plain/static"),
    [newer.revision]: ok("beside/outer") + ok("plain/managed"),
  };
  await agrees("istio_io_rev", 'reporter="source"', byRevision, told(traffic));
});

test("series have Istio's labels, at both ends", async () => {
  const principal = (namespace: string) => `spiffe://cluster.local/ns/${namespace}/sa/default`;
  const both = {
    __name__: "istio_requests_total",
    ...{ source_workload_namespace: "beside", source_principal: principal("beside") },
    ...{ destination_workload: "server", destination_workload_namespace: "shop" },
    ...{ destination_principal: principal("shop"), destination_canonical_service: "server" },
    ...{ destination_canonical_revision: "latest", destination_cluster: "Kubernetes" },
    ...{ destination_service: "server.shop.svc.cluster.local", destination_service_name: "server" },
    ...{ destination_service_namespace: "shop", source_canonical_revision: "latest" },
    ...{ request_protocol: "grpc", response_code: "200", grpc_response_status: "0", response_flags: "-" },
  };
  const unknown = { source_workload: "unknown", source_app: "unknown", source_version: "unknown" };
  const wanted = {
    source: {
      ...both,
      ...{ reporter: "source", source_workload: "outer", source_app: "outer", source_canonical_service: "outer" },
      ...{ source_cluster: "Kubernetes", destination_app: "unknown", destination_version: "unknown" },
      connection_security_policy: "unknown",
    },
    destination: {
      ...both,
      ...{ reporter: "destination", ...unknown, source_canonical_service: "unknown", source_cluster: "unknown" },
      ...{ destination_app: "server", connection_security_policy: "mutual_tls" },
    },
  };
  const ofRequest = /^(__name__|reporter|source_.*|destination_.*|request_.*|response_.*|grpc_.*|connection_.*)$/;
  for (const [reporter, labels] of Object.entries(wanted)) {
    const where = `reporter="${reporter}",request_protocol="grpc",source_workload_namespace="beside"`;
    const [sample] = await prometheus.query(answered(where));
    const own = Object.entries(sample?.labels ?? {}).filter(([name]) => ofRequest.test(name));
    assert.deepEqual(Object.fromEntries(own), labels);
  }
});

test("durations are counted for each request, and the pods' own labels are copied", async () => {
  const sum = async (promql: string) => (await prometheus.query(`sum(${promql})`))[0]?.value;
  const of = (metric: string) => `${metric}{reporter="destination",app="server"}`;
  const requests = await sum(of("istio_requests_total"));
  assert.ok(requests !== undefined && requests > 0);
  await mesh.eventually("Envoy to have merged its histograms", async () => {
    const durations = await sum(of("istio_request_duration_milliseconds_count"));
    return durations === (await sum(of("istio_requests_total")));
  });
});
