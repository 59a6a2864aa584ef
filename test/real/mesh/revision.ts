/**
 * Installs and removes revisions with the tools their users use: the istioctl or the Helm charts of that very release.
 */
import path from "node:path";
import { type Api, eventually, type Json } from "./api.ts";
import { runProgram } from "./process.ts";
import { ensureBuilt, fileOf } from "./programs.ts";
import { isReady } from "./readiness.ts";

export interface Revision {
  /** Its name; `default` is an install without a revision. */
  readonly name: string;
  readonly version: string;
  readonly by: "istioctl" | "helm";
  readonly replicas: number;
  /** Values of the charts, as `pilot.env.X=y`. */
  readonly values?: readonly string[];
}

/** What runs `istioctl`, `helm` and `kubectl` needs: the file that names the cluster. */
export interface Access {
  readonly api: Api;
  readonly kubeconfig: string;
  readonly dir: string;
}

const namespace = "istio-system";

/** Installs a revision and comes back when it injects. */
export async function installRevision(access: Access, revision: Revision): Promise<void> {
  await ensureBuilt([`istio-${revision.version}`, ...(revision.by === "helm" ? ["helm"] : [])]);
  await (revision.by === "helm" ? installWithHelm(access, revision) : installWithIstioctl(access, revision));
  await eventually(`revision ${revision.name} to inject`, () => injects(access.api, revision.name), 60, 100);
}

/** Waits until every pod of the revisions' istiods is ready, and every revision injects. */
export async function waitForRevisions(api: Api, revisions: readonly Revision[]): Promise<void> {
  if (revisions.length === 0) return;
  await eventually("istiods to be ready", () => isReady(api, namespace), 90, 100);
  await Promise.all(
    revisions.map(({ name }) => eventually(`revision ${name} to inject`, () => injects(api, name), 60, 100)),
  );
}

/** Uninstalls a revision, as its users do. */
export async function uninstallRevision(access: Access, revision: Revision): Promise<void> {
  if (revision.by === "helm") await helm(access, "uninstall", `istiod-${revision.name}`, "-n", namespace, "--wait");
  else await runIstioctl(access, revision.version, ["uninstall", "-y", "--revision", revision.name]);
}

/** Runs the istioctl of a release against the mesh; gives back its stdout, throws where it fails. */
export function runIstioctl(access: Access, version: string, args: readonly string[]): Promise<string> {
  return runProgram(fileOf(`istio-${version}`, "bin/istioctl"), args, {
    env: { ...process.env, KUBECONFIG: access.kubeconfig, HOME: access.dir },
  });
}

async function installWithIstioctl(access: Access, { name, version, replicas, values = [] }: Revision): Promise<void> {
  const settings = [
    "profile=minimal",
    "values.pilot.autoscaleEnabled=false",
    `values.pilot.replicaCount=${replicas}`,
    ...values.map((value) => `values.${value}`),
  ];
  if (name !== "default") settings.push(`revision=${name}`);
  await runIstioctl(access, version, ["install", "-y", ...settings.flatMap((setting) => ["--set", setting])]);
}

async function installWithHelm(access: Access, { name, version, replicas, values = [] }: Revision): Promise<void> {
  const charts = fileOf(`istio-${version}`, "charts");
  const chart = (folder: string, release: string, settings: readonly string[]) =>
    helm(
      access,
      "upgrade",
      "--install",
      release,
      path.join(charts, folder),
      "-n",
      namespace,
      "--create-namespace",
      "--wait",
      ...settings.flatMap((setting) => ["--set", setting]),
    );
  await chart(
    "base",
    "istio-base",
    name === "default" ? [] : [`defaultRevision=${await defaultRevision(access, name)}`],
  );
  const settings = [
    `global.tag=${version}`,
    "global.hub=docker.io/istio",
    "autoscaleEnabled=false",
    "pilot.autoscaleEnabled=false",
  ];
  settings.push(`pilot.replicaCount=${replicas}`, `replicaCount=${replicas}`, ...values);
  if (name !== "default") settings.push(`revision=${name}`);
  await chart("istio-control/istio-discovery", name === "default" ? "istiod" : `istiod-${name}`, settings);
}

/** The revision that istio-base's validator already stands for, or this one where there is none yet. */
async function defaultRevision({ api }: Access, otherwise: string): Promise<string> {
  const validators = await api.get("/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations");
  const one = validators.items.find((item: Json) => item.metadata.name === "istiod-default-validator");
  return one?.metadata.labels?.["istio.io/rev"] ?? otherwise;
}

function helm(access: Access, ...args: string[]): Promise<string> {
  return runProgram(fileOf("helm", "bin/helm"), [...args, "--kubeconfig", access.kubeconfig], {
    env: { ...process.env, HOME: access.dir },
  });
}

/**
 * Whether a revision injects now. Creates nothing: asks, by a dry run, who would inject a pod labelled for the
 * revision.
 */
export async function injects(api: Api, revision: string): Promise<boolean> {
  const labels = { "sidecar.istio.io/inject": "true", ...(revision !== "default" && { "istio.io/rev": revision }) };
  const pod = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "probe", labels },
    spec: { containers: [{ name: "app", image: "app" }] },
  };
  const answer = await api.post("/api/v1/namespaces/default/pods?dryRun=All", pod);
  return JSON.parse(answer.metadata.annotations?.["sidecar.istio.io/status"] ?? "{}").revision === revision;
}
