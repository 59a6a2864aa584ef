/** The run that all of this is for: a whole namespace from an un-revisioned 1.19.0 to 1-20, and everything that must not change on the way. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { eventually, isWrite, type Json, type Mesh, upMesh } from "./kit.ts";
import {
  assertArrived,
  commandAfter,
  documentOf,
  heldProxies,
  isReady,
  labelsOf,
  listed,
  revisionOf,
  runShell,
  templatesOf,
} from "./witness.ts";
import { barePod, cronJob, daemonSet, deployment, statefulSet } from "./workloads.ts";

let mesh: Mesh;
before(async () => {
  mesh = await upMesh({ revisions: { default: "1.19.0", "1-20": "1.20.0" } });
});
after(() => mesh?.down());

const appOf = (pod: Json): string => pod.metadata.labels.app;
const uidsOf = (pods: readonly Json[]) => pods.map(({ metadata }) => metadata.uid).sort();
/** What our plugin asked of the API server that would write, were it no dry run. */
const ours = async (since: Date) => (await mesh.audit(since)).filter(({ userAgent }) => userAgent.startsWith("mesh-migrate/"));

test("production: 10 Deployments, a StatefulSet, a DaemonSet, one scaled to 0, one opted out", async (t) => {
  const namespace = await mesh.createNamespace({ "istio-injection": "enabled" }, "production");
  const readyAfter = [1000, 5000] as const;
  const names = Array.from({ length: 10 }, (_, index) => `web-${index}`);
  await mesh.apply([
    ...names.map((name) => deployment({ namespace, name, readyAfter })),
    statefulSet({ namespace, name: "db", readyAfter }),
    daemonSet({ namespace, name: "agent", readyAfter }),
    deployment({ namespace, name: "idle", replicas: 0 }),
    deployment({ namespace, name: "plain", replicas: 2, labels: { "sidecar.istio.io/inject": "false" } }),
  ]);
  await mesh.waitReady(namespace);
  const old = await mesh.pods(namespace);
  const isPlain = (pod: Json) => appOf(pod) === "plain";
  assert.equal(old.filter((pod) => revisionOf(pod) === "default").length, 37);
  using recorder = await mesh.recorder();

  await t.test("moves", async () => {
    const since = new Date();
    const { code, stdout, stderr } = await mesh.run("mesh-migrate", ["-n", namespace, "--to", "1-20"]);
    const fell = recorder.report(namespace).filter(({ ok }) => !ok);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^moved 12 workloads \(37 pods\) of production to revision 1-20: /m);
    assert.deepEqual(fell, []);

    const moved = await assertArrived(mesh, namespace, "1-20", { of: (pod) => !isPlain(pod) });
    assert.deepEqual([moved.length, await labelsOf(mesh, namespace)], [37, { "istio.io/rev": "1-20" }]);
    assert.deepEqual(
      moved.filter(({ metadata }) => old.some((pod) => pod.metadata.uid === metadata.uid)),
      [],
    );
    const plain = (await mesh.pods(namespace)).filter(isPlain);
    assert.deepEqual(uidsOf(plain), uidsOf(old.filter(isPlain)));
    const held = await heldProxies(mesh);
    assert.deepEqual(
      [...held.values()].flat().filter(({ revision }) => revision === "default"),
      [],
    );

    assert.deepEqual(await templatesOf(mesh, namespace), {
      ...{ "DaemonSet/agent": 2, "Deployment/idle": 1, "Deployment/plain": 1, "StatefulSet/db": 2 },
      ...Object.fromEntries(names.map((name) => [`Deployment/${name}`, 2])),
    });
    const writes = (await ours(since)).filter(isWrite).map(({ verb, resource, name }) => `${verb} ${resource}/${name}`);
    const restarts = [...names.map((name) => `patch deployments/${name}`), "patch statefulsets/db", "patch daemonsets/agent"];
    assert.deepEqual(writes.toSorted(), [...restarts, "patch namespaces/production", "patch namespaces/production"].toSorted());
  });

  await t.test("never took a workload below its bound, and the recorder saw them go", () => {
    const report = recorder.report(namespace);
    assert.equal(report.length, 14);
    const lowest = new Map(report.map((row) => [row.workload, row.lowest]));
    assert.equal(lowest.get("production/StatefulSet/db"), 2);
    assert.equal(lowest.get("production/DaemonSet/agent"), 3);
    assert.ok(names.every((name) => lowest.get(`production/Deployment/${name}`) === 3));
  });

  await t.test("again: nothing to do, and nothing is written", async () => {
    const [since, pods, { metadata }] = [new Date(), await mesh.pods(namespace), await mesh.api.get(`/api/v1/namespaces/${namespace}`)];
    const table = await mesh.run("mesh-migrate", ["-n", namespace, "--to", "1-20"]);
    assert.equal(table.code, 0, table.stderr);
    assert.match(table.stdout, /^nothing to do: .* is on revision 1-20 already$/m);
    const document = documentOf(await mesh.run("mesh-migrate", ["-n", namespace, "--to", "1-20", "-o", "json"]));
    assert.deepEqual([document.state, document.exitCode, document.left], ["nothing-to-do", 0, []]);

    const asked = await ours(since);
    assert.ok(
      asked.some(({ subresource }) => subresource === "portforward"),
      "it did look at the istiods",
    );
    const changing = asked.filter(({ verb }) => !["get", "list", "watch"].includes(verb));
    assert.deepEqual(
      changing.filter(
        ({ resource, subresource, dryRun }) => !dryRun && resource !== "selfsubjectaccessreviews" && subresource !== "portforward",
      ),
      [],
    );
    assert.deepEqual(uidsOf(await mesh.pods(namespace)), uidsOf(pods));
    assert.equal((await mesh.api.get(`/api/v1/namespaces/${namespace}`)).metadata.resourceVersion, metadata.resourceVersion);
  });
});

