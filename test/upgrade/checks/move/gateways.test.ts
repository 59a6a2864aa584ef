import assert from "node:assert/strict";
import test from "node:test";
import type { Gateway } from "../../../../src/mesh/model.ts";
import { type MeshWords, ownInjector, plane, tag, tagInjector } from "../../../fixtures/mesh.ts";
import { mission, planOf, restarted, said, type Wish } from "../../../fixtures/plan.ts";

const gateway = (change: Partial<Gateway> = {}): Gateway => ({
  namespace: "production",
  name: "edge",
  uid: "uid-of-edge",
  className: "istio",
  waypoint: false,
  pinned: undefined,
  ...change,
});
const from = (version: string | undefined): MeshWords => ({
  controlPlanes: [plane("1-20"), plane("default", { version })],
  gateways: [gateway()],
});
const moved = { namespaces: [{ name: "production", labels: { "istio.io/rev": "1-20" } }] };
const blocked = ["gateways-pinned blocker production/Gateway/edge"];

const table: readonly (readonly [what: string, change: MeshWords, wish: Wish, findings: readonly string[], message?: RegExp])[] = [
  ["no Gateway", {}, {}, []],
  ["an unpinned Gateway of an old control plane that drops its traffic", from("1.28.2"), {}, blocked, /up to 30 s of failed requests \(istio\/istio#59959/],
  ["an unpinned Gateway of one that does not", from("1.19.0"), {}, blocked, /replaced by a rollout/],
  ["an unpinned Gateway of one whose version is not known", from(undefined), {}, blocked, /version of revision default is unknown/],
  ["a waypoint", { gateways: [gateway({ waypoint: true, className: "istio-waypoint" })] }, {}, blocked, /this waypoint follows/],
  ["a pinned Gateway", { gateways: [gateway({ pinned: "default" })] }, {}, []],
  ["a Gateway of somebody else's class", { gateways: [gateway({ className: "nginx" })] }, {}, []],
  ["a Gateway in another namespace", { gateways: [gateway({ namespace: "shop" })] }, {}, []],
  ["a label that is not written", { ...moved, gateways: [gateway()] }, {}, []],
  ["a Gateway that belongs to the target already, by the default tag", { gateways: [gateway()], tags: [tag("default", "1-20")], injectors: [...ownInjector("1-20"), ...tagInjector("default", "1-20")] }, {}, []],
  ["a label that is not written, of a tag whose Service names another revision", { namespaces: [{ name: "production", labels: { "istio.io/rev": "prod" } }], tags: [tag("prod", "default")], gateways: [gateway()] }, { to: "prod" }, []],
  ["a Gateway of the default tag, which stands after others", { gateways: [gateway()], tags: [tag("prod", "1-20"), tag("default", "default")] }, {}, blocked],
  ["no default tag, and a default validator of the target", { gateways: [gateway()], tags: [], defaultValidator: { name: "v", revision: "1-20" } }, {}, []],
  ["no default tag, and a default validator of the old one", { gateways: [gateway()], tags: [], defaultValidator: { name: "v", revision: "default" } }, {}, blocked],
  ["neither default tag nor default validator", { gateways: [gateway()], tags: [], defaultValidator: undefined }, {}, blocked, /version of revision default|replaced by a rollout/],
  ["a Gateway of the namespace's own revision, the default being the target", { namespaces: [{ name: "production", labels: { "istio.io/rev": "default" } }], gateways: [gateway()], tags: [tag("prod", "1-20")], defaultValidator: { name: "v", revision: "default" } }, {}, blocked],
  ["a named Gateway", from("1.28.2"), { allowDowntime: ["gateway/edge"] }, ["gateways-pinned warning production/Gateway/edge"]],
]; // biome-ignore format: a table

for (const [what, change, wish, findings, message] of table) {
  test(`gateways-pinned: ${what}`, () => {
    const plan = planOf(mission(change), wish);
    assert.deepEqual(said(plan, "gateways-pinned"), findings);
    if (message) assert.match(plan.findings.find(({ check }) => check === "gateways-pinned")?.message ?? "", message);
  });
}

test("gateways-pinned: the remedy pins it to the revision that owns it", () => {
  const [finding] = planOf(mission(from("1.28.2"))).findings.filter(({ check }) => check === "gateways-pinned");
  assert.match(
    finding?.remedy ?? "",
    /kubectl -n production label gateways.gateway.networking.k8s.io edge istio.io\/rev=default/,
  );
});

test("gateways-pinned: the namespace's own revision owns its Gateways, whatever the default is", () => {
  const labels = { "istio.io/rev": "1-19" };
  const plan = planOf(
    mission({
      namespaces: [{ name: "production", labels }],
      controlPlanes: [plane("1-20"), plane("1-19")],
      injectors: [...ownInjector("1-20"), ...ownInjector("1-19"), ...tagInjector("default", "1-20")],
      tags: [tag("default", "1-20")],
      defaultValidator: { name: "v", revision: "1-20" },
      gateways: [gateway()],
    }),
  );
  const [finding] = plan.findings.filter(({ check }) => check === "gateways-pinned");
  assert.match(finding?.remedy ?? "", /istio.io\/rev=1-19$/);
  assert.deepEqual(finding?.accept, { flag: "--allow-downtime", value: "production/gateway/edge" });
});

test("gateway-workloads: an injected gateway is refused unless named, left if so wished", () => {
  const edge = {
    namespace: "production",
    name: "edge",
    runs: ["default", "default"],
    gateway: true,
    proxy: { kind: "gateway" },
  } as const;
  const mesh = mission({ workloads: [edge] });
  assert.deepEqual(said(planOf(mesh), "gateway-workloads"), ["gateway-workloads blocker production/Deployment/edge"]);
  const named = planOf(mesh, { allowDowntime: ["production/deployment/edge"] });
  assert.deepEqual(
    [said(named, "gateway-workloads"), restarted(named)],
    [["gateway-workloads warning production/Deployment/edge"], ["Deployment/edge"]],
  );
  const left = planOf(mesh, { leave: ["deploy/edge"] });
  assert.deepEqual([said(left, "gateway-workloads"), restarted(left), left.left.length], [[], [], 1]);
});

test("a managed gateway's own Deployment is not restarted: istiod rewrites it", () => {
  const workloads = [
    {
      namespace: "production",
      name: "edge-istio",
      runs: ["default"],
      gateway: true,
      podLabels: { "sidecar.istio.io/inject": "false" },
      proxy: { kind: "managed-gateway" },
    },
  ] as const;
  assert.deepEqual(restarted(planOf(mission({ workloads }))), []);
});
