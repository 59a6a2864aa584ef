import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import type { IstiodAnswer, Pod } from "../../../src/mesh/model.ts";
import { podProof } from "../../../src/upgrade/proof/pod-proof.ts";
import { before } from "../../fixtures/instants.ts";
import { answered, connection, ownedBy, unanswered, webPod } from "../../fixtures/pods.ts";

const arrival = { revision: "1-20", oldRevisions: ["default"] };
const verdictText = (item: Pod, answers: readonly IstiodAnswer[]): string => {
  const proof = podProof(item, arrival, answers);
  return "reason" in proof ? `${proof.kind}: ${proof.reason}` : proof.kind;
};

const web = webPod("web-7d4b9-x2x4z");
const own = connection(web.name);
const old = answered("default");
const good = [answered("1-20", [own]), old];
const statefulPod = webPod("web-0", { owner: ownedBy("apps", "StatefulSet", "web") });
const listedBy = (name: string, change = {}) => answered("1-20", [connection(name, change)]);
const rejection = { type: "LDS", message: "Error adding listener: duplicate address" };

const cases: readonly (readonly [string, Pod, readonly IstiodAnswer[], string])[] = [
  ["everything proven", web, good, "done"],
  ["native sidecar", webPod(web.name, { proxy: { native: true } }), good, "done"],
  ["the old control plane does not exist any more", web, [answered("1-20", [own])], "done"],
  [
    "connected to the second of two istiods of the target",
    web,
    [answered("1-20", [], "istio-system/b"), ...good],
    "done",
  ],

  [
    "injected by the old revision",
    webPod("a", { proxy: { revision: "default" } }),
    good,
    "wrong-revision: injected by default, not by 1-20",
  ],
  [
    "injected, its revision unknown",
    webPod("a", { proxy: { revision: undefined } }),
    good,
    "wrong-revision: injected by an unknown revision, not by 1-20",
  ],
  [
    "not injected",
    webPod("a", { proxy: undefined }),
    good,
    "wrong-revision: not injected; it should be injected by 1-20",
  ],

  [
    "no node yet",
    webPod("a", {
      phase: "Pending",
      proxy: { ready: false },
      conditions: [{ type: "PodScheduled", status: "False", reason: "Unschedulable", message: "" }],
    }),
    good,
    "waiting: not scheduled yet",
  ],
  [
    "a node, and a volume that is not mounted yet",
    webPod("a", {
      phase: "Pending",
      proxy: { ready: false },
      conditions: [{ type: "PodReadyToStartContainers", status: "False", reason: "", message: "" }],
      unreadyContainers: [
        {
          container: "app",
          init: false,
          state: "not ready",
          reason: "",
          message: "",
          restarts: 0,
          exitCode: undefined,
        },
        {
          container: "istio-proxy",
          init: true,
          state: "waiting",
          reason: "PodInitializing",
          message: "",
          restarts: 0,
          exitCode: undefined,
        },
      ],
    }),
    good,
    "waiting: containers not started yet",
  ],
  [
    "a native sidecar is ready while the application is created",
    webPod(web.name, { phase: "Pending", ready: false, proxy: { native: true } }),
    good,
    "waiting: proxy ready, pod not ready yet",
  ],
  [
    "a node that pulls its images, which may last",
    webPod("a", {
      phase: "Pending",
      proxy: { ready: false },
      unreadyContainers: [
        {
          ...{ container: "app", init: false, state: "waiting", reason: "ContainerCreating", message: "" },
          ...{ restarts: 0, exitCode: undefined },
        },
      ],
    }),
    [],
    "waiting: containers not started yet: node node-1 pulls images or attaches volumes (ContainerCreating)",
  ],
  [
    "containers being created",
    webPod("a", { phase: "Pending", proxy: { ready: false } }),
    [],
    "waiting: containers not started yet",
  ],
  [
    "a native sidecar runs while the application waits for it",
    webPod("a", {
      phase: "Pending",
      proxy: { native: true, ready: false },
      unreadyContainers: [
        {
          container: "istio-proxy",
          init: true,
          state: "not ready",
          reason: "",
          message: "",
          restarts: 0,
          exitCode: undefined,
        },
      ],
    }),
    good,
    "waiting: proxy not connected yet",
  ],
  ["terminating", webPod(web.name, { terminating: true }), good, "waiting: terminating"],
  [
    "proxy not ready",
    webPod(web.name, { proxy: { ready: false }, ready: false }),
    good,
    "waiting: proxy not ready yet",
  ],
  ["application not ready", webPod(web.name, { ready: false }), good, "waiting: proxy ready, pod not ready yet"],

  ["not connected", web, [answered("1-20"), old], "waiting: proxy not connected yet"],
  [
    "connected to the old revision instead",
    web,
    [answered("1-20"), answered("default", [own])],
    "waiting: proxy not connected yet",
  ],
  [
    "a pod with the same name in another namespace",
    web,
    [listedBy(web.name, { namespace: "staging" }), old],
    "waiting: proxy not connected yet",
  ],
  ["a longer name", web, [listedBy(`${web.name}-2`), old], "waiting: proxy not connected yet"],
  [
    "CDS sent, not acknowledged",
    web,
    [listedBy(web.name, { cds: "stale" }), old],
    "waiting: configuration not acknowledged yet: CDS",
  ],
  [
    "nothing sent",
    web,
    [listedBy(web.name, { cds: "not sent", lds: "not sent" }), old],
    "waiting: configuration not acknowledged yet: CDS, LDS",
  ],
  [
    "rejected, with the proxy's message",
    web,
    [listedBy(web.name, { rejected: [rejection] }), old],
    "rejected: proxy rejects its configuration: LDS: Error adding listener: duplicate address",
  ],
  [
    "rejected without a message",
    web,
    [listedBy(web.name, { lds: "rejected" }), old],
    "rejected: proxy rejects its configuration",
  ],

  [
    "still listed by an old istiod",
    web,
    [answered("1-20", [own]), answered("default", [own])],
    "waiting: still connected to istio-system/istiod-default-abc of default",
  ],
  [
    "listed by a third revision",
    web,
    [...good, answered("1-18", [own])],
    "waiting: still connected to istio-system/istiod-1-18-abc of 1-18",
  ],

  [
    "the target's istiod does not answer, and the others do not list the pod",
    web,
    [unanswered("1-20"), old],
    "unknown: istio-system/istiod-1-20-abc of 1-20 does not answer: connection refused",
  ],
  [
    "one istiod of the target does not answer, another one lists the pod",
    web,
    [unanswered("1-20", "istio-system/b"), ...good],
    "done",
  ],
  ["no istiod of the target", web, [old], "unknown: no istiod of 1-20 to ask"],
  [
    "an old istiod does not answer",
    web,
    [answered("1-20", [own]), unanswered("default")],
    "unknown: istio-system/istiod-default-abc of default does not answer: connection refused",
  ],
  [
    "one of two old istiods does not answer",
    web,
    [...good, unanswered("default", "istio-system/b")],
    "unknown: istio-system/b of default does not answer: connection refused",
  ],
  ["an istiod of another revision does not answer", web, [...good, unanswered("1-18")], "done"],

  ["StatefulSet: connected after the pod's creation", statefulPod, [listedBy("web-0"), old], "done"],
  [
    "StatefulSet: connected within the second of its creation",
    statefulPod,
    [listedBy("web-0", { connectedAt: statefulPod.createdAt }), old],
    "done",
  ],
  [
    "StatefulSet: the target lists the earlier pod",
    statefulPod,
    [listedBy("web-0", { connectedAt: before }), old],
    "waiting: proxy not connected yet, only that of an earlier pod with the same name",
  ],
  [
    "StatefulSet: the time of the connection is unknown",
    statefulPod,
    [listedBy("web-0", { connectedAt: undefined }), old],
    "waiting: proxy not connected yet, only that of an earlier pod with the same name",
  ],
  [
    "StatefulSet: the same IP as the earlier pod is no proof",
    statefulPod,
    [listedBy("web-0", { connectedAt: before, ip: statefulPod.ip }), old],
    "waiting: proxy not connected yet, only that of an earlier pod with the same name",
  ],
  [
    "StatefulSet: the earlier pod is listed too",
    statefulPod,
    [answered("1-20", [connection("web-0", { connectedAt: before, cds: "stale" }), connection("web-0")]), old],
    "done",
  ],
  [
    "StatefulSet: an old istiod still lists the earlier pod",
    statefulPod,
    [listedBy("web-0"), answered("default", [connection("web-0", { connectedAt: before })])],
    "waiting: still connected to istio-system/istiod-default-abc of default",
  ],
  [
    "an unknown owner may use names again",
    webPod("a", { owner: undefined }),
    [listedBy("a", { connectedAt: before }), old],
    "waiting: proxy not connected yet, only that of an earlier pod with the same name",
  ],
  [
    "DaemonSet: a name that is used once needs no time",
    webPod("web-x2x4z", { owner: ownedBy("apps", "DaemonSet", "web") }),
    [listedBy("web-x2x4z", { connectedAt: undefined }), old],
    "done",
  ],
  ["a name that is used once needs no time", web, [listedBy(web.name, { connectedAt: undefined }), old], "done"],
  [
    "reconnected: the newest connection counts",
    web,
    [
      answered("1-20", [connection(web.name, { cds: "stale" })]),
      answered("1-20", [connection(web.name, { connectedAt: "2026-11-03T04:09:00Z" })], "istio-system/b"),
      old,
    ],
    "done",
  ],
  [
    "the newest connection counts, in any order",
    web,
    [
      answered("1-20", [
        connection(web.name, { connectedAt: "2026-11-03T04:09:00Z" }),
        connection(web.name, { cds: "stale" }),
      ]),
      old,
    ],
    "done",
  ],
];

