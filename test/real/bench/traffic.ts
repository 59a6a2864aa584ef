/**
 * What a move costs those who send requests, for docs/performance.md (`npm run bench:traffic`): the steps of the
 * published canary-upgrade page (https://istio.io/latest/docs/setup/upgrade/canary/#data-plane), namespace by namespace;
 * the same for all namespaces at once; and mesh-migrate. Each on namespaces of its own, of the same shape, under the same
 * stream, on one bed; `-- --pair native --namespaces 2 --pre-stop 5,0`.
 *
 * `-- --moves 10 [--kills 5] [--pair native]` is the long proof instead: so many moves there and back, and so many more
 * that are killed at random instants (KILL_SEED) and resumed, on both pairs. It fails where a request is lost.
 */
import { parseArgs } from "node:util";
import { random } from "../../embedded/sweep.ts";
import { type Mesh, upMesh } from "../kit.ts";
import { back, classic, go, goKilled, native, type Pair, there } from "../traffic/pairs.ts";
import { openShop } from "../traffic/shop.ts";
import { assertNoneLost, startStream, told } from "../traffic/stream.ts";
import { type Behaviour, servers, strict } from "../traffic/workloads.ts";

const { values } = parseArgs({
  options: {
    moves: { type: "string", default: "0" },
    kills: { type: "string", default: "0" },
    pair: { type: "string" },
    namespaces: { type: "string", default: "2" },
    "pre-stop": { type: "string", default: "5,0" },
  },
});
const pairs = { classic, native };
const chosen = values.pair === undefined ? [classic, native] : [pairs[values.pair as keyof typeof pairs]];

/** The servers of a comparison are probed and end in order; they differ in the seconds of their preStop. */
const shapes: readonly (readonly [string, Behaviour])[] = values["pre-stop"]
  .split(",")
  .map((seconds) => [seconds === "0" ? "no preStop" : `preStop of ${seconds} s`, { preStop: Number(seconds) }]);

interface Method {
  readonly name: string;
  readonly move: (mesh: Mesh, namespaces: readonly string[], to: string) => Promise<void>;
}

const script = async (mesh: Mesh, namespace: string, to: string): Promise<void> => {
  await mesh.kubectl(["label", "namespace", namespace, "istio-injection-", `istio.io/rev=${to}`, "--overwrite"]);
  await mesh.kubectl(["rollout", "restart", "deployment", "-n", namespace]);
  for (const name of workloads) await mesh.kubectl(["rollout", "status", "-n", namespace, `deployment/${name}`]);
};

const methods: readonly Method[] = [
  {
    name: "published steps",
    move: async (mesh, namespaces, to) => {
      for (const namespace of namespaces) await script(mesh, namespace, to);
    },
  },
  {
    name: "the same, all at once",
    move: async (mesh, namespaces, to) => {
      await Promise.all(namespaces.map((namespace) => script(mesh, namespace, to)));
    },
  },
  {
    name: "`kubectl mesh-migrate`",
    move: async (mesh, namespaces, to) => {
      const { code, stderr } = await mesh.run("mesh-migrate", ["-n", namespaces.join(), "--to", to]);
      if (code !== 0) throw new Error(`mesh-migrate ended with ${code}:\n${stderr}`);
    },
  },
];

const workloads = ["web", "api"] as const;
const elsewhere = "callers";

/** One row: failed of all, p99 during the move, and how long it took. */
async function compared(mesh: Mesh, { labels, to }: Pair, { name, move }: Method, shape: Behaviour): Promise<string> {
  const namespaces: string[] = [];
  for (let index = 0; index < Number(values.namespaces); index++) {
    const namespace = await mesh.createNamespace(labels);
    namespaces.push(namespace);
    await mesh.apply([strict(namespace), ...workloads.flatMap((each) => servers(namespace, each, 3, shape))]);
  }
  for (const namespace of namespaces) await mesh.waitReady(namespace, 180);
  await using stream = await startStream(
    mesh,
    namespaces.flatMap((namespace) =>
      workloads.map((each) => ({
        ...{ namespace: elsewhere, name: `${each}-${namespace}`, replicas: 1 },
        ...{ host: `${each}.${namespace}`, rate: 4 },
      })),
    ),
  );
  const mark = await stream.mark(120);
  const began = performance.now();
  await move(mesh, namespaces, to);
  const took = performance.now() - began;
  const traffic = await stream.since(mark);
  if (traffic.unknown.length > 0) throw new Error(told(traffic));
  console.error(`${name}: ${told(traffic)}`);
  await Promise.all(namespaces.map((each) => mesh.api.delete(`/api/v1/namespaces/${each}`)));
  return `${traffic.failed} of ${traffic.requests} | ${traffic.p99} | ${(took / 1000).toFixed(0)}`;
}

async function compare(pair: Pair): Promise<void> {
  await using mesh = await upMesh({ revisions: pair.revisions, traffic: true });
  await mesh.createNamespace(pair.labels, elsewhere);
  console.log("| servers | moved by | failed requests | p99 ms | seconds |\n| --- | --- | --- | --- | --- |");
  for (const [says, shape] of shapes)
    for (const method of methods)
      console.log(`| ${says} | ${method.name} | ${await compared(mesh, pair, method, shape)} |`);
}

/** Moves one shop again and again. */
async function prove(pair: Pair): Promise<void> {
  const seed = Number(process.env.KILL_SEED ?? Date.now() % 1_000_000);
  const next = random(seed);
  await using mesh = await upMesh({ revisions: pair.revisions, traffic: true });
  const { namespace, stream } = await openShop(mesh, { labels: pair.labels });
  const mark = await stream.mark();
  const [moves, kills] = [Number(values.moves), Number(values.kills)];
  for (let index = 0; index < moves + kills; index++) {
    const way = index % 2 === 0 ? there(pair) : back(pair);
    const said =
      index < moves
        ? await go(mesh, namespace, way).then(() => way.plugin)
        : await goKilled(mesh, namespace, way, next() * 15_000);
    const { failed, requests } = await stream.since(mark);
    console.log(`${index + 1}: ${said}, on ${way.arrives}; ${failed} of ${requests} requests failed so far`);
  }
  const traffic = await stream.since(mark);
  console.log(`${pair.from} to ${pair.to}, ${moves} moves, ${kills} killed (KILL_SEED=${seed}): ${told(traffic)}`);
  assertNoneLost(traffic);
}

if (values.moves !== "0" || values.kills !== "0") for (const pair of chosen) await prove(pair);
else await compare(chosen[0] ?? classic);
