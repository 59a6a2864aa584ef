import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import fc from "fast-check";
import { proxiesFrom } from "../../../src/mesh/from/syncz.ts";
import { instantOf } from "../../../src/mesh/instant.ts";
import { releases, revisionOfRelease } from "../rendered.ts";

const clusterUrl = "type.googleapis.com/envoy.config.cluster.v3.Cluster";
const body = (...entries: object[]): string => JSON.stringify(entries);
const connections = (...clients: object[]): string =>
  JSON.stringify({ totalClients: clients.length, ...(clients.length > 0 ? { clients } : {}) });
const web = {
  proxy: "web-1.production",
  proxy_type: "sidecar",
  cluster_id: "Kubernetes",
  istio_version: "1.20.0",
  cluster_sent: "n1",
  cluster_acked: "n1",
  listener_sent: "n2",
  listener_acked: "n2",
};
const client = (id: string, connectedAt = "2026-11-03T04:05:06.123456789Z", address = "10.244.0.5:41234") => ({
  connectionId: id,
  connectedAt,
  address,
});

test("a proxy as istiod 1.20 lists it", () => {
  assert.deepEqual(proxiesFrom(connections(client("web-1.production-12")), body(web)), [
    {
      namespace: "production",
      pod: "web-1",
      type: "sidecar",
      version: "1.20.0",
      cluster: "Kubernetes",
      cds: "synced",
      lds: "synced",
      rejected: [],
      connectedAt: "2026-11-03T04:05:06.123456789Z",
      ip: "10.244.0.5",
    },
  ]);
});

for (const [title, change, cds, rejected] of [
  ["acknowledged", {}, "synced", []],
  ["sent again", { cluster_sent: "n3" }, "stale", []],
  ["never acknowledged", { cluster_acked: undefined }, "stale", []],
  ["nothing sent", { cluster_sent: undefined, cluster_acked: undefined }, "not sent", []],
  [
    "nonces of 1.28 and later",
    {
      cluster_sent: "2026-11-03T04:05:06Z/9/ab",
      cluster_acked: "2026-11-03T04:05:06Z/9/ab",
      resources: { [clusterUrl]: { sent: "x", acked: "x" } },
    },
    "synced",
    [],
  ],
  [
    "rejected",
    { resources: { [clusterUrl]: { sent: "x", acked: "x", lastError: "bad cluster" } } },
    "rejected",
    [{ type: "Cluster", message: "bad cluster" }],
  ],
  ["a type without a state", { resources: { [clusterUrl]: null } }, "synced", []],
  ["null resources", { resources: null }, "synced", []],
  [
    "rejected of another type",
    { resources: { "type.googleapis.com/envoy.config.route.v3.RouteConfiguration": { lastError: "bad route" } } },
    "synced",
    [{ type: "RouteConfiguration", message: "bad route" }],
  ],
] as const)
  test(`state of a type: ${title}`, () => {
    const [proxy] = proxiesFrom(connections(), body({ ...web, ...change }));
    assert.deepEqual(
      [proxy?.cds, proxy?.lds, proxy?.rejected, proxy?.connectedAt],
      [cds, "synced", rejected, undefined],
    );
  });

test("listeners that are rejected", () => {
  const resources = { "type.googleapis.com/envoy.config.listener.v3.Listener": { lastError: "duplicate" } };
  const [proxy] = proxiesFrom(connections(), body({ ...web, resources }));
  assert.deepEqual(
    [proxy?.cds, proxy?.lds, proxy?.rejected],
    ["synced", "rejected", [{ type: "Listener", message: "duplicate" }]],
  );
});

test("istioctl's own connection is not a proxy; a proxy with that name is one", () => {
  const ghost = { proxy: "test-1.default", proxy_type: "sidecar", istio_version: "65536.65536.65536" };
  assert.deepEqual(proxiesFrom(connections(client("test-1.default-3")), body(ghost)), []);
  assert.equal(proxiesFrom(connections(), body({ ...web, proxy: "test-1.default" })).length, 1);
  for (const nonce of ["cluster_sent", "listener_sent"])
    assert.equal(proxiesFrom(connections(), body({ ...ghost, [nonce]: "n1" })).length, 1, nonce);
});

