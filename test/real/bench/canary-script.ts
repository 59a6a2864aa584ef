/**
 * The published script istio-canary-upgrade.sh beside examples/canary-upgrade.sh, with the same arguments, each on a
 * fresh mesh: 1.19.0 without a revision, and in each of the namespaces staging and production a Deployment, a
 * StatefulSet and a DaemonSet, whose pods are ready after 4 to 10 s. The script is not ours to ship: copy it from
 * https://oneuptime.com/blog/post/2026-01-24-istio-upgrade-no-downtime/view ("Automation Script") into a file, and give
 * the file as the argument.
 */
import path from "node:path";
import { daemonSet, deployment, statefulSet } from "../../fixtures/workload-objects.ts";
import { type Json, type Mesh, type Result, upMesh } from "../kit.ts";
import { ensureBuilt, fileOf } from "../mesh/programs.ts";

const [published] = process.argv.slice(2);
if (published === undefined) throw new Error("the file of the published script is missing; see the head of this file");
const ours = path.join(import.meta.dirname, "..", "..", "..", "examples", "canary-upgrade.sh");
const namespaces = ["staging", "production"] as const;
const readyAfter = [4_000, 10_000] as const;

async function seed(mesh: Mesh): Promise<void> {
  for (const namespace of namespaces) {
    await mesh.createNamespace({ "istio-injection": "enabled" }, namespace);
    await mesh.apply([
      deployment({ namespace, name: "web", readyAfter }),
      statefulSet({ namespace, name: "db", readyAfter }),
      daemonSet({ namespace, name: "agent", readyAfter }),
    ]);
  }
  for (const namespace of namespaces) await mesh.waitReady(namespace);
}

const isOld = (pod: Json): boolean => pod.metadata.annotations?.["istio.io/rev"] === "default";
const kindOf = (pod: Json): string => pod.metadata.ownerReferences[0].kind.replace("ReplicaSet", "Deployment");

/** Counts of the pods that are on the old revision, by the kind of their workload. */
async function leftBehind(mesh: Mesh): Promise<string> {
  const pods = (await Promise.all(namespaces.map((namespace) => mesh.pods(namespace)))).flat();
  const old = pods.filter(isOld);
  const kinds = [...Map.groupBy(old, kindOf)].map(([kind, each]) => `${each.length} of ${kind}s`);
  return `${old.length} of ${pods.length}${old.length === 0 ? "" : ` (${kinds.join(", ")})`}`;
}

async function bench(title: string, run: (mesh: Mesh) => Promise<Result>): Promise<void> {
  await using mesh = await upMesh({ revisions: { default: "1.19.0" } });
  await seed(mesh);
  using recorder = await mesh.recorder();
  const { code, ms, stdout, stderr } = await run(mesh);
  const fell = namespaces.flatMap((namespace) => recorder.report(namespace)).filter(({ ok }) => !ok);
  console.log(`\n### ${title}\n${stdout}${stderr}`);
  console.log(`time: ${(ms / 1000).toFixed(0)} s; exit code ${code}`);
  console.log(`pods left on the old revision: ${await leftBehind(mesh)}`);
  console.log(`workloads below their bound: ${fell.map((each) => JSON.stringify(each)).join(" ") || "none"}`);
  const uses = await mesh.run("mesh-cleanup", ["--revision", "default", "--check-only", "--soak", "0s"]);
  console.log(`mesh-cleanup --revision default --check-only: exit code ${uses.code}\n${uses.stdout}`);
}

await ensureBuilt(["istio-1.20.0"]);
const istioctl = fileOf("istio-1.20.0", "bin/istioctl");
const words = `1.20.0 ${namespaces.join(" ")}`;
await bench("published", (mesh) =>
  mesh.shell(`PATH="${path.dirname(istioctl)}:$PATH" bash ${path.resolve(published)} ${words}`, {
    env: { HOME: mesh.dir },
    timeout: 900_000,
  }),
);
await bench("ours", (mesh) =>
  mesh.shell(`sh ${ours} ${words}`, { env: { ISTIOCTL: istioctl, HOME: mesh.dir }, timeout: 900_000 }),
);
