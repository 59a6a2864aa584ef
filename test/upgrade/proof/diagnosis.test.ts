import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { ClusterEvent } from "../../../src/mesh/from/event.ts";
import type { Pod, UnreadyContainer, Workload } from "../../../src/mesh/model.ts";
import { diagnose } from "../../../src/upgrade/proof/diagnosis.ts";
import { podProof } from "../../../src/upgrade/proof/pod-proof.ts";
import {
  type Diagnosis,
  defaultGraceMs,
  type Evidence,
  pastGrace,
  type SeenSince,
} from "../../../src/upgrade/proof/symptom.ts";
import { after, before, stamp } from "../../fixtures/instants.ts";
import { answered, connection, unanswered, webPod } from "../../fixtures/pods.ts";
import { workload } from "../../fixtures/workload.ts";

const unready = (container: string, change: Partial<UnreadyContainer> = {}): UnreadyContainer => ({
  container,
  init: false,
  state: "waiting",
  reason: "CrashLoopBackOff",
  message: "",
  restarts: 0,
  exitCode: undefined,
  ...change,
});

const event = (uid: string, reason: string, message: string, at = after): ClusterEvent => ({
  kind: "",
  name: "",
  uid,
  warning: true,
  reason,
  message,
  at,
});

const replicaSets = [
  { name: "web-7d4b9", uid: "uid-of-rs", ownerUid: "uid-of-web" },
  { name: "other-5c8", uid: "uid-of-other-rs", ownerUid: "uid-of-other" },
];

const broken = (change: Parameters<typeof webPod>[1] = {}) =>
  webPod("web-a", { phase: "Pending", ready: false, ...change, proxy: { ready: false, ...change.proxy } });

const diagnosesOf = (
  item: Workload,
  pods: readonly Pod[],
  change: Partial<Evidence> = {},
  answers = [answered("1-20"), answered("default")],
): readonly Diagnosis[] =>
  diagnose(item, {
    pods: pods.map((each) => ({
      pod: each,
      proof: podProof(each, { revision: "1-20", oldRevisions: ["default"] }, answers),
    })),
    replicaSets,
    events: [],
    stamp,
    revision: "1-20",
    ...change,
  });

const line = ({ object, container, cause, symptom, reason, message, logs, graceMs }: Diagnosis): string =>
  `${symptom} ${object.kind}/${object.name} ${container ?? "-"} ${cause} ${reason} logs=${logs ?? "-"} grace=${graceMs ?? "-"} | ${message}`;
const first = (
  pods: readonly Pod[],
  change: Partial<Evidence> = {},
  answers = [answered("1-20"), answered("default")],
  item = workload({ pods }),
): string => {
  const [mostSerious] = diagnosesOf(item, pods, change, answers);
  return mostSerious ? line(mostSerious) : "nothing";
};
const synced = [answered("1-20", [connection("web-a")]), answered("default")];
const refusal = (message: string, at = after) => ({ events: [event("uid-of-rs", "FailedCreate", message, at)] });

