/** The parts of the data plane that all revisions share: CNI, ztunnel, nodes. */
import { minorOf } from "../../../mesh/istio-version.ts";
import { counted, listed } from "../../../mesh/phrase.ts";
import { oldRevisions } from "../../plan/moves.ts";
import type { ClusterNode, NodeAgent } from "../../preflight/evidence/node-evidence.ts";
import type { PreflightFacts } from "../../preflight/preflight-facts.ts";
import { blocker, type Check, note, type Observation, warning } from "../check.ts";

const objectOf = ({ namespace, name }: NodeAgent): string => `${namespace}/DaemonSet/${name}`;
const agentsOf = ({ around }: PreflightFacts, kind: NodeAgent["kind"]): readonly NodeAgent[] =>
  around.nodes.nodeAgents.filter((agent) => agent.kind === kind);

/**
 * Without the plugin the traffic of a new pod is not redirected, and its init container `istio-validation` fails, so that
 * the pod never starts. Where the old revision leaves redirection to a plugin too and none is found, a managed mesh has
 * it under a name that is not known here. https://istio.io/latest/docs/setup/additional-setup/cni/
 */
const cniPresent: Check<PreflightFacts> = {
  id: "cni-present",
  title: "the CNI plugin is there where the target leaves redirection to it",
  severity: "blocker",
  category: "node-agents",
  accepts: ["--skip"],
  run: (facts) => {
    const { installed, target, around } = facts;
    if (!installed || around.nodes.injectors.get(target.revision)?.cni !== true) return [];
    const agents = agentsOf(facts, "istio-cni");
    if (agents.some(({ ready }) => ready > 0)) return [];
    const hang = `${target.revision} leaves the redirection of traffic to the CNI plugin, and`;
    const remedy = "install the istio-cni chart, or install the target without pilot.cni.enabled";
    const [agent] = agents;
    if (agent !== undefined)
      return [
        blocker(
          objectOf(agent),
          `${hang} it is ready on no node: new pods would hang in istio-validation`,
          `kubectl -n ${agent.namespace} rollout status daemonset/${agent.name}`,
          "--skip",
        ),
      ];
    const before = oldRevisions(facts).some((revision) => around.nodes.injectors.get(revision)?.cni === true);
    const object = `revision/${target.revision}`;
    return [
      before
        ? warning(object, `${hang} no DaemonSet of it was found: make sure that something else redirects`, remedy)
        : blocker(
            object,
            `${hang} no DaemonSet of it is there: new pods would hang in istio-validation`,
            remedy,
            "--skip",
          ),
    ];
  },
};

/** Source: files/injection-template.yaml of the istio-discovery chart: `istio-init` asks for NET_ADMIN and NET_RAW. */
const cniKept: Check<PreflightFacts> = {
  id: "cni-kept",
  title: "the target leaves redirection to the CNI plugin as the old revision does",
  severity: "warning",
  category: "node-agents",
  run: (facts) => {
    const { installed, target, around } = facts;
    const { injectors } = around.nodes;
    if (!installed || injectors.get(target.revision)?.cni !== false) return [];
    const old = oldRevisions(facts).filter((revision) => injectors.get(revision)?.cni === true);
    if (old.length === 0) return [];
    return [
      warning(
        `revision/${target.revision}`,
        `${listed(old)} leaves the redirection of traffic to the CNI plugin; ${target.revision} gives each pod an init container istio-init instead, which needs NET_ADMIN and NET_RAW: policies of namespaces may refuse it`,
        "install the target with pilot.cni.enabled=true, if that was forgotten",
      ),
    ];
  },
};

/** One check for each kind of agent: it runs on all its nodes. */
const readyCheck = (id: string, kind: NodeAgent["kind"], title: string, without: string): Check<PreflightFacts> => ({
  id,
  title,
  severity: "warning",
  category: "node-agents",
  run: (facts) =>
    agentsOf(facts, kind)
      .filter(({ ready, desired }) => ready < desired)
      .map((agent) =>
        warning(
          objectOf(agent),
          `it is ready on ${agent.ready} of ${counted(agent.desired, "node")}: ${without}`,
          `kubectl -n ${agent.namespace} rollout status daemonset/${agent.name}`,
        ),
      ),
});

/** Pods that run keep what they have: it shows at the next pod of the agent (istio/istio#54846). */
const agentReferences: Check<PreflightFacts> = {
  id: "agent-references",
  title: "what the CNI plugin and ztunnel refer to is there",
  severity: "warning",
  category: "node-agents",
  run: ({ around }) =>
    around.nodes.nodeAgents
      .filter(({ missing }) => missing.length > 0)
      .map((agent) =>
        warning(
          objectOf(agent),
          `it refers to ${listed(agent.missing)} in namespace ${agent.namespace}, which is not there: its next pod would not start`,
          "install its chart again in one piece, or take the reference out of its template",
        ),
      ),
};

