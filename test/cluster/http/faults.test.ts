/** Every fault of the wire: what the adapter says, whether it tries again, and what it never does. */
import assert from "node:assert/strict";
import type http from "node:http";
import { test } from "node:test";
import type { Cluster } from "../../../src/cluster/cluster.ts";
import { ClusterError, type ClusterErrorReason } from "../../../src/cluster/cluster-error.ts";
import { kinds } from "../../../src/cluster/kinds.ts";
import { connectTo, item, listOf, refuse, reply, type Script, startServer } from "../scripted-server.ts";

const namespace = { kind: "Namespace", apiVersion: "v1", ...item("production") };
const good: Script = (seen, response) =>
  seen.method === "GET" && !seen.url.includes("production")
    ? reply(response, listOf("NamespaceList", [item("production")]))
    : reply(response, namespace);

const list = (cluster: Cluster) => cluster.list(kinds.namespaces, {}, (one) => one.metadata.name);
const patch = (cluster: Cluster) =>
  cluster.patch(kinds.namespaces, { name: "production" }, { metadata: { labels: { "istio.io/rev": "1-20" } } }, {});
const remove = (cluster: Cluster) => cluster.delete(kinds.namespaces, { name: "production" }, "uid-production", {});

interface Case {
  readonly title: string;
  /** What the first answers are; `good` from then on. */
  readonly faults: readonly Script[];
  readonly act: (cluster: Cluster) => Promise<unknown>;
  /** Requests the server gets in all. */
  readonly requests: number;
  /** Absent: it succeeds. */
  readonly fails?: {
    readonly reason: ClusterErrorReason;
    readonly says: RegExp;
    readonly ambiguous?: boolean;
    readonly hint?: RegExp;
  };
  /** Milliseconds of the first wait. */
  readonly waits?: readonly [least: number, most: number];
}

const cut = (response: http.ServerResponse): void => void response.socket?.destroy();
const throttled: Script = (_, response) =>
  refuse(response, 429, "TooManyRequests", "too many requests", { headers: { "retry-after": "3" } });
const busy: Script = (_, response) => refuse(response, 429, "TooManyRequests", "too many requests");
const broken: Script = (_, response) => refuse(response, 500, "InternalError", "Internal error occurred: etcd");
const gatewayPage: Script = (_, response) =>
  void response.writeHead(503, { "content-type": "text/html" }).end("<html>down</html>");
const askedToWait: Script = (_, response) =>
  refuse(response, 503, "ServiceUnavailable", "apiserver is shutting down", { headers: { "retry-after": "2" } });
const late: Script = (_, response) =>
  refuse(response, 504, "Timeout", "request did not complete", { headers: { "retry-after": "1" } });
const unauthorized: Script = (_, response) => refuse(response, 401, "Unauthorized", "Unauthorized");
const conflict: Script = (_, response) => refuse(response, 409, "Conflict", "the object has been modified");
const login: Script = (_, response) =>
  void response.writeHead(200, { "content-type": "text/html" }).end("<html>Log in</html>");

