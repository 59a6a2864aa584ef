/** What does not move by itself, and what earlier upgrades left. */
import { refOf } from "../../../mesh/object-ref.ts";
import { counted, listed } from "../../../mesh/phrase.ts";
import { leftRevisions } from "../../preflight/planes.ts";
import type { PreflightFacts } from "../../preflight/preflight-facts.ts";
import { type Check, note, warning } from "../check.ts";

const place = ({ namespace, name }: { readonly namespace: string; readonly name: string }): string =>
  `${namespace}/${name}`;

const runningJobs: Check<PreflightFacts> = {
  id: "jobs-running",
  title: "nothing keeps its proxy until it ends by itself",
  severity: "note",
  category: "unmoved",
  run: ({ moves, target }) => {
    const jobs = moves.flatMap(({ workloads, podsWithoutWorkload }) => [
      ...podsWithoutWorkload.filter(({ disposition }) => disposition === "job"),
      ...workloads
        .filter(({ disposition }) => disposition === "job")
        .map(({ workload, stale }) => ({ ref: refOf(workload), pods: stale })),
    ]);
    if (jobs.length === 0) return [];
    const pods = jobs.flatMap((job) => job.pods);
    const kinds = [...new Set(jobs.map(({ ref }) => ref.kind))];
    const [kind = "Job"] = kinds;
    const nouns = kinds.length > 1 ? `${jobs.length} objects that end by themselves` : counted(jobs.length, kind);
    const revisions = [...new Set(pods.map(({ proxy }) => proxy?.revision ?? "an unknown revision"))];
    const what = `${nouns} with ${counted(pods.length, "running pod")} (${listed(jobs.map(({ ref }) => place(ref)))})`;
    return [
      note(
        "jobs",
        `${what} stay on ${listed(revisions)} until they end: what ends by itself is not restarted, and only its next pods get what ${target.revision} injects`,
        `keep ${listed(revisions)} installed until they have ended`,
      ),
    ];
  },
};

/**
 * A WorkloadEntry that was made by hand may be no more than an address; one that registered itself is a proxy. Source:
 * https://istio.io/latest/docs/setup/install/virtual-machine/ (the discovery address is in `mesh.yaml` and `cluster.env`
 * of the machine).
 */
const virtualMachines: Check<PreflightFacts> = {
  id: "virtual-machines",
  title: "no proxy outside the cluster has to be upgraded by hand",
  severity: "warning",
  category: "unmoved",
  run: ({ around: { config }, moves, target }) => {
    const isMoving = ({ namespace }: { readonly namespace: string }): boolean =>
      moves.some((move) => move.namespace.name === namespace);
    const entries = config.workloadEntries.filter(isMoving);
    const groups = config.workloadGroups.filter(isMoving);
    const registered = entries.filter(({ group }) => group !== undefined);
    const byHand = entries.filter(({ group }) => group === undefined);
    const remedy = `make the files of each machine anew with 'istioctl x workload entry configure --revision ${target.revision}', and upgrade its istio-sidecar package`;
    return [
      ...(registered.length === 0
        ? []
        : [
            warning(
              "workloadentries",
              `${registered.length} ${registered.length === 1 ? "proxy" : "proxies"} on machines outside the cluster registered themselves (${listed(registered.map(place))}): no label moves them, and they lose their control plane when the old one is removed`,
              remedy,
            ),
          ]),
      ...(byHand.length === 0
        ? []
        : [
            note(
              "workloadentries",
              `${byHand.length} ${byHand.length === 1 ? "WorkloadEntry" : "WorkloadEntries"} made by hand (${listed(byHand.map(place))}): where a proxy runs behind one, no label moves it`,
              remedy,
            ),
          ]),
      ...(groups.length === 0 || registered.length > 0
        ? []
        : [
            note(
              "workloadgroups",
              `${counted(groups.length, "WorkloadGroup")} for machines outside the cluster, of which none is registered now (${listed(groups.map(place))})`,
              remedy,
            ),
          ]),
    ];
  },
};

/** Source: istiod's /debug/clusterz (istio/istio pkg/kube/multicluster/secretcontroller.go). */
const remoteClusters: Check<PreflightFacts> = {
  id: "remote-clusters",
  title: "the mesh is in one cluster",
  severity: "note",
  category: "unmoved",
  run: ({ around: { config } }) => {
    const clusters = [...new Set(config.remoteClusters.flatMap((each) => each.clusters))];
    if (clusters.length === 0) return [];
    return [
      note(
        "clusters",
        `the mesh has ${counted(clusters.length, "cluster")} beside this one (${listed(clusters)}): what is moved here moves nothing there, and proxies there may be served by istiods of this one`,
        "run this for each of them, and keep the old control plane until the last has moved",
      ),
    ];
  },
};

/**
 * A control plane reads objects without the label and those with exactly its revision. A tag on them is read by nobody,
 * before and after. Source: `LabelsInRevision` (istio/istio pkg/config/model.go).
 */
const labelledConfig: Check<PreflightFacts> = {
  id: "config-labelled",
  title: "no configuration is for the old control plane alone",
  severity: "warning",
  category: "unmoved",
  run: (facts) => {
    const { target, around } = facts;
    const olds = leftRevisions(facts);
    const found = around.config.labelled.filter(({ revision }) => olds.includes(revision));
    return [...Map.groupBy(found, ({ kind }) => kind)].map(([kind, objects]) =>
      warning(
        kind,
        `${counted(objects.length, "object")} with label istio.io/rev=${listed([...new Set(objects.map(({ revision }) => revision))])} (${listed(objects.map(place))}): revision ${target.revision} does not read them, so they mean nothing for what has moved`,
        `remove the label where both are to read them, or have the same beside them with istio.io/rev=${target.revision}, before you begin`,
      ),
    );
  },
};

const leftovers: Check<PreflightFacts> = {
  id: "leftovers",
  title: "earlier upgrades left nothing",
  severity: "note",
  category: "unmoved",
  run: ({ around: { config }, target }) => {
    const found = config.leftovers.filter(({ revision }) => revision !== target.revision);
    if (found.length === 0) return [];
    const names = listed(found.map(({ revision, objects }) => `${revision} (${counted(objects, "object")})`));
    return [
      note(
        "revisions",
        `objects of ${counted(found.length, "revision")} without an istiod are still there: ${names}`,
        "look at them: kubectl mesh-cleanup --leftovers --check-only",
      ),
    ];
  },
};

export const unmovedChecks: readonly Check<PreflightFacts>[] = [
  runningJobs,
  virtualMachines,
  remoteClusters,
  labelledConfig,
  leftovers,
];
