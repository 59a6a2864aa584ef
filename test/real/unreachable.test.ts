/** API servers that are not there, slow, silent or something else, and kubeconfigs that lead nowhere: one sentence, a remedy, 1, and no stack. */
import assert from "node:assert/strict";
import { once } from "node:events";
import fs from "node:fs";
import http from "node:http";
import https from "node:https";
import net, { type AddressInfo } from "node:net";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { generate } from "selfsigned";
import { eventually, type Mesh, type RunOptions, upMesh } from "./kit.ts";
import { assertNoStack } from "./refusal.ts";
import { assertArrived, documentOf, labelsOf, runShell } from "./witness.ts";
import { deployment } from "./workloads.ts";

let mesh: Mesh;
const closing: (() => void)[] = [];
before(async () => {
  mesh = await upMesh({ revisions: { default: "1.19.0", "1-20": "1.20.0" } });
});
after(async () => {
  for (const close of closing) close();
  await mesh?.down();
});

const plugins: readonly (readonly [plugin: string, args: readonly string[]])[] = [
  ["mesh-revisions", []],
  ["mesh-migrate", ["-n", "default", "--to", "1-20"]],
];

/** Both plugins fail with 1 and these words and this remedy, within some seconds. */
async function assertBothFail(flags: readonly string[], words: RegExp, remedy: RegExp, options?: RunOptions): Promise<void> {
  await Promise.all(
    plugins.map(async ([plugin, args]) => {
      const result = await mesh.run(plugin, [...args, ...flags], options);
      assert.deepEqual([result.code, result.stdout], [1, ""], result.stderr);
      const said = result.stderr.split("\n").filter((line) => !line.startsWith("context "));
      assert.match(said[0] ?? "", /^error: \S/);
      assert.match(said[0] ?? "", words);
      assert.match(said[1] ?? "", remedy);
      assert.deepEqual(said.slice(2), [""], result.stderr);
      assertNoStack(result);
      assert.ok(result.ms < 20_000, `took ${result.ms} ms`);
    }),
  );
}

const portOf = (server: net.Server): number => (server.address() as AddressInfo).port;
async function listening<S extends net.Server>(server: S): Promise<S> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  closing.push(() => {
    if (server instanceof http.Server || server instanceof https.Server) server.closeAllConnections();
    server.close();
  });
  return server;
}

/** A way to the real API server, byte by byte, that can be made slow or silent. */
async function startDetour(): Promise<{ readonly url: string; delay: number; silent: boolean }> {
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
  closing.push(() => {
    for (const socket of open) socket.destroy();
  });
  detour.url = `https://127.0.0.1:${portOf(server)}`;
  return detour;
}

