/** Credential plugins, run for real: what they are told, how often they run, and how they may fail. */
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { chooseCluster } from "../../../src/cluster/auth/choose-cluster.ts";
import { execCredentials } from "../../../src/cluster/auth/exec-plugin.ts";
import { kinds } from "../../../src/cluster/kinds.ts";
import { testPki } from "../pki.ts";
import {
  connectTo,
  item,
  kubeconfigFor,
  listOf,
  refuse,
  reply,
  scratch,
  startServer,
  until,
} from "../scripted-server.ts";

const v1 = "client.authentication.k8s.io/v1";

/** A plugin that notes each run in `runs` and then does `body`; `answer(status)` writes an ExecCredential. */
function plugin(
  files: ReturnType<typeof scratch>,
  body: string,
  more: object = {},
): { readonly exec: object; runs(): readonly string[] } {
  const log = path.join(files.folder, "runs");
  const script = files.write(
    "plugin.mjs",
    `import fs from "node:fs";
     fs.appendFileSync(${JSON.stringify(log)}, process.env.KUBERNETES_EXEC_INFO);
     const runs = fs.readFileSync(${JSON.stringify(log)}, "utf8").trim().split("\\n").length;
     const answer = (status, more) => console.log(JSON.stringify({ kind: "ExecCredential", apiVersion: JSON.parse(process.env.KUBERNETES_EXEC_INFO).apiVersion, status, ...more }));
     ${body}`,
  );
  return {
    exec: { apiVersion: v1, command: process.execPath, args: [script], interactiveMode: "Never", ...more },
    runs: () => (fs.existsSync(log) ? fs.readFileSync(log, "utf8").trim().split("\n") : []),
  };
}

const listed = (response: Parameters<typeof reply>[0]): void => reply(response, listOf("NamespaceList", [item("a")]));

test("one run serves all who wait, and those who come later", async () => {
  using files = scratch();
  const { exec, runs } = plugin(files, `answer({ token: "t" + runs });`);
  await using server = await startServer((_, response) => listed(response));
  await using connected = await connectTo(server, { user: { exec } });
  const ask = () => connected.cluster.list(kinds.namespaces, {}, () => 0);
  await Promise.all(Array.from({ length: 20 }, ask));
  await ask();
  assert.equal(runs().length, 1);
  assert.deepEqual(new Set(server.seen.map(({ headers }) => headers.authorization)), new Set(["Bearer t1"]));
});

test("it is not run where the first question has not been asked", async () => {
  using files = scratch();
  const { exec, runs } = plugin(files, `answer({ token: "t" });`);
  await using connected = await connectTo({ url: "https://127.0.0.1:1" }, { user: { exec } });
  assert.equal(connected.cluster.identity.user, "tester");
  assert.deepEqual(runs(), []);
});

test("after a 401 it runs once more, for all, and the requests are repeated once", async () => {
  using files = scratch();
  const { exec, runs } = plugin(files, `answer({ token: "t" + runs });`);
  await using server = await startServer((seen, response) =>
    seen.headers.authorization === "Bearer t1"
      ? refuse(response, 401, "Unauthorized", "Unauthorized")
      : listed(response),
  );
  await using connected = await connectTo(server, { user: { exec } });
  await Promise.all(Array.from({ length: 8 }, () => connected.cluster.list(kinds.namespaces, {}, () => 0)));
  assert.equal(runs().length, 2);
});

test("a credential that is refused again is an error, not a loop", async () => {
  using files = scratch();
  const { exec, runs } = plugin(files, `answer({ token: "t" + runs });`);
  await using server = await startServer((_, response) => refuse(response, 401, "Unauthorized", "Unauthorized"));
  await using connected = await connectTo(server, { user: { exec } });
  await assert.rejects(
    connected.cluster.list(kinds.namespaces, {}, () => 0),
    { reason: "unauthorized" },
  );
  assert.equal(runs().length, 2);
  assert.equal(server.seen.length, 2);
});

