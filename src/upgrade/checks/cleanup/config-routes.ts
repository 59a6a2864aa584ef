/** Which configuration needs the revision: objects with its label, addresses, remote clusters, and the way back of runs. */
import { labelOf } from "../../../mesh/labels.ts";
import { counted, listed } from "../../../mesh/phrase.ts";
import { containsAddress } from "../../cleanup/service-names.ts";
import { type HistoryRun, runHistory } from "../../history.ts";
import { blocker, cannotTell, note, type Observation } from "../check.ts";
import type { Caller, CleanupFacts, ConfigObject } from "./cleanup-facts.ts";
import { otherRevision, type RouteCheck, readCount, routeRecord } from "./revision-use.ts";

const objectOf = ({ kind, namespace, name }: Pick<Caller, "kind" | "namespace" | "name">): string =>
  namespace === undefined ? `${kind}/${name}` : `${namespace}/${kind}/${name}`;

/** Only this revision reads them (istio/istio pkg/config/model.go `LabelsInRevision`): without it they have no effect. */
export const objectsRoute: RouteCheck = {
  ...routeRecord("cleanup-objects", "no object of Istio or the Gateway API has its label"),
  evidence: ({ labelled, revision }) => `${counted(labelled.length, "object")} with istio.io/rev=${revision}`,
  run: (facts) =>
    facts.labelled
      .filter((object) => !isInstalled(facts, object))
      .map((object) => {
        const flag = object.namespace === undefined ? "" : ` -n ${object.namespace}`;
        return blocker(
          objectOf(object),
          `it has istio.io/rev=${facts.revision}: no other revision reads it`,
          `kubectl${flag} label ${object.kind.toLowerCase()}.${object.group} ${object.name} istio.io/rev-, or delete it where nothing needs it`,
        );
      }),
};

/** What the installer created with the revision, and what goes with it: the EnvoyFilters of old charts. */
const isInstalled = ({ mesh, revision }: CleanupFacts, { kind, namespace, name, labels }: ConfigObject): boolean =>
  kind === "EnvoyFilter" &&
  (namespace === mesh.istioNamespace ||
    mesh.controlPlanes.some((each) => each.revision === revision && each.namespace === namespace)) &&
  (labelOf(labels, "operator.istio.io/component") === "Pilot" ||
    /^((tcp-)?stats-filter|(tcp-)?metadata-exchange)-1\.\d+(-|$)/.test(name));

/** Remote clusters and VMs reach istiod by such objects, and are not connected at every moment. */
export const callersRoute: RouteCheck = {
  ...routeRecord("cleanup-callers", "nothing calls its Service by name"),
  evidence: ({ services }) => `calls of ${listed(services.map(({ namespace, name }) => `${name}.${namespace}`))}`,
  run: (facts) =>
    facts.callers.map((caller) =>
      blocker(
        objectOf(caller),
        `it leads to ${caller.address}, which is this revision`,
        `let it lead to revision ${otherRevision(facts)}, or delete it where nothing needs it`,
      ),
    ),
};

export const meshConfigRoute: RouteCheck = {
  ...routeRecord("cleanup-mesh-config", "no other revision gives its proxies an address of it"),
  evidence: ({ addresses }) => readCount(addresses.length, "other mesh config"),
  run: ({ addresses, services }) =>
    addresses.flatMap(({ revision, configMap, discoveryAddress, texts }) => {
      const found = [discoveryAddress, ...texts].find((text) => containsAddress(text, services));
      return found === undefined
        ? []
        : [
            blocker(
              `ConfigMap/${configMap}`,
              `revision ${revision} gives its proxies the address ${found}, which is this revision`,
              `install revision ${revision} again with its own address, and restart its workloads`,
            ),
          ];
    }),
};

/**
 * Every revision watches the same remote clusters, so that a list of them proves no use. A proxy that is connected now
 * is in another route; one that is not can only come by a way into this cluster.
 */
export const remoteClustersRoute: RouteCheck = {
  ...routeRecord("cleanup-remote-clusters", "no other cluster gets its proxies from it"),
  evidence: ({ remoteClusters }) => {
    const clusters = clustersOf(remoteClusters);
    return clusters.length === 0 ? "its istiods watch no other cluster" : `its istiods watch ${listed(clusters)}`;
  },
  run: ({ remoteClusters, services, callers }) => {
    const clusters = clustersOf(remoteClusters);
    const exposed = services.filter((service) => service.exposed);
    const ways = [...exposed.map(({ namespace, name }) => `Service ${namespace}/${name}`), ...callers.map(objectOf)];
    return [
      ...remoteClusters.flatMap((answer) =>
        answer.kind === "unanswered"
          ? [
              cannotTell(
                `istiod/${answer.istiod}`,
                `it did not say which other clusters it watches: ${answer.reason}`,
                "wait until it answers or is gone",
              ),
            ]
          : [],
      ),
      ...clusters.map((cluster) =>
        ways.length === 0
          ? note(
              `cluster/${cluster}`,
              "its istiods watch this cluster; nothing here leads proxies of it to this revision",
            )
          : cannotTell(
              `cluster/${cluster}`,
              `whether its proxies and webhooks call this revision by ${listed(ways)} cannot be seen from here`,
              `run kubectl mesh-revisions with the context of that cluster; when nothing of it needs this revision, close ${listed(ways)}`,
            ),
      ),
      ...(clusters.length > 0
        ? []
        : exposed.map(({ namespace, name }) =>
            note(`${namespace}/Service/${name}`, "machines outside the cluster can reach it; none is connected now"),
          )),
    ];
  },
};

const clustersOf = (answers: CleanupFacts["remoteClusters"]): readonly string[] => [
  ...new Set(answers.flatMap((answer) => (answer.kind === "answered" ? answer.clusters : []))),
];

/** Locks that are held are not judged here: the lock of a cleanup looks for them. */
export const undoRoute: RouteCheck = {
  ...routeRecord("cleanup-undo", "no unfinished run needs it"),
  evidence: ({ history }) =>
    history === undefined ? "not read" : `runs of ${readCount(history.namespaces.length, "namespace")}`,
  run: (facts) => {
    if (facts.history === undefined) return [];
    return runHistory(facts.history, new Map()).flatMap((run) => runFinding(facts, run));
  },
};

/** `wayBack` is there for the run that the undo record of its namespace names. */
const runFinding = ({ revision }: CleanupFacts, each: HistoryRun): readonly Observation[] => {
  const { namespace, run, verb, from, to, state, reason, wayBack } = each;
  const object = `namespace/${namespace}`;
  if (state === "unreadable")
    return [
      cannotTell(
        object,
        `which revision its way back leads to cannot be told: ${reason}`,
        "look at it, and remove it when nothing of it is needed (docs/state.md)",
      ),
    ];
  const isFrom = from === revision;
  if ((!isFrom && to !== revision) || !["open", "stopped", "done"].includes(state)) return [];
  if (state !== "done")
    return [
      blocker(
        object,
        `the ${verb === "rollback" ? "rollback" : "migration"} ${run} from ${from} to ${to} is not finished`,
        verb === "rollback"
          ? `finish it: kubectl mesh-rollback -n ${namespace}`
          : `finish it: kubectl mesh-migrate -n ${namespace} --to ${each.label ?? to}, or go back: kubectl mesh-rollback -n ${namespace}`,
      ),
    ];
  return isFrom && wayBack !== undefined
    ? [note(object, `afterwards there is no way back any more from run ${run}, which moved it from ${from} to ${to}`)]
    : [];
};
