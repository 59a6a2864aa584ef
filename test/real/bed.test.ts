/** The bed with traffic: containers of a real node, real sidecars; reached from outside; and nothing of it stays. */
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import type { RevisionsDocument } from "../../src/views/revisions-document.ts";
import { deployment } from "../fixtures/workload-objects.ts";
import { readProxyStatus } from "./istioctl-output.ts";
import { eventually, isWrite, type Mesh, upMesh } from "./kit.ts";
import { recordedProcesses } from "./mesh/machine.ts";
import { fileOf } from "./mesh/programs.ts";
import { cgroupOf } from "./traffic/bed.ts";
import { appImage } from "./traffic/images.ts";
import { kwokLabels, taint } from "./traffic/kwok.ts";

/** What of a bed is on this machine: processes that name its folder, mounts below it, cgroup folders. */
const leftOf = (dir: string): readonly string[] => {
  const processes = fs.readdirSync("/proc").filter((name) => /^\d+$/.test(name) && commandOf(name).includes(dir));
  const mounts = fs.readFileSync("/proc/self/mountinfo", "utf8").split("\n");
  return [
    ...processes.map((pid) => `process ${pid}: ${commandOf(pid)}`),
    ...mounts.filter((line) => line.includes(dir)),
    ...fs.globSync(`/sys/fs/cgroup/{${cgroupOf(dir)},*/${cgroupOf(dir)}}`),
  ];
};

const commandOf = (pid: string): string => {
  try {
    return fs.readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
  } catch {
    return ""; // it has ended
  }
};

const gone = async (dir: string) => {
  await eventually("everything to be gone", async () => leftOf(dir).length === 0, 15).catch(() => {});
  assert.deepEqual(leftOf(dir), []);
};

/** A server of two pods, with a Service; ready when it answers. */
const server = (namespace: string): readonly object[] => {
  const labels = { app: "web" };
  const container = {
    name: "web",
    image: appImage,
    args: ["server"],
    ports: [{ containerPort: 8080 }],
    readinessProbe: { httpGet: { path: "/", port: 8080 }, periodSeconds: 1 },
  };
  return [
    {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name: "web", namespace },
      spec: {
        replicas: 2,
        selector: { matchLabels: labels },
        template: { metadata: { labels }, spec: { containers: [container] } },
      },
    },
    {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: "web", namespace },
      spec: { selector: labels, ports: [{ name: "http", port: 80, targetPort: 8080 }] },
    },
  ];
};

/** Settings that a kubelet makes for the whole kernel. */
const kernelSettings = () =>
  ["vm/overcommit_memory", "kernel/panic", "kernel/panic_on_oops"].map((name) =>
    fs.readFileSync(`/proc/sys/${name}`, "utf8"),
  );

