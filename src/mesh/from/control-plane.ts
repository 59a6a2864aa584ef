/** Control planes, from istiod's Deployments, its pods and the injection webhooks. */

import { imageTag, parseVersion } from "../istio-version.ts";
import type { WebhookConfigurationObject, WorkloadObject } from "../kubernetes.ts";
import { labelOf } from "../labels.ts";
import type { ControlPlane, Istiod, Pod } from "../model.ts";
import { labelledRevision } from "../revision-names.ts";
import { calledRevisions, type RevisionsBehind } from "./called-revision.ts";

/**
 * The control planes, by revision: one for each istiod Deployment (label `app=istiod`), and one without a Deployment
 * for each revision that has only webhooks or pods (its Deployment was removed, or its istiod runs outside the
 * cluster).
 */
export const controlPlanesFrom = (
  deployments: readonly WorkloadObject[],
  pods: readonly Pod[],
  configurations: readonly WebhookConfigurationObject[],
  istioNamespace: string,
  behind: RevisionsBehind,
): ControlPlane[] => {
  const deployed = deployments.map((deployment): ControlPlane => {
    const { metadata, spec, status } = deployment;
    const namespace = metadata.namespace ?? "";
    const revision = labelledRevision(metadata.labels);
    return {
      revision,
      namespace,
      deployment: { name: metadata.name, uid: metadata.uid },
      version: versionOf(deployment),
      installer: installerOf(deployment),
      desiredReplicas: spec.replicas ?? 1,
      readyReplicas: status?.readyReplicas ?? 0,
      istiods: pods.filter((pod) => pod.namespace === namespace && podRevision(pod) === revision).map(istiodFrom),
      ...settingsOf(deployment),
    };
  });
  const known = new Set(deployed.map(({ revision }) => revision));
  const named = [...configurations.flatMap((each) => calledRevisions(each, behind)), ...pods.map(podRevision)];
  const bare = [...new Set(named)].filter((revision) => !known.has(revision));
  return [...deployed, ...bare.map((revision) => planeWithoutDeployment(revision, pods, istioNamespace))].toSorted(
    (a, b) => (a.revision < b.revision ? -1 : 1),
  );
};

/**
 * What variables of istiod set: additional mesh config, over which the revision's own one wins, and native sidecars
 * (istio/istio pilot/pkg/features, `SHARED_MESH_CONFIG` and `ENABLE_NATIVE_SIDECARS`).
 */
const settingsOf = ({ spec }: WorkloadObject): Pick<ControlPlane, "sharedMeshConfig" | "nativeSidecars"> => {
  const discovery = spec.template?.spec.containers.find(({ name }) => name === "discovery");
  const variable = (name: string) => discovery?.env?.find((each) => each.name === name)?.value;
  const [shared, native] = [variable("SHARED_MESH_CONFIG"), variable("ENABLE_NATIVE_SIDECARS")];
  return {
    ...(shared === undefined || shared === "" ? {} : { sharedMeshConfig: shared }),
    ...(native === undefined ? {} : { nativeSidecars: native }),
  };
};

const planeWithoutDeployment = (revision: string, pods: readonly Pod[], istioNamespace: string): ControlPlane => {
  const left = pods.filter((pod) => podRevision(pod) === revision);
  return {
    revision,
    namespace: left[0]?.namespace ?? istioNamespace,
    deployment: undefined,
    version: undefined,
    installer: "unknown",
    desiredReplicas: 0,
    readyReplicas: left.filter((pod) => pod.ready).length,
    istiods: left.map(istiodFrom),
  };
};

const podRevision = (pod: Pod): string => labelledRevision(pod.labels);

const istiodFrom = ({ name, namespace, uid, ready, terminating, phase }: Pod): Istiod => ({
  name,
  namespace,
  uid,
  ready,
  terminating,
  phase,
});

/** The known versions of the control planes, by revision. */
export const versionsOf = (controlPlanes: readonly ControlPlane[]): ReadonlyMap<string, string> =>
  new Map(
    controlPlanes.flatMap(({ revision, version }) => (version === undefined ? [] : [[revision, version] as const])),
  );

/**
 * The version by the image's tag, which is what runs, or else by the labels; not every installer sets them. Charts that
 * are built from source have 1.0.0 in their labels whatever the version is.
 */
const versionOf = ({ metadata, spec }: WorkloadObject): string | undefined => {
  const image = spec.template?.spec.containers.find((container) => container.name === "discovery")?.image;
  const chart = labelOf(metadata.labels, "app.kubernetes.io/version");
  const texts = [
    imageTag(image),
    labelOf(metadata.labels, "operator.istio.io/version"),
    chart === "1.0.0" ? undefined : chart,
  ];
  return texts.map(parseVersion).find((version) => version !== undefined);
};

/**
 * Helm's annotation is proof of Helm; its labels are not, because istioctl renders the same charts. An operator
 * (Sail's, or Istio's own up to 1.23) owns the Deployment, or puts a label with the name of its resource on it.
 */
const installerOf = ({ metadata }: WorkloadObject): ControlPlane["installer"] => {
  if (metadata.ownerReferences?.some(({ kind }) => ["Istio", "IstioRevision", "IstioOperator"].includes(kind)))
    return "operator";
  if (labelOf(metadata.annotations, "meta.helm.sh/release-name") !== undefined) return "helm";
  if (labelOf(metadata.labels, "operator.istio.io/managed") === undefined) return "unknown";
  const resource = labelOf(metadata.labels, "install.operator.istio.io/owning-resource") ?? "unknown";
  return resource === "unknown" || resource.startsWith("installed-state") ? "istioctl" : "operator";
};
