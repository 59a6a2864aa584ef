/**
 * What `istioctl uninstall` does where a revision is still needed: each case of docs/danger.md alone, on a real mesh in
 * which everything else was moved from 1-19 to 1-20, beside mesh-cleanup's exit code. Writes docs/danger-istioctl.json;
 * `npm run test:update` then writes the page. Arguments are beginnings of the names of cases; without, all of them.
 */

import { type DangerMeasured, type Measured, readMeasured, writeMeasured } from "../../../fixtures/danger-measured.ts";
import { deployment } from "../../../fixtures/workload-objects.ts";
import { type Mesh, upMesh } from "../../kit.ts";
import { type DangerCase, dangerCases } from "./cases.ts";
import { helmCase, measureHelm } from "./helm-release.ts";
import { tlsRouteKind } from "./objects.ts";
import { checkOnly, istioctlVersion, measure, uninstallCommand } from "./uninstall.ts";

const revisions = { "1-19": "1.19.0", "1-20": "1.20.0" };

async function moved(): Promise<Mesh> {
  const mesh = await upMesh({ revisions, gatewayApi: true, argoRollouts: true });
  await mesh.apply(tlsRouteKind);
  await mesh.createNamespace({ "istio.io/rev": "1-19" }, "production");
  await mesh.createNamespace({}, "plain");
  await mesh.apply([deployment({ namespace: "production", name: "web", replicas: 2 })]);
  await mesh.waitReady("production");
  await mesh.setTag("default", "1-20");
  const { code, stderr } = await mesh.run("mesh-migrate", ["-n", "production", "--to", "1-20"]);
  if (code !== 0) throw new Error(`mesh-migrate ended with ${code}:\n${stderr}`);
  return mesh;
}

/** One case, with 1-19 there again afterwards and nothing of the case left. */
async function alone(mesh: Mesh, given: DangerCase): Promise<Measured> {
  if (given.notMeasured !== undefined) return { notMeasured: given.notMeasured };
  await mesh.eventually("nothing to need 1-19", async () => (await checkOnly(mesh)).code === 0, 60);
  const applied = (await given.objects?.(mesh)) ?? [];
  if (applied.length > 0) await mesh.apply(applied);
  await given.begin?.(mesh);
  const measured = await measure(mesh, given);
  await given.end?.(mesh);
  const list = JSON.stringify({ apiVersion: "v1", kind: "List", items: applied });
  if (applied.length > 0) await mesh.kubectl(["delete", "--ignore-not-found", "-f", "-"], { input: list });
  await mesh.addRevision("1-19", revisions["1-19"]);
  await mesh.setTag("default", "1-20");
  return measured;
}

const chosen = process.argv.slice(2);
const isChosen = ({ what }: { readonly what: string }): boolean =>
  chosen.length === 0 || chosen.some((each) => what.startsWith(each));
const about = { command: uninstallCommand, istioctl: istioctlVersion, revisions };
const cases: Record<string, Measured> = chosen.length === 0 ? {} : { ...readMeasured().cases };
const keep = (what: string, measured: Measured): void => {
  cases[what] = measured;
  writeMeasured({ ...about, cases } satisfies DangerMeasured);
  console.log(`  ${JSON.stringify(measured)}`);
};

const here = dangerCases.filter(isChosen);
if (here.length > 0) {
  await using mesh = await moved();
  for (const given of here) {
    console.log(given.what);
    keep(given.what, await alone(mesh, given));
  }
}
if (isChosen({ what: helmCase })) keep(helmCase, await measureHelm(revisions));
