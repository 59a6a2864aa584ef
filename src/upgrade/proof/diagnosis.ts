/**
 * Why the pods of a restarted workload are not proven, for the person who has to fix it: the object, the container (of
 * the proxy or of the application), and the message of the kubelet, of the controller or of istiod.
 */

import type { ManagedWorkload } from "../../mesh/from/ownership.ts";
import { isBefore } from "../../mesh/instant.ts";
import { isLive } from "../../mesh/pod-state.ts";
import { diagnosePod } from "./pod-diagnosis.ts";
import { type Diagnosis, defaultGraceMs, type Evidence, symptoms } from "./symptom.ts";

/**
 * All known reasons why the workload's new pods are not proven: the most serious first, and the proxy before the
 * application. Empty when no reason is known.
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
    ...podsNotCreated(workload, evidence),
    ...fresh.flatMap((checked) => diagnosePod(checked, evidence)),
    ...stillTerminating(workload, evidence),
  ];
  const causes = ["proxy", "application", "cluster"];
  return found.toSorted(
    (a, b) =>
      symptoms.indexOf(a.symptom) - symptoms.indexOf(b.symptom) || causes.indexOf(a.cause) - causes.indexOf(b.cause),
  );
}

/**
 * Pods that the API server refused to create. There is no pod to look at: the reason is in the events of the controller
 * object that creates the pods, and in a condition of a Deployment.
 */
function podsNotCreated(workload: ManagedWorkload, { replicaSets, events, stamp }: Evidence): readonly Diagnosis[] {
  const creators = [
    workload,
    ...replicaSets.filter(({ ownerUid }) => ownerUid === workload.uid).map((set) => ({ ...set, kind: "ReplicaSet" })),
  ];
  const refusal = creators
    .flatMap((creator) =>
      events
        .filter((event) => event.reason === "FailedCreate" && event.uid === creator.uid)
        .map((event) => ({ ...event, creator })),
    )
    .filter(({ at }) => !isBefore(at, stamp) && !workload.pods.some((pod) => isBefore(at, pod.createdAt)))
    .reduce<{ at: string; message: string; creator: { kind: string; name: string; uid: string } } | undefined>(
      (last, event) => (last && isBefore(event.at, last.at) ? last : event),
      undefined,
    );
  const condition = workload.status.conditions.find(
    ({ type, status }) => type === "ReplicaFailure" && status === "True",
  );
  const { creator, message } = refusal ?? { creator: workload, message: condition?.message };
  if (message === undefined) return [];
  return [
    {
      symptom: "create",
      object: { kind: creator.kind, namespace: workload.namespace, name: creator.name },
      uid: creator.uid,
      container: undefined,
      cause: "cluster",
      reason: "FailedCreate",
      message: `the API server refuses new pods: ${message}`,
      logs: undefined,
      // A quota can have room again when other workloads end; a webhook or a policy does not change its mind.
      graceMs: message.includes("exceeded quota") ? undefined : defaultGraceMs,
    },
  ];
}

const stillTerminating = (workload: ManagedWorkload, { revision }: Evidence): readonly Diagnosis[] =>
  workload.pods
    .filter((pod) => pod.terminating && isLive(pod) && pod.proxy?.revision !== revision)
    .map((pod) => ({
      symptom: "terminating",
      object: { kind: "Pod", namespace: pod.namespace, name: pod.name },
      uid: pod.uid,
      container: undefined,
      cause: "cluster",
      reason: "Terminating",
      message: "an old pod is still terminating",
      logs: undefined,
      graceMs: undefined,
    }));
