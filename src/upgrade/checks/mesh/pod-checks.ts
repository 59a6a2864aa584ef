/** What is wrong with the pods of a namespace: one finding for each check, however many pods it is about. */
import { labelOf } from "../../../mesh/labels.ts";
import type { ObjectRef } from "../../../mesh/model.ts";
import { refText } from "../../../mesh/object-ref.ts";
import { counted, listed } from "../../../mesh/phrase.ts";
import type { PodState } from "../../../mesh/pod-state.ts";
import { versionAmong } from "../../../mesh/proxy/proxy-version.ts";
import { leadsOut } from "../../../mesh/revision-state.ts";
import { type Check, warning } from "../check.ts";
import type { NamespaceFacts } from "./mesh-facts.ts";

const objectOf = ({ namespace }: NamespaceFacts): string => `namespace/${namespace.name}`;

const sidecarMissing: Check<NamespaceFacts> = {
  id: "sidecar-missing",
  title: "every pod runs the sidecar that it is due",
  severity: "warning",
  category: "workloads",
  run: (facts) => {
    const pods = facts.states.filter((state) => state.lacksSidecar);
    if (pods.length === 0) return [];
    const message = `${whose(pods)} without a sidecar although one is due`;
    return [warning(objectOf(facts), message, restart(facts.namespace.name, ownersOf(pods)))];
  },
};

const staleWorkloads: Check<NamespaceFacts> = {
  id: "stale-workloads",
  title: "every pod runs the revision that would inject it today",
  severity: "warning",
  category: "workloads",
  run: (facts) => {
    const { name, labels } = facts.namespace;
    const pods = facts.states.filter((state) => state.injected && state.stale && state.due?.kind === "injected");
    if (pods.length === 0) return [];
    const running = listed(distinct(pods.map((state) => state.revision ?? "unknown")));
    const due = listed(distinct(pods.flatMap((state) => (state.due?.kind === "injected" ? [state.due.revision] : []))));
    const label = labelOf(labels, "istio-injection") === undefined ? labelOf(labels, "istio.io/rev") : undefined;
    const remedy =
      label !== undefined && facts.servedLabels.includes(label)
        ? `kubectl mesh-migrate -n ${name} --to ${label}`
        : restart(name, ownersOf(pods));
    return [warning(objectOf(facts), `${whose(pods)} ${running}; ${due} would inject them today`, remedy)];
  },
};

/** After an upgrade in place (a patch under the same revision) old pods keep their proxy until they are replaced. */
const outdatedProxies: Check<NamespaceFacts> = {
  id: "proxy-outdated",
  title: "every proxy is of the version that its revision injects",
  severity: "warning",
  category: "versions",
  run: (facts) => {
    const { name, labels } = facts.namespace;
    const old = facts.states.filter(({ outdated, pod }) => outdated === true && !pod.terminating);
    return [...Map.groupBy(old, ({ revision }) => revision ?? "")].map(([revision, pods]) => {
      const running = listed(distinct(pods.flatMap(({ versions }) => versionAmong(versions) ?? [])));
      const due = listed(distinct(pods.flatMap(({ dueVersion }) => dueVersion ?? [])));
      const label = [labelOf(labels, "istio.io/rev"), revision].find(
        (each) => each !== undefined && facts.servedLabels.includes(each),
      );
      const remedy =
        label === undefined
          ? restart(name, ownersOf(pods))
          : `kubectl mesh-migrate -n ${name} --to ${label} --outdated`;
      return warning(objectOf(facts), `${whose(pods)} ${running}; their revision ${revision} injects ${due}`, remedy);
    });
  },
};

const sidecarLostAtRestart: Check<NamespaceFacts> = {
  id: "sidecar-lost-at-restart",
  title: "no pod would lose its sidecar by a restart",
  severity: "warning",
  category: "workloads",
  run: (facts) => {
    const pods = facts.states.filter((state) => state.injected && state.due?.kind === "none");
    if (pods.length === 0) return [];
    const message = `${whose(pods)} a sidecar, and would come up without one if restarted today`;
    return [warning(objectOf(facts), message, "label the namespace for a revision before anything restarts")];
  },
};

