import assert from "node:assert/strict";
import test from "node:test";
import type { PodTemplateSpec } from "../../../../src/mesh/kubernetes.ts";
import type { Gateway } from "../../../../src/mesh/model.ts";
import type { ConfigEvidence } from "../../../../src/upgrade/preflight/evidence/config-evidence.ts";
import { type MeshWords, plane, tag, type WorkloadWords } from "../../../fixtures/mesh.ts";
import { brief, mission } from "../../../fixtures/plan.ts";
import { type ConfigWish, configFindings } from "../../../fixtures/preflight-config.ts";
import { sound } from "../../../fixtures/sound-mesh.ts";

type Container = Record<string, unknown>;

/** An injected gateway as plain YAML has it, of chart `gateway` without its securityContext. */
const edge = (container: Container = {}, spec: object = {}, change: Partial<WorkloadWords> = {}): WorkloadWords => ({
  namespace: "ingress",
  name: "edge",
  runs: ["default", "default"],
  gateway: true,
  proxy: { kind: "gateway" },
  template: {
    metadata: { labels: { istio: "edge" }, annotations: { "inject.istio.io/templates": "gateway" } },
    spec: { containers: [{ name: "istio-proxy", image: "auto", ...container }], ...spec },
  } as PodTemplateSpec,
  ...change,
});
const servers = [{ namespace: "shop", name: "g", selector: { istio: "edge" }, ports: [80, 8443] }];
const service = (target: number | string, change: object = {}): Partial<ConfigEvidence> => ({
  servers,
  services: [{ namespace: "ingress", name: "edge", selector: { istio: "edge" }, untranslated: false, ports: [{ port: 80, target }], ...change }],
}); // biome-ignore format: one line

const to = (version: string | undefined): MeshWords => ({
  controlPlanes: [plane("1-20", { version }), plane("default", { version: "1.19.0" })],
});
const sysctl = (value: string) => ({
  securityContext: { sysctls: [{ name: "net.ipv4.ip_unprivileged_port_start", value }] },
});
const ports = ["gateway-ports warning ingress/Deployment/edge"];

const portTable: readonly (readonly [what: string, workload: WorkloadWords, target: MeshWords, config: Partial<ConfigEvidence>, findings: readonly string[]])[] = [
  ["1.20.0, plain YAML, no Service", edge(), to("1.20.0"), { servers }, ports],
  ["1.20.2", edge(), to("1.20.2"), { servers }, ports],
  ["1.20.3: the injector sets the sysctl", edge(), to("1.20.3"), { servers }, []],
  ["1.19.0: the image runs as root", edge(), to("1.19.10"), { servers }, []],
  ["1.19.0, and a user of its own", edge({ securityContext: { runAsUser: 1337 } }), to("1.19.10"), { servers }, ports],
  ["1.19.0, and a user of its pods", edge({}, { securityContext: { runAsUser: 1337 } }), to("1.19.10"), { servers }, ports],
  ["root of its pods, over which the injected user wins", edge({}, { securityContext: { runAsUser: 0 } }), to("1.20.0"), { servers }, ports],
  ["an unknown version", edge(), to(undefined), { servers }, ports],
  ["root", edge({ securityContext: { runAsUser: 0 } }), to("1.20.0"), { servers }, []],
  ["the capability", edge({ securityContext: { runAsUser: 1337, capabilities: { add: ["NET_BIND_SERVICE"] } } }), to("1.20.0"), { servers }, []],
  ["chart gateway: the sysctl at 0", edge({}, sysctl("0")), to("1.20.0"), { servers }, []],
  ["the sysctl at 80", edge({}, sysctl("80")), to("1.20.0"), { servers }, []],
  ["the sysctl above the port", edge({}, sysctl("81")), to("1.20.0"), { servers }, ports],
  ["the sysctl with no number", edge({}, sysctl("all")), to("1.20.0"), { servers }, ports],
  ["a Service that leads to 8080", edge(), to("1.20.0"), service(8080), []],
  ["a Service that leads to 80", edge(), to("1.20.0"), service(80), ports],
  ["a Service that leads to a named port", edge({ ports: [{ name: "web", containerPort: 8080 }] }), to("1.20.0"), service("web"), []],
  ["a Service that leads to a low named port", edge({ ports: [{ name: "web", containerPort: 81 }] }), to("1.20.0"), service("web"), ports],
  ["a Service that leads to a port that the template does not name", edge(), to("1.20.0"), service("web"), []],
  ["a Service that is not translated", edge(), to("1.20.0"), service(8080, { untranslated: true }), ports],
  ["a Service in another namespace", edge(), to("1.20.0"), service(8080, { namespace: "shop" }), ports],
  ["a Service for other pods", edge(), to("1.20.0"), service(8080, { selector: { istio: "other" } }), ports],
  ["a Gateway for other pods", edge(), to("1.20.0"), { servers: [{ ...servers[0]!, selector: { istio: "x" } }] }, []],
  ["a Gateway for all", edge(), to("1.20.0"), { servers: [{ ...servers[0]!, selector: {} }] }, ports],
  ["high ports alone", edge(), to("1.20.0"), { servers: [{ ...servers[0]!, ports: [8080, 1024] }] }, []],
  ["a gateway that is on the target", edge({}, {}, { runs: ["1-20"] }), to("1.20.0"), { servers }, []],
  ["a gateway without pods", edge({}, {}, { runs: [] }), to("1.20.0"), { servers }, ports],
]; // biome-ignore format: a table

