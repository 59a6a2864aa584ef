/** examples/canary-upgrade.sh on a real mesh: to its end, killed at random instants, with a canary that fails. */
import assert from "node:assert/strict";
import path from "node:path";
import { after, before, test } from "node:test";
import { deployment, statefulSet } from "../fixtures/workload-objects.ts";
import { type Json, type Mesh, upMesh } from "./kit.ts";
import { ensureBuilt, fileOf } from "./mesh/programs.ts";

const script = path.join(import.meta.dirname, "..", "..", "examples", "canary-upgrade.sh");
const seed = Number(process.env.KILL_SEED ?? Math.floor(Math.random() * 1e6));

let mesh: Mesh;
before(async () => {
  await ensureBuilt(["istio-1.20.0"]);
  mesh = await upMesh({ revisions: { default: "1.19.0" } });
});
after(() => mesh?.down());

const readyAfter = [500, 2000] as const;
async function meshed(name: string, more: readonly object[] = []): Promise<string> {
  await mesh.createNamespace({ "istio-injection": "enabled" }, name);
  await mesh.apply([
    ...["web", "api", "cart"].map((each) => deployment({ namespace: name, name: each, replicas: 2, readyAfter })),
    statefulSet({ namespace: name, name: "db", replicas: 2, readyAfter }),
    ...more,
  ]);
  await mesh.waitReady(name);
  return name;
}

const run = (words: string, killAfter?: number) =>
  mesh.shell(`${killAfter === undefined ? "" : `timeout -s KILL ${killAfter} `}sh ${script} ${words}`, {
    env: {
      ISTIOCTL: fileOf("istio-1.20.0", "bin/istioctl"),
      INSTALL_FLAGS: "--set values.pilot.autoscaleEnabled=false",
      CLEANUP_FLAGS: "--soak 0s --reason test --drain 3s --yes",
      HOME: mesh.dir,
    },
  });

const revisionsIn = async (namespace: string): Promise<readonly string[]> =>
  (await mesh.pods(namespace)).map((pod: Json) => pod.metadata.annotations?.["istio.io/rev"] ?? "none");

const istiods = async (): Promise<readonly string[]> =>
  (await mesh.api.get("/apis/apps/v1/deployments?labelSelector=app%3Distiod")).items.map(
    (each: Json) => each.metadata.labels["istio.io/rev"],
  );

test("a dry run changes nothing, and a wrong call is a usage error", async () => {
  await meshed("quiet");
  const { code, stderr } = await run("--dry-run 1.20.0 quiet");
  assert.equal(code, 0, stderr);
  assert.match(stderr, /would run .*istioctl install .*revision=1-20/);
  assert.deepEqual(await istiods(), ["default"]);
  assert.equal((await run("1.20.0")).code, 2);
  assert.equal((await run("--frob 1.20.0 quiet")).code, 2);
  assert.equal((await run("1.20.0 quite")).code, 5, "a namespace that is not there cannot be read");
});

test("a canary that fails: what is done stays, its own namespace is as before, and the exit code says so", async () => {
  await meshed("first");
  const failing = deployment({ namespace: "second", name: "a", replicas: 2, life: "crash", onRevision: "1-20" });
  await mesh.createNamespace({ "istio-injection": "enabled" }, "second");
  await mesh.apply([failing]);
  await mesh.waitReady("second");
  const { code, stderr } = await run("1.20.0 first second");
  assert.equal(code, 4, stderr);
  assert.match(stderr, /namespace second is not done/);
  assert.match(stderr, /on 1-20 already: first/);
  assert.deepEqual(new Set(await revisionsIn("first")), new Set(["1-20"]));
  const { labels } = (await mesh.api.get("/api/v1/namespaces/second")).metadata;
  assert.deepEqual([labels["istio-injection"], labels["istio.io/rev"]], ["enabled", undefined]);
  await mesh.eventually(
    "second is as before",
    async () => (await revisionsIn("second")).every((each) => each === "default"),
    60,
  );
  const { code: back, stderr: told } = await run("--rollback 1.20.0 first");
  assert.equal(back, 0, told);
  assert.deepEqual(new Set(await revisionsIn("first")), new Set(["default"]));
  await mesh.kubectl(["delete", "namespace", "first", "second", "quiet"]);
});

test("killed at ten random instants and run again each time: the same end", async (t) => {
  const namespaces = [await meshed("staging"), await meshed("production")];
  using recorder = await mesh.recorder();
  let state = seed;
  const next = (): number => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return 2 + (state / 2 ** 31) * 12;
  };
  const killed: string[] = [];
  for (let kill = 0; kill < 7; kill++) {
    const seconds = next().toFixed(1);
    const { code, signal } = await run(`1.20.0 ${namespaces.join(" ")}`, Number(seconds));
    killed.push(`${seconds} s: ${signal ?? code}`);
  }
  const done = await run(`1.20.0 ${namespaces.join(" ")}`);
  assert.equal(done.code, 0, done.stderr);
  for (const namespace of namespaces) assert.deepEqual(new Set(await revisionsIn(namespace)), new Set(["1-20"]));
  for (let kill = 0; kill < 3; kill++) {
    const seconds = (next() / 3).toFixed(1);
    const { code, signal } = await run(`--finish 1.20.0 ${namespaces.join(" ")}`, Number(seconds));
    killed.push(`finish ${seconds} s: ${signal ?? code}`);
  }
  const finished = await run(`--finish 1.20.0 ${namespaces.join(" ")}`);
  assert.equal(finished.code, 0, finished.stdout + finished.stderr);
  assert.deepEqual(await istiods(), ["1-20"]);
  t.diagnostic(`KILL_SEED=${seed}: ${killed.join(", ")}`);
  assert.ok(killed.filter((each) => /SIGKILL|137/.test(each)).length >= 5, "most of them were killed");
  for (const namespace of namespaces)
    assert.deepEqual(
      recorder.report(namespace).filter(({ ok }) => !ok),
      [],
    );
});
