import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import type { IstiodAnswer, Pod, Workload } from "../../../src/mesh/model.ts";
import {
  firstNewPodProof,
  proofValidMs,
  type RestartGoal,
  workloadProof,
} from "../../../src/upgrade/proof/workload-proof.ts";
import { after, before, stamp } from "../../fixtures/instants.ts";
import { answered, connection, unanswered, webPod } from "../../fixtures/pods.ts";
import { workload } from "../../fixtures/workload.ts";

const goal: RestartGoal = { revision: "1-20", oldRevisions: ["default"], uid: "uid-of-web", stamp, generation: 2 };
const fresh = new Map<string, number>();

const verdictText = (
  item: Workload | undefined,
  answers: readonly IstiodAnswer[],
  change: Partial<RestartGoal> = {},
): string => {
  const { verdict } = workloadProof(item, { ...goal, ...change }, answers, fresh, 0);
  return verdict.kind === "done" ? "done" : `${verdict.kind}: ${verdict.reason}`;
};

const three = [webPod("web-a"), webPod("web-b"), webPod("web-c")];
const oldPod = (name: string, change: Parameters<typeof webPod>[1] = {}) =>
  webPod(name, { createdAt: before, proxy: { revision: "default" }, ...change });
const allConnected = (pods: readonly Pod[]) => [
  answered(
    "1-20",
    pods.map(({ name }) => connection(name)),
  ),
  answered("default"),
];
const web = (pods: readonly Pod[], status: Partial<Workload["status"]> = {}) => workload({ pods, status });

const cases: readonly (readonly [string, Workload | undefined, readonly IstiodAnswer[], string])[] = [
  ["every pod proven, no old pod left", web(three), allConnected(three), "done"],
  ["scaled to zero", web([], { desired: 0 }), allConnected([]), "done"],
  [
    "a pod that failed earlier is ignored",
    web([...three, oldPod("web-z", { phase: "Failed" })]),
    allConnected(three),
    "done",
  ],
  ["deleted", undefined, allConnected(three), "failed: was deleted meanwhile"],
  [
    "replaced by another workload with the same name",
    workload({ uid: "another", pods: three }),
    allConnected(three),
    "failed: was replaced meanwhile by another object with the same name",
  ],
  [
    "a workload read before the restart",
    workload({ generation: 1, pods: three }),
    allConnected(three),
    "waiting: restart not seen yet",
  ],
  [
    "during the rollout",
    web([three[0]!, oldPod("web-y")], { updated: 1 }),
    allConnected(three),
    "waiting: 1 of 3 updated",
  ],
  [
    "during the rollout, with a new pod that is not proven",
    web([webPod("web-a", { ready: false, proxy: { ready: false } }), oldPod("web-y")], { updated: 1 }),
    allConnected([]),
    "waiting: 1 of 3 updated; web-a: proxy not connected yet",
  ],
  [
    "rolled out, not all connected",
    web(three),
    allConnected(three.slice(0, 2)),
    "waiting: web-c: proxy not connected yet",
  ],
  [
    "rolled out, the old istiod does not answer",
    web(three),
    [...allConnected(three).slice(0, 1), unanswered("default")],
    "unknown: web-a: istio-system/istiod-default-abc of default does not answer: connection refused",
  ],
  [
    "a missing connection comes before a missing answer",
    web(three),
    [answered("1-20", [connection("web-a")]), unanswered("default")],
    "waiting: web-b: proxy not connected yet",
  ],
  [
    "old pods terminating",
    web([...three, oldPod("web-y", { terminating: true })]),
    allConnected(three),
    "waiting: 1 old pod still terminating",
  ],
  [
    "a pod without a proxy terminating",
    web([...three, webPod("web-y", { proxy: undefined, terminating: true })]),
    allConnected(three),
    "waiting: 1 old pod still terminating",
  ],
  [
    "a finished pod terminating",
    web([...three, oldPod("web-y", { phase: "Failed", terminating: true })]),
    allConnected(three),
    "done",
  ],
  [
    "terminating on the target by a scale-down",
    web([...three, webPod("web-y", { terminating: true })]),
    allConnected(three),
    "done",
  ],
  ["fewer pods listed than counted", web(three.slice(0, 2)), allConnected(three), "waiting: 2 of 3 pods seen"],
  [
    "the autoscaler's fourth pod does not exist yet",
    web(three, { desired: 4, updated: 3 }),
    allConnected(three),
    "waiting: 3 of 4 updated",
  ],
  [
    "complete for its controller, on the wrong revision",
    web([...three.slice(0, 2), oldPod("web-y")]),
    allConnected(three),
    "waiting: web-y: injected by default, not by 1-20",
  ],
  [
    "a paused rollout",
    workload({ paused: true, pods: three, status: { updated: 1 } }),
    allConnected(three),
    "failed: paused with 1 of 3 updated: it continues only after somebody resumes it",
  ],
];

