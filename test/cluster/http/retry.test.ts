import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { backoff, waitBefore } from "../../../src/cluster/http/retry.ts";
import { answerOf, type Exchange } from "../../../src/cluster/http/transport.ts";

const answer = (status: number, retryAfter?: string): Exchange =>
  answerOf(status, retryAfter === undefined ? {} : { "retry-after": [retryAfter] }, Buffer.of());
const silence = (code: string, sent: boolean, why: "timeout" | "aborted" | "connection" = "connection"): Exchange => ({
  answered: false,
  sent,
  why,
  code,
});

/** What happened; milliseconds a read waits; milliseconds a write waits. `undefined`: not sent again. Chance is 0.5. */
const cases: readonly (readonly [exchange: Exchange, read: number | undefined, write: number | undefined])[] = [
  [answer(200), undefined, undefined],
  [answer(404), undefined, undefined],
  [answer(409), undefined, undefined],
  [answer(410), undefined, undefined],
  [answer(422), undefined, undefined],
  [answer(429), 150, 150],
  [answer(429, "2"), 2_100, 2_100],
  [answer(429, "9999"), 31_500, 31_500],
  [answer(429, "Wed, 21 Oct 2026 07:28:00 GMT"), 150, 150],
  [answer(429, "-1"), 150, 150],
  [answer(429, "0"), 0, 0],
  [answer(500), 150, undefined],
  [answer(500, "1"), 1_050, 1_050],
  [answer(501), undefined, undefined],
  [answer(502), 150, undefined],
  [answer(503), 150, undefined],
  [answer(503, "1"), 1_050, 1_050],
  [answer(504), 150, undefined],
  [answer(504, "1"), 1_050, undefined],
  [silence("ECONNREFUSED", false), 150, 150],
  [silence("ECONNRESET", false), 150, 150],
  [silence("ECONNRESET", true), 150, undefined],
  [silence("ERR_NO_CONNECTION", false, "timeout"), 150, 150],
  [silence("ERR_NO_RESPONSE", true, "timeout"), 150, undefined],
  [silence("EAI_AGAIN", false), 150, 150],
  [silence("ENOTFOUND", false), undefined, undefined],
  [silence("CERT_HAS_EXPIRED", false), undefined, undefined],
  [silence("UNABLE_TO_VERIFY_LEAF_SIGNATURE", false), undefined, undefined],
  [silence("ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED", false), undefined, undefined],
  [silence("ERR_PROXY_TUNNEL", false), undefined, undefined],
  [silence("ABORT_ERR", false, "aborted"), undefined, undefined],
];

for (const [exchange, read, write] of cases) {
  const title = exchange.answered
    ? `${exchange.status}${exchange.headers["retry-after"] ? ` after ${exchange.headers["retry-after"]}` : ""}`
    : `${exchange.code}${exchange.sent ? ", sent" : ""}`;
  test(`${title}: a read waits ${read ?? "never"}, a write ${write ?? "never"}`, () => {
    assert.equal(
      waitBefore(exchange, true, 1, () => 0.5),
      read,
    );
    assert.equal(
      waitBefore(exchange, false, 1, () => 0.5),
      write,
    );
  });
}

test("backing off grows, never beyond five seconds, never to nothing", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1_000 }), fc.double({ min: 0, max: 1, noNaN: true }), (tries, chance) => {
      const wait = backoff(tries, () => chance);
      assert.ok(wait >= 100 && wait <= 5_000);
      assert.ok(backoff(tries + 1, () => chance) >= wait);
    }),
  );
});

test("a write is never sent again where a read would not be", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 100, max: 599 }),
      fc.option(fc.nat(100).map(String), { nil: undefined }),
      (status, after) => {
        if (waitBefore(answer(status, after), false, 1, () => 0) !== undefined)
          assert.ok(status === 429 || status >= 500);
      },
    ),
  );
});
