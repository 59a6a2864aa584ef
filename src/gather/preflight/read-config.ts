import type { Cluster } from "../../cluster/cluster.ts";
import { ClusterError } from "../../cluster/cluster-error.ts";
import { type Kind, kinds } from "../../cluster/kinds.ts";
import type { KubeObject } from "../../mesh/kubernetes.ts";
import { labelOf } from "../../mesh/labels.ts";
import type { Mesh } from "../../mesh/model.ts";
import { isRunningIstiod, revisionsWithIstiod } from "../../mesh/revision-state.ts";
import type {
  ConfigEvidence,
  GatewayService,
  LabelledObject,
  Leftover,
} from "../../upgrade/preflight/evidence/config-evidence.ts";
import { isInjectedGateway } from "../../upgrade/preflight/gateway-kind.ts";
import { readRemoteClusters } from "../disuse/read-remote-clusters.ts";
import { placeOf } from "../evidence-objects.ts";
import { readLeftovers } from "../inventory/read-leftovers.ts";
import { listKind, namesIn, type Where } from "../list-kind.ts";
import {
  type ApplicationObject,
  applicationFrom,
  type EnvoyFilterObject,
  envoyFilterFrom,
  gatewayServiceFrom,
  type IstioGatewayObject,
  serversFrom,
  workloadEntryFrom,
} from "./config-objects.ts";
import { readCertificates } from "./read-certificates.ts";
import type { ReadFor } from "./read-for.ts";

/**
 * Reads it in few requests, side by side: EnvoyFilters, Gateways and Applications of all namespaces, because those of
 * one can be about another. Throws `ClusterError` where nothing can be read.
 */
export const readConfig = async (
  cluster: Cluster,
  mesh: Mesh,
  namespaces: Where,
  readFor: ReadFor,
): Promise<ConfigEvidence> => {
  const names = namesIn(namespaces);
  const moving = names && new Set(names);
  const moves = (namespace: string): boolean => moving?.has(namespace) ?? true;
  const list = <T extends KubeObject, R>(check: string, where: Where, kind: Kind, project: (object: T) => R) =>
    listKind(cluster, where, readFor(check, false), kind as Kind<T>, project);
  const [
    envoyFilters,
    servers,
    services,
    applications,
    workloadEntries,
    workloadGroups,
    remoteClusters,
    leftovers,
    labelled,
    certificates,
  ] = await Promise.all([
    list<EnvoyFilterObject, ReturnType<typeof envoyFilterFrom>>(
      "envoy-filters-stop",
      "all",
      kinds.envoyFilters,
      envoyFilterFrom,
    ),
    list<IstioGatewayObject, ReturnType<typeof serversFrom>>("gateway-ports", "all", kinds.istioGateways, serversFrom),
    readGatewayServices(cluster, mesh, readFor),
    list<ApplicationObject, ReturnType<ReturnType<typeof applicationFrom>>>(
      "gitops-reverts",
      "all",
      kinds.applications,
      applicationFrom(moves),
    ),
    list("virtual-machines", namespaces, kinds.workloadEntries, workloadEntryFrom),
    list("virtual-machines", namespaces, kinds.workloadGroups, placeOf),
    readOtherClusters(cluster, mesh, readFor),
    readLeftRevisions(cluster, mesh, readFor),
    readLabelled(cluster, readFor),
    readCertificates(cluster, mesh),
  ]);
  return {
    ...{ envoyFilters, servers, services, applications: applications.flat() },
    ...{ workloadEntries, workloadGroups, remoteClusters, leftovers, labelled, certificates },
  };
};

const readGatewayServices = async (
  cluster: Cluster,
  mesh: Mesh,
  readFor: ReadFor,
): Promise<readonly GatewayService[]> => {
  const where = [...new Set(mesh.workloads.filter(isInjectedGateway).map(({ namespace }) => namespace))];
  const optional = readFor("gateway-ports", false);
  return (await listKind(cluster, where, optional, kinds.services, gatewayServiceFrom)).flat();
};

/** One istiod of each control plane is asked: all of a revision watch the same Secrets. */
const readOtherClusters = async (
  cluster: Cluster,
  mesh: Mesh,
  readFor: ReadFor,
): Promise<ConfigEvidence["remoteClusters"]> => {
  const optional = readFor("remote-clusters", false);
  const read = await Promise.all(
    mesh.controlPlanes.flatMap(({ revision, istiods }) => {
      const istiod = istiods.filter(isRunningIstiod).find(({ ready }) => ready);
      if (istiod === undefined) return [];
      const asked = readRemoteClusters(cluster, [istiod]).then((answers) =>
        answers.flatMap((answer) => {
          if (answer.kind === "unanswered") throw new ClusterError(answer.reason, { reason: "server" });
          return answer.clusters;
        }),
      );
      return [optional(`clusters of istiod ${istiod.name}`, asked).then((clusters = []) => ({ revision, clusters }))];
    }),
  );
  return read.filter(({ clusters }) => clusters.length > 0);
};

/** Kinds that a control plane reads by this label; Gateways of the Gateway API are in the mesh. */
const configGroups = ["networking.istio.io", "security.istio.io", "telemetry.istio.io", "extensions.istio.io"];

const readLabelled = async (cluster: Cluster, readFor: ReadFor): Promise<readonly LabelledObject[]> => {
  const optional = readFor("config-labelled", false);
  const served = (await optional("kinds of Istio", cluster.served(configGroups))) ?? [];
  const lists = served
    .filter(({ plural }) => plural !== kinds.envoyFilters.plural)
    .map((kind) =>
      listKind(cluster, "all", optional, kind, (object) => labelledFrom(kind, object), {
        labelSelector: "istio.io/rev",
        metadataOnly: true,
      }),
    );
  return (await Promise.all(lists)).flat();
};

const labelledFrom = ({ kind }: Kind, object: KubeObject): LabelledObject => ({
  ...{ kind, ...placeOf(object), revision: labelOf(object.metadata.labels, "istio.io/rev") ?? "" },
});

/** Without what still has an istiod here or elsewhere, or a proxy. */
const readLeftRevisions = async (cluster: Cluster, mesh: Mesh, readFor: ReadFor): Promise<readonly Leftover[]> => {
  const inUse = new Set([
    ...revisionsWithIstiod(mesh),
    ...mesh.pods.flatMap(({ proxy }) => proxy?.revision ?? []),
    ...mesh.namespaces.flatMap(({ injection }) => (injection.kind === "injected" ? injection.revision : [])),
  ]);
  const found = await readFor("leftovers", false)(
    "objects of removed revisions",
    readLeftovers(cluster, mesh.istioNamespace),
  );
  return (found ?? []).flatMap(({ revision, owned }) =>
    owned.length === 0 || inUse.has(revision) ? [] : [{ revision, objects: owned.length }],
  );
};