suite("workloadProof", () => {
  for (const [name, item, answers, verdict] of cases)
    test(name, () => assert.equal(verdictText(item, answers), verdict));

  test("nothing was written: any generation counts", () =>
    assert.equal(
      verdictText(workload({ generation: 1, pods: three }), allConnected(three), { generation: 0 }),
      "done",
    ));

  test("counts the proven pods", () => {
    const proof = workloadProof(
      web([...three, oldPod("web-y")], { updated: 3, replicas: 4 }),
      goal,
      allConnected(three.slice(0, 2)),
      fresh,
      0,
    );
    assert.equal(proof.proven, 2);
    assert.deepEqual(
      proof.pods.map(({ pod, proof }) => `${pod.name} ${proof.kind}`),
      ["web-a done", "web-b done", "web-c waiting", "web-y wrong-revision"],
    );
    assert.deepEqual(proof.wrongRevision, []);
  });
});

suite("wrongRevision", () => {
  const wrongRevision = (pods: readonly Pod[], status: Partial<Workload["status"]> = {}) =>
    workloadProof(web(pods, status), goal, allConnected(three), fresh, 0).wrongRevision.map(({ name }) => name);

  test("not an old pod during the rollout", () =>
    assert.deepEqual(wrongRevision([...three, oldPod("web-y")], { updated: 2 }), []));
  test("a new pod on the wrong revision, at once", () =>
    assert.deepEqual(wrongRevision([oldPod("web-y", { createdAt: after })], { updated: 1 }), ["web-y"]));
  test("a new pod without a proxy", () =>
    assert.deepEqual(wrongRevision([webPod("web-y", { proxy: undefined })], { updated: 1 }), ["web-y"]));
  test("a pod of the second of the stamp, only after the rollout", () => {
    assert.deepEqual(wrongRevision([...three, oldPod("web-y", { createdAt: stamp })], { updated: 2 }), []);
    assert.deepEqual(wrongRevision([...three, oldPod("web-y", { createdAt: stamp })]), ["web-y"]);
  });
  test("after the rollout, also an old pod", () =>
    assert.deepEqual(wrongRevision([...three, oldPod("web-y")]), ["web-y"]));
});

suite("a proof stays valid for a short time without confirmation", () => {
  const first = workloadProof(web(three), goal, allConnected(three), fresh, 1_000);
  const again = (answers: readonly IstiodAnswer[], now: number, pods: readonly Pod[] = three) =>
    workloadProof(web(pods), goal, answers, first.provenAt, now).verdict.kind;

  test("a reconnect", () => assert.equal(again(allConnected(three.slice(1)), 2_000), "done"));
  test("new configuration is being sent", () =>
    assert.equal(
      again(
        [
          answered(
            "1-20",
            three.map(({ name }) => connection(name, { cds: "stale" })),
          ),
          answered("default"),
        ],
        2_000,
      ),
      "done",
    ));
  test("not after its time", () => assert.equal(again(allConnected(three.slice(1)), 1_001 + proofValidMs), "waiting"));
  test("it is not extended by itself", () => {
    const missed = workloadProof(web(three), goal, allConnected([]), first.provenAt, proofValidMs);
    assert.equal(missed.proven, 3);
    assert.deepEqual(new Set(missed.pods.map(({ proof }) => proof.kind)), new Set(["done"]));
    assert.equal(workloadProof(web(three), goal, allConnected([]), missed.provenAt, 1_000 + proofValidMs).proven, 3);
    assert.equal(workloadProof(web(three), goal, allConnected([]), missed.provenAt, 1_001 + proofValidMs).proven, 0);
  });
  test("an istiod that does not answer", () =>
    assert.equal(again([unanswered("1-20"), answered("default")], 2_000), "done"));
  test("a pod that was not ready in between must be proven again", () => {
    const down = three.map((each) => ({ ...each, ready: false }));
    const { provenAt } = workloadProof(web(down), goal, allConnected(three), first.provenAt, 2_000);
    assert.equal(workloadProof(web(three), goal, allConnected([]), provenAt, 3_000).proven, 0);
  });
  test("not when an old istiod lists it", () =>
    assert.equal(again([answered("1-20"), answered("default", [connection("web-a")])], 2_000), "waiting"));
  test("not when it rejects", () =>
    assert.equal(
      again(
        [
          answered(
            "1-20",
            three.map(({ name }) => connection(name, { rejected: [{ type: "CDS", message: "bad" }] })),
          ),
          answered("default"),
        ],
        2_000,
      ),
      "waiting",
    ));
  test("not when the pod is not ready any more", () =>
    assert.equal(again(allConnected(three), 2_000, [webPod("web-a", { ready: false }), ...three.slice(1)]), "waiting"));
  test("not for another pod with the same name", () =>
    assert.equal(
      again(allConnected(three.slice(1)), 2_000, [webPod("web-a", { uid: "other" }), ...three.slice(1)]),
      "waiting",
    ));
});

