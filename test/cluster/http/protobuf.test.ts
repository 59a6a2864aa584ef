import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { listReader, podMessage } from "../../../src/cluster/http/messages.ts";
import {
  always,
  count,
  type Field,
  flag,
  inlined,
  listOf,
  MalformedMessage,
  mapOf,
  reader,
  setFlag,
  text,
  texts,
  time,
  within,
} from "../../../src/cluster/http/protobuf.ts";
import type { PodObject } from "../../../src/mesh/kubernetes.ts";
import { field, listBody, message, podBytes, podNamed, varint } from "../wire.ts";

const read = (one: Field<unknown>, bytes: Buffer): unknown =>
  reader<{ readonly value?: unknown }>({ value: one as Field<NonNullable<unknown>> })(bytes, 0, bytes.length).value;

const cases: readonly (readonly [title: string, field: Field<unknown>, wire: Buffer, value: unknown])[] = [
  ["text", text(1), field(1, "größe"), "größe"],
  ["text that is empty", text(1), field(1, ""), undefined],
  ["text that must be", always(text(1), ""), message(), ""],
  ["a field of two bytes", text(24), field(24, "Always"), "Always"],
  ["the last of several", text(1), message(field(1, "a"), field(1, "b")), "b"],
  ["a number", count(2), field(2, 300), 300],
  ["a number beyond 32 bits", count(2), field(2, 2 ** 40 + 5), 2 ** 40 + 5],
  ["a negative number", count(2), field(2, -1), -1],
  ["zero", count(2), field(2, 0), undefined],
  ["zero that must be", always(count(2), 0), field(2, 0), 0],
  ["a flag", flag(3), field(3, true), true],
  ["a flag that is off", flag(3), field(3, false), undefined],
  ["a flag that was set off", setFlag(3), field(3, false), false],
  ["texts, empty ones too", texts(4), message(field(4, "-x"), field(4, "")), ["-x", ""]],
  ["a map", mapOf(5), message(field(5, message(field(1, "a"), field(2, "b")))), { a: "b" }],
  ["a map's empty value", mapOf(5), message(field(5, message(field(1, "a"), field(2, "")))), { a: "" }],
  [
    "quantities",
    mapOf(5, inlined(2, text(1))),
    message(field(5, message(field(1, "cpu"), field(2, message(field(1, "100m")))))),
    { cpu: "100m" },
  ],
  ["a time", time(6), field(6, message(field(1, 1_700_000_000), field(2, 0))), "2023-11-14T22:13:20Z"],
  ["no time", time(6), field(6, message()), undefined],
  ["an empty message", within<{ readonly a?: string }>(7, { a: text(1) }), field(7, message()), {}],
  [
    "a list",
    listOf<{ readonly a?: string }>(8, { a: text(1) }),
    message(field(8, field(1, "x")), field(8, message())),
    [{ a: "x" }, {}],
  ],
  [
    "an inlined field",
    inlined(9, within<{ readonly a?: string }>(10, { a: text(1) })),
    field(9, field(10, field(1, "x"))),
    { a: "x" },
  ],
  ["an inlined field that is not there", inlined(9, text(10)), field(9, field(3, "other")), undefined],
];

for (const [title, one, wire, value] of cases)
  test(`${title} is read as JSON has it`, () => assert.deepEqual(read(one, wire), value));

test("what is not asked for is skipped, of whatever type", () => {
  const others = message(
    field(9, 1),
    field(10, "x"),
    varint(11 * 8 + 1),
    Buffer.alloc(8, 255),
    varint(12 * 8 + 5),
    Buffer.alloc(4, 255),
  );
  assert.equal(read(text(1), message(others, field(1, "a"), others)), "a");
});

test("keys that mean something to JavaScript stay keys", () => {
  const keys = ["__proto__", "constructor", "120"];
  const map = read(mapOf(1), message(...keys.map((key) => field(1, message(field(1, key), field(2, "v")))))) as object;
  assert.deepEqual(Object.keys(map).toSorted(), keys.toSorted());
  assert.equal(Object.getPrototypeOf(map), Object.prototype);
});

test("every number is read as it was written", () =>
  fc.assert(fc.property(fc.maxSafeInteger(), (value) => read(always(count(1), 0), field(1, value)) === value)));

const damaged: readonly (readonly [title: string, wire: Buffer])[] = [
  ["a text where a number should be", field(2, "x")],
  ["a type that there is not", varint(2 * 8 + 3)],
  ["a length beyond the end", message(varint(9 * 8 + 2), varint(5), Buffer.from("abc"))],
  ["an integer without an end", message(varint(2 * 8), Buffer.alloc(11, 128))],
];
for (const [title, wire] of damaged)
  test(`${title} is no message`, () => assert.throws(() => read(count(2), wire), MalformedMessage));

test("a list that breaks off anywhere is malformed", () => {
  const body = listBody("v1", "PodList", [podNamed("a"), podNamed("b")]);
  const readAll = (bytes: Buffer): string[] => listReader(podMessage)(bytes).items.map((item) => item().metadata.name);
  assert.deepEqual(readAll(body), ["a", "b"]);
  // Its last four bytes are two empty fields.
  for (let size = 0; size < body.length - 4; size++)
    assert.throws(() => readAll(body.subarray(0, size)), MalformedMessage, `${size} bytes`);
});

const at = "2026-01-02T03:04:05Z";
const pod: PodObject = {
  metadata: {
    name: "web-0",
    namespace: "shop",
    uid: "u-1",
    resourceVersion: "7",
    generation: 2,
    labels: { app: "web", empty: "" },
    annotations: { "sidecar.istio.io/status": '{"revision":"1-20"}' },
    creationTimestamp: at,
    deletionTimestamp: at,
    ownerReferences: [{ apiVersion: "apps/v1", kind: "StatefulSet", name: "web", uid: "u-2", controller: false }],
  },
  spec: {
    containers: [
      {
        name: "app",
        image: "app:1",
        args: ["-x", ""],
        env: [{ name: "A", value: "b" }, { name: "FROM" }],
        ports: [{ containerPort: 80 }, { containerPort: 81, hostPort: 8081 }],
        resources: { requests: { cpu: "100m" }, limits: { memory: "1Gi" } },
      },
    ],
    initContainers: [{ name: "istio-proxy", restartPolicy: "Always", resources: {} }],
    hostNetwork: true,
    nodeName: "node-1",
    serviceAccountName: "default",
    volumes: [{ name: "data", persistentVolumeClaim: { claimName: "data-web-0" } }, { name: "token" }],
  },
  status: {
    phase: "Running",
    reason: "Evicted",
    message: "low on disk",
    podIP: "10.0.0.7",
    startTime: at,
    conditions: [
      { type: "Ready", status: "False", reason: "ContainersNotReady", message: "app", lastTransitionTime: at },
    ],
    containerStatuses: [
      {
        name: "app",
        image: "app:1",
        ready: false,
        started: false,
        restartCount: 3,
        state: { waiting: { reason: "CrashLoopBackOff", message: "back-off" } },
        lastState: { terminated: { exitCode: 0, reason: "Completed", message: "bye", finishedAt: at } },
      },
    ],
    initContainerStatuses: [
      { name: "istio-proxy", ready: true, restartCount: 0, state: { running: { startedAt: at } }, lastState: {} },
    ],
  },
};

test("a pod of which all is known comes as it is", () => {
  const [item] = listReader(podMessage)(listBody("v1", "PodList", [podBytes(pod)])).items;
  assert.deepEqual(item?.(), pod);
});
