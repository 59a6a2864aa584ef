/** A view of the cluster that ends with a signal: whatever it waits for ends then, and nothing else does. */
import assert from "node:assert/strict";
import { suite, type TestContext, test } from "node:test";
import type { Cluster } from "../../../src/cluster/cluster.ts";
import { ClusterError } from "../../../src/cluster/cluster-error.ts";
import { kinds } from "../../../src/cluster/kinds.ts";
import { manualClock } from "../../fixtures/manual-clock.ts";
import {
  connectTo,
  item,
  listOf,
  refuse,
  reply,
  type Script,
  type ScriptedServer,
  startServer,
  until,
} from "../scripted-server.ts";

const namespace = { kind: "Namespace", apiVersion: "v1", ...item("production") };
const ref = { name: "production" };
const list = (cluster: Cluster) => cluster.list(kinds.namespaces, {}, () => 0);
const get = (cluster: Cluster) => cluster.get(kinds.namespaces, "production");
const patch = (cluster: Cluster) => cluster.patch(kinds.namespaces, ref, {}, {});

/** Every verb that gives an answer, and whether it writes. */
const verbs: Readonly<Record<string, readonly [act: (cluster: Cluster) => Promise<unknown>, writes: boolean]>> = {
  list: [list, false],
  get: [get, false],
  now: [(cluster) => cluster.now(), false],
  version: [(cluster) => cluster.version(), false],
  mayI: [(cluster) => cluster.mayI({ verb: "get", group: "", resource: "pods" }), false],
  logs: [(cluster) => cluster.logs({ name: "a", namespace: "x" }, "app", { tailLines: 1, previous: false }), false],
  patch: [patch, true],
  create: [(cluster) => cluster.create(kinds.namespaces, { metadata: ref }, {}), true],
  delete: [(cluster) => cluster.delete(kinds.namespaces, ref, "uid", {}), true],
};

const silent: Script = () => {};
const busy: Script = (_, response) => refuse(response, 503, "ServiceUnavailable", "etcd leader changed");
const timeIsOver = new DOMException("", "TimeoutError");

/** What a promise fails with, which has to be a `ClusterError`. */
const failureOf = async (promise: Promise<unknown>): Promise<ClusterError> => {
  const outcome = await promise.then(
    () => undefined,
    (cause: unknown) => cause,
  );
  assert.ok(outcome instanceof ClusterError, String(outcome));
  return outcome;
};

/** A request that the server has got, and then the end of the signal. */
const cutInFlight = async (
  server: ScriptedServer,
  cluster: Cluster,
  act: (cluster: Cluster) => Promise<unknown>,
  reason: unknown = timeIsOver,
): Promise<ClusterError> => {
  const stop = new AbortController();
  const before = server.seen.length;
  const failure = failureOf(act(cluster.until(stop.signal)));
  await until(() => server.seen.length > before);
  stop.abort(reason);
  return failure;
};

/** Listeners on signals that were added and not removed again. */
const countListeners = (t: TestContext): (() => number) => {
  const listening = new Set<unknown>();
  const { addEventListener, removeEventListener } = EventTarget.prototype;
  t.mock.method(EventTarget.prototype, "addEventListener", function (this: EventTarget, ...args: [string, never]) {
    if (this instanceof AbortSignal) listening.add(args[1]);
    return addEventListener.apply(this, args);
  });
  t.mock.method(EventTarget.prototype, "removeEventListener", function (this: EventTarget, ...args: [string, never]) {
    if (this instanceof AbortSignal) listening.delete(args[1]);
    return removeEventListener.apply(this, args);
  });
  return () => listening.size;
};

