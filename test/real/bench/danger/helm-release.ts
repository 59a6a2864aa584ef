/** The danger case of a Helm release that has the CNI plugin beside the revision, as a chart of charts makes it. */
import fs from "node:fs";
import path from "node:path";
import type { Measured } from "../../../fixtures/danger-measured.ts";
import { type Mesh, upMesh } from "../../kit.ts";
import { fileOf } from "../../mesh/programs.ts";
import { objectAt } from "./probes.ts";
import { measure } from "./uninstall.ts";

export const helmCase = "a Helm release that also has the CNI plugin";
const release = "istiod-1-19";

/** Measures it on a mesh of its own, for Istio's own release of 1-19 is by Helm there. */
export async function measureHelm(revisions: Readonly<Record<"1-19" | "1-20", string>>): Promise<Measured> {
  await using mesh = await upMesh({ revisions, helm: ["1-19"] });
  await withCni(mesh, revisions["1-19"]);
  await mesh.setTag("default", "1-20");
  const inIstio = "/namespaces/istio-system";
  return await measure(mesh, {
    what: helmCase,
    cleanup: async (mesh) => {
      const result = await mesh.run("mesh-cleanup", [
        ...["--revision", "1-19", "--soak", "0s", "--reason", "a bench", "--drain", "3s", "--yes"],
      ]);
      if (!/Helm release istiod-1-19 .* looks after it/.test(result.stderr + result.stdout))
        throw new Error(`mesh-cleanup ended with ${result.code}:\n${result.stdout}${result.stderr}`);
      return result;
    },
    probes: [
      objectAt("DaemonSet istio-cni-node", `/apis/apps/v1${inIstio}/daemonsets/istio-cni-node`),
      objectAt("ServiceAccount istiod-1-19", `/api/v1${inIstio}/serviceaccounts/istiod-1-19`),
      {
        what: "helm list",
        ask: async (mesh) => {
          const { stdout } = await helm(mesh, `list -n istio-system -q --deployed`);
          return stdout.split("\n").includes(release) ? `${release} deployed` : `no ${release}`;
        },
      },
    ],
  });
}

const helm = (mesh: Mesh, words: string) =>
  mesh.shell(`${fileOf("helm", "bin/helm")} ${words}`, { env: { HOME: mesh.dir } });

/** Upgrades the release to a chart that has istiod's and the CNI plugin's beside each other. */
async function withCni(mesh: Mesh, version: string): Promise<void> {
  const charts = fileOf(`istio-${version}`, "charts");
  const folder = path.join(mesh.dir, "platform");
  fs.mkdirSync(path.join(folder, "charts"), { recursive: true });
  fs.writeFileSync(path.join(folder, "Chart.yaml"), "apiVersion: v2\nname: platform\nversion: 0.1.0\n");
  for (const [from, name] of [
    ["istio-control/istio-discovery", "istiod"],
    ["istio-cni", "cni"],
  ] as const)
    fs.cpSync(path.join(charts, from), path.join(folder, "charts", name), { recursive: true });
  const settings = [
    ...["istiod.revision=1-19", "cni.revision=1-19", "istiod.pilot.autoscaleEnabled=false"],
    ...[`global.tag=${version}`, "global.hub=docker.io/istio"],
  ];
  const sets = settings.map((setting) => `--set ${setting}`).join(" ");
  const { code, stderr } = await helm(mesh, `upgrade ${release} ${folder} -n istio-system --wait ${sets}`);
  if (code !== 0) throw new Error(`helm upgrade ended with ${code}:\n${stderr}`);
}
