/**
 * What pods live through, what their status says of it, what is told when none comes, and what follows them: endpoints,
 * Jobs, autoscalers.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { barePod, cronJob, daemonSet, deployment, job, type Life, statefulSet } from "../fixtures/workload-objects.ts";
import type { Json, MeshUnderTest } from "./mesh-under-test.ts";
import { openMesh, together } from "./open-mesh.ts";
import { conditionOf, eventsOf, isGoing, isReady, isUp, record, sequenceOf } from "./recording.ts";

let mesh: MeshUnderTest;
before(async () => {
  mesh = await openMesh({ revisions: { default: "1.19.0", "1-29": "1.29.1" } });
});
after(() => mesh?.[Symbol.asyncDispose]());

const get = (path: string): Promise<Json> => mesh.api.get(path);
const apps = (namespace: string, plural: string, name = "it"): string =>
  `/apis/apps/v1/namespaces/${namespace}/${plural}/${name}`;

const containerOf = ({ status }: Json, name: string): Json | undefined =>
  [...(status.containerStatuses ?? []), ...(status.initContainerStatuses ?? [])].find(
    (each: Json) => each.name === name,
  );
/** `running`, with `!` when ready; a reason for waiting; with the count of restarts. */
const doing = (pod: Json, name: string): string => {
  const { state, ready, restartCount } = containerOf(pod, name) ?? {};
  if (state === undefined) return "-";
  return `${state.waiting?.reason ?? (state.running ? "running" : state.terminated.reason)}${ready ? "!" : ""}${restartCount || ""}`;
};
/** Phase, app, proxy. */
const pictureOf = (pod: Json): string =>
  [
    pod.spec.nodeName ? pod.status.phase : "unbound",
    doing(pod, "app"),
    doing(pod, "istio-proxy"),
    ...(isReady(pod) ? ["Ready"] : []),
  ].join(" ");

const slow = { readyAfter: 4000 };
const crash = { life: "crash", crashAfter: 3000 } as const;
/** The life, then what is seen of it where the proxy is a container like others, and where it is a native sidecar. */
const lives: Readonly<Record<string, readonly [Life, ordinary: readonly string[], native: readonly string[]]>> = {
  well: [
    slow,
    ["Running running running", "Running running! running! Ready"],
    ["Pending PodInitializing running", "Running running running!", "Running running! running! Ready"],
  ],
  "never-ready": [
    { life: "never-ready" },
    ["Running running running", "Running running running!"],
    ["Pending PodInitializing running", "Running running running!"],
  ],
  crash: [
    crash,
    ["Running running running", "Running CrashLoopBackOff1 running!", "Running running1 running!"],
    [
      "Pending PodInitializing running",
      "Running running running!",
      "Running CrashLoopBackOff1 running!",
      "Running running1 running!",
    ],
  ],
  pull: [
    { life: "pull" },
    ["Pending ErrImagePull running", "Pending ImagePullBackOff running!"],
    ["Pending PodInitializing running", "Pending ErrImagePull running!", "Pending ImagePullBackOff running!"],
  ],
  "no-istiod": [
    { life: "no-istiod", readyAfter: 1000 },
    ["Running running running", "Running running! running"],
    ["Pending PodInitializing running"],
  ],
  nack: [
    { life: "nack", readyAfter: 1000 },
    ["Running running running", "Running running! running"],
    ["Pending PodInitializing running"],
  ],
  "proxy-crash": [
    { ...crash, container: "istio-proxy" },
    ["Running running running", "Running running CrashLoopBackOff1", "Running running running1"],
    [
      "Pending PodInitializing running",
      "Pending PodInitializing CrashLoopBackOff1",
      "Pending PodInitializing running1",
    ],
  ],
  "proxy-pull": [
    { life: "pull", container: "istio-proxy" },
    ["Pending running ErrImagePull", "Pending running ImagePullBackOff"],
    ["Pending PodInitializing ErrImagePull", "Pending PodInitializing ImagePullBackOff"],
  ],
};

