/** A signal ends a run within ten seconds, whatever the API server does meanwhile; the user gets both commands. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs";
import net, { type AddressInfo } from "node:net";
import os from "node:os";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { interruptions } from "../../src/cli/signals.ts";
import { deployment, statefulSet } from "../fixtures/workload-objects.ts";
import type { Asked, Interception } from "./api/request.ts";
import { isOurs } from "./faults.ts";
import { bootMesh, type EmbeddedMesh } from "./mesh.ts";

const mostMs = 10_000;
const revisions = { default: "1.19.0", "1-20": "1.20.0" };
/** A server that does not answer any more: longer than a run may take to end. */
const blackHole: Interception = { delay: 15_000 };

const isPatchOf =
  (plural: string) =>
  ({ method, url, dryRun }: Asked) =>
    method === "PATCH" && !dryRun && new RegExp(`/${plural}/[^/]+$`).test(url.pathname);

describe("in virtual time", () => {
  let mesh: EmbeddedMesh;
  before(async () => {
    mesh = await bootMesh({ revisions });
    process.env.KUBECONFIG = mesh.kubeconfig;
  });
  after(() => mesh?.down());

  async function inNamespace(make: (namespace: string) => readonly object[]): Promise<string> {
    const namespace = await mesh.createNamespace({ "istio-injection": "enabled" });
    await mesh.apply(make(namespace) as Parameters<EmbeddedMesh["apply"]>[0]);
    await mesh.waitReady(namespace, 300);
    return namespace;
  }

  /**
   * Interrupts a migration when a request of it, or what it prints, is the one; from then on `answers` is what every
   * request comes to. Gives the result and how long it took from the signal.
   */
  async function interrupted(
    namespace: string,
    when: { readonly request?: (asked: Asked) => boolean; readonly printed?: RegExp },
    answers: Interception | undefined,
  ) {
    const stop = new AbortController();
    let at = Number.NaN;
    const signal = (): void => {
      if (stop.signal.aborted) return;
      at = mesh.clock.now();
      stop.abort(interruptions.find(({ name }) => name === "SIGINT"));
    };
    const end = mesh.onRequest((asked) => {
      if (!isOurs(asked)) return undefined;
      if (when.request?.(asked)) signal();
      return stop.signal.aborted ? answers : undefined;
    });
    let seen = "";
    const onStderr = (text: string): void => {
      seen += text;
      if (when.printed?.test(seen)) signal();
    };
    const result = await mesh.run("mesh-migrate", ["-n", namespace, "--to", "1-20"], { signal: stop.signal, onStderr });
    end();
    assert.ok(stop.signal.aborted, `it came to that\n${result.stderr}`);
    return { ...result, took: mesh.clock.now() - at };
  }

  const two = (namespace: string) => [
    deployment({ namespace, name: "web", replicas: 2, readyAfter: 20_000 }),
    statefulSet({ namespace, name: "db", replicas: 3, readyAfter: 20_000 }),
  ];
  const moments: Readonly<Record<string, readonly [when: Parameters<typeof interrupted>[1], changed: boolean]>> = {
    "while the mesh is read": [
      { request: ({ url }) => url.pathname === "/api/v1/pods" || /\/pods$/.test(url.pathname) },
      false,
    ],
    "while the labels are written": [{ request: isPatchOf("namespaces") }, true],
    "while the canary is restarted": [{ request: isPatchOf("deployments") }, true],
    "while the canary is waited for": [{ printed: /Deployment\/web: \d of 2/ }, true],
    "while the rest is restarted": [{ request: isPatchOf("statefulsets") }, true],
  };
  for (const [moment, [when, changed]] of Object.entries(moments))
    for (const [name, answers] of [
      ["is sound", undefined],
      ["does not answer any more", blackHole],
    ] as const)
      test(`${moment}, the API server ${name}`, async () => {
        const namespace = await inNamespace(two);
        const { code, stdout, stderr, took } = await interrupted(namespace, when, answers);
        assert.equal(code, 130, `${stdout}${stderr}`);
        assert.ok(took < mostMs, `it took ${took} ms\n${stderr}`);
        assert.doesNotMatch(stderr, /undefined/);
        if (changed) {
          assert.match(stdout, new RegExp(`^to go on:\n  kubectl mesh-migrate .*-n ${namespace} --to 1-20\n`, "m"));
          assert.match(stdout, /^to go back:\n {2}kubectl /m);
        }
      });

  const crashing = (readyAfter: number) => (namespace: string) => [
    statefulSet({
      ...{ namespace, name: "db", replicas: 2, readyAfter },
      ...{ life: "crash", onRevision: "1-20", crashAfter: 200 },
    }),
  ];
  /** The second write of the labels is the first of the rollback. */
  const puttingBack = () => {
    let writes = 0;
    return { request: (asked: Asked) => isPatchOf("namespaces")(asked) && ++writes === 2 };
  };

  test("while everything is put back: what takes three seconds is done, and that is what counts", async () => {
    const namespace = await inNamespace(crashing(500));
    const { code, stdout, took } = await interrupted(namespace, puttingBack(), undefined);
    assert.equal(code, 4, stdout);
    assert.match(stdout, /^put back: /m);
    assert.ok(took < mostMs, `${took} ms`);
  });

  for (const [name, answers] of [
    ["takes longer", undefined],
    ["meets no answer", blackHole],
  ] as const)
    test(`while everything is put back: what ${name} stops, and is reported with the command that continues it`, async () => {
      const namespace = await inNamespace(crashing(60_000));
      const { code, stdout, stderr, took } = await interrupted(namespace, puttingBack(), answers);
      assert.equal(code, 130, `${stdout}${stderr}`);
      assert.ok(took < mostMs, `it took ${took} ms`);
      const command = `go on with kubectl mesh-rollback .*-n ${namespace}`;
      assert.match(stderr, new RegExp(`^warning: putting back stopped: .*; ${command}$`, "m"));
      assert.match(stdout, /^to go on:\n {2}kubectl mesh-migrate /m);
      assert.match(stdout, /^to go back:\n {2}kubectl /m);
    });
});

