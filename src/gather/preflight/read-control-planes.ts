/** Reads what a preflight judges the control planes by: their settings, their age, and what scales them. */
import type { Cluster } from "../../cluster/cluster.ts";
import { type Kind, kinds } from "../../cluster/kinds.ts";
import type { WorkloadObject } from "../../mesh/kubernetes.ts";
import type { Mesh } from "../../mesh/model.ts";
import type {
  ControlPlaneEvidence,
  ReportedVersion,
  RevisionConfig,
} from "../../upgrade/preflight/evidence/control-plane-evidence.ts";
import { textIn } from "../../upgrade/preflight/mesh-settings.ts";
import { debugPort } from "../ask-istiods.ts";
import { readRevisionConfigs } from "../config/revision-configs.ts";
import { type BudgetObject, budgetFrom } from "../evidence-objects.ts";
import { itemsOf, listKind, namesIn, someOf, type Where } from "../list-kind.ts";
import type { OptionalRead } from "../optional-read.ts";
import {
  type IstiodAutoscalerObject,
  istiodAutoscalerFrom,
  istiodDeploymentFrom,
  istiodStartFrom,
  type PolicyObject,
  policyProviders,
  type TelemetryObject,
  telemetryProviders,
} from "./control-plane-objects.ts";
import type { ReadFor } from "./read-for.ts";

/**
 * Reads it in few requests, side by side: lists of what there is few of, and one or two ConfigMaps of each revision.
 * Throws `ClusterError` where nothing can be read.
 */
export const readControlPlanes = async (
  cluster: Cluster,
  mesh: Mesh,
  namespaces: Where,
  readFor: ReadFor,
): Promise<ControlPlaneEvidence> => {
  const places = [...new Set(mesh.controlPlanes.flatMap((plane) => (plane.deployment ? [plane.namespace] : [])))];
  const ofIstiods = { labelSelector: "app=istiod" };
  const meshConfigs = readRevisionConfigs(cluster, mesh, readFor("trust-domain", true));
  const [kubernetes, deployments, pods, root, autoscalers, disruptionBudgets, providers, versions] = await Promise.all([
    readFor("kubernetes-version", true)("the version of the API server", cluster.version()),
    readFor("old-istiod-restarted", false)(
      "deployments of istiod",
      itemsOf(cluster.list(kinds.deployments as Kind<WorkloadObject>, ofIstiods, istiodDeploymentFrom)),
    ),
    readFor("old-istiod-restarted", false)(
      "pods of istiod",
      itemsOf(cluster.list(kinds.pods, ofIstiods, istiodStartFrom)),
    ),
    readFor("root-of-trust", false)(
      `ConfigMap ${mesh.istioNamespace}/istio-ca-root-cert`,
      cluster.get(kinds.configMaps, "istio-ca-root-cert", mesh.istioNamespace),
    ),
    listKind(
      cluster,
      places,
      readFor("target-autoscaler", false),
      kinds.autoscalers as Kind<IstiodAutoscalerObject>,
      istiodAutoscalerFrom,
    ),
    listKind(
      cluster,
      places,
      readFor("target-disruption-budget", false),
      kinds.disruptionBudgets as Kind<BudgetObject>,
      budgetFrom,
    ),
    meshConfigs.then((configs) =>
      readProviders(cluster, withRoots(mesh, namespaces, configs), readFor("providers-exist", true)),
    ),
    readVersions(cluster, mesh, readFor("target-version", false)),
  ]);
  return {
    kubernetes,
    deployments: deployments ?? [],
    pods: pods ?? [],
    meshConfigs: await meshConfigs,
    rootCertificates: root?.data?.["root-cert.pem"],
    autoscalers,
    disruptionBudgets,
    providers,
    versions,
  };
};

/** The namespaces that move, and those whose policies are for the whole mesh. */
const withRoots = (mesh: Mesh, namespaces: Where, configs: readonly RevisionConfig[]): Where => {
  const asked = namesIn(namespaces);
  if (asked === undefined) return namespaces;
  const known = new Set(mesh.namespaces.map(({ name }) => name));
  const roots = configs.map(({ settings }) => textIn(settings, "rootNamespace") ?? mesh.istioNamespace);
  return someOf(namespaces, [...new Set([...asked.filter((name) => known.has(name)), ...roots])]);
};

const readProviders = async (cluster: Cluster, where: Where, optional: OptionalRead) =>
  (
    await Promise.all([
      listKind(cluster, where, optional, kinds.authorizationPolicies as Kind<PolicyObject>, policyProviders),
      listKind(cluster, where, optional, kinds.telemetries as Kind<TelemetryObject>, telemetryProviders),
    ])
  ).flat(2);

/**
 * `/version` of every istiod that answered before, each asked once: an istiod that does not answer is told by another
 * check.
 */
const readVersions = async (
  cluster: Cluster,
  mesh: Mesh,
  optional: OptionalRead,
): Promise<readonly ReportedVersion[]> => {
  const answered = new Set(mesh.answers.flatMap((answer) => (answer.kind === "answered" ? [answer.istiod] : [])));
  const asked = mesh.controlPlanes.flatMap(({ istiods }) =>
    istiods.flatMap(({ namespace, name }) => {
      const istiod = `${namespace}/${name}`;
      return answered.has(istiod) ? [{ istiod, namespace, name }] : [];
    }),
  );
  const versions = await Promise.all(
    asked.map(async ({ istiod, namespace, name }): Promise<readonly ReportedVersion[]> => {
      const text = await optional(`istiod ${istiod}`, cluster.getFromPod({ namespace, name }, debugPort, "/version"));
      return text === undefined ? [] : [{ istiod, text: text.trim().slice(0, 200) }];
    }),
  );
  return versions.flat();
};
