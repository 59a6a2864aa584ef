/** Whether the containers of a workload wait until its proxy runs, as a revision would inject it. */
import type { Workload } from "../../mesh/model.ts";
import { heldByAnnotation } from "../../mesh/proxy/application-start.ts";
import type { Facts } from "../plan/moves.ts";
import type { NodeEvidence } from "./evidence/node-evidence.ts";
import { settingsIn, valueIn } from "./mesh-settings.ts";
import { becomesNative, injectsNative } from "./native-sidecars.ts";

/** A migration does not read the nodes: then it is not known whether an istiod of 1.27 or later uses native sidecars. */
export type StartFacts = Pick<Facts, "mesh" | "evidence"> & {
  readonly around?: { readonly nodes: Pick<NodeEvidence, "nodes"> };
};

/**
 * A native sidecar is started before the containers are. An ordinary one starts beside them, unless the mesh config, the
 * annotation of the template or the injector's values say `holdApplicationUntilProxyStarts`. Undefined where it cannot
 * be told: an istiod outside the cluster, settings that could not be read, another template than the sidecar's, a
 * container istio-proxy of the template's own. Source: `reorderPod` (istio/istio pkg/kube/inject/webhook.go) and
 * files/injection-template.yaml of 1.19, 1.20, 1.28 and 1.29.
 */
export const waitsForProxy = (
  { mesh, evidence, around }: StartFacts,
  workload: Workload,
  revision: string,
): boolean | undefined => {
  const plane = mesh.controlPlanes.find((each) => each.revision === revision);
  if (plane?.deployment === undefined || hasOwnProxy(workload)) return undefined;
  const injector = injectsNative(plane.version, plane.nativeSidecars, around?.nodes.nodes ?? []);
  const native = becomesNative(workload, plane.version, injector);
  if (native !== false) return native;
  const policy = mesh.injectors.find((each) => each.revision === revision)?.policy;
  const byValues = typeof policy === "object" ? policy.holdsApplication : undefined;
  const settings = evidence.discovery.find((each) => each.revision === revision)?.settings;
  if (byValues === undefined || settings === undefined) return undefined;
  const byMeshConfig = valueIn(settingsIn(settings, "defaultConfig"), "holdApplicationUntilProxyStarts") === true;
  return byValues || (heldByAnnotation(workload.template?.metadata?.annotations) ?? byMeshConfig);
};

const hasOwnProxy = ({ template }: Workload): boolean =>
  [...(template?.spec.containers ?? []), ...(template?.spec.initContainers ?? [])].some(
    ({ name }) => name === "istio-proxy",
  );
