/**
 * Whose servers are trusted: those of the kubeconfig's own authority, whatever else this process trusts or trusted
 * before.
 */
import assert from "node:assert/strict";
import { before, test } from "node:test";
import tls from "node:tls";
import type { ClusterError } from "../../../src/cluster/cluster-error.ts";
import { kinds } from "../../../src/cluster/kinds.ts";
import { makePki, testPki } from "../pki.ts";
import { connectTo, item, listOf, reply, type ScriptedServer, startServer } from "../scripted-server.ts";

let [own, other] = ["", ""];
before(async () => {
  [own, other] = (await Promise.all([testPki(), makePki("other-ca")])).map(({ ca }) => ca) as [string, string];
});

const startOwn = (): Promise<ScriptedServer> =>
  startServer((_, response) => reply(response, listOf("NamespaceList", [item("a")])));

/** What a client with this authority gets of the server: the names, or why not. */
const ask = async (server: ScriptedServer, ca: string): Promise<unknown> => {
  const cluster = { "certificate-authority-data": Buffer.from(ca).toString("base64") };
  await using connected = await connectTo(server, { cluster });
  return await connected.cluster
    .list(kinds.namespaces, {}, ({ metadata }) => metadata.name)
    .then(
      ({ items } = { items: [], resourceVersion: "" }) => items,
      ({ message }: ClusterError) => /certificate/.exec(message)?.[0] ?? message,
    );
};

test("one client after the other, each by its own authority alone", async () => {
  await using server = await startOwn();
  for (const [ca, expected] of [
    [own, ["a"]],
    [other, "certificate"],
    [own, ["a"]],
    [other, "certificate"],
  ] as const)
    assert.deepEqual(await ask(server, ca), expected);
});

test("a client opens new connections by its own authority after another came", async () => {
  await using server = await startOwn();
  await using first = await connectTo(server);
  const list = (): Promise<unknown> => first.cluster.list(kinds.namespaces, {}, () => 0);
  await list();
  assert.equal(await ask(server, other), "certificate");
  const before = server.handshakes();
  await Promise.all([list(), list(), list()]);
  assert.ok(server.handshakes() > before, "new connections were opened");
});

const damaged = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
const bundles: readonly (readonly [title: string, ca: () => string, expected: unknown])[] = [
  ["several authorities", () => `# those of today and tomorrow\n${other}\n${own}`, ["a"]],
  ["a part that is damaged, after ours", () => `${own}\n${damaged}`, ["a"]],
  ["only damaged", () => damaged, "certificate"],
  ["none", () => "nothing", "certificate"],
];
for (const [title, ca, expected] of bundles)
  test(`a bundle: ${title}`, async () => {
    await using server = await startOwn();
    assert.deepEqual(await ask(server, ca()), expected);
  });

test("nobody else in this process is told whom to trust", async () => {
  const before = tls.getCACertificates("default");
  await using server = await startOwn();
  assert.deepEqual(await ask(server, own), ["a"]);
  assert.deepEqual(tls.getCACertificates("default"), before);
});
