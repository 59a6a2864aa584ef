import assert from "node:assert/strict";
import { test } from "node:test";
import { type EventObject, eventFrom } from "../../../src/mesh/from/event.ts";

const event = (change: Partial<EventObject>): EventObject => ({
  metadata: { name: "web.1", uid: "e", creationTimestamp: "2026-11-03T04:00:00Z" },
  involvedObject: { kind: "ReplicaSet", namespace: "production", name: "web-7d4b9", uid: "uid-of-rs" },
  type: "Warning",
  reason: "FailedCreate",
  message: "quota",
  ...change,
});

test("an event has the object that it is about", () =>
  assert.deepEqual(eventFrom(event({})), {
    kind: "ReplicaSet",
    name: "web-7d4b9",
    uid: "uid-of-rs",
    warning: true,
    reason: "FailedCreate",
    message: "quota",
    at: "2026-11-03T04:00:00Z",
  }));

test("the latest of its times counts; null is absent", () => {
  const [first, last, series] = ["2026-11-03T04:01:00Z", "2026-11-03T04:02:00Z", "2026-11-03T04:03:00.000000Z"];
  assert.equal(eventFrom(event({ firstTimestamp: first, lastTimestamp: null, eventTime: null })).at, first);
  assert.equal(eventFrom(event({ firstTimestamp: first, lastTimestamp: last })).at, last);
  assert.equal(
    eventFrom(
      event({ firstTimestamp: null, lastTimestamp: null, eventTime: first, series: { lastObservedTime: series } }),
    ).at,
    series,
  );
});

test("an event without an object is an event", () =>
  assert.deepEqual(eventFrom({ metadata: { name: "web.1", uid: "e" }, involvedObject: {}, type: "Normal" }), {
    kind: "",
    name: "",
    uid: "",
    warning: false,
    reason: "",
    message: "",
    at: "",
  }));
