/** Gateways that follow a tag: shown first, refused where the old istiod may drop them, and proven after the move. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { bootMesh, type EmbeddedMesh } from "./mesh.ts";
import type { Json } from "./object.ts";

const revisions = { "1-28": "1.28.2", "1-29": "1.29.1" };
let mesh: EmbeddedMesh;
before(async () => {
  mesh = await bootMesh({ revisions, gatewayApi: true });
  process.env.KUBECONFIG = mesh.kubeconfig;
  await mesh.apply([
    {
      apiVersion: "gateway.networking.k8s.io/v1",
      kind: "GatewayClass",
      metadata: { name: "istio" },
      spec: { controllerName: "istio.io/gateway-controller" },
    },
  ] as Parameters<EmbeddedMesh["apply"]>[0]);
});
after(() => mesh?.down());

const move = (...args: readonly string[]) =>
  mesh.clock.during(mesh.run("mesh-migrate", ["--tag", "default", "--to", "1-29", "-o", "json", ...args]));
const setStatus = (path: string, programmed: boolean, attachedRoutes: number): Promise<Json> =>
  mesh.clock.during(
    mesh.api.merge(`${path}/status`, {
      status: {
        conditions: [{ type: "Programmed", status: programmed ? "True" : "False" }],
        listeners: [{ name: "http", attachedRoutes }],
      },
    }),
  );

async function withGateway(labels: Readonly<Record<string, string>>): Promise<string> {
  const namespace = await mesh.createNamespace({});
  await mesh.apply([
    {
      apiVersion: "gateway.networking.k8s.io/v1",
      kind: "Gateway",
      metadata: { name: "edge", namespace, labels },
      spec: { gatewayClassName: "istio", listeners: [{ name: "http", port: 80, protocol: "HTTP" }] },
    },
  ] as Parameters<EmbeddedMesh["apply"]>[0]);
  const path = `/apis/gateway.networking.k8s.io/v1/namespaces/${namespace}/gateways/edge`;
  await setStatus(path, true, 2);
  return path;
}

const tagRevision = (): string =>
  mesh.store.get(mesh.resources.named("mutatingwebhookconfigurations"), undefined, "istio-revision-tag-default")
    ?.metadata.labels?.["istio.io/rev"] ?? "";

test("one without a label follows the default tag: refused for 1.28, and moved where that is accepted", async () => {
  const path = await withGateway({});
  const pinned = await withGateway({ "istio.io/rev": "1-28" });
  const refused = await move();
  assert.equal(refused.code, 3, refused.stderr);
  const { findings } = JSON.parse(refused.stdout);
  assert.deepEqual(
    findings.map(({ check, severity, accept }: Json) => [check, severity, accept?.flag]),
    [
      ["namespaces-exist", "note", undefined],
      ["gateways-pinned", "blocker", "--allow-downtime"],
    ],
    refused.stdout,
  );
  assert.match(findings[1].message, /follows tag default and moves to 1-29 at once; Istio 1\.28\.2 .* 30 s of failed/);
  assert.equal(tagRevision(), "1-28");

  const { code, stdout, stderr } = await move("--allow-downtime", "*/gateway/edge");
  assert.equal(code, 0, stdout + stderr);
  assert.equal(tagRevision(), "1-29");
  const back = await mesh.clock.during(mesh.run("mesh-rollback", ["--tag", "default"]));
  assert.equal(back.code, 0, back.stderr);
  assert.equal(tagRevision(), "1-28");
  for (const each of [path, pinned]) await mesh.api.delete(each);
});

for (const [what, programmed, routes] of [
  ["is not programmed", false, 0],
  ["has 1 of 2 attached routes", true, 1],
] as const)
  test(`a Gateway that ${what} after the move: the tag goes back by itself`, async () => {
    const path = await withGateway({});
    const stop = mesh.onRequest(({ method, url, dryRun }) => {
      const moves = method === "PATCH" && !dryRun && url.pathname.endsWith("/istio-revision-tag-default");
      if (moves)
        void mesh.api.merge(`${path}/status`, {
          status: {
            conditions: [{ type: "Programmed", status: programmed ? "True" : "False" }],
            listeners: [{ name: "http", attachedRoutes: routes }],
          },
        });
      return undefined;
    });
    const { code, stdout, stderr } = await move("--allow-downtime", "*/gateway/edge");
    stop();
    const document = JSON.parse(stdout);
    assert.deepEqual([code, document.state, document.tag.outcome], [4, "restored", "restored"], stdout + stderr);
    assert.match(document.failure.reason, new RegExp(`edge ${what} 30 s after the tag was moved`));
    assert.equal(tagRevision(), "1-28");
    await mesh.api.delete(path);
  });
