/**
 * How the controllers of Kubernetes replace pods, step by step: what `status` says at each milestone, in which order
 * pods go and come, and that no more of them are there, and no fewer ready, than the strategy allows. Sequences are
 * compared, never times.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { daemonSet, deployment, statefulSet } from "../fixtures/workload-objects.ts";
import type { Json, MeshUnderTest } from "./mesh-under-test.ts";
import { openMesh, together } from "./open-mesh.ts";
import { conditionOf, eventsOf, isGoing, isUp, type Kind, type Recording, record, sequenceOf } from "./recording.ts";

let mesh: MeshUnderTest;
before(async () => {
  mesh = await openMesh({ revisions: {} });
});
after(() => mesh?.[Symbol.asyncDispose]());

/** Slow enough for a state to be seen before the next. */
const pace = { readyAfter: 600, terminateAfter: 300 };
const neverReady = { metadata: { labels: { life: "never-ready" } } };
const wellAgain = { metadata: { labels: { life: null } } };
const name = "it";

const pathOf = (namespace: string, plural: string): string => `/apis/apps/v1/namespaces/${namespace}/${plural}/${name}`;
const podPath = (namespace: string, pod: string): string => `/api/v1/namespaces/${namespace}/pods/${pod}`;

/** A workload of its own namespace, rolled out; and what happens to it from then on. */
async function settled(kind: Kind, make: (namespace: string) => object): Promise<Watched> {
  const namespace = await mesh.createNamespace({});
  await mesh.apply([make(namespace)]);
  await mesh.waitReady(namespace);
  return watching(namespace, kind);
}

interface Watched extends Recording {
  readonly namespace: string;
  readonly kind: Kind;
}

const watching = async (namespace: string, kind: Kind): Promise<Watched> => ({
  ...(await record(mesh, namespace, [kind, "ReplicaSet", "Pod"])),
  ...{ namespace, kind },
});

const plural = (kind: Kind): string => `${kind.toLowerCase()}s`;

/** Changes the workload, and waits until that is seen. */
async function setSpec({ namespace, kind, of }: Watched, spec: object): Promise<void> {
  const { metadata } = await mesh.api.merge(pathOf(namespace, plural(kind)), { spec });
  await mesh.eventually(
    "the change to be seen",
    async () => of(kind, name).at(-1).metadata.generation >= metadata.generation,
  );
}
/** As `kubectl rollout restart` does it. */
const restart = (seen: Watched, template: object = {}): Promise<void> => {
  const metadata = { annotations: { "kubectl.kubernetes.io/restartedAt": mesh.now().toISOString() } };
  return setSpec(seen, { template: { metadata, ...template } });
};

const lastOf = ({ of, kind }: Watched): Json => of(kind, name).at(-1);
/** Waits until the last state of the workload, and the pods, are as told. */
const until = (
  what: string,
  seen: Watched,
  holds: (object: Json, pods: readonly Json[]) => boolean,
): Promise<unknown> => mesh.eventually(what, async () => holds(lastOf(seen), seen.pods.at(-1) ?? []), 60);

const hasSeen = ({ metadata, status }: Json): boolean => status.observedGeneration === metadata.generation;
const counts = ({ status }: Json) => [
  status.replicas,
  status.updatedReplicas,
  status.readyReplicas,
  status.availableReplicas,
];
/** As `kubectl rollout status` judges a Deployment. */
const isComplete = (object: Json): boolean =>
  hasSeen(object) && counts(object).every((count) => count === object.spec.replicas);
const reasons = (seen: Watched): readonly string[] =>
  sequenceOf(seen.of("Deployment", name).map((each) => conditionOf(each, "Progressing")?.reason));
/** A controller that has much to do passes over what is only on the way. */
const assertReasons = (seen: Watched, expected: readonly string[]): void => {
  const found = reasons(seen);
  const inOrder = sequenceOf(expected.filter((reason) => found.includes(reason)));
  assert.deepEqual([found, found[0], found.at(-1)], [inOrder, expected[0], expected.at(-1)]);
};
const revisionOf = ({ metadata }: Json): string | undefined =>
  metadata.annotations?.["deployment.kubernetes.io/revision"];