test("names with dots and dashes, and malformed names", () => {
  const [first, second, third] = proxiesFrom(
    connections(client("db-0.v1.shop-1-7")),
    body({ proxy: "db-0.v1.shop-1" }, { proxy: "constructor.120" }, {}),
  );
  assert.deepEqual([first?.pod, first?.namespace, first?.connectedAt !== undefined], ["db-0.v1", "shop-1", true]);
  assert.deepEqual([second?.pod, second?.namespace], ["constructor", "120"]);
  assert.deepEqual([third?.pod, third?.namespace, third?.type, third?.cds], ["", "", "", "not sent"]);
  const [odd] = proxiesFrom(
    connections({ connectionId: "web-1.production-1", connectedAt: "2026-11-03T04:05:06Z" }),
    body({ ...web, istio_version: 1.2, cluster_id: "" }),
  );
  assert.deepEqual([odd?.version, odd?.cluster, odd?.ip], [undefined, undefined, undefined]);
});

test("of several connections of one pod the oldest counts, compared as instants", () => {
  const later = client("web-1.production-9", "2026-11-03T04:05:07Z", "[fd00::5]:1");
  const older = client("web-1.production-10", "2026-11-03T06:05:06.9+02:00", "[fd00::4]:1");
  const found = proxiesFrom(connections(later, older), body(web, web));
  assert.deepEqual(
    found.map(({ connectedAt, ip }) => [connectedAt, ip]),
    Array(2).fill(["2026-11-03T06:05:06.9+02:00", "fd00::4"]),
  );
});

const good = connections();
for (const [title, first, second, message] of [
  ["not JSON", good, "<html>", /\/debug\/syncz is not JSON: "<html>"/],
  ["cut off", good, '[{"proxy":', /is not JSON/],
  ["nothing", good, "", /is not JSON/],
  ["an object", good, "{}", /\/debug\/syncz is not a list of proxies/],
  ["null", good, "null", /is not a list of proxies/],
  ["a list of something else", good, "[1]", /is not a list of proxies/],
  ["a list with a gap", good, "[null]", /is not a list of proxies/],
  ["connections that are not JSON", "<html>", "[]", /\/debug\/connections is not JSON: "<html>"/],
  ["connections of nothing", "null", "[]", /\/debug\/connections is not a list of clients/],
  ["connections that are a list", "[]", "[]", /\/debug\/connections is not a list of clients/],
  ["connections without a count", "{}", "[]", /is not a list of clients/],
  ["a client without an id", connections({ connectedAt: "2026-11-03T04:05:06Z" }), "[]", /without id or time/],
  [
    "a client with a malformed time",
    connections(client("web-1.production-1", "yesterday")),
    "[]",
    /without id or time/,
  ],
] as const)
  test(`malformed answers are errors: ${title}`, () => assert.throws(() => proxiesFrom(first, second), message));

test("without connections the list is empty", () => assert.deepEqual(proxiesFrom(connections(), "[]"), []));

test("a cut answer is an error, never a part of the list", () => {
  fc.assert(
    fc.property(fc.oneof(fc.json(), fc.string()), (text) => {
      try {
        assert.equal(proxiesFrom(good, text).length, JSON.parse(text).length);
      } catch (error) {
        assert.match((error as Error).message, /^istiod's answer to/);
      }
    }),
  );
});

for (const release of releases)
  test(`two proxies of a real istiod ${release}, in 1.29 with istioctl's own connection`, () => {
    const answers = JSON.parse(readFileSync(new URL(`../answers/${release}.json`, import.meta.url), "utf8"));
    const proxies = proxiesFrom(JSON.stringify(answers.connections), JSON.stringify(answers.syncz));
    const namespace = `ns-${release === "1.19.0" ? "default" : revisionOfRelease(release)}`;
    assert.deepEqual(
      proxies.map((proxy) => [
        proxy.namespace,
        proxy.pod.split("-")[0],
        proxy.version,
        proxy.cds,
        proxy.lds,
        proxy.rejected,
        proxy.ip,
      ]),
      ["db", "web"].map((name) => [namespace, name, release, "synced", "synced", [], "127.0.0.1"]),
    );
    assert.ok(proxies.every(({ connectedAt }) => instantOf(connectedAt) !== undefined));
    assert.equal(answers.syncz.length, release === "1.29.1" ? 3 : 2);
  });
