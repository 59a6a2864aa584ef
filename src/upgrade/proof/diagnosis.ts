/**
 * Why a restarted workload does not arrive, for the person who has to mend it: which object, which container (the proxy
 * or the application), and what the kubelet, the controller or istiod says of it.
 */

import type { ManagedWorkload } from "../../mesh/from/ownership.ts";
import { isBefore } from "../../mesh/instant.ts";
import { isLive } from "../../mesh/standing.ts";
import { diagnosePod } from "./pod-diagnosis.ts";
import { type Diagnosis, type Evidence, lastingMs, symptoms } from "./symptom.ts";

/**
 * Everything that keeps the workload from arriving, gravest first and the proxy before the application; empty when
 * nothing is seen.
 */
export function diagnose(workload: ManagedWorkload, evidence: Evidence): readonly Diagnosis[] {
  const fresh = evidence.pods.filter(
    ({ pod, proof }) =>
      proof.kind !== "done" &&
      proof.kind !== "wrong-revision" &&
      !pod.terminating &&
      !isBefore(pod.createdAt, evidence.stamp),
  );
  const found = [
    ...refusedPods(workload, evidence),
    ...fresh.flatMap((judged) => diagnosePod(judged, evidence)),
    ...slowToGo(workload, evidence),
  ];
  const parties = ["proxy", "application", "cluster"];
  return found.toSorted(
    (a, b) =>
      symptoms.indexOf(a.symptom) - symptoms.indexOf(b.symptom) || parties.indexOf(a.party) - parties.indexOf(b.party),
  );
}

/**
 * Nothing says it in a pod, for there is none: the events of what makes the pods do, and on a Deployment a condition.
 */
function refusedPods(workload: ManagedWorkload, { replicaSets, events, stamp }: Evidence): readonly Diagnosis[] {
  const makers = [
    workload,
    ...replicaSets.filter(({ ownerUid }) => ownerUid === workload.uid).map((set) => ({ ...set, kind: "ReplicaSet" })),
  ];
  const refusal = makers
    .flatMap((maker) =>
      events
        .filter((event) => event.reason === "FailedCreate" && event.uid === maker.uid)
        .map((event) => ({ ...event, maker })),
    )
    .filter(({ at }) => !isBefore(at, stamp) && !workload.pods.some((pod) => isBefore(at, pod.createdAt)))
    .reduce<{ at: string; message: string; maker: { kind: string; name: string; uid: string } } | undefined>(
      (last, event) => (last && isBefore(event.at, last.at) ? last : event),
      undefined,
    );
  const condition = workload.status.conditions.find(
    ({ type, status }) => type === "ReplicaFailure" && status === "True",
  );
  const { maker, message } = refusal ?? { maker: workload, message: condition?.message };
  if (message === undefined) return [];
  return [
    {
      symptom: "create",
      object: { kind: maker.kind, namespace: workload.namespace, name: maker.name },
      uid: maker.uid,
      container: undefined,
      party: "cluster",
      reason: "FailedCreate",
      message: `no new pod is let in: ${message}`,
      logs: undefined,
      // Room in a quota comes back as other workloads finish; a refusal by a webhook or a policy does not.
      graceMs: message.includes("exceeded quota") ? undefined : lastingMs,
    },
  ];
}

const slowToGo = (workload: ManagedWorkload, { revision }: Evidence): readonly Diagnosis[] =>
  workload.pods
    .filter((pod) => pod.terminating && isLive(pod) && pod.proxy?.revision !== revision)
    .map((pod) => ({
      symptom: "terminating",
      object: { kind: "Pod", namespace: pod.namespace, name: pod.name },
      uid: pod.uid,
      container: undefined,
      party: "cluster",
      reason: "Terminating",
      message: "an old pod that has not ended yet",
      logs: undefined,
      graceMs: undefined,
    }));
