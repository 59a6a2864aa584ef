/** Where the istiod of a revision runs, the one notion that every check and view goes by; and the default revision. */
import type { Injector, Istiod, Mesh } from "./model.ts";

/**
 * `here`: it has a Deployment or pods in this cluster, running or not · `external`: it is reached by a URL, or by a
 * Service that leads out of the cluster · `managed`: the same, and a provider runs it · `missing`: certainly nothing
 * answers its webhook, and it has no istiod · `unknown`: something may answer, which was not found or could not be read.
 */
export type IstiodPlace = "here" | "external" | "managed" | "missing" | "unknown";

/** What is known of the control planes. */
export type ControlPlanesOf = Pick<
  Mesh,
  "controlPlanes" | "injectors" | "istiodServices" | "servicesUnread" | "istioNamespace"
>;

/**
 * Source of `external`: the remote cluster of a primary-remote mesh, and the external control plane
 * (https://istio.io/latest/docs/setup/install/external-controlplane/; istio-discovery/templates/remote-istiod-service.yaml).
 */
export const whereabouts = (mesh: ControlPlanesOf, revision: string): IstiodPlace => {
  if (mesh.controlPlanes.some((plane) => plane.revision === revision && (plane.deployment || plane.istiods.length > 0)))
    return "here";
  const calling = mesh.injectors.filter((injector) => injector.revision === revision);
  if (calling.some(({ entry }) => entry.clientConfig.url !== undefined))
    return isManaged(revision) ? "managed" : "external";
  const leads = [
    ...calling.map(({ service }) => service),
    ...(mesh.istiodServices ?? []).filter((service) => service.revision === revision).map(({ lead }) => lead),
  ];
  if (leads.some((lead) => lead === "addresses" || lead === "name")) return "external";
  if (calling.some(mayAnswer)) return "unknown";
  return calling.length === 0 && mesh.servicesUnread?.includes(mesh.istioNamespace) ? "unknown" : "missing";
};

/**
 * Its Service has endpoints that are no istiod of this mesh, or these are not known. Where it was not looked for, the
 * istiods that were found are all.
 */
const mayAnswer = ({ service, readyEndpoints }: Injector): boolean =>
  service === "unread" || (service === "pods" && readyEndpoints !== 0);

/**
 * Google runs the control planes of these revisions, each beside a ControlPlaneRevision of its name. Source:
 * GoogleCloudPlatform/anthos-service-mesh-packages#865 (`asm-managed`, `asm-managed-rapid`, `asm-managed-stable`).
 */
const isManaged = (revision: string): boolean => /^asm-managed(-rapid|-stable)?$/.test(revision);

/** Whether its istiod runs outside this cluster, where nobody can be asked from here. */
export const isElsewhere = (mesh: ControlPlanesOf, revision: string): boolean =>
  ["external", "managed"].includes(whereabouts(mesh, revision));

/** Whether it is certain that the revision has no istiod, here or elsewhere. */
export const isMissing = (mesh: ControlPlanesOf, revision: string): boolean =>
  whereabouts(mesh, revision) === "missing";

/** Revisions that certainly have an istiod, in this cluster or outside it. */
export const revisionsWithIstiod = (mesh: Mesh): ReadonlySet<string> => {
  const named = [
    ...mesh.controlPlanes.map(({ revision }) => revision),
    ...mesh.injectors.map(({ revision }) => revision),
    ...(mesh.istiodServices ?? []).map(({ revision }) => revision),
  ];
  return new Set(
    [...new Set(named)].filter((revision) => ["here", "external", "managed"].includes(whereabouts(mesh, revision))),
  );
};

/**
 * Whether an address of an istiod (`HOST:PORT`) leads out of the cluster for all that is known: to a host that is no
 * Service, or by a Service that leads out.
 */
export const leadsOut = (mesh: Mesh, address: string | undefined): boolean => {
  const service = serviceIn(address, mesh.istioNamespace);
  if (service === undefined) return address !== undefined;
  return (mesh.istiodServices ?? []).some(
    ({ namespace, name, lead }) => lead !== "pods" && namespace === service.namespace && name === service.name,
  );
};

/** The Service that an address names: `NAME`, `NAME.NAMESPACE` or `NAME.NAMESPACE.svc…`; undefined for other hosts. */
export const serviceIn = (
  address: string | undefined,
  ownNamespace: string,
): { readonly namespace: string; readonly name: string } | undefined => {
  const [name = "", namespace = ownNamespace, kind = "svc"] = (address ?? "").replace(/:\d+$/, "").split(".");
  return name === "" || kind !== "svc" || /^[\d[]/.test(name) ? undefined : { namespace, name };
};

/** One that is still coming up or has ended holds no proxies, and is not asked. */
export const isRunningIstiod = ({ phase }: Istiod): boolean => phase === undefined || phase === "Running";

/**
 * The revision behind `istio-injection=enabled`: of the tag `default`, else of an un-revisioned install whose webhook
 * is active.
 */
export function defaultRevision(mesh: Mesh): string | undefined {
  const tag = mesh.tags.find((each) => each.tag === "default" && each.injects);
  if (tag !== undefined) return tag.revision;
  return mesh.injectors.some(
    (injector) => injector.revision === "default" && injector.tag === undefined && !injector.deactivated,
  )
    ? "default"
    : undefined;
}