suite("answers of istiods from before a pod was ready", () => {
  const newlyReady = ({ name }: Pod) => name === "web-b";
  const again = { kind: "waiting", reason: "web-b: ready, waiting for the next answer of its istiod" };

  test("are proof of the other pods", () => {
    const proof = workloadProof(web(three), goal, allConnected(three), fresh, 1_000, newlyReady);
    assert.deepEqual([proof.verdict, proof.proven, proof.provenAt.has("uid-of-web-b")], [again, 2, false]);
  });
  test("keep their reason for a pod that they do not prove", () => {
    const proof = workloadProof(web(three), goal, allConnected([three[0]!, three[2]!]), fresh, 1_000, newlyReady);
    assert.deepEqual(proof.verdict, { kind: "waiting", reason: "web-b: proxy not connected yet" });
  });
  test("do not change an earlier proof", () => {
    const before = workloadProof(web(three), goal, allConnected(three), fresh, 1_000).provenAt;
    assert.equal(workloadProof(web(three), goal, allConnected(three), before, 1_000, newlyReady).verdict.kind, "done");
  });
  test("are no proof of the first new pod", () => {
    const only = [three[1]!];
    const { verdict } = firstNewPodProof(web(only, { desired: 1, updated: 1 }), goal, allConnected(only), newlyReady);
    assert.deepEqual(verdict, again);
  });
});

