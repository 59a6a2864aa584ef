import assert from "node:assert/strict";
import type http from "node:http";
import { test } from "node:test";
import fc from "fast-check";
import { readLines } from "../../../src/cluster/http/watch.ts";
import { kinds } from "../../../src/cluster/kinds.ts";
import { connectTo, listOf, refuse, reply, type ScriptedServer, startServer, until } from "../scripted-server.ts";

const event = (type: string, version: string): string =>
  `${JSON.stringify({ type, object: { kind: "PartialObjectMetadata", metadata: { name: "a\u2028b", resourceVersion: version } } })}\n`;

/** Serves the place 100, and gives each watch to the next of `streams`; the last one serves all that follow. */
function startWatched(...streams: readonly ((response: http.ServerResponse) => void)[]): Promise<ScriptedServer> {
  let opened = 0;
  return startServer((seen, response) => {
    if (!seen.url.includes("watch=true"))
      return reply(response, listOf("PartialObjectMetadataList", [], { apiVersion: "meta.k8s.io/v1" }));
    streams[Math.min(opened++, streams.length - 1)]?.(response);
  });
}

const begin = (response: http.ServerResponse): http.ServerResponse =>
  response.writeHead(200, { "content-type": "application/json" });
const silent = (response: http.ServerResponse): void => begin(response).flushHeaders();
const watches = (server: ScriptedServer): readonly (string | null)[] =>
  server.seen
    .filter(({ url }) => url.includes("watch=true"))
    .map(({ url }) => new URL(url, "https://x").searchParams.get("resourceVersion"));

test("a hint at the start and for each change; a bookmark is none, and keeps the place", async () => {
  await using server = await startWatched((response) => {
    const stream = begin(response);
    stream.write(event("ADDED", "101") + event("MODIFIED", "102"));
    const last = event("BOOKMARK", "150");
    stream.write(last.slice(0, 20));
    setTimeout(() => stream.end(last.slice(20)), 20);
  }, silent);
  await using connected = await connectTo(server);
  const stop = new AbortController();
  let hints = 0;
  connected.cluster.watch(kinds.pods, { namespace: "x", labelSelector: "a=b" }, () => hints++, stop.signal);
  await until(() => watches(server).length === 2);
  assert.deepEqual(watches(server), ["100", "150"]);
  assert.equal(hints, 3);
  const asked = new URL(server.seen.at(-1)?.url ?? "", "https://x");
  assert.equal(asked.pathname, "/api/v1/namespaces/x/pods");
  const seconds = Number(asked.searchParams.get("timeoutSeconds"));
  assert.ok(seconds >= 240 && seconds <= 300);
  assert.equal(asked.searchParams.get("labelSelector"), "a=b");
  stop.abort();
});

for (const [title, stream] of [
  [
    "in the stream",
    (response) =>
      begin(response).end(
        `${JSON.stringify({ type: "ERROR", object: { kind: "Status", code: 410, reason: "Expired" } })}\n`,
      ),
  ],
  ["as the answer", (response) => refuse(response, 410, "Expired", "too old resource version")],
  ["as something that is no event", (response) => begin(response).end("<html>\n")],
] as const satisfies readonly (readonly [string, (response: http.ServerResponse) => void])[]) {
  test(`the place is lost (${title}): a new one, and a hint for the gap`, async () => {
    await using server = await startWatched(stream, silent);
    await using connected = await connectTo(server);
    const stop = new AbortController();
    let hints = 0;
    connected.cluster.watch(kinds.pods, {}, () => hints++, stop.signal);
    await until(() => watches(server).length === 2);
    assert.equal(hints, 2);
    assert.equal(server.seen.filter(({ url }) => !url.includes("watch=true")).length, 2);
    stop.abort();
  });
}

test("a stream that breaks is taken up where it broke, after a pause", async () => {
  await using server = await startWatched(
    (response) => begin(response).write(event("ADDED", "107"), () => setTimeout(() => response.socket?.destroy(), 20)),
    (response) => refuse(response, 500, "InternalError", "etcd"),
    silent,
  );
  await using connected = await connectTo(server);
  const stop = new AbortController();
  let hints = 0;
  connected.cluster.watch(kinds.pods, {}, () => hints++, stop.signal);
  await until(() => watches(server).length === 3);
  assert.deepEqual(watches(server), ["100", "107", "107"]);
  assert.equal(hints, 2);
  assert.ok(connected.clock.slept.length >= 2);
  stop.abort();
});