for (const [verb, [act, writes]] of Object.entries(verbs))
  suite(verb, () => {
    test("a request in flight ends with the signal", async () => {
      await using server = await startServer(silent);
      await using connected = await connectTo(server);
      const failure = await cutInFlight(server, connected.cluster, act);
      assert.equal(failure.reason, "timeout");
      assert.match(failure.message, /^could not .*: the time was over/);
      assert.equal(failure.ambiguous, writes);
      assert.equal(/it may have been done nevertheless$/.test(failure.message), writes);
      assert.equal(failure.cause, timeIsOver);
      await until(() => server.sockets() === 0);
    });

    test("after the signal nothing is sent", async () => {
      await using server = await startServer(silent);
      await using connected = await connectTo(server);
      const failure = await failureOf(act(connected.cluster.until(AbortSignal.abort(timeIsOver))));
      assert.equal(failure.reason, "timeout");
      assert.equal(failure.ambiguous, false);
      assert.equal(failure.cause, timeIsOver);
      assert.equal(server.handshakes(), 0);
    });
  });

test("a signal that is no deadline is not called one", async () => {
  await using server = await startServer(silent);
  await using connected = await connectTo(server);
  const failure = await cutInFlight(server, connected.cluster, get, new Error("interrupted"));
  assert.equal(failure.message, 'could not get Namespace "production": it was stopped');
});

for (const [title, act, script, says, ambiguous] of [
  ["read", list, busy, /list namespaces: etcd leader changed; the time to try again was over$/, false],
  [
    "write that was not begun",
    patch,
    (_, response) => refuse(response, 429, "TooManyRequests", "too many requests"),
    /patch Namespace "production": too many requests; the time to try again was over$/,
    false,
  ],
  [
    "write whose outcome is open",
    patch,
    (_, response) => refuse(response, 503, "ServiceUnavailable", "shutting down", { headers: { "retry-after": "9" } }),
    /patch Namespace "production": shutting down; the time to try again was over$/,
    true,
  ],
] as const satisfies readonly (readonly [string, (cluster: Cluster) => Promise<unknown>, Script, RegExp, boolean])[])
  test(`the wait before a ${title} is sent again ends with the signal, and tells why it was to be`, async () => {
    const clock = manualClock();
    await using server = await startServer(script);
    await using connected = await connectTo(server, { options: { clock } });
    const stop = new AbortController();
    const failing = failureOf(act(connected.cluster.until(stop.signal)));
    await until(() => clock.pending() === 1);
    stop.abort(timeIsOver);
    const failure = await failing;
    assert.equal(failure.reason, "timeout");
    assert.match(failure.message, says);
    assert.equal(failure.ambiguous, ambiguous);
    assert.equal(failure.cause, timeIsOver);
    assert.equal(server.seen.length, 1);
    assert.equal(clock.pending(), 0);
  });

test("a page that has yet to come ends with the signal", async () => {
  await using server = await startServer((_, response, index) => {
    if (index === 0) reply(response, listOf("NamespaceList", [item("a")], { continue: "more" }));
  });
  await using connected = await connectTo(server);
  const stop = new AbortController();
  const failure = failureOf(list(connected.cluster.until(stop.signal)));
  await until(() => server.seen.length === 2);
  stop.abort(timeIsOver);
  assert.equal((await failure).reason, "timeout");
});

test("a request that waits in line behind others ends too, and is not sent later", async () => {
  await using server = await startServer(silent);
  await using connected = await connectTo(server);
  const [stop, stopOthers] = [new AbortController(), new AbortController()];
  const others = Array.from({ length: 6 }, () => failureOf(get(connected.cluster.until(stopOthers.signal))));
  await until(() => server.seen.length === 6);
  const failing = failureOf(patch(connected.cluster.until(stop.signal)));
  await new Promise((resolve) => setImmediate(resolve));
  stop.abort(timeIsOver);
  assert.equal((await failing).ambiguous, false);
  stopOthers.abort(timeIsOver);
  await Promise.all(others);
  const next = cutInFlight(server, connected.cluster, get);
  assert.equal((await next).reason, "timeout");
  assert.ok(server.seen.every(({ method }) => method === "GET"));
});

