/** Removals from unusual states: half uninstalled, interrupted, owned by somebody else, created again meanwhile. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import Ajv from "ajv/dist/2020.js";
import { bootMesh } from "./mesh.ts";
import { everything, migrated, missingIn, removal, sinceNow } from "./removals.ts";
import { interrupt } from "./run.ts";

const schema = JSON.parse(readFileSync("schemas/removal.schema.json", "utf8"));
const isRemoval = new Ajv.default({ strict: true, allowUnionTypes: true }).compile(schema);

test("what an istioctl uninstall left that was killed half-way is removed by the same command", async () => {
  await using it = await migrated();
  const { mesh } = it;
  const remove = (path: string) => mesh.clock.during(mesh.api.delete(path));
  await remove("/apis/apps/v1/namespaces/istio-system/deployments/istiod");
  await remove("/api/v1/namespaces/istio-system/services/istiod");
  await mesh.pass(60_000);
  const { code, stdout, stderr } = await mesh.run("mesh-cleanup", [...removal, "-o", "json"]);
  assert.equal(code, 0, stdout + stderr);
  const document: unknown = JSON.parse(stdout);
  assert.ok(isRemoval(document), JSON.stringify(isRemoval.errors));
  assert.equal((document as { state: string }).state, "removed");
  const left = [...everything(mesh).keys()].filter((key) =>
    /\/istiod(-clusterrole-istio-system)?$|istio-validator-istio-system/.test(key),
  );
  assert.deepEqual(left, []);
});

test("a signal ends it between two steps, and the command that it prints goes on", async () => {
  await using it = await migrated();
  const { mesh } = it;
  const stop = new AbortController();
  const { code, stdout } = await mesh.run("mesh-cleanup", removal, {
    signal: stop.signal,
    onStderr: (text) => {
      if (/left, nothing needs it/.test(text)) stop.abort(interrupt);
    },
  });
  assert.equal(code, 130, stdout);
  assert.match(stdout, /go on: kubectl mesh-cleanup --revision default .*--yes/);
  assert.match(stdout, /put it back: kubectl mesh-cleanup --revision default .*--restore/);
  const before = everything(mesh);
  const again = await mesh.run("mesh-cleanup", removal);
  assert.equal(again.code, 0, again.stderr);
  assert.equal(missingIn(before, everything(mesh)).length, 15);
});

test("without a terminal and without --yes nothing is changed", async () => {
  await using it = await migrated();
  const { mesh } = it;
  const before = everything(mesh);
  const { code, stderr } = await mesh.run("mesh-cleanup", [
    "--revision",
    "default",
    ...sinceNow.filter((word) => word !== "--yes"),
  ]);
  assert.equal(code, 2, stderr);
  assert.match(stderr, /add --yes/);
  assert.deepEqual(missingIn(before, everything(mesh)), []);
});

test("a Helm release is left to Helm: its command is named only while everything in it is the revision's", async () => {
  await using it = await migrated();
  const { mesh } = it;
  const annotations = { "meta.helm.sh/release-name": "istiod", "meta.helm.sh/release-namespace": "istio-system" };
  await mesh.clock.during(
    mesh.api.merge("/apis/apps/v1/namespaces/istio-system/deployments/istiod", { metadata: { annotations } }),
  );
  const before = everything(mesh);
  const named = await mesh.run("mesh-cleanup", removal);
  assert.equal(named.code, 3, named.stderr);
  assert.match(
    named.stderr,
    /Helm release istiod in namespace istio-system looks after it.*helm uninstall istiod -n istio-system/,
  );
  await mesh.apply({
    ...{
      apiVersion: "apps/v1",
      kind: "DaemonSet",
      metadata: { name: "istio-cni-node", namespace: "istio-system", annotations },
    },
    spec: {
      selector: { matchLabels: { app: "cni" } },
      template: { metadata: { labels: { app: "cni" } }, spec: { containers: [{ name: "cni", image: "cni" }] } },
    },
  });
  const shared = await mesh.run("mesh-cleanup", removal);
  assert.equal(shared.code, 3, shared.stderr);
  assert.doesNotMatch(shared.stderr, /helm uninstall/);
  assert.match(shared.stderr, /istio-cni-node.*helm\.sh\/resource-policy=keep/);
  assert.deepEqual(missingIn(before, everything(mesh)), []);
});

test("a restore refuses where an object of another UID has one of the names", async () => {
  await using it = await migrated();
  const { mesh } = it;
  assert.equal((await mesh.run("mesh-cleanup", removal)).code, 0);
  const account = { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "istiod", namespace: "istio-system" } };
  await mesh.apply(account);
  const before = everything(mesh);
  const { code, stderr } = await mesh.run("mesh-cleanup", ["--revision", "default", "--restore"]);
  assert.equal(code, 3, stderr);
  assert.match(stderr, /serviceaccounts\/istio-system\/istiod was created again by somebody else/);
  assert.deepEqual(missingIn(everything(mesh), before), []);
});

test("a dry run shows what goes and what stays, as manifests too, and changes nothing", async () => {
  await using it = await migrated();
  const { mesh } = it;
  const before = everything(mesh);
  const args = ["--revision", "default", "--soak", "0s"];
  const table = await mesh.run("mesh-cleanup", [...args, "--dry-run", "server"]);
  assert.equal(table.code, 0, table.stderr);
  assert.match(table.stdout, /deployments\.apps\/istio-system\/istiod +name of the chart and label istio\.io\/rev/);
  const yaml = await mesh.run("mesh-cleanup", [...args, "--dry-run", "client", "-o", "json"]);
  const { kind, items } = JSON.parse(yaml.stdout);
  assert.deepEqual([kind, items.length], ["List", 15]);
  assert.ok(
    items.every(({ metadata }: { metadata: object }) => !("uid" in metadata) && !("resourceVersion" in metadata)),
  );
  assert.deepEqual([missingIn(before, everything(mesh)), missingIn(everything(mesh), before)], [[], []]);
});

test("an injector that others delete while the revision is removed is there again when it is put back", async () => {
  await using mesh = await bootMesh({ revisions: { "1-19": "1.19.0", "1-20": "1.20.0" } });
  await mesh.setTag("default", "1-20");
  const namespace = await mesh.createNamespace({});
  const injector = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/istio-sidecar-injector-1-19";
  const before = everything(mesh);
  let done: Promise<unknown> | undefined;
  const { code, stdout, stderr } = await mesh.run(
    "mesh-cleanup",
    ["--revision", "1-19", ...sinceNow, "--drain", "20s"],
    {
      onStderr: (text) => {
        if (done || !/left, nothing needs it/.test(text)) return;
        const status = JSON.stringify({ containers: ["istio-proxy"], revision: "1-19" });
        const pod = {
          ...{ apiVersion: "v1", kind: "Pod" },
          metadata: { name: "late", namespace, annotations: { "sidecar.istio.io/status": status } },
          spec: { containers: ["app", "istio-proxy"].map((name) => ({ name, image: name })) },
        };
        done = mesh.api.delete(injector).then(() => mesh.apply(pod));
      },
    },
  );
  await done;
  assert.equal(code, 4, stdout + stderr);
  assert.match(stdout, /^revision 1-19 is as it was before/m);
  const after = everything(mesh);
  assert.deepEqual(missingIn(before, after), []);
  const key = "mutatingwebhookconfigurations.admissionregistration.k8s.io/istio-sidecar-injector-1-19";
  assert.deepEqual(after.get(key), before.get(key));
});
