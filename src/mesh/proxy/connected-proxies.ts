/** The proxies that are connected to a control plane, and whether all of them are known. */
import type { ControlPlane, Mesh } from "../model.ts";
import { isElsewhere, isRunningIstiod } from "../revision-state.ts";

/**
 * The number of proxies connected to a control plane. Each is counted once: while a proxy reconnects, two istiods may
 * list it. Undefined when one of its istiods did not answer, or when the control plane is external.
 */
export function connectedProxies(mesh: Mesh, plane: ControlPlane): number | undefined {
  const answers = mesh.answers.filter((answer) => answer.revision === plane.revision);
  if (isElsewhere(mesh, plane.revision) || answers.length < plane.istiods.filter(isRunningIstiod).length)
    return undefined;
  const proxies = new Set<string>();
  for (const answer of answers) {
    if (answer.kind === "unanswered") return undefined;
    for (const proxy of answer.proxies) proxies.add(`${proxy.cluster ?? ""}/${proxy.namespace}/${proxy.pod}`);
  }
  return proxies.size;
}

/** Whether all istiods of all control planes answered: only then a connection that is not listed does not exist. */
export const everyConnectionKnown = (mesh: Mesh): boolean =>
  mesh.controlPlanes.every((plane) => connectedProxies(mesh, plane) !== undefined);