test("a credential that expires is got again shortly before; one without expiry is kept", async () => {
  using files = scratch();
  const { exec, runs } = plugin(
    files,
    `answer({ token: "t" + runs, expirationTimestamp: new Date(Date.now() + (runs === 1 ? 200 : 3600e3)).toISOString() });`,
  );
  await using server = await startServer((_, response) => listed(response));
  await using connected = await connectTo(server, { user: { exec } });
  const ask = () => connected.cluster.list(kinds.namespaces, {}, () => 0);
  await ask();
  await new Promise((resolve) => setTimeout(resolve, 200));
  await ask();
  await ask();
  assert.equal(runs().length, 2);
});

test("a client certificate in the answer identifies us, and its successor replaces it", async () => {
  using files = scratch();
  const { client } = await testPki();
  const { exec } = plugin(
    files,
    `answer(runs === 1 ? { token: "old" } : { clientCertificateData: ${JSON.stringify(client.cert)}, clientKeyData: ${JSON.stringify(client.key)} });`,
  );
  await using server = await startServer((seen, response) =>
    seen.who === "alice" ? listed(response) : refuse(response, 401, "Unauthorized", "Unauthorized"),
  );
  await using connected = await connectTo(server, { user: { exec } });
  await connected.cluster.list(kinds.namespaces, {}, () => 0);
  assert.deepEqual(
    server.seen.map(({ who, headers }) => [who, headers.authorization]),
    [
      [undefined, "Bearer old"],
      ["alice", undefined],
    ],
  );
});

test("it is told the version, the cluster if it wants to know, and its variables", async () => {
  using files = scratch();
  const { ca } = await testPki();
  const { exec, runs } = plugin(files, `answer({ token: process.env.REGION + process.env.HOME });`, {
    apiVersion: "client.authentication.k8s.io/v1beta1",
    interactiveMode: undefined,
    provideClusterInfo: true,
    env: [{ name: "REGION", value: "eu" }],
  });
  await using server = await startServer((_, response) => listed(response));
  const extensions = [{ name: "client.authentication.k8s.io/exec", extension: { audience: "x" } }];
  await using connected = await connectTo(server, {
    user: { exec },
    cluster: { "tls-server-name": "api.test", extensions },
    options: { env: { HOME: "/h" } },
  });
  await connected.cluster.list(kinds.namespaces, {}, () => 0);
  assert.deepEqual(JSON.parse(runs()[0] ?? ""), {
    kind: "ExecCredential",
    apiVersion: "client.authentication.k8s.io/v1beta1",
    spec: {
      cluster: {
        server: server.url,
        "tls-server-name": "api.test",
        "certificate-authority-data": Buffer.from(ca).toString("base64"),
        config: { audience: "x" },
      },
      interactive: false,
    },
  });
  assert.equal(server.seen[0]?.headers.authorization, "Bearer eu/h");
});

test("a relative command lies beside the kubeconfig that names it", async () => {
  using files = scratch();
  files.write(
    "bin/login",
    `#!${process.execPath}\nconsole.log(JSON.stringify({ kind: "ExecCredential", apiVersion: "${v1}", status: { token: "beside" } }));\n`,
    0o755,
  );
  await using server = await startServer((_, response) => listed(response));
  const kubeconfig = files.write(
    "kubeconfig",
    await kubeconfigFor(server.url, { exec: { apiVersion: v1, command: "./bin/login", interactiveMode: "Never" } }),
  );
  await using connected = await connectTo(server, { flags: { kubeconfig } });
  await connected.cluster.list(kinds.namespaces, {}, () => 0);
  assert.equal(server.seen[0]?.headers.authorization, "Bearer beside");
});

test("a plugin that reads its input to the end finds it empty", async () => {
  using files = scratch();
  const { exec } = plugin(files, `for await (const _ of process.stdin); answer({ token: "read" });`);
  await using server = await startServer((_, response) => listed(response));
  await using connected = await connectTo(server, { user: { exec } });
  await connected.cluster.list(kinds.namespaces, {}, () => 0);
  assert.equal(server.seen[0]?.headers.authorization, "Bearer read");
});