const cases: readonly Case[] = [
  {
    title: "429 with Retry-After: a read waits as long as asked",
    faults: [throttled],
    act: list,
    requests: 2,
    waits: [3000, 3300],
  },
  {
    title: "429 with Retry-After: so does a write, for it was not begun",
    faults: [throttled],
    act: patch,
    requests: 2,
    waits: [3000, 3300],
  },
  { title: "429 without Retry-After: backs off", faults: [busy, busy], act: patch, requests: 3, waits: [100, 200] },
  { title: "500: a read tries again", faults: [broken, broken], act: list, requests: 3 },
  {
    title: "500: a write does not, and may have been done",
    faults: [broken],
    act: patch,
    requests: 1,
    fails: { reason: "server", says: /could not patch Namespace "production": Internal error/, ambiguous: true },
  },
  {
    title: "503 with Retry-After: a write tries again",
    faults: [askedToWait],
    act: patch,
    requests: 2,
    waits: [2000, 2200],
  },
  { title: "503 page of a load balancer: a read tries again", faults: [gatewayPage], act: list, requests: 2 },
  {
    title: "503 page of a load balancer: a write does not",
    faults: [gatewayPage],
    act: patch,
    requests: 1,
    fails: { reason: "server", says: /answered 503/, ambiguous: true },
  },
  {
    title: "504: a write's outcome is open even with Retry-After",
    faults: [late],
    act: patch,
    requests: 1,
    fails: { reason: "timeout", says: /did not complete/, ambiguous: true },
  },
  {
    title: "reset after the request: a read tries again",
    faults: [(_, response) => cut(response)],
    act: list,
    requests: 2,
  },
  {
    title: "reset after the request: a write may have been done",
    faults: [(_, response) => cut(response)],
    act: patch,
    requests: 1,
    fails: { reason: "unreachable", says: /broke off.*may have been done/, ambiguous: true },
  },
  {
    title: "cut in the body: a read tries again",
    faults: [
      (_, response) =>
        void response
          .writeHead(200, { "content-type": "application/json", "content-length": "5000" })
          .write('{"kind":"NamespaceList",', () => cut(response)),
    ],
    act: list,
    requests: 2,
  },
  {
    title: "JSON that is broken off, length and all: no empty list",
    faults: [
      (_, response) =>
        void response
          .writeHead(200, { "content-type": "application/json" })
          .end('{"kind":"NamespaceList","apiVersion":"v1","items":['),
    ],
    act: list,
    requests: 1,
    fails: { reason: "malformed", says: /broken off or damaged/ },
  },
  {
    title: "200 with a login page: no empty list",
    faults: [login],
    act: list,
    requests: 1,
    fails: { reason: "malformed", says: /a web page/, hint: /login page or proxy/ },
  },
  {
    title: "200 with a login page: no successful patch",
    faults: [login],
    act: patch,
    requests: 1,
    fails: { reason: "malformed", says: /a web page/, ambiguous: true },
  },
  {
    title: "200 with a Status: no empty list",
    faults: [(_, response) => reply(response, { kind: "Status", apiVersion: "v1" })],
    act: list,
    requests: 1,
    fails: { reason: "malformed", says: /a v1 Status instead of v1 NamespaceList/ },
  },
  {
    title: "200 with {}: no empty list",
    faults: [(_, response) => reply(response, {})],
    act: list,
    requests: 1,
    fails: { reason: "malformed", says: /no Kubernetes object/ },
  },
  {
    title: "200 with null: no empty list",
    faults: [(_, response) => reply(response, null)],
    act: list,
    requests: 1,
    fails: { reason: "malformed", says: /no Kubernetes object/ },
  },
  {
    title: "a list without items",
    faults: [
      (_, response) => reply(response, { kind: "NamespaceList", apiVersion: "v1", metadata: { resourceVersion: "1" } }),
    ],
    act: list,
    requests: 1,
    fails: { reason: "malformed", says: /without items/ },
  },
  {
    title: "a list of another kind",
    faults: [(_, response) => reply(response, listOf("PodList", []))],
    act: list,
    requests: 1,
    fails: { reason: "malformed", says: /PodList instead of v1 NamespaceList/ },
  },
  {
    title: "a patch answered with another object",
    faults: [(_, response) => reply(response, { ...namespace, metadata: { name: "other", uid: "u" } })],
    act: patch,
    requests: 1,
    fails: { reason: "malformed", says: /another object, "other"/, ambiguous: true },
  },
  {
    title: "401 with a plain token: log in",
    faults: [unauthorized],
    act: list,
    requests: 1,
    fails: { reason: "unauthorized", says: /Unauthorized/, hint: /log in again/ },
  },
  {
    title: "403 by RBAC: the right to ask for",
    faults: [
      (_, response) =>
        refuse(
          response,
          403,
          "Forbidden",
          'namespaces is forbidden: User "eve" cannot list resource "namespaces" in API group "" at the cluster scope',
        ),
    ],
    act: list,
    requests: 1,
    fails: {
      reason: "forbidden",
      says: /User "eve" cannot list/,
      hint: /right to list namespaces\. Check with: kubectl auth can-i list namespaces$/,
    },
  },
  {
    title: "403 by RBAC: the right to a namespace, within itself",
    faults: [
      (_, response) =>
        refuse(
          response,
          403,
          "Forbidden",
          'namespaces "production" is forbidden: User "eve" cannot patch resource "namespaces" in API group "" in the namespace "production"',
        ),
    ],
    act: patch,
    requests: 1,
    fails: {
      reason: "forbidden",
      says: /User "eve" cannot patch/,
      hint: /right to patch namespaces in namespace "[^"]+"\. Check with: kubectl auth can-i patch namespaces -n \S+$/,
    },
  },
  {
    title: "403 by a webhook: denied, not a missing right",
    faults: [
      (_, response) =>
        refuse(response, 403, "Forbidden", 'admission webhook "labels.example.com" denied the request: hands off'),
    ],
    act: patch,
    requests: 1,
    fails: { reason: "denied", says: /hands off/ },
  },
  {
    title: "403 by quota: denied",
    faults: [(_, response) => refuse(response, 403, "Forbidden", 'pods "x" is forbidden: exceeded quota: q')],
    act: patch,
    requests: 1,
    fails: { reason: "denied", says: /exceeded quota/ },
  },
  {
    title: "500 because a webhook does not answer: nothing was done",
    faults: [
      (_, response) =>
        refuse(
          response,
          500,
          "InternalError",
          'Internal error occurred: failed calling webhook "x": connection refused',
        ),
    ],
    act: patch,
    requests: 1,
    fails: { reason: "denied", says: /failed calling webhook/, ambiguous: false, hint: /fix it/ },
  },
  {
    title: "409: not tried again",
    faults: [conflict],
    act: patch,
    requests: 1,
    fails: { reason: "conflict", says: /has been modified/, ambiguous: false },
  },
  {
    title: "422",
    faults: [(_, response) => refuse(response, 422, "Invalid", 'Namespace "production" is invalid')],
    act: patch,
    requests: 1,
    fails: { reason: "invalid", says: /is invalid/ },
  },
  {
    title: "redirect: not followed",
    faults: [(_, response) => void response.writeHead(302, { location: "https://sso.example.com/" }).end()],
    act: list,
    requests: 1,
    fails: { reason: "malformed", says: /redirect, which is not followed/ },
  },
  {
    title: "404 of something in between is not NotFound",
    faults: [(_, response) => void response.writeHead(404, { "content-type": "text/plain" }).end("404 page not found")],
    act: (cluster) => cluster.get(kinds.namespaces, "production"),
    requests: 1,
    fails: { reason: "not-found", says: /answered 404/ },
  },
  {
    title: "404 about another object is not NotFound",
    faults: [
      (_, response) =>
        refuse(response, 404, "NotFound", 'namespaces "x" not found', { details: { name: "x", kind: "namespaces" } }),
    ],
    act: (cluster) => cluster.get(kinds.namespaces, "production"),
    requests: 1,
    fails: { reason: "not-found", says: /not found/ },
  },
  {
    title: "delete, answered with a page",
    faults: [login],
    act: remove,
    requests: 1,
    fails: { reason: "malformed", says: /web page/, ambiguous: true },
  },
];

