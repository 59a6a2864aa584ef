/** Which restarts lose requests that real clients send meanwhile? docs/checks/availability.md has what was measured. */
import { minorOf } from "../../../mesh/istio-version.ts";
import type { Workload } from "../../../mesh/model.ts";
import { refText } from "../../../mesh/object-ref.ts";
import { counted, listed } from "../../../mesh/phrase.ts";
import { type Facts, oldRevisions, restarts, type WorkloadMove } from "../../plan/moves.ts";
import { selects } from "../../plan/target.ts";
import { hasPreStop, showsReadiness } from "../../preflight/pod-template.ts";
import { type StartFacts, waitsForProxy } from "../../preflight/waits-for-proxy.ts";
import { type Check, note, type Observation, warning } from "../check.ts";

const namesOf = (workloads: readonly Workload[]): string => listed(workloads.map(refText));

/** Workloads whose pods a Service sends requests to. Gateways are proxies alone, and drain by themselves. */
const serving = (facts: Facts): readonly Workload[] => {
  const services = Map.groupBy(facts.evidence.services, ({ namespace }) => namespace);
  return restarts(facts)
    .map(({ workload }) => workload)
    .filter(
      ({ namespace, template, gateway }) =>
        !gateway &&
        (services.get(namespace) ?? []).some(
          ({ selector }) => selects({ matchLabels: selector }, template?.metadata?.labels ?? {}) === true,
        ),
    );
};

/** One warning of all workloads that have not what they should, however many they are. */
const lacking = (without: readonly Workload[], field: string, what: string, remedy: string): readonly Observation[] =>
  without.length === 0
    ? []
    : [
        warning(
          field,
          `${counted(without.length, "workload")} behind a Service ha${without.length === 1 ? "s" : "ve"} no ${what} (${namesOf(without)})`,
          remedy,
        ),
      ];

/** https://kubernetes.io/docs/concepts/configuration/liveness-readiness-startup-probes/ */
const readinessProbes: Check<Facts> = {
  id: "readiness-probes",
  title: "every workload behind a Service says when it can serve",
  severity: "warning",
  category: "availability",
  run: (facts) =>
    lacking(
      serving(facts).filter((workload) => !showsReadiness(workload)),
      "readinessProbe",
      "readiness probe: an old pod goes as soon as the new one runs, and requests fail where that does not serve yet",
      "give them a readiness probe with their next release, and move them after it",
    ),
};

/** Injectors of these releases were built before Kubernetes 1.29, and drop a field that they do not know. */
const dropsSleep = 20;

/** https://kubernetes.io/docs/concepts/containers/container-lifecycle-hooks/#container-hooks */
const stopHooks: Check<Facts> = {
  id: "pre-stop-hooks",
  title: "every workload behind a Service waits before it stops",
  severity: "warning",
  category: "availability",
  run: (facts) =>
    lacking(
      serving(facts).filter((workload) => !hasPreStop(workload)),
      "preStop",
      "preStop hook: requests fail that callers still send to an old pod, unless it goes on serving after SIGTERM",
      `${sleepHook(facts)}, with their next release, and move them after it`,
    ),
};

/** The old istiods inject too, where a run is taken back. `preStop.sleep` is there by default from Kubernetes 1.30 on. */
const sleepHook = (facts: Facts): string => {
  const revisions = new Set([facts.target.revision, ...oldRevisions(facts)]);
  const minors = facts.mesh.controlPlanes
    .filter(({ revision }) => revisions.has(revision))
    .map(({ version }) => minorOf(version));
  return minors.every((minor) => minor !== undefined && minor > dropsSleep)
    ? "let them sleep 5 seconds in a preStop hook (preStop.sleep from Kubernetes 1.30 on, else an exec of sleep)"
    : "let them sleep 5 seconds in a preStop hook, by an exec of sleep (an istiod of 1.19 or 1.20 drops preStop.sleep, and the pods are refused)";
};

/**
 * Istio's default is not to wait, and most meshes live with that: a note. A warning where the move takes it away from an
 * application that waits today.
 */
const held: Check<StartFacts & Facts> = {
  id: "applications-held",
  title: "no application starts before its proxy",
  severity: "warning",
  category: "availability",
  run: (facts) => {
    const moved = restarts(facts).filter(
      ({ workload }) => waitsForProxy(facts, workload, facts.target.revision) === false,
    );
    const { lost = [], never = [] } = Object.groupBy(moved, (move) => (waitsToday(facts, move) ? "lost" : "never"));
    return [...early(warning, lost, " no longer wait"), ...early(note, never, " not wait")];
  },
};

const waitsToday = (facts: StartFacts, { workload, stale }: WorkloadMove): boolean =>
  stale.some(
    ({ proxy }) =>
      proxy?.native === true ||
      (proxy?.revision !== undefined && waitsForProxy(facts, workload, proxy.revision) === true),
  );

const early = (say: typeof warning, moved: readonly WorkloadMove[], will: string): readonly Observation[] =>
  moved.length === 0
    ? []
    : [
        say(
          "holdApplicationUntilProxyStarts",
          `${counted(moved.length, "workload")} will${will} for the proxy: requests that a new pod sends before its proxy runs fail (${namesOf(moved.map(({ workload }) => workload))})`,
          "set defaultConfig.holdApplicationUntilProxyStarts: true in the mesh config of the target, or the same in annotation proxy.istio.io/config of their templates",
        ),
      ];

export const lostRequestChecks: readonly Check<Facts>[] = [readinessProbes, stopHooks, held];
