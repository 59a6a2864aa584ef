/**
 * Migrations among what only real programs show: kills, pipes and a terminal; kubectl as a person and tools use it;
 * Helm; Gateways that istiod deploys; istioctl's connections. The scenarios that both meshes share are in
 * test/contract.
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { type Refused, refused as refusedOn, told } from "../contract/refusal.ts";
import {
  assertArrived,
  documentOf,
  isReady,
  labelsOf,
  recordOf,
  revisionOf,
  templatesOf,
} from "../contract/verify-result.ts";
import { deployment, statefulSet } from "../fixtures/workload-objects.ts";
import { eventually, type Json, type Mesh, type RunOptions, upMesh } from "./kit.ts";
import { runProgram } from "./mesh/process.ts";
import { ensureBuilt, fileOf } from "./mesh/programs.ts";
import type { Recorder } from "./recorder.ts";

let mesh: Mesh;
let recorder: Recorder;
before(async () => {
  mesh = await upMesh({ revisions: { default: "1.28.2", "1-29": "1.29.1" }, gatewayApi: true });
  recorder = await mesh.recorder();
});
after(async () => {
  recorder?.stop();
  await mesh?.down();
});

const enabled = { "istio-injection": "enabled" };
const web = (namespace: string) => [deployment({ namespace, name: "web", replicas: 2 })];
const refused = (namespace: string, reasons: readonly string[]): Promise<Refused> =>
  refusedOn(mesh, namespace, ["--to", "1-29"], reasons);

/** A namespace that the un-revisioned install injects, with its workloads ready. */
async function inNamespace(make: (namespace: string) => readonly object[]): Promise<string> {
  const namespace = await mesh.createNamespace(enabled);
  await mesh.apply(make(namespace));
  await mesh.waitReady(namespace, 120);
  return namespace;
}

const neverFell = (namespace: string) =>
  assert.deepEqual(
    recorder.report(namespace).filter(({ ok }) => !ok),
    [],
  );

/** Runs a command as it was printed, and holds that it goes through. */
async function done(command: string): Promise<string> {
  const { code, stdout, stderr } = await mesh.shell(command);
  assert.equal(code, 0, `${command}\n${stdout}${stderr}`);
  return stdout;
}

describe("a process", { concurrency: 2 }, () => {
  const make = (namespace: string) => [
    deployment({ namespace, name: "first", replicas: 2, readyAfter: [1000, 2000] }),
    deployment({ namespace, name: "second", readyAfter: [1000, 2000] }),
    statefulSet({ namespace, name: "db", readyAfter: [1000, 2000] }),
  ];
  const kills: readonly [string, (namespace: string) => RunOptions][] = [
    [
      "with the labels just written",
      (namespace) => killOnce(async () => (await labelsOf(mesh, namespace))["istio.io/rev"] === "1-29"),
    ],
    ["in the canary", () => killAt(/Deployment\/first.*: /)],
    ["in the midst of the rest", () => killAt(/Deployment\/second: /)],
  ];
  for (const [when, kill] of kills) {
    test(`killed ${when}: the next run finishes, and the way back is that of the first`, async () => {
      const namespace = await inNamespace(make);
      const { signal, stdout } = await mesh.run("mesh-migrate", ["-n", namespace, "--to", "1-29"], kill(namespace));
      assert.deepEqual([signal, stdout], ["SIGKILL", ""]);
      const record = await recordOf(mesh, namespace);
      assert.deepEqual([record.state, record.from.revision], ["open", "default"]);
      assert.deepEqual(record.before, { "istio-injection": "enabled", "istio.io/rev": null });
      const document = documentOf(await mesh.run("mesh-migrate", ["-n", namespace, "--to", "1-29", "-o", "json"]));
      assert.deepEqual([document.exitCode, document.state], [0, "done"], JSON.stringify(document, undefined, 2));
      await assertArrived(mesh, namespace, "1-29");
      const once = { "Deployment/first": 2, "Deployment/second": 2, "StatefulSet/db": 2 };
      assert.deepEqual(await templatesOf(mesh, namespace), once, "each restarted once");
      assert.deepEqual(await recordOf(mesh, namespace), { ...record, state: "done" });
      neverFell(namespace);
    });
  }

  test("whose reader goes away goes on to its end", async () => {
    const namespace = await inNamespace(make);
    const { code, stdout, stderr } = await mesh.shell(
      `{ { kubectl mesh-migrate -n ${namespace} --to 1-29 2>&1; echo "exit $?" >&3; } | head -1 >&2; } 3>&1`,
    );
    assert.deepEqual([code, stdout], [0, "exit 0\n"]);
    assert.equal(stderr.trim().split("\n").length, 1);
    assert.equal((await assertArrived(mesh, namespace, "1-29")).length, 8);
    neverFell(namespace);
  });

  test("on a terminal: the progress is a live tree, and the result follows it", async () => {
    const namespace = await inNamespace((namespace) => [
      deployment({ namespace, name: "web", readyAfter: 1000 }),
      statefulSet({ namespace, name: "db", readyAfter: 1000 }),
    ]);
    // script(1), of every Debian, gives the command a terminal and its exit code through.
    const command = `kubectl mesh-migrate -n ${namespace} --to 1-29`;
    const { code, stdout } = await mesh.shell(
      `env -u CI TERM=xterm script -qec 'stty cols 120 rows 40; ${command}' /dev/null`,
    );
    assert.equal(code, 0, stdout);
    assert.match(stdout, /✔.*Deployment\/web \(canary\).*3 of 3 pods on 1-29/);
    assert.match(stdout, /✔.*StatefulSet\/db.*3 of 3 pods on 1-29/);
    assert.match(stdout, /moved 2 workloads \(6 pods\)/);
  });
});