describe("pods", together(10), () => {
  for (const [title, column, revision] of [
    ["an ordinary proxy", 1, "default"],
    ["a native sidecar", 2, "1-29"],
  ] as const)
    test(`lives with ${title}`, async () => {
      const namespace = await mesh.createNamespace({ "istio.io/rev": revision });
      using seen = await record(mesh, namespace, ["Pod"]);
      const owned = Object.entries(lives).map(([name, [life]]) =>
        deployment({ namespace, name, replicas: 1, ...life }),
      );
      await mesh.apply(owned);
      const statesOf = (name: string) => seen.all("Pod").find(([pod]) => pod.metadata.labels.app === name) ?? [];
      // The back-off of the image and the readiness of the proxy come in any order.
      const seenOf = (name: string) =>
        sequenceOf(statesOf(name).map(pictureOf)).filter((picture) => picture !== "Pending ImagePullBackOff running");
      for (const [name, row] of Object.entries(lives)) {
        const expected = ["unbound - -", "Pending - -", ...row[column]];
        const found = () => seenOf(name).slice(0, expected.length);
        await mesh.eventually(`${name} to be as far`, async () => found().length === expected.length, 30);
        assert.deepEqual(found(), expected, name);
      }
      await mesh.pass(2000); // whatever else would come of those that stay as they are
      for (const name of ["never-ready", "pull", "no-istiod", "nack"])
        assert.equal(seenOf(name).length, 2 + (lives[name]?.[column].length ?? 0), name);

      const [crashed, pulling] = [statesOf("crash"), statesOf("pull")].map((states) => states.at(-1));
      const { lastState } = containerOf(crashed, "app") as Json;
      assert.deepEqual([lastState.terminated.exitCode, lastState.terminated.reason], [1, "Error"]);
      assert.match(
        (containerOf(pulling, "app") as Json).state.waiting.message,
        /^Back-off pulling image "registry\.example\/app:1"/,
      );
      const well = statesOf("well").at(-1);
      assert.deepEqual(
        ["PodScheduled", "Initialized", "ContainersReady", "Ready"].map((type) => conditionOf(well, type)?.status),
        Array(4).fill("True"),
      );
      assert.match(conditionOf(crashed, "Ready")?.message, /^containers with unready status: \[app\b/);
      assert.ok(well.status.podIP && well.status.hostIP && well.status.startTime);
    });

  test("a deleted pod is ready, and behind its Service as terminating, until it is gone", async () => {
    const namespace = await mesh.createNamespace({});
    const service = {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: "it", namespace },
      spec: { selector: { app: "it" }, ports: [{ port: 80 }] },
    };
    await mesh.apply([
      service,
      deployment({ namespace, name: "it", replicas: 2, readyAfter: 1000, terminateAfter: 2500 }),
    ]);
    const slicesPath = `/apis/discovery.k8s.io/v1/namespaces/${namespace}/endpointslices`;
    await mesh.eventually("both pods behind the Service", async () => {
      const [slice] = (await get(slicesPath)).items;
      return slice?.endpoints?.length === 2 && slice.endpoints.every(({ conditions }: Json) => conditions.ready);
    });
    using seen = await record(mesh, namespace, ["Pod", "EndpointSlice"]);
    const [victim] = await mesh.pods(namespace);
    await mesh.api.delete(`/api/v1/namespaces/${namespace}/pods/${victim.metadata.name}`);
    const isOther = (pod: Json): boolean => isUp(pod) && pod.metadata.uid !== victim.metadata.uid;
    await mesh.eventually(
      "another pod",
      async () => seen.pods.at(-1)?.length === 2 && seen.pods.at(-1)?.every(isOther),
    );
    assert.deepEqual(
      eventsOf(seen).map((event) => event.split(" ")[0]),
      ["delete", "create", "ready", "gone"],
    );
    const going = seen.of("Pod", victim.metadata.name).filter(isGoing);
    assert.ok(going.length > 0 && going.every(isReady));
    assert.equal(going[0].metadata.deletionGracePeriodSeconds, 30);
    assert.ok(
      Date.parse(going[0].metadata.deletionTimestamp) - mesh.now().getTime() > 20_000,
      "the time at which it is to be gone",
    );

    const slices = () => seen.all("EndpointSlice")[0] ?? [];
    const behind = (name: string) =>
      sequenceOf(
        slices().map(({ endpoints }) => endpoints?.find(({ targetRef }: Json) => targetRef.name === name)?.conditions),
      ).filter(Boolean);
    await mesh.eventually("the slice to be right", async () =>
      slices()
        .at(-1)
        .endpoints.every(({ conditions }: Json) => conditions.ready),
    );
    assert.deepEqual(behind(victim.metadata.name), [
      { ready: true, serving: true, terminating: false },
      { ready: false, serving: true, terminating: true },
    ]);
    const fresh = seen.pods
      .at(-1)
      ?.find(({ metadata }) => !slices()[0].endpoints.some(({ targetRef }: Json) => targetRef.uid === metadata.uid));
    assert.deepEqual(behind(fresh.metadata.name), [
      { ready: false, serving: false, terminating: false },
      { ready: true, serving: true, terminating: false },
    ]);
    const [last] = slices().slice(-1);
    assert.equal(last.metadata.labels["kubernetes.io/service-name"], "it");
    assert.equal(last.endpoints.length, 2);
  });

  test("a pod that fits no node says so", async () => {
    const namespace = await mesh.createNamespace({});
    await mesh.apply([barePod({ namespace, name: "it", podSpec: { nodeSelector: { disk: "none" } } })]);
    const pod = await mesh.eventually("the condition", async () =>
      (await mesh.pods(namespace)).find((each) => conditionOf(each, "PodScheduled")),
    );
    const { status, reason, message } = conditionOf(pod, "PodScheduled") as Json;
    assert.deepEqual(
      [status, reason, pod.status.phase, pod.spec.nodeName],
      ["False", "Unschedulable", "Pending", undefined],
    );
    assert.match(message, /^0\/4 nodes are available: 4 node\(s\) didn't match Pod's node affinity\/selector\./);
    const events = await warnings(namespace, "FailedScheduling", 1);
    assert.deepEqual(
      [events[0].involvedObject.kind, events[0].involvedObject.name, events[0].message],
      ["Pod", "it", message],
    );
  });

  test("a bare ReplicaSet keeps its number; what is not ready goes first", async () => {
    const namespace = await mesh.createNamespace({});
    const made = deployment({ namespace, name: "it", replicas: 2 }) as Json;
    await mesh.apply([{ ...made, kind: "ReplicaSet" }]);
    using seen = await record(mesh, namespace, ["ReplicaSet", "Pod"]);
    const counts = () => {
      const { status, metadata } = seen.of("ReplicaSet", "it").at(-1);
      const { replicas, readyReplicas, availableReplicas, observedGeneration } = status;
      return observedGeneration === metadata.generation && [replicas, readyReplicas, availableReplicas];
    };
    const has = (...expected: readonly number[]) =>
      mesh.eventually(`${expected}`, async () => JSON.stringify(counts()) === JSON.stringify(expected));
    await has(2, 2, 2);
    const first = (await mesh.pods(namespace)).map(({ metadata }) => metadata.name);
    await mesh.api.merge(apps(namespace, "replicasets"), {
      spec: { replicas: 3, template: { metadata: { labels: { life: "never-ready" } } } },
    });
    await has(3, 2, 2);
    await mesh.api.merge(apps(namespace, "replicasets"), { spec: { replicas: 2 } });
    await has(2, 2, 2);
    await mesh.eventually("two pods", async () => seen.pods.at(-1)?.length === 2);
    assert.deepEqual(
      seen.pods
        .at(-1)
        ?.map(({ metadata }) => metadata.name)
        .toSorted(),
      first.toSorted(),
    );
    await mesh.api.delete(`/api/v1/namespaces/${namespace}/pods/${first[0]}`);
    await mesh.eventually(
      "another in its place",
      async () =>
        seen.pods.at(-1)?.length === 2 && !seen.pods.at(-1)?.some(({ metadata }) => metadata.name === first[0]),
    );
  });
});