test("a plugin that hangs is killed", async () => {
  using files = scratch();
  const { exec } = plugin(
    files,
    `fs.writeFileSync(new URL("pid", import.meta.url), String(process.pid)); setInterval(() => {}, 1000);`,
  );
  const kubeconfig = files.write("kubeconfig", await kubeconfigFor("https://127.0.0.1:1", { exec }));
  const target = chooseCluster({ kubeconfig }, {});
  assert.ok(target.user.exec);
  const credentials = execCredentials(target.user.exec, target, {
    env: process.env,
    warn: () => {},
    limits: { alone: 1_000, withPerson: 1_000 },
  });
  await assert.rejects(credentials.current(), { reason: "config", message: /did not answer within 1 s/ });
  const pid = Number(fs.readFileSync(path.join(files.folder, "pid"), "utf8"));
  await until(() => !isAlive(pid));
});

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

const canary = "canary-5f1e";
const failures: readonly (readonly [title: string, body: string, says: RegExp])[] = [
  [
    "ends with an error",
    `console.error("${canary}"); console.log("${canary}"); process.exit(7);`,
    /ended with exit code 7/,
  ],
  ["answers with no JSON", `console.log("${canary}");`, /did not answer with JSON/],
  [
    "answers with something else",
    `console.log('{"kind":"Status","message":"${canary}"}');`,
    /did not answer with an ExecCredential/,
  ],
  [
    "answers in another version",
    `console.log('{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1beta1","status":{"token":"${canary}"}}');`,
    /is configured for .*\/v1 and answered in .*\/v1beta1/,
  ],
  ["answers without a status", `answer(undefined);`, /neither a token nor a certificate/],
  ["answers with half a pair", `answer({ clientCertificateData: "${canary}" });`, /not both/],
  ["answers with a number", `answer({ token: 5 });`, /wrong shape/],
  ["answers with a time that is none", `answer({ token: "${canary}", expirationTimestamp: "soon" });`, /no time/],
  ["answers without end", `const block = "${canary}".repeat(1e5); for (;;) fs.writeSync(1, block);`, /more than 1 MiB/],
];

for (const [title, body, says] of failures) {
  test(`a plugin that ${title}: what happened, never what it wrote`, async () => {
    using files = scratch();
    const { exec } = plugin(files, body);
    await using server = await startServer((_, response) => listed(response));
    await using connected = await connectTo(server, { user: { exec } });
    await assert.rejects(
      connected.cluster.list(kinds.namespaces, {}, () => 0),
      (cause: Error & { hint?: string; reason?: string }) => {
        assert.equal(cause.reason, "config");
        assert.match(cause.message, says);
        assert.doesNotMatch(`${cause.message}${cause.hint}${cause.stack}${String(cause.cause)}`, new RegExp(canary));
        return true;
      },
    );
    assert.equal(server.seen.length, 0);
  });
}

test("a plugin that is not installed: its own advice, made harmless", async () => {
  await using server = await startServer((_, response) => listed(response));
  const exec = {
    apiVersion: v1,
    command: "no-such-plugin",
    interactiveMode: "Never",
    installHint: "brew install\u001b[31m it",
  };
  await using connected = await connectTo(server, { user: { exec } });
  await assert.rejects(
    connected.cluster.list(kinds.namespaces, {}, () => 0),
    { message: /no-such-plugin is not installed/, hint: "brew install\\u001b[31m it" },
  );
});

for (const [wrong, says] of [
  [{ command: "" }, /has no command/],
  [{ apiVersion: "client.authentication.k8s.io/v1alpha1" }, /v1alpha1/],
  [{ interactiveMode: undefined }, /interactiveMode/],
  [{ interactiveMode: "Sometimes" }, /Sometimes/],
] as const) {
  test(`a plugin configured with ${JSON.stringify(wrong)} is refused before it runs`, async () => {
    const exec = { apiVersion: v1, command: "x", interactiveMode: "Never", ...wrong };
    await assert.rejects(connectTo({ url: "https://127.0.0.1:1" }, { user: { exec } }), {
      reason: "config",
      message: says,
    });
  });
}