/**
 * Version 1.x of these works with control planes 1.x and 1.x+1. https://istio.io/latest/docs/ambient/upgrade/helm/ (control
 * plane first, then CNI, then ztunnel)
 */
const versionCheck = (id: string, kind: NodeAgent["kind"], title: string): Check<PreflightFacts> => ({
  id,
  title,
  severity: "warning",
  category: "node-agents",
  run: (facts) => {
    const { mesh, target, installed } = facts;
    const version = mesh.controlPlanes.find(({ revision }) => revision === target.revision)?.version;
    const minor = minorOf(version);
    if (!installed || minor === undefined) return [];
    const olds = oldRevisions(facts).map((old) => mesh.controlPlanes.find(({ revision }) => revision === old)?.version);
    const between = olds.every((old) => (minorOf(old) ?? minor) >= minor - 1);
    return agentsOf(facts, kind).flatMap((agent) => apart(agent, minor, `${target.revision} (${version})`, between));
  },
});

/** `next`: the release before the target's serves every old control plane too. */
const apart = (agent: NodeAgent, target: number, name: string, next: boolean): readonly Observation[] => {
  const own = minorOf(agent.version);
  if (own === undefined || own === target || own === target - 1) return [];
  return [
    own > target
      ? warning(
          objectOf(agent),
          `its version ${agent.version} is newer than the target ${name}: Istio promises that it works with its own release and the next`,
          "move to a control plane of its release",
        )
      : warning(
          objectOf(agent),
          `its version ${agent.version} is too old for the target ${name}: Istio promises that it works with its own release and the next`,
          next
            ? `upgrade it to 1.${target - 1} first; it is shared by all revisions`
            : `go by way of Istio 1.${target - 1}: no release of it is promised to work with both control planes`,
        ),
  ];
};

/** A node that is not ready starts no pod; one that is cordoned takes no new one. */
const nodesReady: Check<PreflightFacts> = {
  id: "nodes-ready",
  title: "every node is ready",
  severity: "warning",
  category: "node-agents",
  run: ({ around: { nodes } }) => {
    const namesOf = (some: readonly ClusterNode[]): string => listed(some.map(({ name }) => name));
    const down = nodes.nodes.filter(({ ready }) => !ready);
    const cordoned = nodes.nodes.filter(({ ready, unschedulable }) => ready && unschedulable);
    return [
      ...(down.length === 0
        ? []
        : [
            warning(
              `node/${down[0]?.name}`,
              `${counted(down.length, "node")} of ${nodes.nodes.length} ${down.length === 1 ? "is" : "are"} not ready: ${namesOf(down)}`,
              `kubectl describe node ${down[0]?.name}`,
            ),
          ]),
      ...(cordoned.length === 0
        ? []
        : [
            note(
              `node/${cordoned[0]?.name}`,
              `${counted(cordoned.length, "node")} of ${nodes.nodes.length} take${cordoned.length === 1 ? "s" : ""} no new pods (cordoned): ${namesOf(cordoned)}`,
            ),
          ]),
    ];
  },
};

/** Redirection depends on kernel modules and iptables of a node: one pod proves one kind (istio/istio#50660, #53147). */
const nodeGroups: Check<PreflightFacts> = {
  id: "node-groups",
  title: "all nodes are of one kind",
  severity: "note",
  category: "node-agents",
  run: ({ around }) => {
    const groups = Map.groupBy(around.nodes.nodes, ({ osImage, kernel, kubelet, architecture }) =>
      [osImage, `kernel ${kernel}`, `kubelet ${kubelet}`, architecture].join(", "),
    );
    if (groups.size < 2) return [];
    const largest = [...groups].toSorted(([, a], [, b]) => b.length - a.length);
    const said = largest.map(([kind, nodes]) => `${counted(nodes.length, "node")} (${kind})`);
    return [
      note(
        "nodes",
        `there are ${groups.size} kinds of nodes, and the first pod of a move proves the one that it runs on: ${listed(said)}`,
        "begin with a namespace whose pods are on every kind",
      ),
    ];
  },
};

export const nodeAgentChecks: readonly Check<PreflightFacts>[] = [
  cniPresent,
  cniKept,
  readyCheck(
    "cni-ready",
    "istio-cni",
    "the CNI plugin is ready on every node",
    "new pods on the others that leave redirection to it would not start",
  ),
  versionCheck("cni-version", "istio-cni", "the CNI plugin works with the target"),
  readyCheck(
    "ztunnel-ready",
    "ztunnel",
    "ztunnel is ready on every node",
    "pods in ambient mode on the others have no connections",
  ),
  versionCheck("ztunnel-version", "ztunnel", "ztunnel works with the target"),
  agentReferences,
  nodesReady,
  nodeGroups,
];
