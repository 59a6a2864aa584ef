/**
 * The objects that a tag move writes, held object by object against those that `istioctl tag set` of the target's own
 * version makes: 1.19.0, 1.20.0, 1.28.2 and 1.29.1.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type TagObjects, tagPieces } from "../../src/upgrade/tags/tag-objects.ts";
import { caBundlesOf, partsOf, type TagObject, tagObjectText } from "../../src/upgrade/tags/tag-parts.ts";
import { deployment } from "../fixtures/workload-objects.ts";
import { type Json, type Mesh, upMesh } from "./kit.ts";

const admission = "/apis/admissionregistration.k8s.io/v1";

async function read(mesh: Mesh): Promise<TagObjects> {
  const items = async (path: string): Promise<readonly TagObject[]> => (await mesh.api.get(path)).items;
  return {
    istioNamespace: "istio-system",
    mutating: await items(`${admission}/mutatingwebhookconfigurations`),
    validating: await items(`${admission}/validatingwebhookconfigurations`),
    services: await items("/api/v1/namespaces/istio-system/services"),
  };
}

/** Without the installer's labels, which a tag of ours does not keep. */
const withoutOperator = (labels: Readonly<Record<string, string>>) =>
  Object.fromEntries(Object.entries(labels).filter(([key]) => !key.includes("operator.istio.io")));

/** istiod writes bundle and failure policy of a new object some seconds after it was made. */
const eventuallyWritten = (mesh: Mesh, tag: string): Promise<TagObjects> =>
  mesh.eventually(`istiod to have written the bundles of tag ${tag}`, async () => {
    const objects = await read(mesh);
    const made = [...objects.mutating, ...objects.validating].filter(
      ({ metadata }) => metadata.labels?.["istio.io/tag"] === tag,
    );
    const entries = made.flatMap(({ webhooks = [] }) => webhooks as readonly Json[]);
    const ready = entries.every(({ clientConfig, failurePolicy }) => clientConfig.caBundle && failurePolicy === "Fail");
    return ready ? objects : undefined;
  });

for (const revisions of [
  { default: "1.19.0", "1-20": "1.20.0" },
  { "1-28": "1.28.2", "1-29": "1.29.1" },
])
  test(`${Object.values(revisions).join(" and ")}: tags default and prod-stable of each revision`, async () => {
    await using mesh = await upMesh({ revisions });
    for (const [revision, version] of Object.entries(revisions))
      for (const tag of ["prod-stable", "default"]) {
        const before = await read(mesh);
        const ours = tagPieces(before, { tag, revision, version });
        assert.ok(ours);
        await mesh.setTag(tag, revision);
        const after = await eventuallyWritten(mesh, tag);
        const bundles = caBundlesOf([...after.mutating, ...after.validating]);
        const theirs = [...after.mutating, ...after.validating, ...after.services];
        for (const piece of ours) {
          const name = `${tag} to ${revision}: ${tagObjectText(piece.ref)}`;
          const made = theirs.find(({ metadata }) => metadata.name === piece.ref.name);
          assert.ok(made, name);
          const parts = partsOf(made);
          const isInjector = parts.labels["istio.io/tag"] === undefined;
          assert.deepEqual(
            { ...piece.after, labels: withoutOperator(piece.after.labels) },
            { ...parts, labels: withoutOperator(parts.labels) },
            name,
          );
          if (!isInjector)
            assert.deepEqual(
              Object.keys(piece.after.labels).filter((key) => key.includes("operator.istio.io")),
              [],
              name,
            );
          for (const { clientConfig } of (made.webhooks ?? []) as readonly Json[])
            assert.equal(
              clientConfig.caBundle,
              bundles[`${clientConfig.service.namespace}/${clientConfig.service.name}`],
              `${name}: the bundle of the revision's own webhook`,
            );
        }
        const ofTag = theirs.filter(({ metadata }) => metadata.labels?.["istio.io/tag"] === tag);
        assert.deepEqual(
          ofTag.map(({ metadata }) => metadata.name).sort(),
          ours
            .filter(({ after }) => after.labels["istio.io/tag"] === tag)
            .map(({ ref }) => ref.name)
            .sort(),
          `${tag} to ${revision}: the same objects`,
        );
      }
  });

/** A Gateway in a namespace of its own. Its Service needs no load balancer. */
async function withGateway(mesh: Mesh, labels: Readonly<Record<string, string>>): Promise<string> {
  const namespace = await mesh.createNamespace({});
  const annotations = { "networking.istio.io/service-type": "ClusterIP" };
  await mesh.apply({
    ...{ apiVersion: "gateway.networking.k8s.io/v1", kind: "Gateway" },
    metadata: { name: "edge", namespace, labels, annotations },
    spec: { gatewayClassName: "istio", listeners: [{ name: "http", port: 80, protocol: "HTTP" }] },
  });
  return namespace;
}

