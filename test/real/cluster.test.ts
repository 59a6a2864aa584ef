/**
 * The adapter against the real API server, and a real istiod behind a real port-forward: what the scripted server only
 * claims.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { systemClock } from "../../src/cluster/clock.ts";
import type { Cluster } from "../../src/cluster/cluster.ts";
import { connect } from "../../src/cluster/connect.ts";
import { kinds } from "../../src/cluster/kinds.ts";
import { eventually, isWrite, type Mesh, upMesh } from "./kit.ts";

let mesh: Mesh;
let cluster: Cluster;
const warned: string[] = [];
const open = (flags: object = {}): Promise<Cluster> =>
  connect(
    { kubeconfig: mesh.kubeconfig, ...flags },
    {
      userAgent: "mesh-test/1",
      fieldManager: "mesh-test",
      clock: systemClock,
      warn: (message) => warned.push(message),
    },
  );

before(async () => {
  mesh = await upMesh({ revisions: { "1-20": "1.20.0" } });
  cluster = await open();
});
after(async () => {
  await cluster?.close();
  await mesh?.down();
});

test("every kind of the table can be listed; those that are not installed are undefined", async () => {
  const installed = (await mesh.kubectl(["api-resources", "-o", "name"])).trim().split("\n");
  for (const [name, kind] of Object.entries(kinds)) {
    const listed = await cluster.list(kind, {}, (one) => one.metadata.name);
    const resource = kind.group === "" ? kind.plural : `${kind.plural}.${kind.group}`;
    assert.equal(listed !== undefined, installed.includes(resource), name);
    assert.match(listed?.resourceVersion ?? "1", /^\d+$/);
  }
});

test("a list in pages is what kubectl lists; metadata alone has nothing else", async () => {
  const namespace = await mesh.createNamespace({});
  await mesh.apply(
    Array.from({ length: 1_100 }, (_, i) => ({
      kind: "ConfigMap",
      apiVersion: "v1",
      metadata: { name: `c-${i}`, namespace },
      data: { a: "b" },
    })),
  );
  const listed = await cluster.list(kinds.configMaps, { namespace }, (one) => one.metadata.name);
  const theirs = (await mesh.kubectl(["get", "configmaps", "-n", namespace, "-o", "name"])).trim().split("\n");
  assert.deepEqual(
    listed?.items.map((name) => `configmap/${name}`),
    theirs,
  );
  const fields = await cluster.list(
    kinds.configMaps,
    { namespace, metadataOnly: true, fieldSelector: "metadata.name=c-7" },
    (one) => Object.keys(one).filter((key) => key !== "apiVersion" && key !== "kind"),
  );
  assert.deepEqual(fields?.items, [["metadata"]], "whether an item of a list repeats its type is up to the encoding");
});

test("one object, or none of that name", async () => {
  assert.equal((await cluster.get(kinds.namespaces, "istio-system"))?.metadata.name, "istio-system");
  for (const name of ["constructor", "120", "a".repeat(63)])
    assert.equal(await cluster.get(kinds.namespaces, name), undefined);
  assert.equal(await cluster.get(kinds.deployments, "none", "istio-system"), undefined);
  await assert.rejects(cluster.get(kinds.rollouts, "none", "istio-system"), {
    reason: "not-found",
    hint: /may not be installed/,
  });
});

test("a patch with a resourceVersion or UID that is not so any more changes nothing", async () => {
  const name = await mesh.createNamespace({ "istio-injection": "enabled" });
  const found = await cluster.get(kinds.namespaces, name);
  const patch = (metadata: object, more = {}) => cluster.patch(kinds.namespaces, { name }, { metadata }, { ...more });
  const labels = { "istio-injection": null, "istio.io/rev": "1-20" };
  const dry = await patch({ labels, resourceVersion: found?.metadata.resourceVersion }, { dryRun: true });
  assert.equal(dry.metadata.labels?.["istio.io/rev"], "1-20");
  assert.deepEqual((await cluster.get(kinds.namespaces, name))?.metadata.labels, found?.metadata.labels);
  const patched = await patch({ labels, resourceVersion: found?.metadata.resourceVersion });
  assert.deepEqual(
    [patched.metadata.labels?.["istio-injection"], patched.metadata.labels?.["istio.io/rev"]],
    [undefined, "1-20"],
  );
  assert.ok(patched.metadata.managedFields?.some(({ manager }) => manager === "mesh-test"));
  await assert.rejects(patch({ labels: { a: "b" }, resourceVersion: found?.metadata.resourceVersion }), {
    reason: "conflict",
    status: 409,
    ambiguous: false,
  });
  await assert.rejects(patch({ labels: { a: "b" }, uid: "00000000-0000-0000-0000-000000000000" }), {
    reason: "invalid",
    message: /uid.*immutable/,
  });
  await assert.rejects(patch({ labels: { a: "not a label" } }), { reason: "invalid", status: 422 });
});

test("a pod created for show is injected, and is not there", async () => {
  const namespace = await mesh.createNamespace({ "istio.io/rev": "1-20" });
  const pod = await eventually("an injected pod", async () => {
    const created = await cluster.create(
      kinds.pods,
      { metadata: { generateName: "probe-" }, spec: { containers: [{ name: "app", image: "app" }] } },
      { namespace, dryRun: true },
    );
    return created.metadata.annotations?.["sidecar.istio.io/status"] !== undefined && created;
  });
  assert.ok(pod.metadata.annotations?.["sidecar.istio.io/status"]?.includes('"revision":"1-20"'));
  assert.deepEqual((await cluster.list(kinds.pods, { namespace }, (one) => one.metadata.name))?.items, []);
});

test("a delete whose UID is not so any more deletes nothing", async () => {
  const name = await mesh.createNamespace({});
  const uid = (await cluster.get(kinds.namespaces, name))?.metadata.uid ?? "";
  await assert.rejects(cluster.delete(kinds.namespaces, { name }, "other", {}), { reason: "conflict" });
  await cluster.delete(kinds.namespaces, { name }, uid, { dryRun: true });
  assert.equal((await cluster.get(kinds.namespaces, name))?.metadata.deletionTimestamp, undefined);
  await cluster.delete(kinds.namespaces, { name }, uid, {});
  const left = await cluster.get(kinds.namespaces, name);
  assert.ok(left === undefined || left.metadata.deletionTimestamp !== undefined);
});

test("a watch hints at what changes, and at nothing else", async () => {
  const name = await mesh.createNamespace({});
  const stop = new AbortController();
  let hints = 0;
  cluster.watch(kinds.namespaces, { fieldSelector: `metadata.name=${name}` }, () => hints++, stop.signal);
  await eventually("the first hint", async () => hints === 1);
  await cluster.patch(kinds.namespaces, { name }, { metadata: { labels: { a: "b" } } }, {});
  await eventually("the second hint", async () => hints === 2);
  stop.abort();
});

test("istiod's pages, through port-forwards that are kept", async () => {
  // Not the server's clock: its whole seconds would reach back into the test before.
  const since = new Date();
  const names =
    (
      await cluster.list(
        kinds.pods,
        { namespace: "istio-system", labelSelector: "app=istiod" },
        (one) => one.metadata.name,
      )
    )?.items ?? [];
  const pod = { name: names[0] ?? "", namespace: "istio-system" };
  assert.match(await cluster.getFromPod(pod, 15014, "/version"), /^1\.20\.0/);
  for (let i = 0; i < 15; i++)
    assert.ok(Array.isArray(JSON.parse(await cluster.getFromPod(pod, 15014, "/debug/syncz"))));
  await assert.rejects(cluster.getFromPod(pod, 15014, "/nowhere"), { reason: "not-found" });
  await assert.rejects(cluster.getFromPod(pod, 9, "/"), { reason: "unreachable", message: /port 9/ });
  await assert.rejects(cluster.getFromPod({ ...pod, name: "none" }, 15014, "/"), {
    reason: "not-found",
    message: /forward a port of Pod "istio-system\/none"/,
  });
  const forwards = (await mesh.audit(since)).filter(
    ({ subresource, name }) => subresource === "portforward" && name === pod.name,
  );
  assert.ok(forwards.length >= 1 && forwards.length <= 3, `${forwards.length} port-forwards`);
  assert.deepEqual(
    (await mesh.audit(since)).filter((entry) => entry.userAgent === "mesh-test/1" && isWrite(entry)),
    [],
  );
});

test("somebody without rights is told which to ask for", async () => {
  await using nobody = await closing(open({ as: "eve" }));
  assert.deepEqual(
    await nobody.cluster.mayI({ verb: "list", group: "", resource: "pods" }).then(({ allowed }) => allowed),
    false,
  );
  await assert.rejects(
    nobody.cluster.list(kinds.pods, { namespace: "istio-system" }, () => 0),
    {
      reason: "forbidden",
      hint: /list pods in namespace "istio-system".*kubectl auth can-i list pods -n istio-system/,
    },
  );
  await assert.rejects(nobody.cluster.getFromPod({ name: "x", namespace: "istio-system" }, 15014, "/"), {
    reason: "forbidden",
    hint: /create pods\/portforward/,
  });
  await using group = await closing(open({ as: "eve", asGroup: ["a", "system:masters"] }));
  assert.equal(
    (await group.cluster.mayI({ verb: "patch", group: "apps", resource: "deployments", namespace: "x" })).allowed,
    true,
  );
});

test("the server's clock", async () => {
  assert.ok(Math.abs((await cluster.now()).getTime() - Date.now()) < 3_000);
});

async function closing(
  opened: Promise<Cluster>,
): Promise<{ readonly cluster: Cluster; [Symbol.asyncDispose](): Promise<void> }> {
  const own = await opened;
  return { cluster: own, [Symbol.asyncDispose]: () => own.close() };
}
