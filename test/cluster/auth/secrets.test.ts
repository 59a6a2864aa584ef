/**
 * No credential is ever in what is said: every kind of credential against every kind of failure, every word searched.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";
import { kinds } from "../../../src/cluster/kinds.ts";
import { testPki } from "../pki.ts";
import { connectTo, refuse, reply, type Script, startServer } from "../scripted-server.ts";

const canary = "c4nary-7b2e";
const basic = Buffer.from(`${canary}:${canary}`).toString("base64");
const v1 = "client.authentication.k8s.io/v1";
const program = (text: string): object => ({
  apiVersion: v1,
  command: process.execPath,
  args: ["-e", text, canary],
  env: [{ name: "SECRET", value: canary }],
  interactiveMode: "Never",
});

const faults: ReadonlyMap<string, Script> = new Map([
  [
    "401",
    (_, response) =>
      refuse(response, 401, "Unauthorized", "Unauthorized", {
        headers: { "set-cookie": canary, "www-authenticate": canary },
      }),
  ],
  [
    "403",
    (_, response) =>
      refuse(response, 403, "Forbidden", 'User "x" cannot list resource "pods"', { headers: { "set-cookie": canary } }),
  ],
  [
    "500",
    (_, response) =>
      refuse(response, 500, "InternalError", "Internal error occurred", { headers: { "x-debug": canary } }),
  ],
  [
    "HTML",
    (_, response) =>
      void response.writeHead(200, { "content-type": "text/html", "set-cookie": canary }).end(`<html>${canary}</html>`),
  ],
  [
    "broken JSON",
    (_, response) => void response.writeHead(200, { "content-type": "application/json" }).end(`{"token":"${canary}"`),
  ],
  ["another kind", (_, response) => reply(response, { kind: "Secret", apiVersion: "v1", data: { token: canary } })],
  ["redirect", (_, response) => void response.writeHead(302, { location: `https://x/?token=${canary}` }).end()],
  ["reset", (_, response) => void response.socket?.destroy()],
]);

const users: ReadonlyMap<string, object> = new Map(
  [
    ["token", { token: canary }],
    ["token that cannot be sent", { token: `${canary}\n` }],
    ["password", { username: canary, password: canary }],
    [
      "certificate that is none",
      {
        "client-certificate-data": Buffer.from(canary).toString("base64"),
        "client-key-data": Buffer.from(canary).toString("base64"),
      },
    ],
    [
      "plugin",
      program(
        `console.error("${canary}"); console.log(JSON.stringify({ kind: "ExecCredential", apiVersion: "${v1}", status: { token: "${canary}" } }))`,
      ),
    ],
    ["plugin that fails", program(`console.error("${canary}"); console.log("${canary}"); process.exit(1)`)],
    [
      "auth-provider",
      {
        "auth-provider": {
          name: "oidc",
          config: { "id-token": canary, "refresh-token": canary, "client-secret": canary },
        },
      },
    ],
  ].map(([name, user]) => [name as string, (name as string).startsWith("plugin") ? { exec: user } : (user as object)]),
);

for (const [who, user] of users) {
  test(`${who}: said nowhere, whatever happens`, async () => {
    // A plugin that fails does so before the server is asked.
    for (const [what, fault] of who === "plugin that fails" ? [...faults].slice(0, 1) : faults) {
      await using server = await startServer(fault);
      await using connected = await connectTo(server, { user });
      const { cluster } = connected;
      const said: unknown[] = [cluster.identity];
      for (const act of [
        () => cluster.list(kinds.pods, {}, () => 0),
        () =>
          cluster.patch(
            kinds.pods,
            { name: "a", namespace: "b" },
            { metadata: { annotations: { secret: canary } } },
            {},
          ),
        () => cluster.getFromPod({ name: "a", namespace: "b" }, 15014, "/"),
        () => cluster.logs({ name: "a", namespace: "b" }, "c", { tailLines: 1, previous: false }),
      ]) {
        said.push(
          await act().then(
            () => assert.fail(`${what}: no error`),
            (cause: unknown) => cause,
          ),
        );
      }
      const words =
        inspect([said, connected.warned], { depth: 9, showHidden: true }) +
        said.map((one) => String((one as Error).stack)).join();
      assert.ok(!words.includes(canary) && !words.includes(basic), `${what}: ${words}`);
    }
  });
}

test("nor by a kubeconfig that cannot be used", async () => {
  const { client } = await testPki();
  const bad = [
    { token: canary, username: canary },
    { "client-certificate-data": Buffer.from(client.cert).toString("base64"), "client-key-data": canary },
    { token: [canary] },
    { exec: { command: "x", env: canary } },
  ];
  for (const user of bad) {
    await assert.rejects(connectTo({ url: "https://127.0.0.1:1" }, { user }), (cause: Error) => {
      const words = inspect(cause, { depth: 9, showHidden: true });
      assert.ok(!words.includes(canary), words);
      return true;
    });
  }
});
