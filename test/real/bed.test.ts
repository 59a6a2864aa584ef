/** The bed with traffic: containers of a real node, real sidecars; reached from outside; and nothing of it stays. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { eventually, isWrite, type Json, type Mesh, upMesh } from "./kit.ts";
import { recordedProcesses } from "./mesh/machine.ts";
import { isRunning } from "./mesh/process.ts";
import { cgroupOf } from "./traffic/bed.ts";
import { appImage } from "./traffic/images.ts";

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
    mesh = await upMesh({ revisions: { default: "1.19.0", "1-20": "1.20.0" }, traffic: true });
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
    const { code, stdout } = await mesh.run("mesh-revisions", ["-n", namespace, "-o", "json"]);
    assert.equal(code, 0);
    const status = await mesh.istioctl("1.19.0", ["proxy-status", "--revision", "default"]);
    const proxies = status.split("\n").filter((line) => line.includes(`.${namespace} `));
    assert.equal(proxies.length, 2, status);
    assert.ok(
      proxies.every((line) => /istiod-[0-9a-f]+-/.test(line) && line.includes("1.19.0")),
      status,
    );
    const { workloads } = JSON.parse(stdout);
    assert.deepEqual(
      workloads.map(({ name, proxies }: Json) => [name, proxies]),
      [["web", workloads[0].proxies]],
      stdout,
    );
  });

  test("logs and port-forward, from outside", async () => {
    assert.match(await mesh.kubectl(["logs", "-n", namespace, "deployment/web", "-c", "web"]), /listening/);
    const answer = await throughPortForward(mesh, namespace);
    assert.match(answer, /^web-/);
  });

  test("a Service is reached from inside, through mutual TLS of the sidecars", async () => {
    const { stdout, stderr } = await mesh.inside("curl", [
      "-s",
      "-o",
      "/dev/null",
      "-w",
      "%{http_code}",
      await address(mesh, namespace),
    ]);
    assert.equal(stdout, "200", stderr);
  });

  test("istiods stop, start and scale", async () => {
    await mesh.stopIstiod("1-20");
    const create = () =>
      mesh.runKubectl([
        "run",
        "x",
        "-n",
        namespace,
        "-l",
        "istio.io/rev=1-20,sidecar.istio.io/inject=true",
        "--image",
        appImage,
        "--dry-run=server",
      ]);
    await mesh.startIstiod("1-20");
    await mesh.scaleIstiod("1-20", 2);
    await mesh.scaleIstiod("1-20", 1);
    assert.equal((await create()).code, 0);
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

  test("the kernel's settings are what they were, and nothing stays after down", async () => {
    assert.deepEqual(kernelSettings(), settings);
    assert.notDeepEqual(leftOf(mesh.dir), []);
    await mesh.down();
    assert.deepEqual(leftOf(mesh.dir), []);
    assert.equal(fs.existsSync(mesh.dir), false);
  });
});