suite("podProof", () => {
  for (const [name, item, answers, verdict] of cases)
    test(name, () => assert.equal(verdictText(item, answers), verdict));
});

test("pods named like properties of JavaScript objects", () => {
  for (const name of ["constructor", "__proto__", "120", "a".repeat(63)]) {
    const item = webPod(name, { namespace: name });
    assert.equal(verdictText(item, [answered("1-20", [connection(name, { namespace: name })]), old]), "done", name);
    assert.equal(verdictText(item, [answered("1-20"), old]), "waiting: proxy not connected yet", name);
  }
});

test("never done while an old istiod does not answer or lists the pod, nor without a synced connection to the target", () => {
  const answer = fc.record({
    revision: fc.constantFrom("1-20", "default", "1-18"),
    silent: fc.boolean(),
    holds: fc.boolean(),
    cds: fc.constantFrom("synced", "stale", "not sent", "rejected" as const),
    lds: fc.constantFrom("synced", "stale", "not sent", "rejected" as const),
  });
  fc.assert(
    fc.property(fc.array(answer, { maxLength: 4 }), fc.boolean(), fc.boolean(), (verdictText, ready, proxyReady) => {
      const item = webPod("web-0", { ready, proxy: { ready: proxyReady } });
      const answers = verdictText.map(({ revision, silent, holds, cds, lds }, at) =>
        silent
          ? unanswered(revision, `i-${at}`)
          : answered(revision, holds ? [connection("web-0", { cds, lds })] : [], `i-${at}`),
      );
      if (podProof(item, arrival, answers).kind !== "done") return;
      assert.ok(ready && proxyReady);
      assert.ok(
        verdictText.some(
          ({ revision, silent, holds, cds, lds }) =>
            revision === "1-20" && !silent && holds && cds === "synced" && lds === "synced",
        ),
      );
      assert.ok(verdictText.every(({ revision, silent, holds }) => revision === "1-20" || silent || !holds));
      assert.ok(verdictText.every(({ revision, silent }) => revision !== "default" || !silent));
    }),
    { numRuns: 500 },
  );
});
