/** Reads everything that can need a control plane: the facts of the checks of a cleanup. */
import type { Cluster } from "../../cluster/cluster.ts";
import { type Kind, kinds } from "../../cluster/kinds.ts";
import type { ServiceObject, WebhookConfigurationObject } from "../../mesh/kubernetes.ts";
import type { Istiod, Mesh } from "../../mesh/model.ts";
import { isRunningIstiod } from "../../mesh/revision-state.ts";
import type { Caller, CleanupFacts, WebhookFacts } from "../../upgrade/checks/cleanup/cleanup-facts.ts";
import {
  containsAddress,
  isHostOf,
  type RevisionService,
  revisionServices,
} from "../../upgrade/cleanup/service-names.ts";
import type { MissingEvidence } from "../../upgrade/evidence/cluster-evidence.ts";
import { itemsOf } from "../list-kind.ts";
import { readHistory } from "../read-history.ts";
import { snapshot } from "../snapshot.ts";
import { type NeededRead, needing } from "./needed-read.ts";
import { type Addressing, externalName, readConfigObjects, readOtherCallers } from "./read-config-objects.ts";
import { readMeshAddresses } from "./read-mesh-addresses.ts";
import { readRemoteClusters } from "./read-remote-clusters.ts";
import { readTemplates } from "./read-templates.ts";

/**
 * Reads the mesh and all that can need this revision, all parts at the same time; of most objects a few fields or the
 * metadata alone. What cannot be read is in `missing`, with the route of the proof that lacks it, and in
 * `mesh.unknown`. Throws `ClusterError` where the mesh itself cannot be read (`snapshot`), and where nothing can be read
 * (no connection, no valid credentials).
 */
export const readDisuse = async (
  cluster: Cluster,
  { revision, istioNamespace }: { readonly revision: string; readonly istioNamespace: string },
): Promise<CleanupFacts> => {
  const missing: MissingEvidence[] = [];
  const needed = needing(missing);
  const meshRead = snapshot(cluster, { istioNamespace, namespaces: "all", workloads: true, askIstiods: true });
  const [mesh, services, webhooks, templates, objects, others, history, addresses, remoteClusters] = await Promise.all([
    meshRead,
    readAllServices(cluster, needed),
    readWebhooks(cluster, needed),
    readTemplates(cluster, needed),
    readConfigObjects(cluster, needed, revision),
    readOtherCallers(cluster, needed),
    needed(["cleanup-undo"], "journals and undo records", readHistory(cluster, "all")),
    meshRead.then((read) => readMeshAddresses(cluster, needed, read, revision)),
    meshRead.then((read) => readRemoteClusters(cluster, runningIstiods(read, revision))),
  ]);
  const own = revisionServices(services, mesh, revision);
  const addressing = [...objects.addressing, ...others, ...services.flatMap(externalName)];
  return {
    ...{ revision, mesh, services: own, webhooks, templates, addresses, remoteClusters },
    gateways: objects.gateways,
    labelled: objects.labelled,
    callers: addressing.flatMap((each) => callerOf(each, own, istiodIps(mesh, revision)) ?? []),
    history: history?.facts,
    missing: [...missing, ...missingOf(mesh)],
  };
};

const readAllServices = async (cluster: Cluster, needed: NeededRead): Promise<readonly ServiceObject[]> =>
  (await needed(
    ["cleanup-tags", "cleanup-webhooks", "cleanup-callers"],
    "services",
    itemsOf(
      cluster.list(
        kinds.services,
        {},
        ({ metadata: { name, namespace, uid, labels }, spec = {} }): ServiceObject => ({
          metadata: { name, ...(namespace !== undefined && { namespace }), uid, ...(labels && { labels }) },
          spec,
        }),
      ),
    ),
  )) ?? [];

const readWebhooks = async (cluster: Cluster, needed: NeededRead): Promise<readonly WebhookFacts[]> => {
  const list = async (
    kind: Kind<WebhookConfigurationObject>,
    routes: readonly string[],
  ): Promise<readonly WebhookFacts[]> =>
    (await needed(
      routes,
      kind.plural,
      itemsOf(
        cluster.list(kind, {}, ({ metadata, webhooks = [] }) => ({
          kind: kind.kind as WebhookFacts["kind"],
          name: metadata.name,
          labels: metadata.labels ?? {},
          entries: webhooks,
        })),
      ),
    )) ?? [];
  const lists = [
    list(kinds.mutatingWebhooks, ["cleanup-webhooks"]),
    list(kinds.validatingWebhooks, ["cleanup-webhooks", "cleanup-default-validator"]),
  ];
  return (await Promise.all(lists)).flat();
};

const runningIstiods = ({ controlPlanes }: Mesh, revision: string): readonly Istiod[] =>
  controlPlanes
    .filter((plane) => plane.revision === revision)
    .flatMap(({ istiods }) => istiods.filter(isRunningIstiod));

const istiodIps = (mesh: Mesh, revision: string): ReadonlySet<string> => {
  const names = new Set(runningIstiods(mesh, revision).map(({ namespace, name }) => `${namespace}/${name}`));
  return new Set(mesh.pods.flatMap(({ namespace, name, ip }) => (names.has(`${namespace}/${name}`) && ip ? [ip] : [])));
};

/** The first address of the object that is one of the revision. */
const callerOf = (
  { addresses, ...object }: Addressing,
  services: readonly RevisionService[],
  istiods: ReadonlySet<string>,
): Caller | undefined => {
  const ips = new Set([...istiods, ...services.flatMap(({ ip }) => ip ?? [])]);
  const found = addresses.find(
    ({ text, namespace, host }) =>
      ips.has(text) || (host ? isHostOf(text, namespace, services) : containsAddress(text, services)),
  );
  return found && { ...object, address: found.text };
};

/**
 * What of the mesh could not be read, by the routes that lack it. Not needed are the endpoints of injectors (whom a
 * webhook selects is known without them), the mesh's own list of Gateways and default validator (both are read here
 * too), the policy of injectors (an injection that depends on it is unknown itself), and answers of istiods (each is
 * judged by itself).
 */
const missingOf = ({ unknown }: Mesh): readonly MissingEvidence[] =>
  unknown.flatMap((each) =>
    routesOf(each.subject).map((check): MissingEvidence => ({ ...each, check, essential: true })),
  );

const routesOf = (subject: string): readonly string[] => {
  if (subject === "pods") return ["cleanup-pods"];
  if (subject === "daemonsets") return ["cleanup-templates", "cleanup-node-agents"];
  if (["deployments", "statefulsets", "rollouts"].includes(subject)) return ["cleanup-templates", "cleanup-gateways"];
  if (subject.startsWith("services ")) return ["cleanup-tags", "cleanup-webhooks"];
  const isNeededNot = /^(gateways$|the default validator$|endpoints of |ConfigMap |istiod )/.test(subject);
  return isNeededNot ? [] : ["cleanup-pods"];
};