describe("a process", { concurrency: true }, () => {
  const plugin = (kubeconfig: string, args: readonly string[]) => {
    const child = spawn(process.execPath, ["plugins/mesh-migrate.ts", ...args], {
      env: { ...process.env, KUBECONFIG: kubeconfig, HTTPS_PROXY: "", https_proxy: "" },
    });
    let [out, err] = ["", ""];
    child.stdout.setEncoding("utf8").on("data", (text) => {
      out += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text) => {
      err += text;
    });
    const ended = once(child, "close").then(([code]) => ({ code, out, err }));
    return { child, ended, err: () => err };
  };
  const limit = { timeout: 60_000 };

  test("whose API server accepts and never answers", limit, async () => {
    const sockets = new Set<net.Socket>();
    const server = net.createServer((socket) => void sockets.add(socket.on("error", () => {})));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), "interrupts-"));
    const kubeconfig = path.join(folder, "config");
    const cluster = { server: `https://127.0.0.1:${port}`, "insecure-skip-tls-verify": true };
    fs.writeFileSync(
      kubeconfig,
      JSON.stringify({
        ...{ apiVersion: "v1", kind: "Config", "current-context": "a", users: [{ name: "a", user: { token: "t" } }] },
        ...{ clusters: [{ name: "a", cluster }], contexts: [{ name: "a", context: { cluster: "a", user: "a" } }] },
      }),
    );
    try {
      const { child, ended } = plugin(kubeconfig, ["-n", "production", "--to", "1-20"]);
      await once(server, "connection");
      const from = performance.now();
      child.kill("SIGTERM");
      const { code, err } = await ended;
      assert.equal(code, 143, err);
      assert.ok(performance.now() - from < mostMs, err);
      assert.match(err, /^SIGTERM: finishing the step at hand; once more to stop at once$/m);
      assert.match(err, /^error: could not /m);
    } finally {
      for (const socket of sockets) socket.destroy();
      server.close();
      fs.rmSync(folder, { recursive: true, force: true });
    }
  });

  for (const [signal, code] of [
    ["SIGTERM", 143],
    ["SIGHUP", 129],
  ] as const)
    test(`whose API server goes silent in the middle of a migration: ${signal}`, limit, async () => {
      await using mesh = await bootMesh({ revisions, time: "real" });
      const namespace = await mesh.createNamespace({ "istio-injection": "enabled" });
      await mesh.apply([deployment({ namespace, name: "web", replicas: 2, readyAfter: 500 })]);
      await mesh.waitReady(namespace);
      const { child, ended, err } = plugin(mesh.kubeconfig, ["-n", namespace, "--to", "1-20"]);
      let from = Number.NaN;
      mesh.onRequest((asked) => {
        if (Number.isNaN(from) && isOurs(asked) && isPatchOf("deployments")(asked)) {
          from = performance.now();
          child.kill(signal);
        }
        return Number.isNaN(from) ? undefined : blackHole;
      });
      const end = await ended;
      assert.equal(end.code, code, err());
      assert.ok(performance.now() - from < mostMs, `${performance.now() - from} ms\n${err()}`);
      assert.match(end.out, new RegExp(`^to go on:\n  kubectl mesh-migrate .*-n ${namespace} --to 1-20\n`, "m"));
      assert.match(end.out, /^to go back:\n {2}kubectl /m);
    });
});
