/** Gathers what a person needs to see of a failure: the pod, the container, its last lines, the warnings about it. */
import type { Cluster } from "../cluster/cluster.ts";
import { ClusterError } from "../cluster/cluster-error.ts";
import { kinds } from "../cluster/kinds.ts";
import { eventFrom } from "../mesh/from/event.ts";
import type { ObjectRef } from "../mesh/model.ts";
import type { Diagnosis } from "../upgrade/proof/symptom.ts";
import type { Failure } from "../upgrade/result.ts";
import type { Tools } from "./tools.ts";

const tailLines = 20;
const mostEvents = 5;

/** Records the first failure of a run with its evidence; later ones are in their steps. Never throws. */
export async function noteFailure(
  { cluster, journal }: Pick<Tools, "cluster" | "journal">,
  object: ObjectRef,
  reason: string,
  diagnosis?: Diagnosis,
): Promise<void> {
  if (journal.failure()) return;
  journal.setFailure({ object, reason, pod: undefined, container: undefined, logs: [], events: [] });
  journal.setFailure(await gatherFailure(cluster, object, reason, diagnosis));
}

/** Evidence that cannot be had is left out. */
async function gatherFailure(
  cluster: Cluster,
  object: ObjectRef,
  reason: string,
  diagnosis: Diagnosis | undefined,
): Promise<Failure> {
  const pod = diagnosis?.object.kind === "Pod" ? diagnosis.object : undefined;
  const [logs, events] = await Promise.all([
    lastLines(cluster, diagnosis),
    diagnosis ? warnings(cluster, diagnosis) : [],
  ]);
  return { object, reason, pod: pod?.name, container: diagnosis?.container, logs, events };
}

async function lastLines(cluster: Cluster, diagnosis: Diagnosis | undefined): Promise<readonly string[]> {
  if (diagnosis?.logs === undefined || diagnosis.container === undefined) return [];
  const { object, container, logs } = diagnosis;
  const text = await orNothing(cluster.logs(object, container, { tailLines, previous: logs === "previous" }), "");
  return text.split("\n").filter((line) => line !== "");
}

async function warnings(cluster: Cluster, { object, uid }: Diagnosis): Promise<readonly string[]> {
  const query = { namespace: object.namespace, fieldSelector: `involvedObject.uid=${uid},type=Warning` };
  const listed = await orNothing(cluster.list(kinds.events, query, eventFrom), undefined);
  return (listed?.items ?? [])
    .toSorted((a, b) => (a.at < b.at ? -1 : 1))
    .slice(-mostEvents)
    .map(({ reason, message }) => `${reason}: ${message}`);
}

const orNothing = <T, N>(answer: Promise<T>, nothing: N): Promise<T | N> =>
  answer.catch((error: unknown) => {
    if (error instanceof ClusterError) return nothing;
    throw error;
  });