for (const [title, stream] of [
  ["ended", (response) => begin(response).end()],
  ["with its place lost", (response) => refuse(response, 410, "Expired", "too old resource version")],
] as const satisfies readonly (readonly [string, (response: http.ServerResponse) => void])[]) {
  test(`a watch that is ${title} as soon as it begins is begun again ever more slowly`, async () => {
    await using server = await startWatched(stream);
    await using connected = await connectTo(server);
    const stop = new AbortController();
    connected.cluster.watch(kinds.pods, {}, () => {}, stop.signal);
    await until(() => watches(server).length >= 5);
    stop.abort();
    const { slept } = connected.clock;
    assert.ok(slept.length >= 4, `${slept}`);
    assert.ok((slept[3] ?? 0) > 2 * (slept[0] ?? 0), `${slept}`);
  });
}

test("a watch that ends without a byte leaves no timer behind, which would keep the process alive", async () => {
  await using server = await startWatched((response) => begin(response).end());
  await using connected = await connectTo(server);
  const timers = (): number => process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;
  const stop = new AbortController();
  const before = timers();
  connected.cluster.watch(kinds.pods, {}, () => {}, stop.signal);
  await until(() => watches(server).length >= 10);
  stop.abort();
  await until(() => timers() - before < 5);
});

test("what may not be watched is not asked for again", async () => {
  await using server = await startWatched((response) =>
    refuse(response, 403, "Forbidden", 'User "x" cannot watch resource "pods"'),
  );
  await using connected = await connectTo(server);
  connected.cluster.watch(kinds.pods, {}, () => {}, new AbortController().signal);
  await until(() => watches(server).length === 1);
  await new Promise((resolve) => setTimeout(resolve, 60));
  assert.equal(watches(server).length, 1);
});

test("what may not even be listed is not asked for again, and nothing is hinted at", async () => {
  await using server = await startServer((_, response) =>
    refuse(response, 403, "Forbidden", 'User "x" cannot list resource "pods"'),
  );
  await using connected = await connectTo(server);
  let hints = 0;
  connected.cluster.watch(kinds.pods, {}, () => hints++, new AbortController().signal);
  await until(() => server.seen.length === 1);
  await new Promise((resolve) => setTimeout(resolve, 60));
  assert.deepEqual([server.seen.length, hints], [1, 0]);
});

for (const how of ["abort", "close"] as const) {
  test(`${how} ends the watch and its connection`, async () => {
    await using server = await startWatched(silent);
    await using connected = await connectTo(server);
    const stop = new AbortController();
    connected.cluster.watch(kinds.pods, {}, () => {}, stop.signal);
    await until(() => watches(server).length === 1);
    if (how === "abort") stop.abort();
    await connected.cluster.close();
    await until(() => server.sockets() === 0);
    await new Promise((resolve) => setTimeout(resolve, 30));
    assert.equal(watches(server).length, 1);
  });
}

test("lines: however the bytes are cut, the lines are the same; a last one without its end is not given", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.string({ unit: "grapheme" }).map((text) => JSON.stringify(text))),
      fc.string(),
      fc.array(fc.nat(40)),
      async (lines, rest, cuts) => {
        const tail = JSON.stringify(rest);
        const bytes = Buffer.from(lines.map((line) => `${line}\n`).join("") + tail);
        const at = [0, ...cuts.map((cut) => Math.min(cut, bytes.length)).sort((a, b) => a - b), bytes.length];
        async function* pieces(): AsyncGenerator<Buffer> {
          for (let i = 1; i < at.length; i++) yield bytes.subarray(at[i - 1], at[i]);
        }
        const read: string[] = [];
        for await (const line of readLines(pieces())) read.push(line);
        assert.deepEqual(read, lines);
      },
    ),
    { numRuns: 200 },
  );
});
