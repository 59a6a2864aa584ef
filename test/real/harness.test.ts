/**
 * The harness itself: meshes come up, pods live as they are told, the recorder can turn red, and nothing is left
 * running.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import {
  barePod,
  cronJob,
  daemonSet,
  deployment,
  gateway,
  job,
  rollout,
  statefulSet,
} from "../fixtures/workload-objects.ts";
import { eventually, isWrite, type Json, type Mesh, upMesh } from "./kit.ts";
import { recordedProcesses } from "./mesh/machine.ts";
import { isRunning } from "./mesh/process.ts";

const revisionOf = (pod: Json) => JSON.parse(pod.metadata.annotations?.["sidecar.istio.io/status"] ?? "{}").revision;
const statusOf = (pod: Json, container: string) =>
  [...(pod.status.containerStatuses ?? []), ...(pod.status.initContainerStatuses ?? [])].find(
    (each: Json) => each.name === container,
  );
const isReady = (pod: Json) =>
  pod.status.conditions.some((each: Json) => each.type === "Ready" && each.status === "True");

describe("an un-revisioned 1.19.0 and 1-20", () => {
  let mesh: Mesh;
  before(async () => {
    mesh = await upMesh({ revisions: { default: "1.19.0", "1-20": "1.20.0" } });
  });
  after(() => mesh.down());

  const podsOf = async (namespace: string, app: string, count: number, seen: (pod: Json) => boolean) =>
    eventually(
      `${count} pods of ${app}`,
      async () => {
        const pods = (await mesh.pods(namespace, `app=${app}`)).filter(seen);
        return pods.length === count && pods;
      },
      20,
    );

  test("moves a namespace, and the proxies move with it", async () => {
    const namespace = await mesh.createNamespace({ "istio-injection": "enabled" });
    await mesh.apply([
      deployment({ namespace, name: "web" }),
      statefulSet({ namespace, name: "db" }),
      daemonSet({ namespace, name: "agent" }),
    ]);
    await mesh.waitReady(namespace);
    const before = await mesh.pods(namespace);
    assert.equal(before.length, 10);
    assert.deepEqual([...new Set(before.map(revisionOf))], ["default"]);
    const since = new Date();
    await mesh.kubectl(["label", "namespace", namespace, "istio-injection-", "istio.io/rev=1-20"]);
    await mesh.kubectl(["rollout", "restart", "deployment,statefulset,daemonset", "-n", namespace]);
    await eventually("all pods to be of 1-20", async () =>
      (await mesh.pods(namespace)).every((pod) => revisionOf(pod) === "1-20" && isReady(pod)),
    );
    const status = await mesh.istioctl("1.20.0", ["proxy-status", "--revision", "1-20"]);
    assert.equal(
      status.split("\n").filter((line) => line.includes(`.${namespace} `) && /istiod-1-20-/.test(line)).length,
      10,
      status,
    );
    const writes = (await mesh.audit(since)).filter(isWrite);
    const restarts = writes
      .filter(({ userAgent, verb }) => userAgent.startsWith("kubectl/") && verb === "patch")
      .map(({ resource }) => resource);
    assert.deepEqual(restarts.sort(), ["daemonsets", "deployments", "namespaces", "statefulsets"]);
  });

  test("lives that apply to pods of one revision only", async () => {
    const namespace = await mesh.createNamespace({ "istio.io/rev": "1-20" });
    const lives = ["never-ready", "crash", "pull", "no-istiod", "nack"] as const;
    const onRevision = "1-20";
    await mesh.apply(lives.map((life) => deployment({ namespace, name: life, replicas: 1, life, onRevision })));
    await mesh.apply([
      deployment({ namespace, name: "proxy-pull", replicas: 1, life: "pull", container: "istio-proxy" }),
    ]);
    await mesh.apply([deployment({ namespace, name: "elsewhere", replicas: 1, life: "crash", onRevision: "default" })]);

    const [neverReady] = await podsOf(namespace, "never-ready", 1, (pod) => statusOf(pod, "istio-proxy")?.ready);
    assert.equal(statusOf(neverReady, "app").ready, false);
    const [crashed] = await podsOf(
      namespace,
      "crash",
      1,
      (pod) => statusOf(pod, "app")?.state.waiting?.reason === "CrashLoopBackOff",
    );
    assert.equal(crashed.status.phase, "Running");
    assert.equal(statusOf(crashed, "app").lastState.terminated.exitCode, 1);
    assert.ok(statusOf(crashed, "app").restartCount >= 1);
    assert.match(
      await mesh.kubectl(["logs", "-n", namespace, crashed.metadata.name, "-c", "app", "--previous"]),
      /cannot open the database/,
    );
    const [pulling] = await podsOf(
      namespace,
      "pull",
      1,
      (pod) => statusOf(pod, "app")?.state.waiting?.reason === "ImagePullBackOff",
    );
    assert.equal(pulling.status.phase, "Pending");
    await assert.rejects(mesh.kubectl(["logs", "-n", namespace, pulling.metadata.name, "-c", "app"]));
    await podsOf(
      namespace,
      "proxy-pull",
      1,
      (pod) => statusOf(pod, "istio-proxy")?.state.waiting?.reason === "ImagePullBackOff",
    );
    for (const life of ["no-istiod", "nack"]) {
      const [pod] = await podsOf(namespace, life, 1, (pod) => statusOf(pod, "app")?.ready);
      assert.equal(statusOf(pod, "istio-proxy").ready, false);
      assert.match(await mesh.kubectl(["logs", "-n", namespace, pod.metadata.name, "-c", "istio-proxy"]), /NOT ready/);
    }
    await podsOf(namespace, "elsewhere", 1, isReady);
    const status = await mesh.istioctl("1.20.0", ["proxy-status", "--revision", "1-20"]);
    assert.match(status, new RegExp(`nack-.*\\.${namespace} `));
    assert.doesNotMatch(status, new RegExp(`no-istiod-.*\\.${namespace} `));

    await mesh.kubectl(["label", "namespace", namespace, "istio.io/rev-", "istio-injection=enabled"]);
    for (const life of lives) await mesh.kubectl(["delete", "pod", "-n", namespace, "-l", `app=${life}`]);
    for (const life of lives) await podsOf(namespace, life, 1, (pod) => revisionOf(pod) === "default" && isReady(pod));
  });

  test("pods get ready late, and go late", async () => {
    const namespace = await mesh.createNamespace({});
    await mesh.apply([
      deployment({ namespace, name: "slow", replicas: 2, readyAfter: [1500, 2500], terminateAfter: 3000 }),
    ]);
    await mesh.waitReady(namespace);
    for (const { status } of await mesh.pods(namespace)) {
      const ready = status.conditions.find((each: Json) => each.type === "Ready");
      const took = Date.parse(ready.lastTransitionTime) - Date.parse(status.startTime);
      assert.ok(took >= 1000 && took <= 4500, `ready after ${took} ms`); // the times are whole seconds
    }
    const started = performance.now();
    await mesh.kubectl(["delete", "pod", "-n", namespace, "--all", "--wait=true"]);
    assert.ok(performance.now() - started >= 2900, "gone too soon");
  });

  test("Jobs complete, or run on", async () => {
    const namespace = await mesh.createNamespace({ "istio-injection": "enabled" });
    await mesh.apply([
      job({ namespace, name: "short" }),
      cronJob({ namespace, name: "nightly", life: "long" }),
      barePod({ namespace, name: "bare" }),
    ]);
    await mesh.kubectl(["create", "job", "-n", namespace, "now", "--from=cronjob/nightly"]);
    await podsOf(namespace, "short", 1, (pod) => pod.status.phase === "Succeeded");
    await podsOf(namespace, "nightly", 1, isReady);
    await podsOf(namespace, "bare", 1, isReady);
    await eventually(
      "the Job to be done",
      async () => (await mesh.api.get(`/apis/batch/v1/namespaces/${namespace}/jobs/short`)).status.succeeded === 1,
    );
  });

  test("a claim is bound, so its pod comes up", async () => {
    const namespace = await mesh.createNamespace({});
    const claim = {
      metadata: { name: "data" },
      spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } },
    };
    await mesh.apply(statefulSet({ namespace, name: "db", replicas: 2, spec: { volumeClaimTemplates: [claim] } }));
    await mesh.waitReady(namespace);
  });

  test("the recorder is green for a rollout and red for a deletion", async () => {
    const namespace = await mesh.createNamespace({ "istio-injection": "enabled" });
    await mesh.apply([
      deployment({ namespace, name: "web", replicas: 4, readyAfter: 300 }),
      statefulSet({ namespace, name: "db", readyAfter: 300 }),
      daemonSet({ namespace, name: "agent", readyAfter: 300 }),
    ]);
    await mesh.waitReady(namespace);
    using recorder = await mesh.recorder();
    await mesh.kubectl(["rollout", "restart", "deployment,statefulset,daemonset", "-n", namespace]);
    await mesh.kubectl(["rollout", "status", "deployment/web", "-n", namespace]);
    await mesh.kubectl(["rollout", "status", "statefulset/db", "-n", namespace]);
    await mesh.kubectl(["rollout", "status", "daemonset/agent", "-n", namespace]);
    const report = recorder.report(namespace);
    assert.deepEqual(
      report.map(({ workload, bound, ok }) => [workload.replace(`${namespace}/`, ""), bound, ok]),
      [
        ["DaemonSet/agent", 3, true],
        ["Deployment/web", 3, true],
        ["StatefulSet/db", 2, true],
      ],
    );
    assert.equal(report.find(({ workload }) => workload.endsWith("/db"))?.lowest, 2); // it did see the pods go
    await mesh.kubectl(["delete", "pod", "-n", namespace, "-l", "app=web"]);
    await mesh.waitReady(namespace);
    const red = recorder.report(namespace).filter(({ ok }) => !ok);
    assert.deepEqual(
      red.map(({ workload }) => workload),
      [`${namespace}/Deployment/web`],
    );
    assert.equal(red[0]?.lowest, 0);
  });

  test("istiods stop, start and scale, and the API server's calls to them fail when told", async () => {
    const namespace = await mesh.createNamespace({ "istio.io/rev": "1-20" });
    const create = (name: string) =>
      mesh.runKubectl([
        "run",
        name,
        "-n",
        namespace,
        "--image=app",
        "--dry-run=server",
        "-o",
        "json",
        "--request-timeout=3s",
      ]);
    const istiod = async () => (await mesh.pods("istio-system", "app=istiod,istio.io/rev=1-20"))[0];
    const endpoints = async () =>
      (
        await mesh.api.get(
          "/apis/discovery.k8s.io/v1/namespaces/istio-system/endpointslices?labelSelector=kubernetes.io/service-name=istiod-1-20",
        )
      ).items[0].endpoints ?? [];
    assert.equal((await create("well")).code, 0);

    await mesh.stopIstiod("1-20");
    assert.equal(isReady(await istiod()), false);
    assert.notEqual((await create("unready")).code, 0);
    await mesh.startIstiod("1-20");
    assert.equal((await create("again")).code, 0);

    await mesh.stopIstiod("1-20", "unnoticed");
    assert.equal(isReady(await istiod()), true);
    assert.equal((await endpoints())[0].conditions.ready, true);
    assert.notEqual((await create("unnoticed")).code, 0);
    await mesh.startIstiod("1-20");
    assert.equal((await create("noticed")).code, 0);

    await mesh.stopIstiod("1-20", "frozen");
    assert.notEqual((await create("frozen")).code, 0);
    await mesh.startIstiod("1-20");
    assert.equal((await create("thawed")).code, 0);

    for (const fault of [{ kind: "refuse" }, { kind: "hang" }] as const) {
      await mesh.setWebhookFault("1-20", fault);
      assert.notEqual((await create(fault.kind)).code, 0);
    }
    await mesh.setWebhookFault("1-20", { kind: "slow", ms: 1000 });
    const slow = await create("slow");
    assert.equal(slow.code, 0);
    assert.ok(slow.ms > 1000);
    await mesh.setWebhookFault("1-20");
    assert.equal((await create("mended")).code, 0);

    await mesh.scaleIstiod("1-20", 2);
    assert.equal((await endpoints()).length, 2);
    await mesh.scaleIstiod("1-20", 0);
    assert.notEqual((await create("scaled-away")).code, 0);
    await mesh.scaleIstiod("1-20", 1);
    await eventually("injection", async () => (await create("back")).code === 0);
  });

  test("a revision is added, tagged and removed while the mesh runs", async () => {
    await mesh.addRevision("second", "1.20.0");
    await mesh.setTag("prod", "second");
    const namespace = await mesh.createNamespace({ "istio.io/rev": "prod" });
    await mesh.apply(deployment({ namespace, name: "web", replicas: 1 }));
    await mesh.waitReady(namespace);
    assert.deepEqual((await mesh.pods(namespace)).map(revisionOf), ["second"]);
    await mesh.kubectl(["delete", "namespace", namespace]);
    await mesh.istioctl("1.20.0", ["tag", "remove", "prod", "-y"]);
    await mesh.removeRevision("second");
    assert.deepEqual(await mesh.pods("istio-system", "istio.io/rev=second"), []);
  });
});

test("1-28 and 1-29 by Helm, two istiods each, native sidecars, Gateway API and Argo Rollouts", async () => {
  await using mesh = await upMesh({
    revisions: { "1-28": "1.28.2", "1-29": "1.29.1" },
    helm: ["1-28", "1-29"],
    istiods: 2,
    gatewayApi: true,
    argoRollouts: true,
  });
  const namespace = await mesh.createNamespace({ "istio.io/rev": "1-28" });
  await mesh.apply([
    rollout({ namespace, name: "canary", replicas: 2, spec: { strategy: { canary: { maxUnavailable: 2 } } } }), // else one every 30 s
    deployment({ namespace, name: "web", replicas: 1, life: "no-istiod", onRevision: "1-29" }),
    deployment({ namespace, name: "proxy", replicas: 1, life: "crash", container: "istio-proxy", onRevision: "1-29" }),
  ]);
  const ready = (count: number, revision: string, app: string) =>
    eventually(
      `${count} pods of ${app} by ${revision}`,
      async () => {
        const pods = (await mesh.pods(namespace, `app=${app}`)).filter(
          (pod) => isReady(pod) && revisionOf(pod) === revision,
        );
        return pods.length === count && pods;
      },
      30,
    );
  await mesh.waitReady(namespace);
  const [pod] = await ready(2, "1-28", "canary");
  assert.ok(
    pod.spec.initContainers.some((each: Json) => each.name === "istio-proxy"),
    "a native sidecar",
  );
  await Promise.all([ready(1, "1-28", "web"), ready(1, "1-28", "proxy")]);
  assert.equal((await mesh.pods("istio-system", "app=istiod")).length, 4);

  await mesh.kubectl(["label", "namespace", namespace, "istio.io/rev=1-29", "--overwrite"]);
  await sleep(1100); // the controller leaves alone what was created in the second of restartAt
  await mesh.kubectl([
    "patch",
    "rollout",
    "canary",
    "-n",
    namespace,
    "--type=merge",
    "-p",
    JSON.stringify({ spec: { restartAt: new Date().toISOString() } }),
  ]);
  await ready(2, "1-29", "canary");
  await mesh.kubectl(["delete", "pod", "-n", namespace, "-l", "app in (web,proxy)"]);
  const [web] = await eventually("a proxy without istiod", async () => {
    const pods = (await mesh.pods(namespace, "app=web")).filter((each) => statusOf(each, "istio-proxy")?.state.running);
    return pods.length === 1 && pods;
  });
  assert.equal(statusOf(web, "app").state.waiting.reason, "PodInitializing");
  assert.equal(web.status.phase, "Pending");
  await eventually("a crashing proxy", async () =>
    (await mesh.pods(namespace, "app=proxy")).some(
      (each) => statusOf(each, "istio-proxy")?.state.waiting?.reason === "CrashLoopBackOff",
    ),
  );

  const listeners = [{ name: "http", port: 80, protocol: "HTTP" }];
  await mesh.apply([
    gateway({ namespace, name: "ingress", replicas: 1 }),
    {
      apiVersion: "gateway.networking.k8s.io/v1",
      kind: "Gateway",
      metadata: { name: "door", namespace },
      spec: { gatewayClassName: "istio", listeners },
    },
  ]);
  await ready(1, "1-29", "ingress");
  await eventually("the gateway that istiod deploys", async () => {
    const pods = await mesh.pods(namespace, "gateway.networking.k8s.io/gateway-name=door");
    return pods.length === 1 && isReady(pods[0]) && pods[0].metadata.annotations["fleet/synced"] === "true";
  });
});

test("old nodes get no native sidecars", async () => {
  await using mesh = await upMesh({ revisions: { "1-29": "1.29.1" }, oldNodes: true });
  const namespace = await mesh.createNamespace({ "istio.io/rev": "1-29" });
  await mesh.apply(deployment({ namespace, name: "web", replicas: 1 }));
  await mesh.waitReady(namespace);
  const [pod] = await mesh.pods(namespace);
  assert.ok(
    pod.spec.containers.some((each: Json) => each.name === "istio-proxy"),
    "a container like others",
  );
});

test("two meshes side by side, and nothing is left of either, whoever is killed", async () => {
  const mesh = await upMesh({ revisions: {} });
  const program = `import { upMesh } from ${JSON.stringify(path.join(import.meta.dirname, "kit.ts"))};
    const mesh = await upMesh({ revisions: {} });
    console.log(mesh.dir);
    setInterval(() => {}, 1000);`;
  const other = spawn(process.execPath, ["--input-type=module", "-e", program], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [line] = await other.stdout.take(1).toArray();
  const dir = String(line).trim();
  const running = recordedProcesses(dir);
  assert.ok(
    ["daemon", "etcd", "kube-apiserver", "kwok", "fleet"].every((name) => running.some((each) => each.name === name)),
    JSON.stringify(running),
  );
  other.kill("SIGKILL");
  await eventually(
    "the killed one's mesh to be gone",
    async () => !fs.existsSync(dir) && running.every(({ pid, start }) => !isRunning(pid, start)),
    10,
  );

  assert.equal(await mesh.api.get("/readyz"), "ok");
  const daemon = recordedProcesses(mesh.dir).find(({ name }) => name === "daemon");
  process.kill(daemon?.pid ?? 0, "SIGKILL");
  await eventually("a mesh without its daemon to end", async () => recordedProcesses(mesh.dir).length === 0, 10);
  await mesh.down();
  assert.equal(fs.existsSync(mesh.dir), false);
});
