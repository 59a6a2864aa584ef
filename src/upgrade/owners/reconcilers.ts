/** Field managers of programs that keep namespaces as their source says, and put back what somebody else changed. */

/** A reconciler, in words for a person, and where its namespaces are written. */
export interface Reconciler {
  readonly name: string;
  readonly source: string;
}

/**
 * Each as its program names itself. Config Sync: GoogleContainerTools/kpt-config-sync pkg/api/configsync/register.go
 * (`FieldManager`). Capsule: projectcapsule/capsule pkg/api/meta (`FieldManagerCapsulePrefix`). Crossplane:
 * `FieldOwnerComposedPrefix` of its composite controller, and `crossplane-*-provider`, the name of the binary. Fleet:
 * rancher/fleet#5460 (`fleet-agent-namespace-metadata`), before it `fleetagent`, the name of the binary. Open Cluster
 * Management: open-cluster-management-io/api work/v1/types.go (`DefaultFieldManager`), and `work`, the name of the
 * binary. kapp-controller: the name of the binary; `kapp` alone is also a person's tool. `manager` is what
 * controller-runtime's projects name their binary (DataDog/datadog-operator#788). A client that gives no name is named
 * by its binary: kubernetes/client-go rest/config.go `DefaultKubernetesUserAgent`.
 */
const reconcilers: readonly (Reconciler & { readonly manager: RegExp })[] = [
  { manager: /^configsync\.gke\.io$/, name: "Config Sync", source: "the source that Config Sync syncs" },
  { manager: /^(projectcapsule\.dev(\/|$)|capsule$)/, name: "Capsule", source: "the Tenant of Capsule" },
  {
    manager: /^(apiextensions\.crossplane\.io\/composed|crossplane-)/,
    name: "Crossplane",
    source: "the resource of Crossplane that composes this namespace",
  },
  { manager: /^(fleetagent|fleet-agent)/, name: "Fleet", source: "the bundle of Fleet (namespaceLabels)" },
  {
    manager: /^(work|work-agent)$/,
    name: "the work agent of Open Cluster Management",
    source: "the ManifestWork on the hub",
  },
  { manager: /^kapp-controller$/, name: "kapp-controller", source: "the App of kapp-controller" },
  {
    manager: /^manager$/,
    name: "a controller (field manager 'manager')",
    source: "the object from which this controller takes the labels",
  },
];

/** The reconciler of this field manager; undefined for a person's tool, and for programs that write once. */
export const reconcilerOf = (manager: string): Reconciler | undefined =>
  reconcilers.find((each) => each.manager.test(manager));