const cases: readonly (readonly [string, string, string])[] = [
  [
    "the application crashes",
    first(
      [
        broken({
          phase: "Running",
          proxy: { ready: true },
          unreadyContainers: [unready("app", { restarts: 4, exitCode: 1, message: "back-off 1m20s" })],
        }),
      ],
      {},
      synced,
    ),
    "crash Pod/web-a app application CrashLoopBackOff logs=previous grace=0 | container app (the application): CrashLoopBackOff, 4 restarts, exit code 1: back-off 1m20s",
  ],
  [
    "one crash: no failure yet",
    first([
      broken({
        unreadyContainers: [unready("app", { restarts: 1, exitCode: 137, reason: "OOMKilled", state: "terminated" })],
      }),
    ]),
    "crash Pod/web-a app application OOMKilled logs=current grace=- | container app (the application): OOMKilled, 1 restart, exit code 137; its proxy: containers not started yet",
  ],
  [
    "both crash: the proxy is named first",
    first([broken({ unreadyContainers: [unready("app", { restarts: 3 }), unready("istio-proxy", { restarts: 3 })] })]),
    "crash Pod/web-a istio-proxy proxy CrashLoopBackOff logs=previous grace=0 | container istio-proxy (the proxy): CrashLoopBackOff, 3 restarts",
  ],
  [
    "the application crashes while its proxy has no istiod",
    first([
      broken({
        phase: "Running",
        unreadyContainers: [
          unready("app", { restarts: 3 }),
          unready("istio-proxy", { state: "not ready", reason: "" }),
        ],
      }),
    ]),
    "crash Pod/web-a app application CrashLoopBackOff logs=previous grace=0 | container app (the application): CrashLoopBackOff, 3 restarts; its proxy: proxy not connected yet",
  ],
  [
    "istio-init belongs to the proxy",
    first([broken({ unreadyContainers: [unready("istio-init", { init: true, restarts: 3, exitCode: 255 })] })]),
    "crash Pod/web-a istio-init proxy CrashLoopBackOff logs=previous grace=0 | container istio-init (the proxy): CrashLoopBackOff, 3 restarts, exit code 255",
  ],
  [
    "the proxy's image cannot be pulled",
    first([
      broken({
        unreadyContainers: [
          unready("istio-proxy", {
            reason: "ImagePullBackOff",
            message: 'Back-off pulling image "docker.io/istio/proxyv2:1.20.0"',
          }),
        ],
      }),
    ]),
    'image Pod/web-a istio-proxy proxy ImagePullBackOff logs=- grace=15000 | container istio-proxy (the proxy): ImagePullBackOff: Back-off pulling image "docker.io/istio/proxyv2:1.20.0"',
  ],
  [
    "a Secret is missing",
    first([
      broken({
        unreadyContainers: [unready("app", { reason: "CreateContainerConfigError", message: 'secret "db" not found' })],
      }),
    ]),
    'config Pod/web-a app application CreateContainerConfigError logs=- grace=15000 | container app (the application): CreateContainerConfigError: secret "db" not found; its proxy: containers not started yet',
  ],
  [
    "no node has room",
    first([
      broken({
        node: undefined,
        conditions: [
          { type: "PodScheduled", status: "False", reason: "Unschedulable", message: "0/3 nodes are available" },
        ],
      }),
    ]),
    "unscheduled Pod/web-a - cluster Unschedulable logs=- grace=- | not scheduled: 0/3 nodes are available",
  ],
  [
    "a volume cannot be mounted: the event's message",
    first([broken({ unreadyContainers: [unready("app", { reason: "ContainerCreating" })] })], {
      events: [event("uid-of-web-a", "FailedMount", 'configmap "istio-ca-root-cert" not found')],
    }),
    'starting Pod/web-a - cluster FailedMount logs=- grace=- | FailedMount: configmap "istio-ca-root-cert" not found',
  ],
  [
    "a node that does not start its containers",
    first([broken()]),
    "starting Pod/web-a - cluster Starting logs=- grace=- | its containers have not started on node node-1",
  ],
  [
    "no connection",
    first([
      broken({ phase: "Running", unreadyContainers: [unready("istio-proxy", { state: "not ready", reason: "" })] }),
    ]),
    "unconnected Pod/web-a istio-proxy proxy NotConnected logs=current grace=- | proxy not connected yet",
  ],
  [
    "a native sidecar without a connection, its pod still pending",
    first([
      broken({
        proxy: { native: true },
        unreadyContainers: [
          unready("istio-proxy", { init: true, state: "not ready", reason: "" }),
          unready("app", { reason: "PodInitializing" }),
        ],
      }),
    ]),
    "unconnected Pod/web-a istio-proxy proxy NotConnected logs=current grace=- | proxy not connected yet",
  ],
  [
    "the target's istiod does not answer",
    first([broken({ phase: "Running" })], {}, [unanswered("1-20"), answered("default")]),
    "unconnected Pod/web-a istio-proxy proxy IstiodUnanswered logs=current grace=- | istio-system/istiod-1-20-abc of 1-20 does not answer: connection refused",
  ],
  [
    "configuration rejected",
    first([webPod("web-a")], {}, [
      answered("1-20", [connection("web-a", { rejected: [{ type: "LDS", message: "duplicate address" }] })]),
      answered("default"),
    ]),
    "rejected Pod/web-a istio-proxy proxy ConfigurationRejected logs=current grace=15000 | proxy rejects its configuration: LDS: duplicate address",
  ],
  [
    "its readiness probe fails",
    first(
      [
        broken({
          phase: "Running",
          proxy: { ready: true },
          unreadyContainers: [unready("app", { state: "not ready", reason: "" })],
        }),
      ],
      { events: [event("uid-of-web-a", "Unhealthy", "Readiness probe failed: 503")] },
      synced,
    ),
    "unready Pod/web-a app application NotReady logs=current grace=- | container app (the application): NotReady: Unhealthy: Readiness probe failed: 503",
  ],
  [
    "pods refused by a webhook: the event of the ReplicaSet",
    first([], refusal("Internal error occurred: failed calling webhook")),
    "create ReplicaSet/web-7d4b9 - cluster FailedCreate logs=- grace=15000 | the API server refuses new pods: Internal error occurred: failed calling webhook",
  ],
  [
    "pods refused by a quota: it may have room later",
    first([], refusal("exceeded quota: pods")),
    "create ReplicaSet/web-7d4b9 - cluster FailedCreate logs=- grace=- | the API server refuses new pods: exceeded quota: pods",
  ],
  ["a refusal from before the restart", first([], refusal("x", before)), "nothing"],
  [
    "a refusal before the newest pod",
    first([webPod("web-a", { createdAt: "2026-11-03T04:06:07Z" })], refusal("x"), synced),
    "nothing",
  ],
  ["another workload's ReplicaSet", first([], { events: [event("uid-of-other-rs", "FailedCreate", "x")] }), "nothing"],
  [
    "a StatefulSet's own event",
    first(
      [],
      { events: [event("uid-of-web", "FailedCreate", "denied by policy")] },
      synced,
      workload({ kind: "StatefulSet" }),
    ),
    "create StatefulSet/web - cluster FailedCreate logs=- grace=15000 | the API server refuses new pods: denied by policy",
  ],
  [
    "no right to read events: the Deployment's condition",
    first(
      [],
      {},
      synced,
      workload({
        status: { conditions: [{ type: "ReplicaFailure", status: "True", reason: "FailedCreate", message: "denied" }] },
      }),
    ),
    "create Deployment/web - cluster FailedCreate logs=- grace=15000 | the API server refuses new pods: denied",
  ],
  [
    "an old pod that is terminating",
    first([webPod("web-y", { terminating: true, createdAt: before, proxy: { revision: "default" } })]),
    "terminating Pod/web-y - cluster Terminating logs=- grace=- | an old pod is still terminating",
  ],
  [
    "an old pod that crashes is ignored",
    first([broken({ createdAt: before, unreadyContainers: [unready("app", { restarts: 9 })] })]),
    "nothing",
  ],
  [
    "a pod of the target that is terminating, because of a scale-down",
    first([webPod("web-y", { terminating: true })]),
    "nothing",
  ],
  [
    "an old pod that has ended and is not deleted yet",
    first([webPod("web-y", { terminating: true, phase: "Succeeded", proxy: { revision: "default" } })]),
    "nothing",
  ],
  [
    "conditions without a problem",
    first(
      [],
      {},
      synced,
      workload({
        status: {
          conditions: [
            {
              type: "Available",
              status: "True",
              reason: "MinimumReplicasAvailable",
              message: "Deployment has minimum availability.",
            },
            { type: "ReplicaFailure", status: "False", reason: "", message: "over" },
          ],
        },
      }),
    ),
    "nothing",
  ],
  ["a proven pod", first([webPod("web-a")], {}, synced), "nothing"],
  [
    "a proven pod with another container that has ended",
    first(
      [
        webPod("web-a", {
          unreadyContainers: [unready("debugger", { state: "terminated", reason: "Completed", exitCode: 0 })],
        }),
      ],
      {},
      synced,
    ),
    "nothing",
  ],
  [
    "a pod on the wrong revision that crashes: another restart follows",
    first([broken({ proxy: { revision: "default" }, unreadyContainers: [unready("app", { restarts: 9 })] })]),
    "nothing",
  ],
  [
    "other conditions than PodScheduled are ignored",
    first([
      broken({
        conditions: [{ type: "ContainersReady", status: "False", reason: "ContainersNotReady", message: "" }],
        unreadyContainers: [unready("istio-proxy", { restarts: 3 })],
      }),
    ]),
    "crash Pod/web-a istio-proxy proxy CrashLoopBackOff logs=previous grace=0 | container istio-proxy (the proxy): CrashLoopBackOff, 3 restarts",
  ],
  [
    "no node, without a reason",
    first([
      broken({
        node: undefined,
        conditions: [{ type: "PodScheduled", status: "False", reason: "", message: "none yet" }],
      }),
    ]),
    "unscheduled Pod/web-a - cluster Unscheduled logs=- grace=- | not scheduled: none yet",
  ],
  [
    "an unknown node",
    first([broken({ node: undefined })]),
    "starting Pod/web-a - cluster Starting logs=- grace=- | its containers have not started on node ?",
  ],
  [
    "it ended without a reason",
    first([
      broken({
        unreadyContainers: [
          unready("istio-validation", { init: true, state: "terminated", reason: "", exitCode: 126 }),
        ],
      }),
    ]),
    "crash Pod/web-a istio-validation proxy Error logs=current grace=- | container istio-validation (the proxy): Error, exit code 126",
  ],
  [
    "the init containers of injection belong to the proxy",
    first([broken({ unreadyContainers: [unready("enable-core-dump", { init: true, restarts: 3 })] })]),
    "crash Pod/web-a enable-core-dump proxy CrashLoopBackOff logs=previous grace=0 | container enable-core-dump (the proxy): CrashLoopBackOff, 3 restarts",
  ],
  [
    "the application crashes while the target's istiod does not answer",
    first([broken({ phase: "Running", unreadyContainers: [unready("app", { restarts: 3 })] })], {}, [
      unanswered("1-20"),
      answered("default"),
    ]),
    "crash Pod/web-a app application CrashLoopBackOff logs=previous grace=0 | container app (the application): CrashLoopBackOff, 3 restarts",
  ],
  [
    "of several events, the newest warning about the pod counts",
    first([broken()], {
      events: [
        event("uid-of-web-a", "FailedMount", "the newest", "2026-11-03T04:08:06Z"),
        event("uid-of-web-a", "FailedMount", "older", "2026-11-03T04:07:06Z"),
        event("uid-of-web-b", "FailedMount", "of another", "2026-11-03T04:09:06Z"),
        { ...event("uid-of-web-a", "Pulled", "no warning", "2026-11-03T04:09:06Z"), warning: false },
      ],
    }),
    "starting Pod/web-a - cluster FailedMount logs=- grace=- | FailedMount: the newest",
  ],
  [
    "of several refusals, the newest counts; other events of the ReplicaSet are ignored",
    first([], {
      events: [
        event("uid-of-rs", "FailedCreate", "denied now", "2026-11-03T04:08:06Z"),
        event("uid-of-rs", "FailedCreate", "denied before", "2026-11-03T04:07:06Z"),
        event("uid-of-rs", "SuccessfulDelete", "Deleted pod", "2026-11-03T04:09:06Z"),
      ],
    }),
    "create ReplicaSet/web-7d4b9 - cluster FailedCreate logs=- grace=15000 | the API server refuses new pods: denied now",
  ],
  [
    "an old pod without a proxy that is terminating",
    first([webPod("web-y", { terminating: true, createdAt: before, proxy: undefined })]),
    "terminating Pod/web-y - cluster Terminating logs=- grace=- | an old pod is still terminating",
  ],
];

