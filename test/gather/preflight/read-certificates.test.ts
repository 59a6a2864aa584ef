import assert from "node:assert/strict";
import test from "node:test";
import { certificatesFrom, readCertificates } from "../../../src/gather/preflight/read-certificates.ts";
import type { Pod } from "../../../src/mesh/model.ts";
import { requestText } from "../../fixtures/fake-cluster.ts";
import { listedCluster } from "../../fixtures/listed-cluster.ts";
import type { WorkloadWords } from "../../fixtures/mesh.ts";
import { mission } from "../../fixtures/plan.ts";

const certificate = (names: readonly object[], expires = "2026-11-05T00:00:00Z") => ({
  ...{ path: "<inline>", serial_number: "1", subject_alt_names: names },
  ...{ days_until_expiration: "1", valid_from: "2026-01-01T00:00:00Z", expiration_time: expires },
});
const answer = {
  certificates: [
    { ca_cert: [certificate([{ dns: "ca" }])], cert_chain: [certificate([{ dns: "shop.example.com" }, { ip_address: "10.0.0.1" }])] },
    { ca_cert: [], cert_chain: [certificate([{ uri: "spiffe://cluster.local/ns/ingress/sa/edge" }])] },
    { cert_chain: [certificate([])] },
    {},
  ],
}; // biome-ignore format: one line each

test("the certificates that Envoy presents, without those of the mesh and of the authorities", () => {
  assert.deepEqual(certificatesFrom(JSON.stringify(answer)), [
    { names: ["shop.example.com", "10.0.0.1"], expires: "2026-11-05T00:00:00Z" },
    { names: [], expires: "2026-11-05T00:00:00Z" },
  ]);
  assert.deepEqual(certificatesFrom("{}"), []);
});

test("an answer of another form is none", () => {
  const bodies = ["", "null", "[]", "7", '{"certificates":{}}', '{"certificates":[{"cert_chain":{}}]}'];
  const chains = [[null], [{}], [{ expiration_time: "soon" }], [{ expiration_time: 7 }]];
  for (const body of [
    ...bodies,
    ...chains.map((cert_chain) => JSON.stringify({ certificates: [{ cert_chain }] })),
    JSON.stringify({ certificates: [{ cert_chain: [{ ...certificate([]), subject_alt_names: {} }] }] }),
    JSON.stringify({ certificates: [{ cert_chain: [{ ...certificate([]), subject_alt_names: [null] }] }] }),
  ])
    assert.throws(() => certificatesFrom(body), /not a list of certificates/, body);
});

const gateway = (name: string, kind: "gateway" | "waypoint", pod: Partial<Omit<Pod, "proxy">> = {}): WorkloadWords => ({
  ...{ namespace: "ingress", name, runs: ["default", "default"], proxy: { kind }, pod },
});

test("one pod of each gateway is asked, and a silent one is no error", async () => {
  const workloads = [
    gateway("edge", "gateway"),
    gateway("silent", "gateway"),
    gateway("pending", "gateway", { phase: "Pending" }),
    gateway("way", "waypoint"),
    { namespace: "production", name: "web", runs: ["default"] },
  ];
  const cluster = listedCluster({
    objects: {},
    bodies: { "ingress/edge-0": { "/certs": JSON.stringify(answer) } },
  });
  const found = await readCertificates(cluster, mission({ workloads }));
  assert.deepEqual(
    found.map(({ kind, gateway }) => [gateway.name, kind]),
    [
      ["edge", "answered"],
      ["silent", "unanswered"],
    ],
  );
  assert.equal(cluster.requests.map(requestText).length, 2);
});

test("no more than 20 gateways are asked", async () => {
  const workloads = Array.from({ length: 25 }, (_, index) => gateway(`gw${index}`, "gateway"));
  const cluster = listedCluster({ objects: {} });
  const found = await readCertificates(cluster, mission({ workloads }));
  assert.deepEqual([found.length, cluster.requests.length], [25, 20]);
});
