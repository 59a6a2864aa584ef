/** What a stream saw is counted from what its clients wrote; what they did not say is unknown. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { readClient } from "./traffic/client-lines.ts";
import { isSettled, trafficOf, whyCold } from "./traffic/counting.ts";

const kinds = ["http1-new", "grpc-kept"];
const time = (second: number) => new Date(second * 1000).toISOString();
const line = (second: number, rest: object) =>
  `${JSON.stringify({ time: time(second), client: "shop", pod: "p", ...rest })}\n`;
const began = (second: number, rate = 5) => line(second, { start: { kinds, rate } });
const each = (ok: number, failed = 0) => ({ ok, failed, latency: { "2": ok - 1, "64": 1 + failed } });
const said = (second: number, { ok = 5, failed = 0, waits = 0, end = false } = {}) =>
  line(second, { counts: { "http1-new": each(ok, failed), "grpc-kept": each(ok) }, waits, ...(end && { end }) });
const failed = (second: number) =>
  line(second, { failure: { kind: "http1-new", status: "503", error: "no healthy upstream", ms: 3 } });
const seconds = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, index) => said(from + index)).join("");

/** Of files with these texts: the counts from second 10 on, read at second 20. */
const seen = (...texts: readonly string[]) =>
  trafficOf(
    texts.map((text, index) => readClient({ name: `file-${index}`, text })),
    10_000,
    20_000,
  );

const steady = began(1) + seconds(2, 20);

const known: readonly (readonly [string, readonly string[], requests: number, failed: number])[] = [
  ["a client that goes on", [steady], 100, 0],
  ["two clients", [steady, steady], 200, 0],
  ["what was before does not count", [began(1) + failed(3) + said(4, { failed: 1 }) + seconds(5, 20)], 100, 0],
  [
    "a failure counts",
    [began(1) + seconds(2, 14) + failed(14.5) + said(15, { ok: 4, failed: 1 }) + seconds(16, 20)],
    99,
    1,
  ],
  ["one that failed after the last summary counts", [`${steady}${failed(20.5)}`], 101, 1],
  ["a last line that is half written is not there yet", [`${steady}{"time":"1970-`], 100, 0],
  ["a client that started in between counts from its start", [steady, began(15) + seconds(16, 20)], 150, 0],
  ["a client that ended as it should", [steady, began(1) + seconds(2, 12) + said(12.5, { end: true })], 130, 0],
  ["a client that had ended before is left out", [steady, began(1) + seconds(2, 8) + said(8.5, { end: true })], 100, 0],
  ["a client that was dead before is left out", [steady, began(1) + seconds(2, 4)], 100, 0],
];
for (const [name, texts, requests, failures] of known)
  test(name, () => {
    const traffic = seen(...texts);
    assert.deepEqual([traffic.unknown, traffic.requests, traffic.failed], [[], requests, failures]);
  });

const unknown: readonly (readonly [string, readonly string[], RegExp])[] = [
  ["no file", [], /no client was there/],
  ["a client that said nothing but that it began", [began(12)], /file-0 was silent/],
  ["a client that died without a last word", [steady, began(1) + seconds(2, 13)], /file-1 was silent from .*:13.000Z/],
  ["a line that is no JSON", [`${began(1)}{"time":\n${seconds(2, 20)}`], /line 2 of file-0 cannot be read/],
  ["a line without a time", [`${began(1)}{"time":"?"}\n${seconds(2, 20)}`], /line 2 of file-0 cannot be read/],
  ["more failures than were told of", [began(1) + seconds(2, 19) + said(20, { failed: 2 })], /counts 2 .* told of 0/],
  ["hardly any requests", [began(1, 50) + seconds(2, 20)], /sent 100 requests where 1000 were due/],
];
for (const [name, texts, says] of unknown)
  test(`unknown: ${name}`, () => assert.match(seen(...texts).unknown.join("\n"), says));

test("failures are told by time, with who saw what", () => {
  const late = began(1) + seconds(2, 17) + failed(17.5) + said(18, { failed: 1 }) + seconds(19, 20);
  const early = began(1) + seconds(2, 11) + failed(11.5) + said(12, { failed: 1 }) + seconds(13, 20);
  const { failures, by } = seen(late, early);
  assert.deepEqual(
    failures.map(({ at }) => at),
    [11_500, 17_500],
  );
  assert.deepEqual(failures[0], {
    at: 11_500,
    client: "shop",
    pod: "p",
    kind: "http1-new",
    status: "503",
    error: "no healthy upstream",
    ms: 3,
  });
  assert.deepEqual(by, { "shop grpc-kept": { ok: 100, failed: 0 }, "shop http1-new": { ok: 100, failed: 2 } });
});

test("latencies are upper bounds of what so many had", () => {
  const { p50, p99 } = seen(steady);
  assert.deepEqual([p50, p99], [2, 64]);
  assert.deepEqual([seen().p50, seen().p99], [undefined, undefined]);
});

const settled: readonly (readonly [string, string, boolean])[] = [
  ["all ended", steady, true],
  ["a request of before waits", began(1) + seconds(2, 19) + said(20, { waits: 1500 }), false],
  ["a request of later waits", began(1) + seconds(2, 19) + said(20, { waits: 900 }), true],
  ["no word since", began(1) + seconds(2, 18), false],
  ["a client that ended is not waited for", began(1) + said(12, { end: true }), true],
];
for (const [name, text, is] of settled)
  test(`settled by second 19: ${name}`, () =>
    assert.equal(isSettled([readClient({ name: "f", text })], 19_000, 20_000), is));

const cold: readonly (readonly [string, readonly string[], RegExp | undefined])[] = [
  ["two clients with answers of each kind", [steady, steady], undefined],
  ["a failure that is long past", [steady, began(1) + failed(3) + said(4, { failed: 1 }) + seconds(5, 20)], undefined],
  ["a client is missing", [steady], /1 of 2 clients of shop go on/],
  ["a client has ended", [steady, steady + said(20, { end: true })], /1 of 2/],
  ["a client is dead", [steady, began(1) + seconds(2, 10)], /1 of 2/],
  ["a client is young", [steady, began(17) + seconds(18, 20)], /began less than 5 s ago/],
  ["a failure just now", [steady, steady + failed(20)], /http1-new 503 no healthy upstream/],
  [
    "no answer of a kind",
    [
      steady,
      began(1) + [...Array(19).keys()].map((i) => line(i + 2, { counts: { "grpc-kept": each(5) }, waits: 9 })).join(""),
    ],
    /no answer of http1-new/,
  ],
];
for (const [name, texts, says] of cold)
  test(`warm: ${name}`, () => {
    const logs = texts.map((text, index) => readClient({ name: `file-${index}`, text }));
    const why = whyCold(logs, { shop: 2 }, 5, 20_000);
    if (says === undefined) assert.equal(why, undefined);
    else assert.match(why ?? "", says);
  });
