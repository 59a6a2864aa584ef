/** The proxies that are connected to a control plane, and whether all of them are known. */
import type { ControlPlane, Istiod, Mesh } from "./model.ts";

/**
 * Whether the istiod of this control plane runs outside the cluster: its webhook has a URL, and there is no Deployment.
 */
export const isExternal = (mesh: Mesh, plane: ControlPlane): boolean =>
  plane.deployment === undefined &&
  mesh.injectors.some(
    (injector) => injector.revision === plane.revision && injector.entry.clientConfig.url !== undefined,
  );

/**
 * The number of proxies connected to a control plane. Each is counted once: while a proxy reconnects, two istiods may
 * list it. Undefined when one of its istiods did not answer, or when the control plane is external.
 */
export function connectedProxies(mesh: Mesh, plane: ControlPlane): number | undefined {
  const answers = mesh.answers.filter((answer) => answer.revision === plane.revision);
  if (isExternal(mesh, plane) || answers.length < plane.istiods.filter(isRunningIstiod).length) return undefined;
  const proxies = new Set<string>();
  for (const answer of answers) {
    if (answer.kind === "unanswered") return undefined;
    for (const proxy of answer.proxies) proxies.add(`${proxy.cluster ?? ""}/${proxy.namespace}/${proxy.pod}`);
  }
  return proxies.size;
}

/** Whether an istiod pod can be asked. A pod that is not started yet, or has ended, has no connected proxies. */
export const isRunningIstiod = ({ phase }: Istiod): boolean => phase === undefined || phase === "Running";

/** Whether all istiods of all control planes answered: only then a connection that is not listed does not exist. */
export const everyConnectionKnown = (mesh: Mesh): boolean =>
  mesh.controlPlanes.every((plane) => connectedProxies(mesh, plane) !== undefined);
