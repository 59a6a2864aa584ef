/** What is tried after a removal, by dry runs: pods can be created, Istio objects written, no webhook leads nowhere. */
import type { Cluster } from "../../cluster/cluster.ts";
import { ClusterError } from "../../cluster/cluster-error.ts";
import { kinds } from "../../cluster/kinds.ts";
import { itemsOf } from "../../gather/list-kind.ts";
import { snapshot } from "../../gather/snapshot.ts";
import { podFrom } from "../../mesh/from/pod.ts";
import type { PodObject, WebhookConfigurationObject } from "../../mesh/kubernetes.ts";
import type { Namespace } from "../../mesh/model.ts";
import { counted, listed } from "../../mesh/phrase.ts";
import { type AfterCheck, type AfterProof, afterProof } from "../../upgrade/cleanup/removal-result.ts";
import type { RemovalOptions } from "./removal-run.ts";

/** Dry runs at once. */
const sideBySide = 8;

/** Never throws for what cannot be tried: that is `unknown`, with the reason. */
export async function proveAfterwards(
  cluster: Cluster,
  { istioNamespace, analyze }: Pick<RemovalOptions, "istioNamespace" | "analyze">,
): Promise<AfterProof> {
  const [pods, object, webhooks, analysis] = await Promise.all([
    orUnknown("a pod can be created in every meshed namespace", () => podsCanBeCreated(cluster, istioNamespace)),
    orUnknown("an Istio object can be written", async () => [await objectCanBeWritten(cluster, istioNamespace)]),
    orUnknown("no webhook leads nowhere", async () => [await webhooksLeadSomewhere(cluster, istioNamespace)]),
    analyze(),
  ]);
  return afterProof([
    ...pods,
    ...object,
    ...webhooks,
    { title: "istioctl analyze finds no invalid webhook", ...analysis },
  ]);
}

const orUnknown = async (title: string, run: () => Promise<readonly AfterCheck[]>): Promise<readonly AfterCheck[]> => {
  try {
    return await run();
  } catch (error) {
    if (!(error instanceof ClusterError)) throw error;
    return [{ title, state: "unknown", evidence: error.message }];
  }
};

async function podsCanBeCreated(cluster: Cluster, istioNamespace: string): Promise<readonly AfterCheck[]> {
  const mesh = await snapshot(cluster, {
    istioNamespace,
    namespaces: "all",
    workloads: false,
    askIstiods: false,
    podMetadataOnly: true,
  });
  const withProxies = new Set(mesh.pods.flatMap(({ namespace, proxy }) => (proxy ? [namespace] : [])));
  const meshed = mesh.namespaces.filter(
    ({ name, injection, terminating }) =>
      !terminating && (injection.kind === "injected" || injection.kind === "refused" || withProxies.has(name)),
  );
  const checks: AfterCheck[] = [];
  for (let at = 0; at < meshed.length; at += sideBySide)
    checks.push(
      ...(await Promise.all(meshed.slice(at, at + sideBySide).map((each) => podCanBeCreated(cluster, each)))),
    );
  const bad = checks.filter(({ state }) => state !== "good");
  const title = "a pod can be created in every meshed namespace";
  return bad.length > 0 ? bad : [{ title, state: "good", evidence: `${counted(meshed.length, "namespace")} tried` }];
}

/** A pod that asks for nothing: the webhooks decide as for any other. */
async function podCanBeCreated(cluster: Cluster, { name: namespace, injection }: Namespace): Promise<AfterCheck> {
  const title = `a pod can be created in namespace ${namespace}`;
  const pod = {
    metadata: { generateName: "kubectl-mesh-probe-", namespace },
    spec: { containers: [{ name: "app", image: "kubectl-mesh/probe" }] },
  };
  try {
    const created = podFrom(await cluster.create<PodObject>(kinds.pods, pod, { namespace, dryRun: true }));
    const revision = created.proxy?.revision;
    if (injection.kind === "injected" && revision !== injection.revision)
      return {
        title,
        state: "bad",
        evidence: `it came back ${revision === undefined ? "without a sidecar" : `with one of ${revision}`}, and revision ${injection.revision} was due`,
      };
    return {
      title,
      state: "good",
      evidence: revision === undefined ? "without a sidecar, as its labels are" : `injected by ${revision}`,
    };
  } catch (error) {
    return refused(title, error);
  }
}

/** Another reason than a webhook that cannot be called is nothing that the removal can have caused. */
function refused(title: string, error: unknown): AfterCheck {
  if (!(error instanceof ClusterError)) throw error;
  const isWebhook = /failed calling webhook/.test(error.message);
  return { title, state: isWebhook ? "bad" : "unknown", evidence: error.message };
}

async function objectCanBeWritten(cluster: Cluster, istioNamespace: string): Promise<AfterCheck> {
  const title = "an Istio object can be written";
  const kind = kinds.peerAuthentications;
  if ((await cluster.list(kind, { namespace: istioNamespace, metadataOnly: true }, () => true)) === undefined)
    return { title, state: "good", evidence: "the cluster has no PeerAuthentications: there is nothing to write" };
  const body = {
    metadata: { name: "kubectl-mesh-probe", namespace: istioNamespace },
    spec: { selector: { matchLabels: { "kubectl-mesh/probe": "none" } } },
  };
  try {
    await cluster.create(kind, body, { namespace: istioNamespace, dryRun: true });
    return { title, state: "good", evidence: "a PeerAuthentication was accepted by a dry run" };
  } catch (error) {
    return refused(title, error);
  }
}

/** Of the webhooks that call a Service of the Istio namespace. */
async function webhooksLeadSomewhere(cluster: Cluster, istioNamespace: string): Promise<AfterCheck> {
  const title = "no webhook leads nowhere";
  const [mutating, validating, services] = await Promise.all([
    itemsOf(cluster.list(kinds.mutatingWebhooks, {}, calledIn(istioNamespace))),
    itemsOf(cluster.list(kinds.validatingWebhooks, {}, calledIn(istioNamespace))),
    itemsOf(
      cluster.list(kinds.services, { namespace: istioNamespace, metadataOnly: true }, ({ metadata }) => metadata.name),
    ),
  ]);
  const known = new Set(services);
  const lost = [...mutating, ...validating].filter(({ called }) => called.some((service) => !known.has(service)));
  return lost.length === 0
    ? {
        title,
        state: "good",
        evidence: `${counted(mutating.length + validating.length, "webhook configuration")} read`,
      }
    : {
        title,
        state: "bad",
        evidence: `${listed(
          lost.map(({ name }) => name),
          6,
        )} ${lost.length === 1 ? "calls" : "call"} a Service that there is not`,
      };
}

const calledIn =
  (namespace: string) =>
  ({ metadata, webhooks = [] }: WebhookConfigurationObject) => ({
    name: metadata.name,
    called: webhooks.flatMap(({ clientConfig: { service } }) =>
      service?.namespace === namespace ? [service.name] : [],
    ),
  });