/** Waits until the proxy of the Gateway is connected to an istiod of the revision, and the Gateway programmed. */
const programmedBy = (mesh: Mesh, namespace: string, revision: string): Promise<true> =>
  mesh.eventually(`Gateway ${namespace}/edge to be programmed by ${revision}`, async () => {
    const { status } = await mesh.api.get(`/apis/gateway.networking.k8s.io/v1/namespaces/${namespace}/gateways/edge`);
    const isProgrammed = status?.conditions?.some((each: Json) => each.type === "Programmed" && each.status === "True");
    const held = [...(await mesh.heldProxies())].filter(([proxy]) => proxy.endsWith(`.${namespace}`));
    const revisions = held.flatMap(([, each]) => each.map((proxy) => proxy.revision));
    return isProgrammed && revisions.length > 0 && revisions.every((each) => each === revision) ? true : undefined;
  });

test("what mesh-migrate --tag wrote is what istioctl tag list shows, and istioctl tag set changes nothing of it", async (t) => {
  await using mesh = await upMesh({ revisions: { "1-28": "1.28.2", "1-29": "1.29.1" }, gatewayApi: true });
  await mesh.setTag("prod-stable", "1-28");
  const before = await read(mesh);
  const namespace = await mesh.createNamespace({ "istio.io/rev": "prod-stable" });
  await mesh.apply([deployment({ namespace, name: "web", readyAfter: [1000, 2000] })]);
  await mesh.waitReady(namespace);
  using recorder = await mesh.recorder();
  const tagsOf = async (): Promise<Json> => JSON.parse(await mesh.istioctl("1.29.1", ["tag", "list", "-o", "json"]));
  const listed = async (): Promise<Json> => (await tagsOf()).find(({ tag }: Json) => tag === "prod-stable");
  const partsOfTag = ({ mutating, services }: TagObjects) =>
    [...mutating, ...services]
      .filter(({ metadata }) => metadata.labels?.["istio.io/tag"] === "prod-stable")
      .map((each) => [each.metadata.name, partsOf(each)]);

  const { code, stdout, stderr } = await mesh.run("mesh-migrate", ["--tag", "prod-stable", "--to", "1-29"]);
  assert.equal(code, 0, stdout + stderr);
  assert.deepEqual(await listed(), { tag: "prod-stable", revision: "1-29", namespaces: [namespace] });
  const ours = partsOfTag(await read(mesh));
  await mesh.setTag("prod-stable", "1-29");
  assert.deepEqual(partsOfTag(await read(mesh)), ours);

  const back = await mesh.run("mesh-rollback", ["--tag", "prod-stable"]);
  assert.equal(back.code, 0, back.stdout + back.stderr);
  assert.deepEqual(await listed(), { tag: "prod-stable", revision: "1-28", namespaces: [namespace] });
  assert.deepEqual(partsOfTag(await read(mesh)), partsOfTag(before));
  assert.deepEqual(
    recorder.report(namespace).filter(({ ok }) => !ok),
    [],
  );
  await t.test("a Gateway with the tag as its label", () =>
    gatewayFollows(mesh, "prod-stable", { "istio.io/rev": "prod-stable" }),
  );
  await t.test("a Gateway without a label, behind tag default", () => gatewayFollows(mesh, "default", {}));
});

/** It is refused, moved where that is accepted and proven, and it goes back with the tag. */
async function gatewayFollows(mesh: Mesh, tag: string, labels: Readonly<Record<string, string>>): Promise<void> {
  await mesh.setTag(tag, "1-28");
  const namespace = await withGateway(mesh, labels);
  await programmedBy(mesh, namespace, "1-28");
  const move = ["--tag", tag, "--to", "1-29"];
  const refused = await mesh.run("mesh-migrate", move);
  assert.equal(refused.code, 3, refused.stdout + refused.stderr);
  const said = refused.stdout + refused.stderr;
  assert.match(said, new RegExp(`${namespace}/Gateway/edge: .*follows tag ${tag} .*gateways-pinned`));
  await programmedBy(mesh, namespace, "1-28");
  const moved = await mesh.run("mesh-migrate", [...move, "--allow-downtime", `${namespace}/gateway/edge`]);
  assert.equal(moved.code, 0, moved.stdout + moved.stderr);
  await programmedBy(mesh, namespace, "1-29");
  const back = await mesh.run("mesh-rollback", ["--tag", tag]);
  assert.equal(back.code, 0, back.stdout + back.stderr);
  await programmedBy(mesh, namespace, "1-28");
}