const controlPlaneMissing: Check<NamespaceFacts> = {
  id: "control-plane-missing",
  title: "the revision of every proxy has a control plane",
  severity: "warning",
  category: "workloads",
  run: (facts) => {
    const lost = facts.states.filter(
      ({ pod, revision }) =>
        revision !== undefined && facts.isMissing(revision) && !leadsOut(facts.mesh, pod.proxy?.discoveryAddress),
    );
    return [...Map.groupBy(lost, ({ revision }) => revision ?? "")].map(([revision, pods]) =>
      warning(
        objectOf(facts),
        `${whose(pods)} ${revision}, which has no control plane: no new configuration, and certificates end within a day`,
        `kubectl mesh-migrate -n ${facts.namespace.name} --to REVISION`,
      ),
    );
  },
};

/** A proxy that is connected to no control plane is left out: it may be reconnecting. */
const connectedElsewhere: Check<NamespaceFacts> = {
  id: "connected-elsewhere",
  title: "every proxy is connected to the revision that injected it",
  severity: "warning",
  category: "workloads",
  run: (facts) => {
    const pods = facts.states.filter(
      ({ revision, connections }) =>
        revision !== undefined &&
        connections.length > 0 &&
        connections.every((connection) => connection.revision !== revision),
    );
    if (pods.length === 0) return [];
    const where = distinct(
      pods.flatMap(({ revision, connections }) =>
        connections.map((connection) => `${revision} → ${connection.revision}`),
      ),
    );
    const message = `${whose(pods)} proxies connected to another control plane than injected them (${listed(where)})`;
    const remedy =
      "look for discoveryAddress in their proxy.istio.io/config annotations and in the mesh config of the revision";
    return [warning(objectOf(facts), message, remedy)];
  },
};

const configurationRejected: Check<NamespaceFacts> = {
  id: "configuration-rejected",
  title: "no proxy rejects its configuration",
  severity: "warning",
  category: "workloads",
  run: (facts) => {
    const rejected = facts.states.flatMap(({ pod, connections }) =>
      connections.flatMap(({ revision, proxy }) => proxy.rejected.map((each) => ({ pod, revision, ...each }))),
    );
    const [first] = rejected;
    if (first === undefined) return [];
    const pods = distinct(rejected.map(({ pod }) => pod.name));
    const message = `${listed(pods)} reject${pods.length === 1 ? "s" : ""} configuration: ${first.type}: ${first.message}`;
    const remedy = `istioctl proxy-status ${first.pod.name}.${facts.namespace.name} --revision ${first.revision}`;
    return [warning(objectOf(facts), message, remedy)];
  },
};

export const podChecks: readonly Check<NamespaceFacts>[] = [
  sidecarMissing,
  staleWorkloads,
  outdatedProxies,
  sidecarLostAtRestart,
  controlPlaneMissing,
  connectedElsewhere,
  configurationRejected,
];

/** `3 pods of deployment/web run`. */
const whose = (pods: readonly PodState[]): string =>
  `${counted(pods.length, "pod")} of ${listed(ownersOf(pods).map((ref) => `${ref.kind.toLowerCase()}/${ref.name}`))} run${pods.length === 1 ? "s" : ""}`;

const distinct = (texts: readonly string[]): readonly string[] => [...new Set(texts)];

const ownersOf = (pods: readonly PodState[]): readonly ObjectRef[] => {
  const refs = pods.map(({ pod }) => pod.workload ?? { kind: "Pod", namespace: pod.namespace, name: pod.name });
  return [...new Map(refs.map((ref) => [refText(ref), ref])).values()];
};

const restartable = new Set(["Deployment", "StatefulSet", "DaemonSet"]);

function restart(namespace: string, refs: readonly ObjectRef[]): string {
  const known = refs.filter((ref) => restartable.has(ref.kind)).map((ref) => `${ref.kind.toLowerCase()}/${ref.name}`);
  if (known.length === 0) return "its pods have to be created again by whoever made them";
  return `kubectl rollout restart -n ${namespace} ${known.slice(0, 8).join(" ")}${known.length > 8 ? " …" : ""}`;
}