/** Warnings of a reason once there are as many of them. */
const warnings = (namespace: string, reason: string, count: number): Promise<readonly Json[]> =>
  mesh.eventually(`${count} events ${reason}`, async () => {
    const { items } = await get(`/api/v1/namespaces/${namespace}/events?fieldSelector=reason=${reason}`);
    return items.length >= count && items.every(({ type }: Json) => type === "Warning") && items;
  });

describe("no pod comes", together(10), () => {
  const quota = (namespace: string, pods: string) => ({
    ...{ apiVersion: "v1", kind: "ResourceQuota", metadata: { name: "few", namespace } },
    spec: { hard: { pods } },
  });
  for (const [kind, make, owner, message] of [
    [
      "Deployment",
      deployment,
      "ReplicaSet",
      /^Error creating: pods "it-[a-z0-9]+-[a-z0-9]{5}" is forbidden: exceeded quota: few, requested: pods=1, used: pods=1, limited: pods=1$/,
    ],
    [
      "StatefulSet",
      statefulSet,
      "StatefulSet",
      /^Create Pod it-1 in StatefulSet it failed error: pods "it-1" is forbidden: exceeded quota: few/,
    ],
    ["DaemonSet", daemonSet, "DaemonSet", /^Error creating: pods "it-[a-z0-9]{5}" is forbidden: exceeded quota: few/],
  ] as const)
    test(`${kind}: the refusal is told in an event, and the rest comes when it may`, async () => {
      const namespace = await mesh.createNamespace({});
      await mesh.apply([quota(namespace, "1")]);
      await mesh.eventually(
        "the quota to be counted",
        async () => (await get(`/api/v1/namespaces/${namespace}/resourcequotas/few`)).status?.used,
      );
      await mesh.apply([make({ namespace, name: "it" })]);
      const events = await warnings(namespace, "FailedCreate", 1);
      for (const event of events) assert.match(event.message, message);
      assert.equal(events[0].involvedObject.kind, owner);
      assert.match(events[0].involvedObject.name, owner === kind ? /^it$/ : /^it-/);
      assert.ok(events[0].lastTimestamp ?? events[0].eventTime);
      if (kind === "Deployment") {
        const failing = await mesh.eventually("ReplicaFailure", async () =>
          conditionOf(await get(apps(namespace, "deployments")), "ReplicaFailure"),
        );
        assert.deepEqual([failing.status, failing.reason], ["True", "FailedCreate"]);
        assert.match(failing.message, /exceeded quota: few/);
      }
      await mesh.apply([quota(namespace, "10")]);
      await mesh.waitReady(namespace, 60);
      if (kind !== "Deployment") return;
      await mesh.eventually(
        "the failure to be over",
        async () => !conditionOf(await get(apps(namespace, "deployments")), "ReplicaFailure"),
      );
    });

  test("an istiod that cannot be reached is named in the event", async () => {
    const namespace = await mesh.createNamespace({ "istio.io/rev": "1-29" });
    await mesh.setWebhookFault("1-29", { kind: "refuse" });
    try {
      await mesh.apply([deployment({ namespace, name: "it", replicas: 1 })]);
      const [event] = await warnings(namespace, "FailedCreate", 1);
      const url = "https://istiod-1-29\\.istio-system\\.svc:443/inject\\?timeout=10s";
      const said = `^Error creating: Internal error occurred: failed calling webhook "rev\\.namespace\\.sidecar-injector\\.istio\\.io": failed to call webhook: Post "${url}": `;
      assert.match(event.message, new RegExp(said));
    } finally {
      await mesh.setWebhookFault("1-29");
    }
    await mesh.waitReady(namespace, 60);
  });
});

