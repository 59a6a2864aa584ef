/** Which proxies the revision has: pods, connections, gateways, and the pods that serve whole nodes. */

import { defaultDiscoveryAddress } from "../../../mesh/from/pod-proxy.ts";
import { labelOf } from "../../../mesh/labels.ts";
import type { Pod, Workload } from "../../../mesh/model.ts";
import { refText } from "../../../mesh/object-ref.ts";
import { counted } from "../../../mesh/phrase.ts";
import { isLive } from "../../../mesh/pod-state.ts";
import { labelledRevision } from "../../../mesh/revision-names.ts";
import { isElsewhere } from "../../../mesh/revision-state.ts";
import { containsAddress } from "../../cleanup/service-names.ts";
import { blocker, cannotTell, type Observation } from "../check.ts";
import type { CleanupFacts, GatewayFacts } from "./cleanup-facts.ts";
import {
  isDefault,
  meansRevision,
  migrateCommand,
  otherRevision,
  type RouteCheck,
  readCount,
  routeRecord,
  type TemplateUse,
  templateUse,
  useFinding,
} from "./revision-use.ts";
import { isNodeAgent } from "./selecting-routes.ts";

/** Also pods that are terminating: until they are gone they need their istiod. */
export const podsRoute: RouteCheck = {
  ...routeRecord("cleanup-pods", "no pod has a proxy of it"),
  evidence: ({ mesh }) => readCount(mesh.pods.length, "pod"),
  run: (facts) => proxiedPods(facts, false).flatMap((pod) => podFinding(facts, pod)),
};

const proxiedPods = ({ mesh }: CleanupFacts, ofNodes: boolean): readonly Pod[] =>
  mesh.pods.filter((pod) => isLive(pod) && pod.proxy !== undefined && (pod.proxy.kind === "ztunnel") === ofNodes);

const podFinding = (facts: CleanupFacts, pod: Pod): readonly Observation[] => {
  const { revision, services } = facts;
  const object = `${pod.namespace}/Pod/${pod.name}`;
  const { proxy } = pod;
  if (proxy === undefined) return [];
  const going = pod.terminating ? ", and is terminating" : "";
  const remedy = pod.terminating
    ? "wait until it is gone"
    : pod.workload === undefined
      ? "delete the pod, or create it again where the new revision injects it"
      : migrateCommand(facts, pod.namespace);
  if (proxy.revision === revision) return [blocker(object, `its proxy is of this revision${going}`, remedy)];
  const address = [proxy.discoveryAddress, proxy.caAddress].find(
    (each) => each !== undefined && containsAddress(each, services),
  );
  if (address !== undefined) return [blocker(object, `its proxy is configured to call ${address}${going}`, remedy)];
  return proxy.revision === undefined && proxy.discoveryAddress === undefined
    ? [cannotTell(object, "of which revision its proxy is cannot be told: its annotations do not contain it", remedy)]
    : [];
};

/** Of leftovers: a revision that was installed again, or of which a pod still runs, is not left over. */
export const noIstiodRoute: RouteCheck = {
  ...routeRecord("cleanup-istiod", "no istiod of it is there"),
  evidence: ({ mesh }) => readCount(mesh.controlPlanes.length, "control plane"),
  run: ({ mesh, revision }) =>
    mesh.controlPlanes
      .filter((plane) => plane.revision === revision)
      .flatMap(({ namespace, deployment, istiods }) => [
        ...(deployment ? [`${namespace}/Deployment/${deployment.name}`] : []),
        ...istiods.map((istiod) => `${istiod.namespace}/Pod/${istiod.name}`),
      ])
      .map((object) =>
        blocker(
          object,
          `it is an istiod of revision ${revision}: the revision is not left over`,
          `kubectl mesh-cleanup --revision ${revision}`,
        ),
      ),
};