suite("firstNewPodProof", () => {
  test("created in the second of the stamp, on the old revision: on the wrong revision if it did not exist before", () => {
    const item = web([oldPod("web-y", { createdAt: stamp }), oldPod("web-z", { createdAt: stamp })], { updated: 1 });
    const there = new Set(item.pods.filter(({ name }) => name === "web-z").map(({ uid }) => uid));
    const { wrongRevision } = firstNewPodProof(item, { ...goal, before: there }, allConnected([]));
    assert.deepEqual(
      wrongRevision.map(({ name }) => name),
      ["web-y"],
    );
  });

  const first = (item: Workload | undefined, answers: readonly IstiodAnswer[]) => {
    const { verdict, wrongRevision } = firstNewPodProof(item, goal, answers);
    return [
      verdict.kind === "done" ? "done" : `${verdict.kind}: ${verdict.reason}`,
      ...wrongRevision.map(({ name }) => name),
    ];
  };
  const rows: readonly (readonly [string, Workload | undefined, readonly IstiodAnswer[], readonly string[]])[] = [
    [
      "one new pod is proven, the rest still old",
      web([three[0]!, oldPod("web-y")], { updated: 1 }),
      allConnected(three),
      ["done"],
    ],
    [
      "made in the second of the stamp, on the target",
      web([webPod("web-a", { createdAt: stamp })], { updated: 1 }),
      allConnected(three),
      ["done"],
    ],
    [
      "made before, on the target: not the canary",
      web([webPod("web-a", { createdAt: before })], { updated: 1 }),
      allConnected(three),
      ["waiting: no new pod yet; 1 of 3 updated"],
    ],
    [
      "made in the second of the stamp, on the old one: not a stray",
      web([oldPod("web-y", { createdAt: stamp })], { updated: 0 }),
      allConnected([]),
      ["waiting: no new pod yet; 0 of 3 updated"],
    ],
    [
      "the first has not arrived, the second has",
      web([webPod("web-a"), webPod("web-b")], { updated: 2 }),
      allConnected([three[1]!]),
      ["done"],
    ],
    ["not connected", web([three[0]!], { updated: 1 }), allConnected([]), ["waiting: web-a: proxy not connected yet"]],
    [
      "the wrong revision",
      web([oldPod("web-y", { createdAt: after })], { updated: 1 }),
      allConnected([]),
      ["waiting: web-y: injected by default, not by 1-20", "web-y"],
    ],
    [
      "terminating already",
      web([webPod("web-a", { terminating: true })], { updated: 0 }),
      allConnected(three),
      ["waiting: no new pod yet; 0 of 3 updated"],
    ],
    [
      "target silent",
      web([three[0]!], { updated: 1 }),
      [unanswered("1-20"), answered("default")],
      ["unknown: web-a: istio-system/istiod-1-20-abc of 1-20 does not answer: connection refused"],
    ],
    [
      "of several that have not arrived the oldest speaks",
      web(
        [
          webPod("web-a", { createdAt: "2026-11-03T04:07:06Z" }),
          webPod("web-b"),
          webPod("web-c", { createdAt: "2026-11-03T04:07:06Z" }),
        ],
        {
          updated: 3,
        },
      ),
      allConnected([]),
      ["waiting: web-b: proxy not connected yet"],
    ],
    [
      "one on its way speaks before a stray",
      web([oldPod("web-y", { createdAt: after }), webPod("web-a", { createdAt: "2026-11-03T04:07:06Z" })], {
        updated: 2,
      }),
      allConnected([]),
      ["waiting: web-a: proxy not connected yet", "web-y"],
    ],
    [
      "rolled out without a new pod",
      web([webPod("web-a", { createdAt: before })]),
      allConnected(three),
      ["waiting: no new pod yet"],
    ],
    [
      "made in the second of the stamp, without a proxy: not a stray",
      web([webPod("web-a", { createdAt: stamp, proxy: undefined })], { updated: 0 }),
      allConnected([]),
      ["waiting: no new pod yet; 0 of 3 updated"],
    ],
    [
      "replaced by another workload with the same name and its own pods",
      workload({ uid: "another", pods: three }),
      allConnected(three),
      ["failed: was replaced meanwhile by another object with the same name"],
    ],
    ["deleted", undefined, allConnected([]), ["failed: was deleted meanwhile"]],
    [
      "paused by somebody",
      workload({ paused: true, pods: [], status: { updated: 0 } }),
      allConnected([]),
      ["failed: paused with 0 of 3 updated: it continues only after somebody resumes it"],
    ],
  ];
  for (const [name, item, answers, expected] of rows)
    test(name, () => assert.deepEqual(first(item, answers), expected));
});

test("done means: rollout finished, as many pods as desired, each on the target and connected to the target only", () => {
  const anyPod = fc.record({
    revision: fc.constantFrom("1-20", "default"),
    ready: fc.boolean(),
    terminating: fc.boolean(),
    connected: fc.boolean(),
    heldByOld: fc.boolean(),
  });
  let seen = 0;
  fc.assert(
    fc.property(
      fc.array(anyPod, { maxLength: 4 }),
      fc.nat({ max: 3 }),
      fc.nat({ max: 3 }),
      fc.boolean(),
      (drawn, desired, updated, oldSilent) => {
        const pods = drawn.map(({ revision, ready, terminating }, at) =>
          webPod(`web-${at}`, { ready, terminating, proxy: { revision, ready } }),
        );
        const names = (key: "connected" | "heldByOld") =>
          pods.filter((_, at) => drawn[at]?.[key]).map(({ name }) => connection(name));
        const answers = [
          answered("1-20", names("connected")),
          oldSilent ? unanswered("default") : answered("default", names("heldByOld")),
        ];
        const { verdict } = workloadProof(
          web(pods, { desired, updated, replicas: updated, available: updated }),
          goal,
          answers,
          fresh,
          0,
        );
        if (verdict.kind !== "done") return;
        seen++;
        const current = drawn.filter(({ terminating }) => !terminating);
        assert.ok(updated >= desired && current.length >= desired);
        assert.ok(current.every(({ revision, ready, connected }) => revision === "1-20" && ready && connected));
        assert.ok(drawn.every(({ revision }) => revision === "1-20"));
        if (current.length > 0) assert.ok(!oldSilent && current.every(({ heldByOld }) => !heldByOld));
      },
    ),
    { numRuns: 1_000 },
  );
  assert.ok(seen > 0, "no drawn mesh was done");
});