test("credentials that do not come are not waited for, and are there for who asks later", async () => {
  await using server = await startServer((_, response) => reply(response, namespace));
  const program = `setTimeout(() => console.log(JSON.stringify({ kind: "ExecCredential",
    apiVersion: "client.authentication.k8s.io/v1", status: { token: "late" } })), 300)`;
  const exec = {
    apiVersion: "client.authentication.k8s.io/v1",
    command: process.execPath,
    args: ["-e", program],
    interactiveMode: "Never",
  };
  await using connected = await connectTo(server, { user: { exec } });
  const stop = new AbortController();
  const cut = failureOf(patch(connected.cluster.until(stop.signal)));
  const later = get(connected.cluster);
  stop.abort(timeIsOver);
  const failure = await cut;
  assert.equal(failure.reason, "timeout");
  assert.equal(failure.ambiguous, false);
  assert.equal((await later)?.metadata.name, "production");
  assert.deepEqual(
    server.seen.map(({ method, headers }) => `${method} ${headers.authorization}`),
    ["GET Bearer late"],
  );
});

test("a watch ends with the signal", async () => {
  await using server = await startServer((seen, response) => {
    if (seen.url.includes("watch=true")) response.writeHead(200, { "content-type": "application/json" }).flushHeaders();
    else reply(response, listOf("PartialObjectMetadataList", [], { apiVersion: "meta.k8s.io/v1" }));
  });
  await using connected = await connectTo(server);
  const stop = new AbortController();
  connected.cluster.until(stop.signal).watch(kinds.pods, {}, () => {}, new AbortController().signal);
  await until(() => server.seen.length === 2);
  const open = server.sockets();
  stop.abort(timeIsOver);
  await until(() => server.sockets() < open);
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(server.seen.length, 2);
});

for (const which of ["outer", "inner"] as const)
  test(`a view of a view ends with either signal (${which}), and the others go on`, async () => {
    await using server = await startServer((_, response, index) => {
      if (index > 0) reply(response, namespace);
    });
    await using connected = await connectTo(server);
    const stop = { outer: new AbortController(), inner: new AbortController() };
    const outer = connected.cluster.until(stop.outer.signal);
    const failure = failureOf(get(outer.until(stop.inner.signal)));
    await until(() => server.seen.length === 1);
    stop[which].abort(timeIsOver);
    assert.equal((await failure).cause, timeIsOver);
    assert.equal((await get(connected.cluster))?.metadata.name, "production");
    if (which === "inner") assert.equal((await get(outer))?.metadata.name, "production");
  });

test("to close a view closes nothing; the views share connections and identity", async () => {
  await using server = await startServer((_, response) => reply(response, namespace));
  await using connected = await connectTo(server);
  const view = connected.cluster.until(new AbortController().signal);
  assert.equal(view.identity, connected.cluster.identity);
  await get(view);
  await view.close();
  await get(view);
  await get(connected.cluster);
  assert.equal(server.handshakes(), 1);
});

test("to close the cluster ends what is waited for, in views too", async () => {
  const clock = manualClock();
  await using server = await startServer((seen, response, index) => {
    if (seen.method === "GET") busy(seen, response, index);
  });
  await using connected = await connectTo(server, { options: { clock } });
  const retried = failureOf(get(connected.cluster));
  const inFlight = failureOf(patch(connected.cluster.until(new AbortController().signal)));
  await until(() => clock.pending() === 1 && server.seen.length === 2);
  await connected.cluster.close();
  assert.match((await retried).message, /etcd leader changed; it was stopped/);
  assert.equal((await inFlight).ambiguous, true);
  assert.equal(clock.pending(), 0);
  assert.equal(server.seen.length, 2);
  await until(() => server.sockets() === 0);
});

test("no request leaves a listener on the signal", async (t) => {
  const listeners = countListeners(t);
  await using server = await startServer((_, response, index) =>
    index % 2 === 0 ? refuse(response, 503, "ServiceUnavailable", "busy") : reply(response, namespace),
  );
  await using connected = await connectTo(server);
  const view = connected.cluster.until(new AbortController().signal);
  const before = listeners();
  for (let i = 0; i < 5; i++) await get(view);
  assert.equal(server.seen.length, 10);
  assert.equal(listeners(), before);
});