describe("namespaces as others write them", { concurrency: 2 }, () => {
  const nameOf = () => `ns-${randomBytes(4).toString("hex")}`;
  const namespaceObject = (name: string, labels: object) =>
    JSON.stringify({ apiVersion: "v1", kind: "Namespace", metadata: { name, labels } });

  test("Helm, as it installs a chart", async () => {
    const name = nameOf();
    const chart = path.join(mesh.dir, "chart");
    fs.mkdirSync(path.join(chart, "templates"), { recursive: true });
    fs.writeFileSync(path.join(chart, "Chart.yaml"), "apiVersion: v2\nname: tenants\nversion: 1.0.0\n");
    fs.writeFileSync(path.join(chart, "templates", "namespace.json"), namespaceObject(name, enabled));
    await ensureBuilt(["helm"]);
    const env = { ...process.env, KUBECONFIG: mesh.kubeconfig, HOME: mesh.dir };
    await runProgram(fileOf("helm", "bin/helm"), ["install", "tenants", chart, "-n", "default"], { env });
    const finding = told(await refused(name, [`label-owner namespace/${name}`]));
    assert.match(finding.message, /^Helm keeps istio-injection of this namespace/);
    assert.match(finding.remedy ?? "", /Helm release default\/tenants /);
  });

  test("kubectl apply: by hand, and with the managers of Flux and Argo CD", async () => {
    for (const [manager, flags, code] of [
      ["kubectl-client-side-apply", [], 0],
      ["kustomize-controller", ["--server-side"], 3],
      ["argocd-controller", [], 3],
    ] as const) {
      const name = nameOf();
      await mesh.kubectl(["apply", ...flags, `--field-manager=${manager}`, "-f", "-"], {
        input: namespaceObject(name, enabled),
      });
      const run = await mesh.run("mesh-migrate", ["-n", name, "--to", "1-29", "--dry-run=server"]);
      assert.equal(run.code, code, run.stderr);
      assert.match(run.stdout + run.stderr, /^(warning|blocker): namespace\/.* would put it back.* \[label-owner\]$/m);
    }
  });
});