const of = (check: string, mesh: MeshWords, wish?: ConfigWish): readonly string[] =>
  brief(configFindings(mission(mesh), wish).filter((finding) => finding.check === check));

for (const [what, workload, target, config, findings] of portTable) {
  test(`gateway-ports: ${what}`, () => {
    assert.deepEqual(of("gateway-ports", { workloads: [workload], ...target }, { config }), findings);
  });
}

test("gateway-ports: a target that is not installed and of no known version is not judged", () => {
  assert.deepEqual(
    of("gateway-ports", { workloads: [edge()], ...to(undefined) }, { config: { servers }, installed: false }),
    [],
  );
});

test("gateway-ports: without the Services nothing is known of the ports", () => {
  const unknown = [{ check: "gateway-ports", essential: false, subject: "services", reason: "forbidden" }];
  assert.deepEqual(of("gateway-ports", { workloads: [edge()], ...to("1.20.0") }, { config: { servers }, unknown }), []);
});

test("gateway-kinds: each is counted by what it is, and those that are on the target are left out", () => {
  const managed = (name: string, controller: string): WorkloadWords => ({
    ...{ namespace: "ingress", name, runs: ["default"], gateway: true, labels: { "gateway.istio.io/managed": controller } },
  }); // biome-ignore format: one line
  const [finding, ...others] = configFindings(
    mission({
      workloads: [
        edge(),
        edge({}, {}, { name: "moved", runs: ["1-20"] }),
        edge({ env: [{ name: "ISTIO_META_REQUESTED_NETWORK_VIEW", value: "n1" }] }, {}, { name: "cross" }),
        managed("api", "istio.io-gateway-controller"),
        managed("way", "istio.io-mesh-controller"),
        managed("east", "istio.io-eastwest-controller"),
        { namespace: "istio-system", name: "old", runs: ["default"], labels: { "operator.istio.io/component": "IngressGateways" } },
        { namespace: "istio-system", name: "bare", runs: ["default"], proxy: { kind: "static-gateway" } },
        { namespace: "production", name: "gateway-api-docs", runs: ["default"] },
      ],
    }),
  ); // biome-ignore format: a table
  assert.deepEqual(others, []);
  assert.equal(finding?.check, "gateway-kinds");
  const { message = "" } = finding ?? {};
  assert.match(message, /^7 gateways to move: 2 injected \(ingress\/edge and ingress\/cross\): a restart/);
  assert.match(
    message,
    /; 2 deployed by istiod for a Gateway \(ingress\/api and ingress\/east\): label istio\.io\/rev/,
  );
  assert.match(message, /; 1 deployed by istiod as a waypoint \(ingress\/way\):/);
  assert.match(message, /; 2 deployed by an installer \(istio-system\/old and istio-system\/bare\): only/);
  assert.match(message, /; ingress\/cross and ingress\/east serve other networks/);
});

const gateway = (change: Partial<Gateway> = {}): Gateway => ({
  ...{ namespace: "ingress", name: "api", uid: "u", className: "istio", waypoint: false, pinned: undefined },
  ...change,
});
const two = (versions: readonly (string | undefined)[], change: MeshWords = {}): MeshWords => ({
  controlPlanes: [plane("1-20", { version: versions[0] }), plane("default", { version: versions[1] })],
  namespaces: [{ name: "production", labels: { "istio-injection": "enabled" } }, { name: "ingress" }],
  gateways: [gateway()],
  ...change,
});
const told = ["gateways-unlabelled note gateways"];
const warned = ["gateways-unlabelled warning gateways"];