export const connectionsRoute: RouteCheck = {
  ...routeRecord("cleanup-connections", "no proxy is connected to it"),
  evidence: ({ mesh, revision }) => {
    const answers = mesh.answers.filter((answer) => answer.revision === revision);
    const answered = answers.filter(({ kind }) => kind === "answered").length;
    return answers.length === 0
      ? "no istiod of it runs"
      : `${answered} of ${counted(answers.length, "istiod")} answered`;
  },
  run: (facts) => [...connectionFindings(facts), ...unseenConnections(facts)],
};

/** Each proxy once, although two istiods may list it while it reconnects. */
const connectionFindings = (facts: CleanupFacts): readonly Observation[] => {
  const found = new Map<string, Observation>();
  for (const answer of facts.mesh.answers) {
    if (answer.kind !== "answered" || answer.revision !== facts.revision) continue;
    for (const { namespace, pod, cluster } of answer.proxies) {
      const object = `${namespace}/Pod/${pod}`;
      const from = cluster === undefined ? "" : ` of cluster ${cluster}`;
      found.set(
        `${cluster} ${object}`,
        blocker(
          object,
          `its proxy${from} is connected to istiod ${answer.istiod}`,
          `move it to another revision; if its pod is gone, wait until the connection has ended`,
        ),
      );
    }
  }
  return [...found.values()];
};

const unseenConnections = (facts: CleanupFacts): readonly Observation[] => {
  const { mesh, revision, services } = facts;
  const planes = mesh.controlPlanes.filter((plane) => plane.revision === revision);
  const answered = new Set(mesh.answers.flatMap((each) => (each.kind === "answered" ? [each.istiod] : [])));
  const reasons = new Map(
    mesh.answers.flatMap((each) => (each.kind === "unanswered" ? [[each.istiod, each.reason]] : [])),
  );
  const running = mesh.pods.filter(
    ({ labels, phase }) =>
      labelOf(labels, "app") === "istiod" && labelledRevision(labels) === revision && phase === "Running",
  );
  const names = new Set([
    ...running.map(({ namespace, name }) => `${namespace}/${name}`),
    ...mesh.answers.filter((answer) => answer.revision === revision).map(({ istiod }) => istiod),
  ]);
  const silent = [...names]
    .filter((name) => !answered.has(name))
    .map((name) =>
      cannotTell(
        `istiod/${name}`,
        `it did not say which proxies are connected to it: ${reasons.get(name) ?? "it was not asked"}`,
        "wait until it answers or is gone; where it cannot start any more, scale its Deployment to 0",
      ),
    );
  const idle = planes
    .filter(({ desiredReplicas }) => desiredReplicas > 0 && names.size === 0)
    .map(({ deployment, namespace }) =>
      cannotTell(
        `${namespace}/Deployment/${deployment?.name}`,
        "no pod of it runs, so no istiod can say which proxies need it",
        "wait until a pod of it runs; where none can start any more, scale it to 0",
      ),
    );
  const elsewhere =
    isElsewhere(mesh, revision) ||
    services.some((service) => service.elsewhere && planes.every((each) => each.deployment === undefined));
  return [
    ...silent,
    ...idle,
    ...(elsewhere
      ? [
          cannotTell(
            `revision/${revision}`,
            "its istiod runs outside this cluster: which proxies are connected to it cannot be seen here",
            "look at it in the cluster where its istiod runs",
          ),
        ]
      : []),
  ];
};

/**
 * Gateways: objects of the Gateway API by the label of the Gateway, else of its namespace, else the default revision
 * (istio/istio pilot/pkg/config/kube/gatewaycommon/deploymentcontroller.go); and the workloads of injected, deployed and
 * static gateways.
 */