// Most of them wait, so they wait together.
describe("an API server", { concurrency: 2 }, () => {
  describe("on the way", { concurrency: 3 }, () => {
    const inNamespace = async (life: object): Promise<string> => {
      const namespace = await mesh.createNamespace({ "istio-injection": "enabled" });
      await mesh.apply(["web", "api"].map((name) => deployment({ namespace, name, replicas: 2, ...life })));
      await mesh.waitReady(namespace);
      return namespace;
    };

    test("a slow API server: the migration is slow, and whole", async () => {
      const namespace = await inNamespace({});
      const detour = await startDetour();
      detour.delay = 100;
      const result = await mesh.run("mesh-migrate", ["-n", namespace, "--to", "1-20", "--server", detour.url]);
      assert.equal(result.code, 0, result.stderr);
      await assertArrived(mesh, namespace, "1-20");
    });

    test("an API server that is silent for a while in the middle: the migration goes on by itself", async () => {
      const namespace = await inNamespace({ readyAfter: 2_000 });
      const detour = await startDetour();
      const running = mesh.run("mesh-migrate", ["-n", namespace, "--to", "1-20", "--server", detour.url, "--request-timeout", "2s"]);
      await eventually("the label", async () => (await labelsOf(mesh, namespace))["istio.io/rev"] === "1-20", 20, 50);
      detour.silent = true;
      await sleep(6_000);
      detour.silent = false;
      const { code, stderr } = await running;
      assert.equal(code, 0, stderr);
      assert.match(stderr, /^warning: https:\/\/127\.0\.0\.1:\d+ does not answer; trying again$/m);
      await assertArrived(mesh, namespace, "1-20");
    });

    test("an API server that falls silent after the first write: what was changed is said, and the command goes on", async () => {
      const namespace = await inNamespace({ readyAfter: 4_000 });
      const detour = await startDetour();
      const flags = ["--server", detour.url, "--request-timeout", "2s", "--timeout", "10s"];
      const running = mesh.run("mesh-migrate", ["-n", namespace, "--to", "1-20", "-o", "json", ...flags]);
      await eventually("the label", async () => (await labelsOf(mesh, namespace))["istio.io/rev"] === "1-20", 20, 50);
      detour.silent = true;
      const result = await running;
      const { state, goOn, goBack } = documentOf(result);
      assert.deepEqual([result.code, state], [4, "partial"], result.stderr);
      assert.match(goBack ?? "", new RegExp(`^kubectl .*label namespace ${namespace} istio-injection=enabled istio\\.io/rev- --overwrite`));
      assertNoStack(result);
      detour.silent = false;
      assert.match(goOn ?? "", new RegExp(`^kubectl mesh-migrate .*-n ${namespace} --to 1-20`));
      const again = await runShell(mesh, (goOn ?? "").replace("--timeout 10s", "--timeout 2m"));
      assert.equal(again.code, 0, again.stderr);
      await assertArrived(mesh, namespace, "1-20");
    });
  });

  describe("servers", { concurrency: 3 }, () => {
    const network = /^ {2}Check the (context, the )?network and VPN: kubectl get --raw \/readyz$/;

    test("a closed port", () =>
      assertBothFail(["--server", "https://127.0.0.1:1"], /https:\/\/127\.0\.0\.1:1 refuses the connection/, network));

    test("one that accepts and never says a word", async () => {
      const server = await listening(net.createServer(() => {}));
      await assertBothFail(
        ["--server", `https://127.0.0.1:${portOf(server)}`, "--request-timeout", "2s"],
        /did not answer within --request-timeout/,
        network,
      );
    });

    test("a web page, with TLS and without", async () => {
      const page = (_: http.IncomingMessage, response: http.ServerResponse) => {
        response.writeHead(200, { "content-type": "text/html" }).end("<!doctype html><title>Sign in</title>");
      };
      const { private: key, cert } = await generate([{ name: "commonName", value: "127.0.0.1" }], { keyType: "ec" });
      const plain = await listening(http.createServer(page));
      const secure = await listening(https.createServer({ key, cert }, page));
      for (const flags of [
        ["--server", `http://127.0.0.1:${portOf(plain)}`],
        ["--server", `https://127.0.0.1:${portOf(secure)}`, "--insecure-skip-tls-verify"],
      ])
        await assertBothFail(
          flags,
          /answered with a web page \(HTML\)$/,
          /^ {2}Is https?:\/\/127\.0\.0\.1:\d+ the API server, and not a login page/,
        );
      await assertBothFail(["--server", `https://127.0.0.1:${portOf(secure)}`], /certificate/, /^ {2}\S/);
    });

    test("JSON that is no answer of an API server", async () => {
      const server = await listening(
        http.createServer((_, response) => void response.writeHead(200, { "content-type": "application/json" }).end('{"items":null}')),
      );
      await assertBothFail(
        ["--server", `http://127.0.0.1:${portOf(server)}`],
        /answered with /,
        /^ {2}Is http:\/\/127\.0\.0\.1:\d+ the API server/,
      );
    });

    test("one that falls silent on the way, before anything is written", async () => {
      const detour = await startDetour();
      detour.silent = true;
      await assertBothFail(["--server", detour.url, "--request-timeout", "2s"], /did not answer within --request-timeout/, network);
    });
  });

  describe("kubeconfigs", { concurrency: 3 }, () => {
    const write = (name: string, content: string | object): string => {
      const file = path.join(mesh.dir, name);
      fs.writeFileSync(file, typeof content === "string" ? content : JSON.stringify(content));
      return file;
    };
    const as = (name: string, user: object): string => {
      const config = JSON.parse(fs.readFileSync(mesh.kubeconfig, "utf8"));
      return write(name, { ...config, users: [{ name: config.users[0].name, user }] });
    };

    test("missing, named by the flag", () =>
      assertBothFail(
        ["--kubeconfig", "/nowhere/config"],
        /cannot read kubeconfig \/nowhere\/config: there is no such file/,
        /Check --kubeconfig/,
      ));

    test("missing, named by the variable", () =>
      assertBothFail([], /^error: no cluster is configured$/, /Looked at \/nowhere\/config\. Name a kubeconfig/, {
        env: { KUBECONFIG: "/nowhere/config" },
      }));

    test("not YAML, a list, a folder", async () => {
      const config = /`kubectl config/;
      await assertBothFail(["--kubeconfig", write("broken", "clusters: [{")], /broken is not YAML \(line \d+\)/, config);
      await assertBothFail(["--kubeconfig", write("list", "- a\n- b\n")], /kubeconfig .*list/, config);
      await assertBothFail(["--kubeconfig", mesh.dir], /cannot read kubeconfig .*: it is a folder$/, /Check --kubeconfig/);
    });

    test("a context that is not there", () =>
      assertBothFail(["--context", "prod"], /context "prod" does not exist in /, /^ {2}There are: real\.$/));

    test("a token that is not accepted", () =>
      assertBothFail(["--kubeconfig", as("token", { token: "expired" })], /Unauthorized/, /log in again.*kubectl auth whoami/));

    test("a certificate that has expired", async () => {
      const pki = (name: string) => fs.readFileSync(path.join(mesh.dir, "pki", name), "utf8");
      const names = [
        { name: "organizationName", value: "system:masters" },
        { name: "commonName", value: "admin" },
      ];
      const { private: key, cert } = await generate(names, {
        ...{ keyType: "ec", algorithm: "sha256", ca: { key: pki("ca.key"), cert: pki("ca.crt") } },
        ...{ notBeforeDate: new Date(Date.now() - 7_200_000), notAfterDate: new Date(Date.now() - 3_600_000) },
        extensions: [{ name: "extKeyUsage", clientAuth: true }],
      });
      const [data, keyData] = [cert, key].map((pem) => Buffer.from(pem).toString("base64"));
      const user = { "client-certificate-data": data, "client-key-data": keyData };
      await assertBothFail(["--kubeconfig", as("expired", user)], /Unauthorized|certificate/, /log in again/);
    });

    test("a credential plugin that is not there, and one that fails", async () => {
      const exec = (command: string) => ({
        exec: { apiVersion: "client.authentication.k8s.io/v1", command, args: ["token"], interactiveMode: "Never" },
      });
      await assertBothFail(["--kubeconfig", as("no-plugin", exec("no-such-plugin"))], /no-such-plugin/, /\S/);
      await assertBothFail(["--kubeconfig", as("failing-plugin", exec("false"))], /false/, /\S/);
    });
  });
});