/** Sizes of the ReplicaSets as they are wanted, by revision. */
const sizes = (seen: Watched): Readonly<Record<string, number>> =>
  Object.fromEntries(seen.all("ReplicaSet").map((states) => [revisionOf(states.at(-1)), states.at(-1).spec.replicas]));
const most = ({ pods }: Recording): number =>
  Math.max(...pods.map((each) => each.filter((pod) => !isGoing(pod)).length));
const fewestUp = ({ pods }: Recording): number => Math.min(...pods.map((each) => each.filter(isUp).length));

describe("Deployment", together(10), () => {
  const make =
    (replicas: number, spec: object = {}) =>
    (namespace: string): object =>
      deployment({ namespace, name, replicas, spec, ...pace });
  const complete = (seen: Watched) =>
    until("the rollout", seen, (it, pods) => isComplete(it) && pods.length === it.spec.replicas);

  for (const [replicas, rollingUpdate, surge, unavailable] of [
    [4, {}, 1, 1],
    [3, {}, 1, 0],
    [1, {}, 1, 0],
    [1, { maxSurge: 0, maxUnavailable: 1 }, 0, 1],
    [3, { maxSurge: 0, maxUnavailable: "10%" }, 0, 1],
    [3, { maxSurge: "100%", maxUnavailable: 0 }, 3, 0],
    [6, { maxSurge: 2, maxUnavailable: 2 }, 2, 2],
    [5, { maxSurge: "30%", maxUnavailable: "50%" }, 2, 2],
  ] as const)
    test(`${replicas} replicas, ${JSON.stringify(rollingUpdate)}`, async () => {
      using seen = await settled("Deployment", make(replicas, { strategy: { rollingUpdate } }));
      await restart(seen);
      await complete(seen);

      assert.deepEqual(
        [most(seen), fewestUp(seen)],
        [replicas + surge, replicas - unavailable],
        "most pods, fewest ready ones",
      );
      assertReasons(seen, [
        "NewReplicaSetAvailable",
        "NewReplicaSetCreated",
        "ReplicaSetUpdated",
        "NewReplicaSetAvailable",
      ]);
      const states = seen.of("Deployment", name);
      assert.deepEqual(sequenceOf(states.map((each) => conditionOf(each, "Available")?.status)), ["True"]);
      const unseen = states.filter((each) => !hasSeen(each));
      assert.ok(unseen.length > 0);
      assert.deepEqual(
        unseen.map(counts),
        Array(unseen.length).fill([replicas, replicas, replicas, replicas]),
        "not looked at yet",
      );
      const later = states.slice(1).filter(hasSeen).map(isComplete);
      assert.deepEqual(sequenceOf(later), [false, true], "complete once, and not at once");
      assert.equal(later[0], false);
      // No more than that: these are sums of what each ReplicaSet last said, and of two one may have said it before the
      // other (above are the pods).
      for (const { status } of states)
        assert.ok(
          (status.updatedReplicas ?? 0) <= (status.replicas ?? 0) &&
            (status.availableReplicas ?? 0) <= (status.readyReplicas ?? 0),
        );
      const { status, metadata } = states.at(-1);
      assert.deepEqual([status.observedGeneration, status.unavailableReplicas], [metadata.generation, undefined]);
    });

  test("revisions, hashes and owners", async () => {
    using seen = await settled("Deployment", make(2));
    await restart(seen);
    await complete(seen);
    const it = lastOf(seen);
    const marked = seen.of("Deployment", name).findIndex((each) => revisionOf(each) === "2");
    const observed = seen
      .of("Deployment", name)
      .findIndex((each) => each.status.observedGeneration === it.metadata.generation);
    assert.ok(marked > 0 && marked <= observed, "the revision is told before the generation is observed");
    const [old, current] = seen
      .all("ReplicaSet")
      .map((states) => states.at(-1))
      .toSorted(
        (a, b) =>
          a.metadata.annotations["deployment.kubernetes.io/revision"] -
          b.metadata.annotations["deployment.kubernetes.io/revision"],
      );
    assert.deepEqual([revisionOf(it), revisionOf(old), revisionOf(current)], ["2", "1", "2"]);
    assert.deepEqual([old.spec.replicas, old.status.replicas, current.spec.replicas], [0, 0, 2]);
    const hash = current.metadata.labels["pod-template-hash"];
    assert.match(hash, /^[a-z0-9]{6,10}$/);
    assert.deepEqual(
      [current.metadata.name, current.spec.selector.matchLabels, current.spec.template.metadata.labels],
      [`it-${hash}`, { app: name, "pod-template-hash": hash }, { app: name, "pod-template-hash": hash }],
    );
    const owner = (of: Json) => ({
      ...{ apiVersion: of.apiVersion, kind: of.kind, name: of.metadata.name, uid: of.metadata.uid },
      ...{ controller: true, blockOwnerDeletion: true },
    });
    assert.deepEqual(current.metadata.ownerReferences, [owner(it)]);
    assert.deepEqual(
      ["desired-replicas", "max-replicas"].map(
        (key) => current.metadata.annotations[`deployment.kubernetes.io/${key}`],
      ),
      ["2", "3"],
    );
    const pods = await mesh.pods(seen.namespace);
    assert.equal(pods.length, 2);
    for (const { metadata } of pods) {
      assert.deepEqual(metadata.ownerReferences, [owner(current)]);
      assert.deepEqual(metadata.labels, { app: name, "pod-template-hash": hash });
      assert.deepEqual([metadata.generateName, metadata.generation], [`it-${hash}-`, 1]);
      assert.match(metadata.name, new RegExp(`^it-${hash}-[a-z0-9]{5}$`));
    }
  });

  test("Recreate: nothing new before everything old is gone", async () => {
    using seen = await settled("Deployment", make(3, { strategy: { type: "Recreate", rollingUpdate: null } }));
    await restart(seen);
    await complete(seen);
    const what = eventsOf(seen).map((event) => event.split(" ")[0]);
    assert.ok(what.lastIndexOf("gone") < what.indexOf("create"), what.join());
    assert.deepEqual([most(seen), fewestUp(seen)], [3, 0]);
    assert.deepEqual(sequenceOf(seen.of("Deployment", name).map((each) => conditionOf(each, "Available")?.status)), [
      "True",
      "False",
      "True",
    ]);
    assertReasons(seen, [
      "NewReplicaSetAvailable",
      "NewReplicaSetCreated",
      "ReplicaSetUpdated",
      "NewReplicaSetAvailable",
    ]);
  });

  test("paused: a new template rolls once it is resumed", async () => {
    using seen = await settled("Deployment", make(2));
    await setSpec(seen, { paused: true });
    await restart(seen);
    await until("the pause to be seen", seen, hasSeen);
    await mesh.pass(1000);
    assert.deepEqual([eventsOf(seen), sizes(seen)], [[], { 1: 2 }]);
    assert.deepEqual(
      [conditionOf(lastOf(seen), "Progressing").status, counts(lastOf(seen))],
      ["Unknown", [2, undefined, 2, 2]],
    );
    await setSpec(seen, { paused: false });
    await complete(seen);
    assert.deepEqual(reasons(seen).slice(0, 3), ["NewReplicaSetAvailable", "DeploymentPaused", "DeploymentResumed"]);
    assert.equal(reasons(seen).at(-1), "NewReplicaSetAvailable");
  });

  test("stuck: the deadline is told, the old pods stay, and the old template brings its ReplicaSet back", async () => {
    using seen = await settled("Deployment", make(2, { progressDeadlineSeconds: 6 }));
    await restart(seen, neverReady);
    await until("the deadline", seen, (it) => conditionOf(it, "Progressing").status === "False");
    assertReasons(seen, [
      "NewReplicaSetAvailable",
      "NewReplicaSetCreated",
      "ReplicaSetUpdated",
      "ProgressDeadlineExceeded",
    ]);
    const stuck = lastOf(seen);
    assert.deepEqual(counts(stuck), [3, 1, 2, 2]);
    assert.deepEqual([stuck.status.unavailableReplicas, conditionOf(stuck, "Available").status], [1, "True"]);
    await setSpec(seen, {
      template: { metadata: { labels: { life: null }, annotations: { "kubectl.kubernetes.io/restartedAt": null } } },
    });
    await complete(seen);
    assert.deepEqual(sizes(seen), { 2: 0, 3: 2 });
    assert.deepEqual([fewestUp(seen), revisionOf(lastOf(seen))], [2, "3"]);
    assert.equal(reasons(seen).at(-1), "NewReplicaSetAvailable");
  });

  test("scaled in the midst of a rollout: each ReplicaSet takes its share", async () => {
    const strategy = { rollingUpdate: { maxSurge: 3, maxUnavailable: 2 } };
    using seen = await settled("Deployment", (namespace) =>
      deployment({ namespace, name, replicas: 10, spec: { strategy } }),
    );
    await restart(seen, neverReady);
    const sized = (first: number, second: number) => async () => sizes(seen)[1] === first && sizes(seen)[2] === second;
    await mesh.eventually("8 old and 5 new ones", sized(8, 5));
    await setSpec(seen, { replicas: 15 });
    await mesh.eventually("11 old and 7 new ones", sized(11, 7));
    await setSpec(seen, { template: wellAgain });
    await complete(seen);
    assert.ok(fewestUp(seen) >= 8);
  });

  test("minReadySeconds: ready is not yet available", async () => {
    using seen = await settled("Deployment", make(2, { minReadySeconds: 2 }));
    await complete(seen);
    const earlier = seen.of("Deployment", name).length;
    await restart(seen);
    await complete(seen);
    const states = seen.of("Deployment", name).slice(earlier);
    assert.ok(states.some(({ status }) => status.readyReplicas > (status.availableReplicas ?? 0)));
    for (const { status } of states) assert.ok(status.availableReplicas >= 2);
    for (const picture of seen.pods)
      for (const pod of picture)
        if (isGoing(pod)) assert.ok(picture.filter((each) => isUp(each)).length >= 2, "an old pod went too early");
    const since = (pod: Json) => Date.parse(conditionOf(pod, "Ready").lastTransitionTime);
    const [first] = seen.pods.flatMap((each) => each.find(isGoing) ?? []);
    const fresh = (await mesh.pods(seen.namespace)).map(since);
    assert.ok(
      Date.parse(first.metadata.deletionTimestamp) - 30_000 - Math.min(...fresh) >= 1000,
      "only after its seconds",
    );
  });

  test("replicas 0: done without a pod", async () => {
    using seen = await settled("Deployment", make(0));
    await restart(seen);
    await until(
      "two ReplicaSets",
      seen,
      (it) =>
        hasSeen(it) && revisionOf(it) === "2" && conditionOf(it, "Progressing").reason === "NewReplicaSetAvailable",
    );
    assert.deepEqual(
      [counts(lastOf(seen)), eventsOf(seen), sizes(seen)],
      [[undefined, undefined, undefined, undefined], [], { 1: 0, 2: 0 }],
    );
  });

  test("only so many old ReplicaSets are kept", async () => {
    using seen = await settled("Deployment", make(1, { revisionHistoryLimit: 1 }));
    for (const _ of [1, 2, 3]) {
      await restart(seen);
      await complete(seen);
      await mesh.pass(20);
    }
    const path = pathOf(seen.namespace, "replicasets").replace(`/${name}`, "");
    const left = () => mesh.api.get(path).then(({ items }) => items.map(revisionOf).sort());
    await mesh.eventually("two to be left", async () => (await left()).length === 2);
    assert.deepEqual(await left(), ["3", "4"]);
  });
});

