/** One danger case: what mesh-cleanup does, then what `istioctl uninstall` does and breaks. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Effect, Measured } from "../../../fixtures/danger-measured.ts";
import type { Mesh, Result } from "../../kit.ts";
import { fileOf } from "../../mesh/programs.ts";
import type { DangerCase } from "./cases.ts";
import type { Probe } from "./probes.ts";

export const istioctlVersion = "1.20.0";
export const uninstallCommand = "istioctl uninstall --revision 1-19 -y";

const limitMs = 120_000;

export const checkOnly = (mesh: Mesh): Promise<Result> =>
  mesh.run("mesh-cleanup", ["--revision", "1-19", "--check-only", "--soak", "0s"]);

/**
 * Measures a case on a mesh in which nothing needs 1-19; when it ends, 1-19 is uninstalled. Throws where mesh-cleanup
 * has changed something.
 */
export async function measure(mesh: Mesh, { cleanup = checkOnly, ...given }: DangerCase): Promise<Measured> {
  const { code: ours, stdout, stderr } = await cleanup(mesh);
  console.log(`  mesh-cleanup: ${ours}`);
  if (ours === undefined || ours === 0)
    throw new Error(`${given.what}: mesh-cleanup found nothing\n${stdout}${stderr}`);
  await mesh.api.get("/apis/apps/v1/namespaces/istio-system/deployments/istiod-1-19");
  await given.beforeUninstall?.(mesh);
  await sleep(1500); // the API server takes up webhooks, istiod objects
  const before = await answersOf(mesh, given.probes);
  const timeline = follow(
    mesh,
    given.probes.filter(({ isQuick }) => isQuick),
  );
  let printsFirst = (): void => {};
  const firstOutput = new Promise<void>((resolve) => {
    printsFirst = resolve;
  });
  const istioctl = fileOf(`istio-${istioctlVersion}`, "bin/istioctl");
  const uninstall = mesh.shell(`${istioctl} ${uninstallCommand.slice("istioctl ".length)}`, {
    env: { HOME: mesh.dir },
    timeout: limitMs,
    onStart: ({ stdout, stderr }) => [stdout, stderr].forEach((stream) => void stream?.once("data", printsFirst)),
  });
  await Promise.race([firstOutput, uninstall]);
  await given.meanwhile?.(mesh);
  const { code, stdout: printed, stderr: said } = await uninstall;
  if (code !== undefined) await mesh.eventually("istiod to be gone", () => istiodIsGone(mesh), 60);
  await sleep(2000);
  const between = await timeline();
  const after = await answersOf(mesh, given.probes);
  const effects = given.probes.map(({ what }, at): Effect => {
    const [first = "", last = ""] = [before[at], after[at]];
    const meanwhile = (between.get(what) ?? []).filter(({ answer }) => answer !== first && answer !== last);
    return { what, before: first, ...(meanwhile.length > 0 && { meanwhile }), after: last };
  });
  return { cleanup: ours, code: code ?? null, output: linesOf(printed + said), effects };
}

async function istiodIsGone(mesh: Mesh): Promise<boolean> {
  const selector = encodeURIComponent("app=istiod,istio.io/rev=1-19");
  const { items } = await mesh.api.get(`/api/v1/namespaces/istio-system/pods?labelSelector=${selector}`);
  return items.length === 0;
}

async function answersOf(mesh: Mesh, probes: readonly Probe[]): Promise<readonly string[]> {
  const answers: string[] = [];
  for (const probe of probes) answers.push(await probe.ask(mesh));
  return answers;
}

type Span = NonNullable<Effect["meanwhile"]>[number];

/** Asks each probe every 100 ms until what is given back is called: its answers in their order, and how long each. */
function follow(mesh: Mesh, probes: readonly Probe[]): () => Promise<ReadonlyMap<string, readonly Span[]>> {
  const spans = new Map<string, { answer: string; seconds: number }[]>(probes.map(({ what }) => [what, []]));
  let going = true;
  const loops = probes.map(async ({ what, ask }) => {
    const seen = spans.get(what) ?? [];
    while (going) {
      const began = performance.now();
      const [answer] = await Promise.all([ask(mesh), sleep(100)]);
      const seconds = (performance.now() - began) / 1000;
      const last = seen.at(-1);
      if (last?.answer === answer) last.seconds += seconds;
      else seen.push({ answer, seconds });
    }
  });
  return async () => {
    going = false;
    await Promise.all(loops);
    for (const span of [...spans.values()].flat()) span.seconds = Math.round(span.seconds * 10) / 10;
    return spans;
  };
}

/**
 * What istioctl prints, without the objects that it removes and without its log: a progress line is overwritten by
 * carriage returns.
 */
const linesOf = (output: string): readonly string[] =>
  output
    .split("\n")
    .map((line) => (line.split("\r").at(-1) ?? "").trim())
    .filter(
      (line) => line !== "" && !/^(Removed|Removing|deleted|-)|no longer exists$|\t(error|warn|info)\t/i.test(line),
    );