suite("the most serious symptom", () => {
  for (const [name, found, expected] of cases) test(name, () => assert.equal(found, expected));
});

test("the most serious symptom of several pods is first", () => {
  const pods = [
    broken({ phase: "Running" }),
    webPod("web-b", {
      phase: "Pending",
      ready: false,
      proxy: { ready: false },
      unreadyContainers: [unready("app", { reason: "ErrImagePull" })],
    }),
  ];
  assert.deepEqual(
    diagnosesOf(workload({ pods }), pods, refusal("denied", "2026-11-03T04:07:00Z")).map(
      ({ symptom: unready }) => unready,
    ),
    ["image", "create", "unconnected"],
  );
});

suite("symptoms past their grace", () => {
  const look = (since: SeenSince, pods: readonly Pod[], now: number) =>
    pastGrace(since, diagnosesOf(workload({ pods }), pods), now);
  const pulling = (reason: string) => [broken({ unreadyContainers: [unready("app", { reason })] })];
  const start = look(new Map(), pulling("ErrImagePull"), 1_000);

  test("not at the first look", () => assert.equal(start.expired, undefined));
  test("ErrImagePull and ImagePullBackOff are one symptom", () => {
    assert.equal(look(start.since, pulling("ImagePullBackOff"), 999 + defaultGraceMs).expired, undefined);
    assert.equal(look(start.since, pulling("ImagePullBackOff"), 1_000 + defaultGraceMs).expired?.symptom, "image");
  });
  test("each container of each pod has its own time", () => {
    const pulls = (name: string, ...containers: readonly string[]) =>
      webPod(name, {
        phase: "Pending",
        ready: false,
        proxy: { ready: false },
        unreadyContainers: containers.map((each) => unready(each, { reason: "ErrImagePull" })),
      });
    const both = look(
      look(new Map(), [pulls("web-a", "app")], 0).since,
      [pulls("web-a", "app", "istio-proxy"), pulls("web-b", "app")],
      defaultGraceMs,
    );
    assert.deepEqual([both.since.size, both.expired?.uid, both.expired?.container], [3, "uid-of-web-a", "app"]);
  });
  test("a symptom that disappears and returns starts again", () => {
    const gone = look(start.since, [], 2_000);
    assert.equal(gone.since.size, 0);
    assert.equal(look(gone.since, pulling("ErrImagePull"), 1_000 + defaultGraceMs).expired, undefined);
  });
  test("three restarts are enough at once, two are not", () => {
    assert.equal(
      look(new Map(), [broken({ unreadyContainers: [unready("app", { restarts: 3 })] })], 0).expired?.reason,
      "CrashLoopBackOff",
    );
    const twice = [broken({ unreadyContainers: [unready("app", { restarts: 2 })] })];
    assert.equal(look(look(new Map(), twice, 0).since, twice, 3_600_000).expired, undefined);
  });
  test("a container that runs between two crashes is still crashing", () =>
    assert.equal(
      look(
        new Map(),
        [
          broken({
            phase: "Running",
            unreadyContainers: [unready("app", { restarts: 3, state: "not ready", reason: "Error" })],
          }),
        ],
        0,
      ).expired?.symptom,
      "crash",
    ));
  test("not connected has no grace: istiod may accept connections slowly", () => {
    const pods = [broken({ phase: "Running" })];
    assert.equal(look(look(new Map(), pods, 0).since, pods, 3_600_000).expired, undefined);
  });
});
