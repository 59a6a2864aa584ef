/** The usual verbs of the real kubectl work on the embedded mesh: what `npm run demo -- --keep` promises to a person. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { bootMesh, type EmbeddedMesh } from "../embedded/mesh.ts";
import { ensureBuilt, fileOf } from "./mesh/programs.ts";
import { type RunOptions, runToEnd } from "./mesh/run.ts";

let mesh: EmbeddedMesh;
before(async () => {
  await ensureBuilt(["kubernetes"]);
  mesh = await bootMesh({
    ...{ revisions: { default: "1.19.0", "1-20": "1.20.0" }, time: "real" },
    manifests: readFileSync("test/clusters/demo.yaml", "utf8"),
  });
  await mesh.waitReady("production");
});
after(() => mesh?.down());

/** Runs a command line; a word with spaces is in single quotes. */
const kubectl = (line: string, options: RunOptions = {}) => {
  const words = [...line.matchAll(/(?:'[^']*'|[^\s'])+/g)].map(([word]) => word.replaceAll("'", ""));
  const env = { ...process.env, KUBECONFIG: mesh.kubeconfig };
  return runToEnd(fileOf("kubernetes", "bin/kubectl"), words, env, { timeout: 60_000, ...options });
};

/** What a command line that succeeds prints. */
const done = async (line: string, options?: RunOptions): Promise<string> => {
  const { code, stdout, stderr } = await kubectl(line, options);
  assert.deepEqual([code, stderr], [0, ""], `kubectl ${line}: ${stderr}`);
  return stdout.trim();
};

const headOf = (table: string): readonly string[] => (table.split("\n")[0] ?? "").trim().split(/ {2,}/);

test("get: tables, JSON, names and single fields", async () => {
  const pods = await done("get pods -n production");
  assert.deepEqual(headOf(pods), ["NAME", "READY", "STATUS", "RESTARTS", "AGE"]);
  assert.match(pods, /^web-\S+ +2\/2 +Running +0 +\d+s$/m);
  assert.deepEqual(headOf(await done("get pods -n production -l app=web -o wide")), [
    ...["NAME", "READY", "STATUS", "RESTARTS", "AGE", "IP", "NODE"],
  ]);
  assert.match(await done("get deploy -n production"), /^web +4\/4 +\d+s$/m);
  assert.match(await done("get ns --show-labels"), /^production +Active +\d+s +istio-injection=enabled,/m);
  assert.match(await done("get all -A"), /^production +deployment\.apps\/web +4\/4 +\d+s$/m);
  assert.deepEqual(headOf(await done("get svc -n istio-system")), ["NAME", "AGE"]);
  assert.equal(JSON.parse(await done("get deploy web -n production -o json")).spec.replicas, 4);
  assert.match(await done("get deploy web -n production -o yaml"), /^kind: Deployment$/m);
  assert.equal(await done("get deploy web -n production -o name"), "deployment.apps/web");
  assert.equal(await done("get deploy web -n production -o jsonpath={.status.readyReplicas}"), "4");
  const missing = await kubectl("get deploy nope -n production");
  assert.deepEqual(
    [missing.code, missing.stderr],
    [1, 'Error from server (NotFound): deployments.apps "nope" not found\n'],
  );
});

test("describe: an object with its events", async () => {
  const told = await done("describe deploy web -n production");
  assert.match(told, /^Replicas: +4 desired \| 4 updated \| 4 total \| 4 available \| 0 unavailable$/m);
  assert.match(told, /ScalingReplicaSet/);
  assert.match(await done("describe pods -n production -l app=web"), /^ {2}istio-proxy:$/m);
  assert.match(await done("describe ns production"), /^Status: +Active$/m);
});

test("logs of a container", async () => {
  const [pod] = (await done("get pods -n production -l app=cart -o name")).split("\n");
  assert.notEqual(await done(`logs -n production ${pod} -c istio-proxy --tail=1`), "");
});

test("label and annotate: set, changed, removed", async () => {
  assert.equal(await done("label ns staging tier=gold"), "namespace/staging labeled");
  assert.match((await kubectl("label ns staging tier=silver")).stderr, /'tier' already has a value \(gold\)/);
  await done("label ns staging tier=silver --overwrite");
  assert.equal(await done("get ns staging -o jsonpath={.metadata.labels.tier}"), "silver");
  assert.equal(await done("label ns staging tier-"), "namespace/staging unlabeled");
  await done("annotate deploy web -n production note=hello");
  assert.equal(await done("get deploy web -n production -o jsonpath={.metadata.annotations.note}"), "hello");
  await done("annotate deploy web -n production note-");
});

test("rollout restart and status, scale, patch", async () => {
  assert.equal(await done("rollout restart deploy/cart -n production"), "deployment.apps/cart restarted");
  assert.match(
    await done("rollout status deploy/cart -n production --timeout=50s"),
    /deployment "cart" successfully rolled out$/,
  );
  assert.equal(await done("scale deploy/cart -n production --replicas=1"), "deployment.apps/cart scaled");
  for (const [type, body] of [
    ["strategic", '{"spec":{"replicas":2}}'],
    ["merge", '{"spec":{"minReadySeconds":1}}'],
    ["json", '[{"op":"replace","path":"/spec/minReadySeconds","value":2}]'],
  ])
    assert.equal(
      await done(`patch deploy cart -n production --type=${type} -p '${body}'`),
      "deployment.apps/cart patched",
    );
  assert.equal(await done("get deploy cart -n production -o jsonpath={.spec.replicas}{.spec.minReadySeconds}"), "22");
});

test("apply, by client and by server, and delete", async () => {
  const input = (color: string) =>
    JSON.stringify({
      apiVersion: "v1",
      kind: "List",
      items: [
        { apiVersion: "v1", kind: "Namespace", metadata: { name: "made" } },
        { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "paint", namespace: "made" }, data: { color } },
      ],
    });
  assert.equal(await done("apply -f -", { input: input("red") }), "namespace/made created\nconfigmap/paint created");
  assert.equal(
    await done("apply -f -", { input: input("blue") }),
    "namespace/made unchanged\nconfigmap/paint configured",
  );
  assert.equal(await done("get cm paint -n made -o jsonpath={.data.color}"), "blue");
  const byServer = await done("apply --server-side --force-conflicts -f -", { input: input("green") });
  assert.equal(byServer, "namespace/made serverside-applied\nconfigmap/paint serverside-applied");
  assert.equal(await done("delete cm paint -n made"), 'configmap "paint" deleted from made namespace');
  assert.equal(await done("delete ns made"), 'namespace "made" deleted');
  const pod = await done("get pods -n production -l app=web -o jsonpath={.items[0].metadata.name}");
  assert.match(await done(`delete pod ${pod} -n production`), /^pod "web-\S+" deleted/);
});