test("what no restart would move is refused by name, and left where the refusal's own command says so", async (t) => {
  const namespace = await mesh.createNamespace({ "istio-injection": "enabled" }, "stubborn");
  await mesh.apply([
    deployment({ namespace, name: "web" }),
    deployment({ namespace, name: "paused", spec: { paused: false } }),
    statefulSet({ namespace, name: "by-hand", spec: { updateStrategy: { type: "OnDelete" } } }),
    statefulSet({ namespace, name: "half", spec: { updateStrategy: { type: "RollingUpdate", rollingUpdate: { partition: 2 } } } }),
    barePod({ namespace, name: "lonely" }),
    cronJob({ namespace, name: "nightly", life: "long" }),
  ]);
  await mesh.kubectl(["create", "job", "-n", namespace, "nightly-1", "--from=cronjob/nightly"]);
  await mesh.waitReady(namespace);
  await mesh.kubectl(["rollout", "pause", "-n", namespace, "deployment/paused"]);
  await eventually("the Job and the pod to run", async () => {
    const pods = await mesh.pods(namespace);
    return pods.length === 14 && pods.every((pod) => isReady(pod));
  });
  const old = await mesh.pods(namespace);
  const isWeb = (pod: Json) => appOf(pod) === "web";
  const named = ["deployment/paused", "pod/lonely", "statefulset/by-hand", "statefulset/half"].map((name) => `${namespace}/${name}`);
  let command = "";

  await t.test("refused, naming each, and nothing changed", async () => {
    const since = new Date();
    const { code, stdout, stderr } = await mesh.run("mesh-migrate", ["-n", namespace, "--to", "1-20"]);
    assert.deepEqual([code, stdout], [3, ""], stderr);
    for (const name of named) assert.match(stderr.toLowerCase(), new RegExp(`^blocker: ${name}: `, "m"));
    command = commandAfter("to accept this and go on:", stderr);
    const left = [...command.matchAll(/ --leave (\S+)/g)].map(([, object]) => object?.toLowerCase());
    assert.deepEqual(left.toSorted(), named);
    assert.deepEqual((await ours(since)).filter(isWrite), []);
    assert.deepEqual(await labelsOf(mesh, namespace), { "istio-injection": "enabled" });
  });

  await t.test("done with the flags that the refusal proposes", async () => {
    using recorder = await mesh.recorder();
    const { code, stdout, stderr } = await runShell(mesh, command);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^LEFT +BECAUSE +BY *$/m);
    for (const name of named) assert.match(stdout.toLowerCase(), new RegExp(`^${name} .* --leave *$`, "m"));
    assert.match(stdout, /^stubborn\/job\/nightly-1 .* job *$/m);
    assert.deepEqual(
      recorder.report(namespace).filter(({ ok }) => !ok),
      [],
    );
    await assertArrived(mesh, namespace, "1-20", { of: isWeb });
    const stayed = (await listed(mesh, ["pods", "-n", namespace])).filter((pod) => !isWeb(pod));
    assert.deepEqual(uidsOf(stayed), uidsOf(old.filter((pod) => !isWeb(pod))));
  });

  await t.test("again: the same is left, in the table and in JSON", async () => {
    const since = new Date();
    const table = await runShell(mesh, command);
    assert.equal(table.code, 0, table.stderr);
    assert.match(table.stdout, /^nothing to do: .*; 5 objects left where they are$/m);
    const document = documentOf(await runShell(mesh, `${command} -o json`));
    assert.deepEqual([document.state, document.exitCode], ["nothing-to-do", 0]);
    const left = document.left.map(({ object, by }) => `${object.namespace}/${object.kind.toLowerCase()}/${object.name} ${by}`);
    assert.deepEqual(left.toSorted(), [...named.map((name) => `${name} --leave`), `${namespace}/job/nightly-1 job`].toSorted());
    assert.deepEqual((await ours(since)).filter(isWrite), []);
  });
});

test("on a terminal the progress is a live tree, and the result follows it", async () => {
  const namespace = await mesh.createNamespace({ "istio-injection": "enabled" });
  await mesh.apply([deployment({ namespace, name: "web", readyAfter: 1000 }), statefulSet({ namespace, name: "db", readyAfter: 1000 })]);
  await mesh.waitReady(namespace);
  // script(1), of every Debian, gives the command a terminal and its exit code through.
  const command = `kubectl mesh-migrate -n ${namespace} --to 1-20`;
  const { code, stdout } = await runShell(mesh, `env -u CI TERM=xterm script -qec 'stty cols 120 rows 40; ${command}' /dev/null`);
  assert.equal(code, 0, stdout);
  assert.match(stdout, /✔.*Deployment\/web \(canary\).*3 of 3 pods on 1-20/);
  assert.match(stdout, /✔.*StatefulSet\/db.*3 of 3 pods on 1-20/);
  assert.match(stdout, /moved 2 workloads \(6 pods\)/);
});
