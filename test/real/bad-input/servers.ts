/** API servers that are not there, slow, silent or something else. */
import assert from "node:assert/strict";
import { once } from "node:events";
import http from "node:http";
import https from "node:https";
import net, { type AddressInfo } from "node:net";
import { describe, type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { generate } from "selfsigned";
import { assertNoStack } from "../../contract/refusal.ts";
import { assertArrived, documentOf } from "../../contract/verify-result.ts";
import { deployment } from "../../fixtures/workload-objects.ts";
import { eventually } from "../kit.ts";
import { assertAllFail } from "./failures.ts";
import { mesh } from "./one-mesh.ts";

const portOf = (server: net.Server): number => (server.address() as AddressInfo).port;
/** Listens on loopback until the test ends. */
async function listening<S extends net.Server>(t: TestContext, server: S): Promise<S> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    if (server instanceof http.Server || server instanceof https.Server) server.closeAllConnections();
    server.close();
  });
  return server;
}

/** A way to the real API server, byte by byte, that can be made slow or silent. */
async function startDetour(t: TestContext): Promise<{ readonly url: string; delay: number; silent: boolean }> {
  const detour = { url: "", delay: 0, silent: false };
  const real = Number(new URL(mesh.api.server).port);
  const carry = async (from: net.Socket, to: net.Socket): Promise<void> => {
    for await (const chunk of from) {
      if (detour.delay > 0) await sleep(detour.delay);
      while (detour.silent && !from.destroyed) await sleep(50);
      to.write(chunk);
    }
    to.end();
  };
  const open = new Set<net.Socket>();
  const server = await listening(
    t,
    net.createServer((client) => {
      const upstream = net.connect(real, "127.0.0.1");
      for (const [one, other] of [[client, upstream] as const, [upstream, client] as const]) {
        open.add(one);
        one.on("error", () => other.destroy());
        one.on("close", () => open.delete(one));
        carry(one, other).catch(() => other.destroy());
      }
    }),
  );
  t.after(() => {
    for (const socket of open) socket.destroy();
  });
  detour.url = `https://127.0.0.1:${portOf(server)}`;
  return detour;
}

/** Registers the suite; it waits for a minute, most of it idly. */
export function describeSlowServers(): void {
  describe("servers that fail on the way", { concurrency: 3 }, () => {
    const inNamespace = async (life: object): Promise<string> => {
      const namespace = await mesh.createNamespace({ "istio-injection": "enabled" });
      await mesh.apply(["web", "api"].map((name) => deployment({ namespace, name, replicas: 2, ...life })));
      await mesh.waitReady(namespace);
      return namespace;
    };

    const labelled = (namespace: string) =>
      eventually(
        "the label",
        async () => (await mesh.api.get(`/api/v1/namespaces/${namespace}`)).metadata.labels["istio.io/rev"] === "1-20",
        60,
        20,
      );

    test("a slow API server: the migration is slow, and whole", async (t) => {
      const namespace = await inNamespace({});
      const detour = await startDetour(t);
      detour.delay = 100;
      const result = await mesh.run("mesh-migrate", ["-n", namespace, "--to", "1-20", "--server", detour.url]);
      assert.equal(result.code, 0, result.stderr);
      await assertArrived(mesh, namespace, "1-20");
    });

    test("an API server that is silent for a while in the middle: the migration goes on by itself", async (t) => {
      const namespace = await inNamespace({ readyAfter: 2_000 });
      const detour = await startDetour(t);
      const running = mesh.run("mesh-migrate", [
        "-n",
        namespace,
        "--to",
        "1-20",
        "--server",
        detour.url,
        "--request-timeout",
        "2s",
      ]);
      await labelled(namespace);
      detour.silent = true;
      await sleep(6_000);
      detour.silent = false;
      const { code, stderr } = await running;
      assert.equal(code, 0, stderr);
      await assertArrived(mesh, namespace, "1-20");
    });

    test("an API server that falls silent after the first write: what was changed is said, and the command goes on", async (t) => {
      const namespace = await inNamespace({ readyAfter: 4_000 });
      const detour = await startDetour(t);
      const flags = ["--server", detour.url, "--request-timeout", "2s", "--timeout", "20s"];
      const running = mesh.run("mesh-migrate", ["-n", namespace, "--to", "1-20", "-o", "json", ...flags]);
      await labelled(namespace);
      detour.silent = true;
      const result = await running;
      const { state, goOn, goBackKubectl } = documentOf(result);
      assert.deepEqual([result.code, state], [4, "partial"], result.stderr);
      assert.match(
        goBackKubectl ?? "",
        new RegExp(`^kubectl .*label namespace ${namespace} istio-injection=enabled istio\\.io/rev- --overwrite`),
      );
      assertNoStack(result);
      detour.silent = false;
      assert.match(goOn ?? "", new RegExp(`^kubectl mesh-migrate .*-n ${namespace} --to 1-20`));
      const again = await mesh.shell((goOn ?? "").replace("--timeout 20s", "--timeout 2m"));
      assert.equal(again.code, 0, again.stderr);
      await assertArrived(mesh, namespace, "1-20");
    });
  });
}

/** Registers the suite. */
export function describeServers(): void {
  describe("servers", { concurrency: 2 }, () => {
    const network = /^ {2}Check the (context, the )?network and VPN: kubectl get --raw \/readyz$/;

    test("a closed port", () =>
      assertAllFail(["--server", "https://127.0.0.1:1"], /https:\/\/127\.0\.0\.1:1 refuses the connection/, network));

    test("one that accepts and never says a word", async (t) => {
      const server = await listening(
        t,
        net.createServer(() => {}),
      );
      await assertAllFail(
        ["--server", `https://127.0.0.1:${portOf(server)}`, "--request-timeout", "2s"],
        /did not answer within --request-timeout/,
        network,
      );
    });

    test("a web page, with TLS and without", async (t) => {
      const page = (_: http.IncomingMessage, response: http.ServerResponse) => {
        response.writeHead(200, { "content-type": "text/html" }).end("<!doctype html><title>Sign in</title>");
      };
      const { private: key, cert } = await generate([{ name: "commonName", value: "127.0.0.1" }], { keyType: "ec" });
      const plain = await listening(t, http.createServer(page));
      const secure = await listening(t, https.createServer({ key, cert }, page));
      for (const flags of [
        ["--server", `http://127.0.0.1:${portOf(plain)}`],
        ["--server", `https://127.0.0.1:${portOf(secure)}`, "--insecure-skip-tls-verify"],
      ])
        await assertAllFail(
          flags,
          /answered with a web page \(HTML\)$/,
          /^ {2}Is https?:\/\/127\.0\.0\.1:\d+ the API server, and not a login page/,
        );
      await assertAllFail(["--server", `https://127.0.0.1:${portOf(secure)}`], /certificate/, /^ {2}\S/);
    });

    test("JSON that is no answer of an API server", async (t) => {
      const server = await listening(
        t,
        http.createServer(
          (_, response) => void response.writeHead(200, { "content-type": "application/json" }).end('{"items":null}'),
        ),
      );
      await assertAllFail(
        ["--server", `http://127.0.0.1:${portOf(server)}`],
        /answered with /,
        /^ {2}Is http:\/\/127\.0\.0\.1:\d+ the API server/,
      );
    });

    test("one that falls silent on the way, before anything is written", async (t) => {
      const detour = await startDetour(t);
      detour.silent = true;
      await assertAllFail(
        ["--server", detour.url, "--request-timeout", "2s"],
        /did not answer within --request-timeout/,
        network,
      );
    });
  });
}