const unlabelledTable: readonly (readonly [what: string, mesh: MeshWords, findings: readonly string[], message?: RegExp])[] = [
  ["two sound releases", two(["1.20.0", "1.19.0"]), told, /revision default programs them, and they move at once when the default tag does/],
  ["the other one is 1.24.1", two(["1.24.1", "1.19.0"]), warned, /1-20 \(Istio 1\.24\.1\) programs them beside default.*54280/],
  ["the other one is 1.23.4", two(["1.23.4", "1.22.0"]), warned],
  ["the other one is 1.23.5", two(["1.23.5", "1.22.0"]), told],
  ["the other one is 1.24.2", two(["1.24.2", "1.23.0"]), told],
  ["the other one is 1.22.9", two(["1.22.9", "1.23.0"]), told],
  ["the default one is 1.24.1", two(["1.25.0", "1.24.1"]), told],
  ["the default tag names the other one", two(["1.25.0", "1.24.1"], { tags: [tag("default", "1-20")] }), warned, /default \(Istio 1\.24\.1\) programs them beside 1-20/],
  ["an unknown version", two([undefined, undefined]), told],
  ["no default revision", two(["1.29.1", "1.28.2"], { tags: [], defaultValidator: undefined, controlPlanes: [plane("1-20"), plane("1-19")] }), told, /no control plane is the default one/],
  ["a label of its own", two(["1.24.1", "1.19.0"], { gateways: [gateway({ pinned: "default" })] }), []],
  ["a label of its namespace", two(["1.24.1", "1.19.0"], { namespaces: [{ name: "production", labels: { "istio-injection": "enabled" } }, { name: "ingress", labels: { "istio.io/rev": "1-20" } }] }), []],
  ["a class of others", two(["1.24.1", "1.19.0"], { gateways: [gateway({ className: "nginx" })] }), []],
  ["a namespace that was not read", two(["1.24.1", "1.19.0"], { gateways: [gateway({ namespace: "x" })] }), []],
  ["one control plane alone", two([], { controlPlanes: [plane("default")] }), []],
  ["no Gateway", two(["1.24.1", "1.19.0"], { gateways: [] }), []],
]; // biome-ignore format: a table

for (const [what, mesh, findings, message] of unlabelledTable) {
  test(`gateways-unlabelled: ${what}`, () => {
    assert.deepEqual(of("gateways-unlabelled", mesh), findings);
    if (message) assert.match(configFindings(mission(mesh))[0]?.message ?? "", message);
  });
}

test("a mesh without gateways and configuration of its own gives no finding", () => {
  assert.deepEqual(configFindings(mission()), []);
  assert.deepEqual(configFindings(mission({ ...sound, tags: mission().tags, injectors: mission().injectors })), []);
});

const until = (expires: string, names: readonly string[] = ["shop.example.com"]) => [
  { kind: "answered", gateway: { kind: "Deployment", namespace: "ingress", name: "edge" }, certificates: [{ names, expires }] },
] as const; // biome-ignore format: one line

const ending = ["gateway-certificates warning ingress/Deployment/edge"];
// The mesh of the tests is read on 2026-11-03 at 04:05:06.
const certificateTable: readonly (readonly [what: string, config: Partial<ConfigEvidence>, findings: readonly string[]])[] = [
  ["it ended", { certificates: until("2025-01-01T00:00:00Z") }, ending],
  ["it ends in six days", { certificates: until("2026-11-09T04:05:06Z") }, ending],
  ["it ends in eight days", { certificates: until("2026-11-11T04:05:07Z") }, []],
  ["it has no name", { certificates: until("2025-01-01T00:00:00Z", []) }, ending],
  ["a gateway without an answer", { certificates: [{ kind: "unanswered", gateway: { kind: "Deployment", namespace: "ingress", name: "edge" }, reason: "forbidden" }] }, ["gateway-certificates note gateways"]],
]; // biome-ignore format: a table

for (const [what, config, findings] of certificateTable) {
  test(`gateway-certificates: ${what}`, () => assert.deepEqual(of("gateway-certificates", {}, { config }), findings));
}