describe("a bed with an un-revisioned 1.19.0 and 1-20", () => {
  let mesh: Mesh;
  let namespace: string;
  const settings = kernelSettings();
  before(async () => {
    mesh = await upMesh({ revisions: { default: "1.19.0", "1-20": "1.20.0" }, traffic: true, kwokNodes: 1 });
    namespace = await mesh.createNamespace({ "istio-injection": "enabled" });
    await mesh.apply(server(namespace));
    await mesh.waitReady(namespace);
  });
  after(() => mesh.down());

  test("a pod with a real sidecar is ready, and istiod holds its proxy", async () => {
    const [pod] = await mesh.pods(namespace);
    assert.match(JSON.stringify(pod.status.containerStatuses), /docker\.io\/istio\/proxyv2:1\.19\.0/);
    const held = await mesh.heldProxies(["default"]);
    assert.deepEqual(held.get(`${pod.metadata.name}.${namespace}`), [{ revision: "default", cds: true, lds: true }]);
    const versions = await mesh.kubectl([
      "exec",
      "-n",
      namespace,
      pod.metadata.name,
      "-c",
      "istio-proxy",
      "--",
      "envoy",
      "--version",
    ]);
    assert.match(versions, /\/1\.37\.0\//);
  });

  test("mesh-revisions agrees with istioctl proxy-status", async () => {
    const { code, stdout, stderr } = await mesh.run("mesh-revisions", ["-n", namespace, "-o", "json"]);
    assert.equal(code, 0, stderr);
    const document: RevisionsDocument = JSON.parse(stdout);
    const status = await mesh.istioctl("1.19.0", ["proxy-status", "--revision", "default"]);
    const held = readProxyStatus(status).map(({ proxy }) => proxy);
    const told = (document.workloads ?? []).flatMap(({ pods }) => pods);
    assert.deepEqual(
      told.map((pod) => [`${pod.name}.${pod.namespace}`, pod.ready, pod.connectedTo]).sort(),
      held.map((proxy) => [proxy, true, ["default"]]).sort(),
      status,
    );
    assert.equal(held.length, 2, status);
  });

  test("logs and a port-forward, from outside", async () => {
    assert.match(await mesh.kubectl(["logs", "-n", namespace, "deployment/web", "-c", "web"]), /serves/);
    const forward = spawn("kubectl", ["port-forward", "-n", namespace, "deployment/web", ":8080"], {
      env: { ...process.env, KUBECONFIG: mesh.kubeconfig, PATH: path.dirname(fileOf("kubernetes", "bin/kubectl")) },
      stdio: ["ignore", "pipe", "inherit"],
    });
    const [line] = await once(forward.stdout, "data");
    const port = /127\.0\.0\.1:(\d+)/.exec(String(line))?.[1];
    assert.match(await (await fetch(`http://127.0.0.1:${port}/`)).text(), /^web-/);
    forward.kill();
  });

  test("a Service's address is reached from inside, and only there", async () => {
    const { spec } = await mesh.api.get(`/api/v1/namespaces/${namespace}/services/web`);
    const program = `fetch("http://${spec.clusterIP}/").then(async (answer) => console.log(await answer.text()))`;
    const { stdout, stderr } = await mesh.inside(process.execPath, ["-e", program]);
    assert.match(stdout, /^web-/, stderr);
    assert.doesNotMatch(execFileSync("ip", ["-oneline", "address"], { encoding: "utf8" }), /172\.30\.0\.1/);
  });

  test("simulated pods stand beside the real ones, and istiod holds their proxies too", async () => {
    const podSpec = { nodeSelector: kwokLabels, tolerations: [taint] };
    const crowd = await mesh.createNamespace({ "istio-injection": "enabled" });
    await mesh.apply(deployment({ namespace: crowd, name: "crowd", replicas: 5, podSpec }));
    await mesh.waitReady(crowd);
    const pods = await mesh.pods(crowd);
    assert.deepEqual([...new Set(pods.map(({ spec }) => spec.nodeName))], ["kwok-0"]);
    const held = await mesh.heldProxies(["default"]);
    assert.equal(pods.filter(({ metadata }) => held.has(`${metadata.name}.${crowd}`)).length, 5);
  });

  test("istiods stop, start and scale", async () => {
    const create = () => {
      const labels = "istio.io/rev=1-20,sidecar.istio.io/inject=true";
      return mesh.runKubectl(["run", "x", "-n", "default", "-l", labels, "--image", appImage, "--dry-run=server"]);
    };
    assert.equal((await create()).code, 0);
    await mesh.stopIstiod("1-20");
    assert.notEqual((await create()).code, 0);
    await mesh.startIstiod("1-20");
    assert.equal((await create()).code, 0);
    await mesh.scaleIstiod("1-20", 0);
    assert.notEqual((await create()).code, 0);
    await mesh.scaleIstiod("1-20", 1);
    await assert.rejects(mesh.setWebhookFault("1-20", { kind: "refuse" }), /not on a bed with traffic/);
    await assert.rejects(mesh.stopIstiod("1-20", "unnoticed"), /not on a bed with traffic/);
  });

  test("the audit log tells what a user did, and leaves out the machinery", async () => {
    const since = mesh.now();
    await mesh.kubectl(["label", "namespace", namespace, "team=a"]);
    const writes = (await mesh.audit(since)).filter(isWrite);
    assert.deepEqual(
      writes.map(({ verb, resource }) => [verb, resource]),
      [["patch", "namespaces"]],
    );
  });

  test("the kernel's settings are what they were; a killed daemon leaves nothing but the folder", async () => {
    assert.deepEqual(kernelSettings(), settings);
    const daemon = recordedProcesses(mesh.dir).find(({ name }) => name === "daemon");
    assert.notDeepEqual(leftOf(mesh.dir), []);
    process.kill(daemon?.pid ?? 0, "SIGKILL");
    await gone(mesh.dir);
    await mesh.down();
    assert.equal(fs.existsSync(mesh.dir), false);
  });
});

test("a killed test leaves nothing", async () => {
  const program = `import { upMesh } from ${JSON.stringify(path.join(import.meta.dirname, "kit.ts"))};
    const mesh = await upMesh({ revisions: {}, traffic: true });
    console.log(mesh.dir);
    setInterval(() => {}, 1000);`;
  const other = spawn(process.execPath, ["--input-type=module", "-e", program], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [line] = await other.stdout.take(1).toArray();
  const dir = String(line).trim();
  assert.ok(leftOf(dir).some((what) => what.includes("kubelet")));
  other.kill("SIGKILL");
  await gone(dir);
  await eventually("its folder to be gone", async () => !fs.existsSync(dir), 10);
});
