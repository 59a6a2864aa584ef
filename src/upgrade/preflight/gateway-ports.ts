/** The ports on which the proxies of a gateway listen. */
import { matchesSelector } from "../../mesh/labels.ts";
import type { Workload } from "../../mesh/model.ts";
import type { ConfigEvidence, GatewayService } from "./evidence/config-evidence.ts";

/**
 * Of each server of the Gateways that select the workload: the port of the pods behind the first Service with the
 * server's port, else that port itself. Source: `resolvePorts` (istio/istio pilot/pkg/model/gateway.go). A named port
 * that the template does not have is left out: it is not known.
 */
export const listenedPorts = (workload: Workload, { servers, services }: ConfigEvidence): readonly number[] => {
  const labels = workload.template?.metadata?.labels;
  const before = services.filter(
    ({ namespace, selector, untranslated }) =>
      namespace === workload.namespace && !untranslated && matchesSelector({ matchLabels: selector }, labels),
  );
  const found = servers
    .filter(({ selector }) => matchesSelector({ matchLabels: selector }, labels))
    .flatMap(({ ports }) => ports)
    .flatMap((port) => translated(port, before, workload) ?? []);
  return [...new Set(found)].toSorted((a, b) => a - b);
};

const translated = (port: number, services: readonly GatewayService[], workload: Workload): number | undefined => {
  const target = services.flatMap(({ ports }) => ports).find((each) => each.port === port)?.target ?? port;
  return typeof target === "number" ? target : namedPort(workload, target);
};

const namedPort = ({ template }: Workload, name: string): number | undefined =>
  (template?.spec.containers ?? [])
    .flatMap(({ ports = [] }) => ports as readonly { readonly name?: string; readonly containerPort?: number }[])
    .find((port) => port.name === name)?.containerPort;
