/** Why a restart would not bring a workload to the target, if that is certain from what is listed of it. */

import { labelOf } from "../../mesh/labels.ts";
import type { Injection, Workload } from "../../mesh/model.ts";
import { listed } from "../../mesh/phrase.ts";
import { isLive } from "../../mesh/pod-state.ts";
import { revisionedName } from "../../mesh/revision-names.ts";
import type { Target } from "../record/undo-record.ts";
import type { Blocked } from "./moves.ts";

/**
 * The first reason that applies; `undefined` when a restart moves it. `after`: who injects its pods once the labels are
 * written;
 * `plain`: who injects a pod without labels then. What would refuse every pod is the target's trouble and not the
 * workload's. `againstOthers`: the label that keeps other webhooks away, if there is one.
 */
export const blockedReason = (
  workload: Workload,
  after: Injection,
  plain: Injection,
  target: Target,
  againstOthers: () => string | undefined = () => undefined,
): Blocked | undefined =>
  unmovedByRestart(workload) ?? pinned(workload, target) ?? notInjected(after, plain, target, againstOthers);

/**
 * https://kubernetes.io/docs/concepts/workloads/controllers/: a paused, OnDelete or partitioned rollout replaces no pod
 * by itself.
 */
const unmovedByRestart = (workload: Workload): Blocked | undefined => {
  const { kind, namespace, name, paused, strategy, way } = workload;
  const blocked = (reason: string, remedy: string): Blocked => ({
    check: "workloads-restartable",
    reason,
    remedy,
    unknown: false,
  });
  if (way?.hindrance) return blocked(way.hindrance.reason, `${way.hindrance.remedy}, or leave it`);
  if (paused) {
    const resume =
      kind === "Rollout"
        ? `kubectl argo rollouts promote ${name} -n ${namespace}`
        : `kubectl rollout resume ${kind.toLowerCase()}/${name} -n ${namespace}`;
    return blocked("it is paused: a restart would wait for somebody to resume it", resume);
  }
  if (strategy.type === "OnDelete") {
    return blocked(
      "its update strategy is OnDelete: a pod is replaced only when somebody deletes it",
      "set its updateStrategy to RollingUpdate, or leave it and delete its pods yourself after the move",
    );
  }
  if (strategy.type === "RollingUpdate" && strategy.partition > 0) {
    return blocked(
      `its partition ${strategy.partition} keeps ${partitionText(workload, strategy.partition)}`,
      "set its updateStrategy.rollingUpdate.partition to 0, or leave it",
    );
  }
  return undefined;
};

/**
 * Which pods a partition keeps. It counts from `spec.ordinals.start`, which is not read: where a pod is missing, none is
 * named. https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/#partitions
 */
const partitionText = ({ pods, status }: Workload, partition: number): string => {
  const all = pods.filter(isLive).map(({ name }) => ({ name, ordinal: Number(/-(\d+)$/.exec(name)?.[1]) }));
  const names = all.toSorted((a, b) => a.ordinal - b.ordinal).map((each) => each.name);
  if (names.length !== status.desired || all.some(({ ordinal }) => Number.isNaN(ordinal)))
    return "the pods below it on the old revision";
  const [kept, moved] = [names.slice(0, partition), names.slice(partition)];
  return `${listed(kept)} on the old revision: ${moved.length === 0 ? "no pod would move" : `only ${listed(moved)} would move`}`;
};

/**
 * Annotations of the template that decide about the proxy whatever the injector says. Source:
 * pkg/kube/inject/inject.go, `api/annotation`.
 */
const pinned = ({ template }: Workload, target: Target): Blocked | undefined => {
  const annotation = (key: string): string | undefined => labelOf(template?.metadata?.annotations, key);
  const blocked = (reason: string, remedy: string): Blocked => ({
    check: "proxies-unpinned",
    reason,
    remedy,
    unknown: false,
  });
  if (annotation("sidecar.istio.io/status") !== undefined) {
    return blocked(
      "its template holds a sidecar made by 'istioctl kube-inject', which stays as it is",
      "take the sidecar out of the template, so that the webhook injects it",
    );
  }
  const image = annotation("sidecar.istio.io/proxyImage");
  if (image !== undefined)
    return blocked(
      `its template pins the proxy to image ${image} (sidecar.istio.io/proxyImage)`,
      "remove the annotation from the template",
    );
  const address =
    annotation("sidecar.istio.io/discoveryAddress") ?? discoveryAddressIn(annotation("proxy.istio.io/config"));
  if (address !== undefined && !isIstiodOf(target.revision, address)) {
    return blocked(
      `its template sends the proxy to ${address} (discoveryAddress), whoever injects it`,
      "remove discoveryAddress from the template's annotations",
    );
  }
  return undefined;
};

/** `discoveryAddress` in the YAML or JSON of `proxy.istio.io/config`. */
const discoveryAddressIn = (config: string | undefined): string | undefined =>
  /discoveryAddress["']?\s*:\s*["']?([^\s"',}]+)/.exec(config ?? "")?.[1];

/** Service names of the istiod chart: `istiod`, `istiod-REVISION`. */
const isIstiodOf = (revision: string, address: string): boolean =>
  address.startsWith(`${revisionedName("istiod", revision)}.`);

const notInjected = (
  after: Injection,
  plain: Injection,
  target: Target,
  againstOthers: () => string | undefined,
): Blocked | undefined => {
  const blocked = (reason: string, remedy: string, unknown = false): Blocked => ({
    check: "sidecars-kept",
    reason,
    remedy,
    unknown,
  });
  if (after.kind === "none")
    return blocked(
      `its pods have a sidecar, and new ones would have none (${after.reason})`,
      "let its template ask for injection, or leave it",
    );
  if (after.kind === "unknown")
    return blocked(
      `who would inject its new pods cannot be told: ${after.reason}`,
      "mend what is named, or leave it",
      true,
    );
  if (after.revision !== target.revision) {
    return blocked(
      `revision ${after.revision} would inject its new pods (webhook ${after.by}), not ${target.revision}`,
      onlyOneRemedy(againstOthers()),
    );
  }
  if (after.kind === "refused" && plain.kind !== "refused")
    return blocked(`its new pods would be refused: ${after.reason}`, "mend its template, or leave it");
  return undefined;
};

/** How one webhook alone comes to inject. The other one is another mesh's, or serves other namespaces: it stays. */
export const onlyOneRemedy = (label: string | undefined): string =>
  label === undefined
    ? "let one of the two webhooks select the namespace: 'istioctl analyze -A' names both (IST0139); where one is another mesh's, take the namespace out of that mesh by its own means"
    : `label ${label} keeps the other webhook away; to write it in the same patch: --set-label ${label}`;