describe("Jobs and autoscalers", together(10), () => {
  const jobOf = (namespace: string, name = "it") => get(`/apis/batch/v1/namespaces/${namespace}/jobs/${name}`);

  for (const revision of ["default", "1-29"])
    test(`a Job completes, injected by ${revision}`, async () => {
      const namespace = await mesh.createNamespace({ "istio.io/rev": revision });
      using seen = await record(mesh, namespace, ["Job", "Pod"]);
      await mesh.apply([job({ namespace, name: "it", runFor: 1000, spec: { completions: 3, parallelism: 2 } })]);
      const done = await mesh.eventually("the Job to be done", async () => {
        const found = await jobOf(namespace);
        return conditionOf(found, "Complete")?.status === "True" && found;
      });
      assert.deepEqual([done.status.succeeded, done.status.active, done.status.failed], [3, undefined, undefined]);
      assert.ok(done.status.startTime && done.status.completionTime);
      const pods = await mesh.pods(namespace);
      assert.deepEqual(
        pods.map(({ status }) => status.phase),
        ["Succeeded", "Succeeded", "Succeeded"],
      );
      const running = seen.pods.map((each) => each.filter(({ status }) => status.phase !== "Succeeded").length);
      assert.equal(Math.max(...running), 2, "never more than two at once");
      for (const { metadata } of pods) {
        assert.equal(metadata.labels["batch.kubernetes.io/job-name"], "it");
        assert.deepEqual(metadata.ownerReferences[0].kind, "Job");
        assert.match(metadata.name, /^it-[a-z0-9]{5}$/);
      }
    });

  test("a Job that runs on is active, one that is suspended has no pod", async () => {
    const namespace = await mesh.createNamespace({});
    await mesh.apply([
      job({ namespace, name: "it", life: "long" }),
      job({ namespace, name: "later", spec: { suspend: true } }),
    ]);
    const running = await mesh.eventually("the Job to run", async () => {
      const found = await jobOf(namespace);
      return found.status?.ready === 1 && found;
    });
    assert.deepEqual([running.status.active, conditionOf(running, "Complete")], [1, undefined]);
    await mesh.pass(1000);
    assert.equal((await mesh.pods(namespace)).length, 1);
    await mesh.api.merge(`/apis/batch/v1/namespaces/${namespace}/jobs/later`, { spec: { suspend: false } });
    await mesh.eventually(
      "the other to complete",
      async () => (await jobOf(namespace, "later")).status?.succeeded === 1,
    );
  });

  test("a CronJob makes a Job for the minute that is due, and none while suspended", async () => {
    const namespace = await mesh.createNamespace({});
    const everyMinute = (name: string, suspend: boolean) =>
      cronJob({ namespace, name, spec: { schedule: "* * * * *", suspend } });
    await mesh.apply([everyMinute("it", false), everyMinute("not", true)]);
    const before = new Date(mesh.now().getTime() - 120_000).toISOString().replace(/\.\d+/, "");
    for (const name of ["it", "not"])
      await mesh.api.merge(`/apis/batch/v1/namespaces/${namespace}/cronjobs/${name}/status`, {
        status: { lastScheduleTime: before },
      });
    const [made] = await mesh.eventually("a Job", async () => {
      const { items } = await get(`/apis/batch/v1/namespaces/${namespace}/jobs`);
      return items.length > 0 && items;
    });
    assert.match(made.metadata.name, /^it-\d{8}$/);
    assert.ok(
      Math.abs(Number(made.metadata.name.slice(3)) - mesh.now().getTime() / 60_000) <= 1.5,
      "named after its minute",
    );
    const { uid } = (await get(`/apis/batch/v1/namespaces/${namespace}/cronjobs/it`)).metadata;
    assert.deepEqual(made.metadata.ownerReferences, [
      { apiVersion: "batch/v1", kind: "CronJob", name: "it", uid, controller: true, blockOwnerDeletion: true },
    ]);
    await mesh.eventually(
      "it to complete",
      async () => (await jobOf(namespace, made.metadata.name)).status?.succeeded === 1,
    );
  });

  test("an autoscaler keeps its target within bounds, but not one that is scaled to zero", async () => {
    const namespace = await mesh.createNamespace({});
    const scaler = (name: string) => ({
      ...{ apiVersion: "autoscaling/v2", kind: "HorizontalPodAutoscaler", metadata: { name, namespace } },
      spec: { scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name }, minReplicas: 2, maxReplicas: 3 },
    });
    const sizes = { few: 1, many: 5, none: 0 };
    await mesh.apply(
      Object.entries(sizes).flatMap(([name, replicas]) => [deployment({ namespace, name, replicas }), scaler(name)]),
    );
    const size = async (name: string) => (await get(apps(namespace, "deployments", name))).spec.replicas;
    await mesh.eventually("few to be two", async () => (await size("few")) === 2, 40);
    await mesh.eventually("many to be three", async () => (await size("many")) === 3, 40);
    assert.equal(await size("none"), 0);
  });
});