export const gatewaysRoute: RouteCheck = {
  ...routeRecord("cleanup-gateways", "no gateway or waypoint belongs to it"),
  evidence: ({ gateways, mesh }) =>
    `${readCount(gateways.length, "Gateway")}, ${readCount(mesh.workloads.filter(({ gateway }) => gateway).length, "gateway workload")}`,
  run: (facts) => [
    ...facts.gateways.flatMap((gateway) => {
      const why = ownerOf(facts, gateway);
      return why === undefined
        ? []
        : [
            blocker(
              `${gateway.namespace}/Gateway/${gateway.name}`,
              `it is deployed and programmed by this revision: ${why}`,
              `label it for the new revision (docs/checks/cleanup.md#cleanup-gateways): kubectl -n ${gateway.namespace} label gateway.gateway.networking.k8s.io ${gateway.name} istio.io/rev=${otherRevision(facts)} --overwrite`,
            ),
          ];
    }),
    ...facts.mesh.workloads
      .filter(({ gateway }) => gateway)
      .flatMap((workload) =>
        useFinding(workload, templateUse(facts, workload.namespace, workload.template) ?? staticUse(facts, workload)),
      ),
  ],
};

const ownerOf = (facts: CleanupFacts, { namespace, labels }: GatewayFacts): string | undefined => {
  const own = labelOf(labels, "istio.io/rev");
  if (own !== undefined) return meansRevision(facts, own) ? `it has istio.io/rev=${own}` : undefined;
  const around = labelOf(facts.mesh.namespaces.find(({ name }) => name === namespace)?.labels, "istio.io/rev");
  if (around !== undefined)
    return meansRevision(facts, around) ? `its namespace has istio.io/rev=${around}` : undefined;
  return isDefaultOwner(facts)
    ? "neither it nor its namespace has istio.io/rev, and this is the default revision"
    : undefined;
};

/** By the default tag, else by the default validator (Istio 1.28 and later), else an install without a revision. */
const isDefaultOwner = (facts: CleanupFacts): boolean => {
  const { mesh, revision } = facts;
  const hasTag = mesh.tags.some(({ tag }) => tag === "default");
  return hasTag || mesh.defaultValidator === undefined ? isDefault(facts) : mesh.defaultValidator.revision === revision;
};

/** Of a gateway that nothing injects, the proxy in the template without an address calls Istio's default one. */
const staticUse = (facts: CleanupFacts, { template }: Workload): TemplateUse | undefined => {
  const labels = template?.metadata?.labels;
  if (labelOf(labels, "sidecar.istio.io/inject") !== "false") return undefined;
  const label = labelOf(labels, "istio.io/rev");
  return meansRevision(facts, label)
    ? {
        severity: "blocker",
        reason: `its pod template has istio.io/rev=${label}`,
        remedy: "install it again with the new revision",
      }
    : undefined;
};

export const nodeAgentsRoute: RouteCheck = {
  ...routeRecord("cleanup-node-agents", "neither ztunnel nor the CNI plugin calls it"),
  evidence: ({ mesh }) => readCount(mesh.workloads.filter(isNodeAgent).length, "DaemonSet"),
  run: (facts) => [
    ...facts.mesh.workloads.filter(isNodeAgent).flatMap((workload) => {
      const use = agentUse(facts, workload);
      return use === undefined
        ? []
        : [
            blocker(
              refText(workload),
              use,
              `install it again so that it calls revision ${otherRevision(facts)}; that restarts it on every node`,
            ),
          ];
    }),
    ...proxiedPods(facts, true).flatMap((pod) => podFinding(facts, pod)),
  ],
};

const agentUse = (facts: CleanupFacts, workload: Workload): string | undefined => {
  const use = templateUse(facts, workload.namespace, workload.template);
  if (use?.severity === "blocker") return use.reason;
  const containers = workload.template?.spec.containers ?? [];
  const isZtunnel = containers.some(({ args = [] }) => args.includes("ztunnel")) || workload.name === "ztunnel";
  const hasAddress = containers.some(({ env = [] }) => env.some(({ name }) => name === "XDS_ADDRESS"));
  return isZtunnel && !hasAddress && containsAddress(defaultDiscoveryAddress, facts.services)
    ? `it has no XDS_ADDRESS, so it calls ${defaultDiscoveryAddress}`
    : undefined;
};
