/**
 * What `-A` does not move: pods that run another revision in namespaces that are not in the plan, each with the reason.
 * Nothing is left unsaid: whoever removes the old control plane after a migration that is done has to know of them.
 */
import { labelOf } from "../../mesh/labels.ts";
import type { Mesh, Pod } from "../../mesh/model.ts";
import { refText } from "../../mesh/object-ref.ts";
import { isLive } from "../../mesh/pod-state.ts";
import { podEndsByItself } from "../owners/ends-by-itself.ts";
import { asksByTemplate, eligibilityOf } from "../plan/eligibility.ts";
import type { MigrationRequest } from "../plan/migration-request.ts";
import { isNamed } from "../plan/object-pattern.ts";
import type { Left, Unplanned } from "../plan/plan.ts";
import { revisionsOf, revisionsText } from "../plan/revisions-text.ts";
import type { Target } from "../record/undo-record.ts";
import { type OfObject, type UnplannedPlace, whyNotDeployed, whyNotInjected } from "./unplanned-reasons.ts";

/** `left`: what `--leave` names, and running Jobs. */
export interface NotPlanned {
  readonly unplanned: readonly Unplanned[];
  readonly left: readonly Left[];
}

/** What of a mesh is in no plan; `planned` are the namespaces that are in it. */
export const unplannedOf = (
  mesh: Mesh,
  target: Target,
  request: Pick<MigrationRequest, "from" | "leave" | "endsByItself">,
  planned: ReadonlySet<string>,
): NotPlanned => {
  const workloads = Map.groupBy(mesh.workloads, ({ namespace }) => namespace);
  const all = Map.groupBy(mesh.pods, ({ namespace }) => namespace);
  const found = mesh.namespaces
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .map((namespace): NotPlanned => {
      const pods = all.get(namespace.name) ?? [];
      const staying = pods.filter((pod) => isOnSource(pod, target, request.from));
      if (staying.length === 0) return { unplanned: [], left: [] };
      const inside = workloads.get(namespace.name) ?? [];
      const eligibility = eligibilityOf(mesh, namespace, inside, pods);
      const place = { namespace, workloads: inside, eligibility, isPlanned: planned.has(namespace.name) };
      return inNamespace(mesh, target, request, place, staying);
    });
  return { unplanned: found.flatMap((each) => each.unplanned), left: found.flatMap((each) => each.left) };
};

/** What does not say its revision may be on this one. ztunnel is part of an installation. */
const isOnSource = (pod: Pod, target: Target, from: string | undefined): boolean => {
  if (pod.proxy === undefined || pod.proxy.kind === "ztunnel" || pod.terminating || !isLive(pod)) return false;
  const { revision } = pod.proxy;
  return revision !== target.revision && (from === undefined || revision === undefined || revision === from);
};

const wasInjected = ({ proxy }: Pod): boolean => proxy?.kind === "sidecar" || proxy?.kind === "gateway";

const inNamespace = (
  mesh: Mesh,
  target: Target,
  { from, leave, endsByItself }: Pick<MigrationRequest, "from" | "leave" | "endsByItself">,
  place: UnplannedPlace,
  staying: readonly Pod[],
): NotPlanned => {
  // Those of namespaces that their owners keep are listed with what is left.
  const isSaid = place.isPlanned || place.eligibility === "kept-by-owners";
  const injected = isSaid ? [] : byObject(staying.filter(wasInjected), endsByItself);
  const jobs = injected.filter(({ isJob }) => isJob);
  const named = injected.filter(({ object, isJob }) => !isJob && isNamed(leave, object));
  const rest = injected.filter((each) => !jobs.includes(each) && !named.includes(each));
  const deployed = byObject(
    staying.filter((pod) => !wasInjected(pod) && !movesAlong(pod, mesh, place)),
    endsByItself,
  );
  return {
    unplanned: [
      ...partsOf(place, rest).flatMap((each) => entry(place, each, whyNotInjected(place, each, target, from))),
      ...[...Map.groupBy(deployed, ({ pods }) => pods[0]?.proxy?.kind)].flatMap(([kind, each]) =>
        entry(place, each, whyNotDeployed(kind)),
      ),
    ],
    left: [
      ...named.map(
        ({ object, pods }): Left => ({
          object,
          reason: `stays on ${revisionsText(pods)}: its namespace is not in the plan`,
          by: "--leave",
        }),
      ),
      ...jobs.map(
        ({ object, pods }): Left => ({ object, reason: `runs on ${revisionsText(pods)} until it ends`, by: "job" }),
      ),
    ],
  };
};

/** Where the labels of a namespace do not decide, those of the templates do: then what asks for injection apart. */
const partsOf = (
  { eligibility, workloads }: UnplannedPlace,
  objects: readonly OfObject[],
): readonly (readonly OfObject[])[] => {
  if (!["ambient", "pod-labels", "unlabelled"].includes(eligibility)) return [objects];
  const asking = new Set(workloads.filter(asksByTemplate).map(refText));
  const asks = ({ object }: OfObject): boolean => asking.has(refText(object));
  return [objects.filter(asks), objects.filter((each) => !asks(each))];
};

const byObject = (pods: readonly Pod[], endsByItself: readonly string[]): readonly OfObject[] => {
  const byUid = new Map(pods.map((pod) => [pod.uid, pod]));
  return [
    ...Map.groupBy(pods, ({ workload, owner, namespace, name }) =>
      refText(workload ?? { kind: owner?.kind ?? "Pod", namespace, name: owner?.name ?? name }),
    ).values(),
  ].map((own): OfObject => {
    const first = own[0] as Pod;
    const { workload, owner, namespace, name } = first;
    const { kind, name: called } = workload ?? { kind: owner?.kind ?? "Pod", name: owner?.name ?? name };
    return { object: { kind, namespace, name: called }, pods: own, isJob: podEndsByItself(first, endsByItself, byUid) };
  });
};

/** A Gateway without a label of its own goes with the namespace (checks/move/gateways.ts), which is in the plan. */
const movesAlong = ({ labels, namespace }: Pod, { gateways }: Mesh, { isPlanned }: UnplannedPlace): boolean => {
  const name = labelOf(labels, "gateway.networking.k8s.io/gateway-name");
  const gateway = gateways.find((each) => each.namespace === namespace && each.name === name);
  return isPlanned && gateway !== undefined && gateway.pinned === undefined;
};

const entry = (
  { namespace }: UnplannedPlace,
  objects: readonly OfObject[],
  why: Pick<Unplanned, "reason" | "remedy" | "open">,
): readonly Unplanned[] => {
  if (objects.length === 0) return [];
  const pods = objects.flatMap((each) => each.pods);
  return [
    {
      ...{ namespace: namespace.name, ...why },
      ...{ revisions: revisionsOf(pods), pods: pods.length, objects: objects.map(({ object }) => object) },
    },
  ];
};