for (const { title, faults, act, requests, fails, waits } of cases) {
  test(title, async () => {
    await using server = await startServer((seen, response, index) => (faults[index] ?? good)(seen, response, index));
    await using connected = await connectTo(server);
    const outcome = await act(connected.cluster).then(
      () => undefined,
      (cause: unknown) => cause,
    );
    if (fails === undefined) assert.equal(outcome, undefined, String(outcome));
    else {
      assert.ok(outcome instanceof ClusterError, String(outcome));
      assert.equal(outcome.reason, fails.reason);
      assert.match(outcome.message, fails.says);
      assert.equal(outcome.ambiguous, fails.ambiguous ?? false);
      if (fails.hint) assert.match(outcome.hint ?? "", fails.hint);
    }
    assert.equal(server.seen.length, requests);
    if (waits) {
      const [first = 0] = connected.clock.slept;
      assert.ok(first >= waits[0] && first <= waits[1], `waited ${first} ms`);
    }
  });
}

test("a server that was never reached is given up soon, and named", async () => {
  const server = await startServer(good);
  await server[Symbol.asyncDispose]();
  await using connected = await connectTo(server);
  await assert.rejects(list(connected.cluster), (cause: ClusterError) => {
    assert.equal(cause.reason, "unreachable");
    assert.match(cause.message, new RegExp(`could not list namespaces: ${server.url} refuses the connection`));
    return true;
  });
  assert.ok(connected.clock.slept.reduce((sum, ms) => sum + ms, 0) <= 2_000);
});

test("a write that met no server is tried again, for nothing was sent", async () => {
  const server = await startServer(good);
  await server[Symbol.asyncDispose]();
  await using connected = await connectTo(server);
  await assert.rejects(patch(connected.cluster), { reason: "unreachable", ambiguous: false });
  assert.ok(connected.clock.slept.length > 1);
});

test("a busy server is not asked for ever", async () => {
  await using server = await startServer((_, response) =>
    refuse(response, 429, "TooManyRequests", "too many requests", { headers: { "retry-after": "9" } }),
  );
  await using connected = await connectTo(server);
  await assert.rejects(list(connected.cluster), { reason: "throttled", retryAfter: 9 });
  assert.ok(connected.clock.slept.reduce((sum, ms) => sum + ms, 0) <= 30_000);
});

test("whoever waits long is told why, once", async () => {
  await using server = await startServer((seen, response, index) =>
    (index < 4 ? throttled : good)(seen, response, index),
  );
  await using connected = await connectTo(server);
  await Promise.all([list(connected.cluster), list(connected.cluster)]);
  assert.deepEqual(connected.warned, [`${server.url} is busy and asks us to wait; trying again`]);
});

test("--request-timeout ends a request that gets no answer", async () => {
  await using server = await startServer(() => {});
  await using connected = await connectTo(server, { flags: { requestTimeout: "150ms" } });
  const patched = await patch(connected.cluster).catch((cause: unknown) => cause);
  assert.ok(patched instanceof ClusterError);
  assert.equal(patched.reason, "timeout");
  assert.match(patched.message, /within --request-timeout; it may have been done/);
  assert.equal(patched.ambiguous, true);
});

test("--request-timeout also ends an answer that trickles", async () => {
  await using server = await startServer((_, response) => {
    response.writeHead(200, { "content-type": "application/json" });
    const timer = setInterval(() => response.write(" "), 20);
    response.on("close", () => clearInterval(timer));
  });
  await using connected = await connectTo(server, { flags: { requestTimeout: "150ms" } });
  await assert.rejects(patch(connected.cluster), { reason: "timeout" });
});
