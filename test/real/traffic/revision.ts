/** A revision as a bed has it: Istio's own, but for what an upstream Envoy does not know. */
import type { Api } from "../mesh/api.ts";
import { type Access, installRevision, type Revision } from "../mesh/revision.ts";

/**
 * Off is what Istio adds to Envoy itself (the filters of telemetry, metadata exchange and ALPN); small is what a pod asks
 * for, as 40 of them are on one node.
 */
const values = [
  "telemetry.enabled=false",
  "pilot.env.PILOT_ENABLE_METADATA_EXCHANGE=false",
  "pilot.env.PILOT_ENABLE_ALPN_FILTER=false",
  "meshConfig.accessLogFile=/dev/stdout",
  "global.proxy.privileged=false",
  "pilot.resources.requests.cpu=20m",
  "pilot.resources.requests.memory=100Mi",
  "global.proxy.resources.requests.cpu=10m",
  "global.proxy.resources.requests.memory=40Mi",
];

/** Installs a revision and comes back when it injects. */
export async function installOnBed(access: Access, revision: Revision): Promise<void> {
  await installRevision(access, { ...revision, values: [...values, ...(revision.values ?? [])] });
  if (revision.version.startsWith("1.19.")) await removeAuthn(access.api);
}

/**
 * Istio 1.19 puts its network filter istio_authn (the peer's identity for authorization policies) before every HTTP filter
 * chain, and an upstream Envoy refuses the listener for it; 1.20 and later have no such filter.
 */
async function removeAuthn(api: Api): Promise<void> {
  const match = { context: "SIDECAR_INBOUND", listener: { filterChain: { filter: { name: "istio_authn" } } } };
  const metadata = { name: "no-istio-authn", namespace: "istio-system" };
  const at = `/apis/networking.istio.io/v1alpha3/namespaces/${metadata.namespace}/envoyfilters/${metadata.name}`;
  const filter = {
    apiVersion: "networking.istio.io/v1alpha3",
    kind: "EnvoyFilter",
    metadata,
    spec: { configPatches: [{ applyTo: "NETWORK_FILTER", match, patch: { operation: "REMOVE" } }] },
  };
  await api.apply(at, filter, "mesh-harness");
}
