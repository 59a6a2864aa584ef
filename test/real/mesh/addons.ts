/** What a mesh may have besides Istio: the Gateway API's kinds, and Argo Rollouts with its real controller. */
import type { Machine } from "./machine.ts";
import { runProgram } from "./process.ts";
import { fileOf } from "./programs.ts";

const kubectl = (kubeconfig: string, ...args: string[]) =>
  runProgram(fileOf("kubernetes", "bin/kubectl"), ["--kubeconfig", kubeconfig, ...args]);

/** Installs the CRDs of the Gateway API, standard channel. */
export async function installGatewayApi(kubeconfig: string): Promise<void> {
  await kubectl(kubeconfig, "apply", "--server-side", "-f", fileOf("gateway-api", "crds"));
}

/** Installs the CRDs of Argo Rollouts. */
export async function installArgoRollouts(kubeconfig: string): Promise<void> {
  await kubectl(kubeconfig, "apply", "--server-side", "-k", fileOf("argo-rollouts", "crds"));
}

/** Runs the controller of Argo Rollouts. */
export async function startArgoRollouts(machine: Machine, kubeconfig: string): Promise<void> {
  await machine.start("argo-rollouts", fileOf("argo-rollouts", "bin/rollouts-controller"), [
    ...["--kubeconfig", kubeconfig, "--leader-elect=false"],
    ...["--healthzPort", String(await machine.ports.next()), "--metricsport", String(await machine.ports.next())],
  ]);
}
