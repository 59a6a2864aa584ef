/** Legacy auth-providers, as client-node knows them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { kinds } from "../../../src/cluster/kinds.ts";
import { connectTo, item, listOf, reply, startServer } from "../scripted-server.ts";

const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
const idToken = (exp: number): string => [part({ alg: "none" }), part({ exp }), "x"].join(".");
const later = Math.floor(Date.now() / 1000) + 3_600;

const cases: readonly (readonly [title: string, provider: object, authorization: string | undefined])[] = [
  [
    "oidc with a token that is good",
    { name: "oidc", config: { "id-token": idToken(later) } },
    `Bearer ${idToken(later)}`,
  ],
  [
    "oidc with a token that is not, and nothing to renew it by",
    { name: "oidc", config: { "id-token": idToken(1) } },
    undefined,
  ],
  [
    "gcp with a token that is good",
    { name: "gcp", config: { "access-token": "t", expiry: new Date(later * 1000).toISOString() } },
    "Bearer t",
  ],
  [
    "gcp with a token that is not",
    { name: "gcp", config: { "access-token": "t", expiry: "2001-01-01T00:00:00Z" } },
    undefined,
  ],
  ["one that nobody knows", { name: "openstack", config: {} }, undefined],
];

for (const [title, provider, authorization] of cases) {
  test(title, async () => {
    await using server = await startServer((_, response) => reply(response, listOf("NamespaceList", [item("a")])));
    await using connected = await connectTo(server, { user: { "auth-provider": provider } });
    const listed = connected.cluster.list(kinds.namespaces, {}, () => 0);
    if (authorization === undefined) await assert.rejects(listed, { reason: "unauthorized", hint: /Log in again/ });
    else await listed;
    assert.deepEqual(
      server.seen.map(({ headers }) => headers.authorization),
      authorization === undefined ? [] : [authorization],
    );
  });
}