describe("Gateways that istiod deploys", { concurrency: 2 }, () => {
  const managed = (namespace: string) => ({
    apiVersion: "gateway.networking.k8s.io/v1",
    kind: "Gateway",
    metadata: { namespace, name: "edge" },
    spec: { gatewayClassName: "istio", listeners: [{ name: "http", port: 80, protocol: "HTTP" }] },
  });
  /** Its pods, once there is one, and with these labels too. */
  const deployed = (namespace: string, labels = "") =>
    eventually("the pod of the Gateway", async () => {
      const selector = "gateway.networking.k8s.io/gateway-name=edge";
      const [all, wanted] = await Promise.all([
        mesh.pods(namespace, selector),
        mesh.pods(namespace, selector + labels),
      ]);
      return all.length === 1 && wanted.length === 1 && wanted.every(isReady) && wanted;
    });
  const uidsOf = (pods: readonly Json[]) => pods.map(({ metadata }) => metadata.uid);

  test("unpinned it would lose its configuration with an old control plane of 1.28.2; pinned it stays", async () => {
    const namespace = await inNamespace((name) => [...web(name), managed(name)]);
    await deployed(namespace);
    const refusal = await refused(namespace, [`gateways-pinned ${namespace}/Gateway/edge`]);
    const { message, remedy = "" } = told(refusal);
    assert.match(
      message,
      /would move to 1-29 at once; Istio 1\.28\.2 of revision default .* up to 30 s .*istio\/istio#59959/,
    );
    assert.match(refusal.accepting(), new RegExp(` --allow-downtime ${namespace}/gateway/edge$`));
    await done(/kubectl .*$/.exec(remedy)?.[0] ?? "");
    const pinned = await deployed(namespace, ",istio.io/rev=default"); // istiod puts the Gateway's labels on its pods
    await done(`kubectl mesh-migrate -n ${namespace} --to 1-29`);
    await assertArrived(mesh, namespace, "1-29", { of: ({ metadata }) => metadata.labels.app === "web" });
    assert.deepEqual(uidsOf(await deployed(namespace)), uidsOf(pinned));
  });

  test("and moves when it is named", async () => {
    const namespace = await inNamespace((name) => [...web(name), managed(name)]);
    await deployed(namespace);
    const refusal = await refused(namespace, [`gateways-pinned ${namespace}/Gateway/edge`]);
    assert.match(await done(refusal.accepting()), /^warning: .*Gateway\/edge: .*accepted by --allow-downtime/m);
  });
});

test("a ghost connection of istioctl is not a proxy", async () => {
  const namespace = await inNamespace(web);
  await mesh.istioctl("1.28.2", ["proxy-status"]);
  await mesh.istioctl("1.29.1", ["proxy-status", "--revision", "1-29"]);
  const isGhost = (proxy: string) => proxy === "test-1.default";
  const ghosts = async () => [...(await mesh.heldProxies())].flatMap(([proxy, held]) => (isGhost(proxy) ? held : []));
  assert.deepEqual(new Set((await ghosts()).map(({ revision }) => revision)), new Set(["1-29", "default"]));

  const { stdout } = await mesh.run("mesh-revisions", ["-o", "json"]);
  const held = [...(await mesh.heldProxies())].flatMap(([proxy, each]) => (isGhost(proxy) ? [] : each));
  const shown = JSON.parse(stdout).revisions.map(({ revision, connectedProxies }: Json) => [
    revision,
    connectedProxies,
  ]);
  const countOf = (name: string) => held.filter(({ revision }) => revision === name).length;
  assert.ok(countOf("default") >= 2);
  assert.deepEqual(
    shown,
    ["1-29", "default"].map((name) => [name, countOf(name)]),
  );
  assert.match(await done(`kubectl mesh-migrate -n ${namespace} --to 1-29`), /^moved 1 workload \(2 pods\)/m);
  await assertArrived(mesh, namespace, "1-29");
  assert.deepEqual([...new Set((await mesh.pods(namespace)).map(revisionOf))], ["1-29"]);
  assert.ok((await ghosts()).length > 0, "they were there all the while");
});

/** Options of a run that is killed at the first line of stderr that matches. */
function killAt(line: RegExp): RunOptions {
  let seen = "";
  let kill = () => {};
  return {
    onStart: (child) => {
      kill = () => child.kill("SIGKILL");
    },
    onStderr: (text) => {
      seen += text;
      if (line.test(seen)) kill();
    },
  };
}

/** Options of a run that is killed as soon as `when` comes true. */
const killOnce = (when: () => Promise<boolean>): RunOptions => ({
  onStart: (child) => {
    void eventually("the moment to kill", when, 60, 20).then(
      () => child.kill("SIGKILL"),
      () => {},
    );
  },
});