describe("StatefulSet", together(10), () => {
  const make =
    (spec: object = {}) =>
    (namespace: string): object =>
      statefulSet({ namespace, name, spec, ...pace });
  const replaced = (...ordinals: readonly number[]): readonly string[] =>
    ordinals.flatMap((ordinal) => ["delete", "gone", "create", "ready"].map((what) => `${what} it-${ordinal}`));
  const status = (seen: Watched) => lastOf(seen).status;
  const complete = (seen: Watched, updated = 3) =>
    until(
      "the rollout",
      seen,
      (it, pods) =>
        hasSeen(it) && it.status.updatedReplicas === updated && it.status.readyReplicas === 3 && pods.every(isUp),
    );

  test("created in order, replaced from the last to the first, each ready before the next", async () => {
    const namespace = await mesh.createNamespace({});
    using making = await watching(namespace, "StatefulSet");
    await mesh.apply([make()(namespace)]);
    await complete(making);
    assert.deepEqual(
      eventsOf(making),
      [0, 1, 2].flatMap((ordinal) => [`create it-${ordinal}`, `ready it-${ordinal}`]),
    );
    using seen = await watching(namespace, "StatefulSet");
    await restart(seen);
    await complete(seen);
    assert.deepEqual(eventsOf(seen), replaced(2, 1, 0));
    const states = seen.of("StatefulSet", name);
    const { currentRevision: old, updateRevision: fresh } = states
      .filter(hasSeen)
      .find((it) => it.status.updateRevision !== it.status.currentRevision).status;
    const seenStates = states
      .slice(1)
      .filter(hasSeen)
      .map(({ status }) => status);
    assert.deepEqual(
      sequenceOf(seenStates.map((each) => [each.currentRevision, each.updateRevision])),
      [
        [old, fresh],
        [fresh, fresh],
      ],
      "the old revision is the current one until all is done",
    );
    assert.deepEqual(sequenceOf(seenStates.map(({ updatedReplicas }) => updatedReplicas)), [undefined, 1, 2, 3]);
    assert.deepEqual(sequenceOf(seenStates.map(({ currentReplicas }) => currentReplicas)), [2, 1, undefined, 3]);
    assert.deepEqual(sequenceOf(seenStates.map(({ replicas }) => replicas)), [3, 2, 3, 2, 3, 2, 3]);
    assert.deepEqual(sequenceOf(seenStates.map(({ readyReplicas }) => readyReplicas)), [3, 2, 3, 2, 3, 2, 3]);
    assert.deepEqual(
      seenStates.map(({ availableReplicas }) => availableReplicas),
      seenStates.map(({ readyReplicas }) => readyReplicas),
    );
    for (const each of states.filter((it) => !hasSeen(it))) assert.deepEqual(counts(each), [3, 3, 3, 3]);
    const [pod] = await mesh.pods(namespace);
    const { uid } = lastOf(seen).metadata;
    assert.deepEqual(pod.metadata.labels, {
      app: name,
      ...{
        "controller-revision-hash": fresh,
        "statefulset.kubernetes.io/pod-name": "it-0",
        "apps.kubernetes.io/pod-index": "0",
      },
    });
    assert.deepEqual(pod.metadata.ownerReferences, [
      { apiVersion: "apps/v1", kind: "StatefulSet", name, uid, controller: true, blockOwnerDeletion: true },
    ]);
    assert.deepEqual([pod.metadata.generation, pod.spec.hostname, pod.spec.subdomain], [1, "it-0", name]);
    const { items } = await mesh.api.get(pathOf(namespace, "controllerrevisions").replace(`/${name}`, ""));
    assert.deepEqual(
      items.map(({ metadata, revision }: Json) => [metadata.name, revision]).sort(),
      [
        [old, 1],
        [fresh, 2],
      ].sort(),
    );
  });

  test("Parallel: created at once, replaced one by one all the same, and one more pod needs no other", async () => {
    const namespace = await mesh.createNamespace({});
    using making = await watching(namespace, "StatefulSet");
    await mesh.apply([make({ podManagementPolicy: "Parallel" })(namespace)]);
    await complete(making);
    assert.deepEqual(eventsOf(making).slice(0, 3).toSorted(), ["create it-0", "create it-1", "create it-2"]);
    using seen = await watching(namespace, "StatefulSet");
    await restart(seen);
    await complete(seen);
    assert.deepEqual(eventsOf(seen), replaced(2, 1, 0));
  });

  test("partition: what is below stays, and comes back, as it was", async () => {
    const partitioned = (partition: number) => ({
      updateStrategy: { type: "RollingUpdate", rollingUpdate: { partition } },
    });
    using seen = await settled("StatefulSet", make(partitioned(1)));
    await restart(seen);
    await complete(seen, 2);
    assert.deepEqual(eventsOf(seen), replaced(2, 1));
    await mesh.api.delete(podPath(seen.namespace, "it-0"));
    await mesh.eventually(
      "it-0 to be back",
      async () => eventsOf(seen).length === 12 && status(seen).readyReplicas === 3,
    );
    const { currentRevision, updateRevision, currentReplicas, updatedReplicas } = status(seen);
    assert.notEqual(currentRevision, updateRevision);
    assert.deepEqual([currentReplicas, updatedReplicas], [1, 2]);
    const revisions = (await mesh.pods(seen.namespace)).map(
      ({ metadata }) => metadata.labels["controller-revision-hash"],
    );
    assert.deepEqual(revisions, [currentRevision, updateRevision, updateRevision]);
    await setSpec(seen, partitioned(0));
    await complete(seen);
    assert.deepEqual(eventsOf(seen), replaced(2, 1, 0, 0));
    assert.equal(status(seen).currentRevision, updateRevision);
  });

  test("OnDelete: a pod is new once it was deleted", async () => {
    using seen = await settled("StatefulSet", make({ updateStrategy: { type: "OnDelete" } }));
    await restart(seen);
    await until(
      "the new revision",
      seen,
      (it) => hasSeen(it) && it.status.updateRevision !== it.status.currentRevision,
    );
    await mesh.pass(1000);
    assert.deepEqual([eventsOf(seen), status(seen).updatedReplicas, status(seen).readyReplicas], [[], undefined, 3]);
    await mesh.api.delete(podPath(seen.namespace, "it-1"));
    await complete(seen, 1);
    assert.deepEqual(eventsOf(seen), replaced(1));
    for (const pod of ["it-0", "it-2"]) await mesh.api.delete(podPath(seen.namespace, pod));
    await complete(seen);
    assert.notEqual(status(seen).currentRevision, status(seen).updateRevision, "the controller never calls it done");
  });

  test("a broken pod holds up everything, the old template too, until it is deleted by hand", async () => {
    using seen = await settled("StatefulSet", make());
    const { currentRevision } = status(seen);
    await restart(seen, neverReady);
    await mesh.eventually(
      "the broken pod",
      async () => eventsOf(seen).length === 3 && (await mesh.pods(seen.namespace))[2]?.status.phase === "Running",
    );
    await setSpec(seen, {
      template: { metadata: { labels: { life: null }, annotations: { "kubectl.kubernetes.io/restartedAt": null } } },
    });
    await until("the old template", seen, (it) => hasSeen(it) && it.status.updateRevision === currentRevision);
    await mesh.pass(2000);
    assert.deepEqual(eventsOf(seen), ["delete it-2", "gone it-2", "create it-2"]);
    assert.deepEqual([status(seen).updatedReplicas, status(seen).readyReplicas, status(seen).replicas], [2, 2, 3]);
    await mesh.api.delete(podPath(seen.namespace, "it-2"));
    await complete(seen);
    assert.deepEqual(eventsOf(seen).slice(3), replaced(2));
    assert.deepEqual([status(seen).currentRevision, status(seen).updateRevision], [currentRevision, currentRevision]);
  });

  test("fewer replicas: the last goes first, and the one before it only then", async () => {
    using seen = await settled("StatefulSet", make());
    await setSpec(seen, { replicas: 1 });
    await until("one pod", seen, (it, pods) => pods.length === 1 && it.status.replicas === 1);
    assert.deepEqual(eventsOf(seen), ["delete it-2", "gone it-2", "delete it-1", "gone it-1"]);
  });
});

describe("DaemonSet", together(10), () => {
  const make = (updateStrategy: object) => (namespace: string) =>
    daemonSet({ namespace, name, spec: { updateStrategy }, ...pace });
  const complete = (seen: Watched, updated = 4) =>
    until(
      "the rollout",
      seen,
      (it, pods) =>
        hasSeen(it) &&
        it.status.updatedNumberScheduled === updated &&
        it.status.numberAvailable === 4 &&
        pods.length === 4,
    );

  for (const [rollingUpdate, surge, unavailable] of [
    [{}, 0, 1],
    [{ maxUnavailable: 2 }, 0, 2],
    [{ maxUnavailable: "60%" }, 0, 3],
    [{ maxSurge: 1, maxUnavailable: 0 }, 1, 0],
    [{ maxSurge: "50%", maxUnavailable: 0 }, 2, 0],
  ] as const)
    test(`${JSON.stringify(rollingUpdate)}`, async () => {
      using seen = await settled("DaemonSet", make({ rollingUpdate }));
      await mesh.pass(1000); // the controller tells old pods from new ones by the second
      await restart(seen);
      await complete(seen);
      // What a controller makes and what it takes go out at the same time, so that for a moment there may be a surge
      // more.
      assert.ok(most(seen) >= 4 + surge && most(seen) <= 4 + 2 * surge, `${most(seen)} pods`);
      assert.equal(fewestUp(seen), 4 - unavailable, "fewest ready pods");
      const states = seen.of("DaemonSet", name);
      const unseen = states.filter((each) => !hasSeen(each)).map(({ status }) => status);
      for (const status of unseen)
        assert.deepEqual([status.updatedNumberScheduled, status.numberReady, status.numberAvailable], [4, 4, 4]);
      const later = states
        .slice(1)
        .filter(hasSeen)
        .map(({ status }) => status);
      assert.equal(later[0].updatedNumberScheduled, undefined, "not at once");
      for (const [index, status] of later.entries()) {
        assert.equal(status.desiredNumberScheduled, 4);
        assert.ok((status.updatedNumberScheduled ?? 0) >= (later[index - 1]?.updatedNumberScheduled ?? 0));
        assert.ok(
          (status.numberAvailable ?? 0) >= 4 - unavailable &&
            (status.numberAvailable ?? 0) + (status.numberUnavailable ?? 0) === 4,
        );
      }
      const pods = await mesh.pods(seen.namespace);
      assert.equal(new Set(pods.map(({ spec }) => spec.nodeName)).size, 4, "one on each node");
      const { items } = await mesh.api.get(pathOf(seen.namespace, "controllerrevisions").replace(`/${name}`, ""));
      const latest = items.find(({ revision }: Json) => revision === 2);
      const hash = latest.metadata.labels["controller-revision-hash"];
      assert.equal(latest.metadata.name, `it-${hash}`);
      assert.deepEqual(
        pods.map(({ metadata }) => metadata.labels),
        Array(4).fill({ app: name, "controller-revision-hash": hash, "pod-template-generation": "2" }),
      );
    });

  test("OnDelete: a pod is new once it was deleted", async () => {
    using seen = await settled("DaemonSet", make({ type: "OnDelete" }));
    await restart(seen);
    await until("the new template", seen, (it) => hasSeen(it) && it.status.updatedNumberScheduled === undefined);
    await mesh.pass(1000);
    assert.deepEqual(eventsOf(seen), []);
    const [pod] = await mesh.pods(seen.namespace);
    await mesh.api.delete(podPath(seen.namespace, pod.metadata.name));
    await complete(seen, 1);
    assert.deepEqual(
      eventsOf(seen).map((event) => event.split(" ")[0]),
      ["delete", "gone", "create", "ready"],
    );
  });
});
