import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { ContainerStatus, PodObject } from "../../src/mesh/kubernetes.ts";
import type { PodProxy } from "../../src/mesh/model.ts";
import { podFrom } from "../../src/mesh/pod.ts";
import { podProxyFrom } from "../../src/mesh/pod-proxy.ts";

type Parts = { metadata?: Partial<PodObject["metadata"]>; spec?: Partial<PodObject["spec"]>; status?: PodObject["status"] };
const pod = ({ metadata = {}, spec = {}, status = {} }: Parts): PodObject => ({
  metadata: { name: "web-1", namespace: "production", uid: "u", creationTimestamp: "2026-11-03T04:05:06Z", ...metadata },
  spec: { containers: [], ...spec },
  status,
});

const proxy = { name: "istio-proxy", image: "docker.io/istio/proxyv2:1.20.0-distroless", args: ["proxy", "sidecar"] };
const app = { name: "app", image: "app:7" };
const injectedBy = (revision: string) => ({ "sidecar.istio.io/status": JSON.stringify({ containers: ["istio-proxy"], revision }) });
const config = (value: string) => ({ ...proxy, env: [{ name: "PROXY_CONFIG", value }] });
const ready = (name: string): ContainerStatus => ({ name, ready: true, restartCount: 0, state: { running: {} } });
const facts = { container: "istio-proxy", native: false, ready: false, version: "1.20.0", discoveryAddress: undefined };

for (const [title, parts, expected] of [
  ["no proxy", { spec: { containers: [app] } }, undefined],
  [
    "sidecar",
    {
      metadata: { annotations: injectedBy("1-20") },
      spec: { containers: [app, proxy] },
      status: { containerStatuses: [ready("istio-proxy")] },
    },
    { kind: "sidecar", revision: "1-20", ...facts, ready: true },
  ],
  [
    "native sidecar",
    {
      metadata: { annotations: injectedBy("1-29") },
      spec: { containers: [app], initContainers: [{ ...proxy, restartPolicy: "Always" }] },
      status: { initContainerStatuses: [ready("istio-proxy")] },
    },
    { kind: "sidecar", revision: "1-29", ...facts, native: true, ready: true },
  ],
  [
    "injected gateway",
    { metadata: { annotations: { ...injectedBy("1-20"), "inject.istio.io/templates": "gateway" } }, spec: { containers: [proxy] } },
    { kind: "gateway", revision: "1-20", ...facts },
  ],
  [
    "status that is no JSON",
    { metadata: { annotations: { "sidecar.istio.io/status": "{", "istio.io/rev": "1-20" } }, spec: { containers: [proxy] } },
    { kind: "sidecar", revision: undefined, ...facts },
  ],
  [
    "status without revision",
    { metadata: { annotations: { "sidecar.istio.io/status": "[]" } }, spec: { containers: [proxy] } },
    { kind: "sidecar", revision: undefined, ...facts },
  ],
  [
    "revision of another type",
    { metadata: { annotations: { "sidecar.istio.io/status": '{"revision":120}' } }, spec: { containers: [proxy] } },
    { kind: "sidecar", revision: undefined, ...facts },
  ],
  [
    "managed gateway",
    {
      metadata: { labels: { "gateway.istio.io/managed": "istio.io-gateway-controller" }, annotations: { "istio.io/rev": "1-28" } },
      spec: { containers: [{ ...proxy, args: ["proxy", "router"] }] },
    },
    { kind: "managed-gateway", revision: "1-28", ...facts },
  ],
  [
    "waypoint by its controller",
    {
      metadata: { labels: { "gateway.istio.io/managed": "istio.io-mesh-controller" }, annotations: { "istio.io/rev": "1-28" } },
      spec: { containers: [proxy] },
    },
    { kind: "waypoint", revision: "1-28", ...facts },
  ],
  [
    "static gateway",
    {
      metadata: {
        labels: { "operator.istio.io/component": "IngressGateways", "istio.io/rev": "default" },
        annotations: { "istio.io/rev": "default" },
      },
      spec: { containers: [proxy] },
    },
    { kind: "static-gateway", revision: "default", ...facts },
  ],
  [
    "ztunnel",
    {
      metadata: { labels: { app: "ztunnel" } },
      spec: {
        containers: [
          {
            name: "istio-proxy",
            image: "istio/ztunnel:1.28.2",
            env: [{ name: "XDS_ADDRESS", value: "istiod-1-28.istio-system.svc:15012" }],
          },
        ],
      },
    },
    { kind: "ztunnel", revision: undefined, ...facts, version: "1.28.2", discoveryAddress: "istiod-1-28.istio-system.svc:15012" },
  ],
  ["ambient pod", { metadata: { annotations: { "ambient.istio.io/redirection": "enabled" } }, spec: { containers: [app] } }, undefined],
  [
    "the user's own label is no revision",
    { metadata: { labels: { "istio.io/rev": "prod-stable" }, annotations: injectedBy("1-20") }, spec: { containers: [proxy] } },
    { kind: "sidecar", revision: "1-20", ...facts },
  ],
  [
    "discovery address",
    {
      metadata: { annotations: injectedBy("1-20") },
      spec: { containers: [config('{"discoveryAddress":"istiod-1-20.istio-system.svc:15012"}')] },
    },
    { kind: "sidecar", revision: "1-20", ...facts, discoveryAddress: "istiod-1-20.istio-system.svc:15012" },
  ],
  [
    "the default discovery address is left out",
    { metadata: { annotations: injectedBy("default") }, spec: { containers: [config("{}")] } },
    { kind: "sidecar", revision: "default", ...facts, discoveryAddress: "istiod.istio-system.svc:15012" },
  ],
  [
    "a configuration that is no JSON",
    { metadata: { annotations: injectedBy("default") }, spec: { containers: [config("{")] } },
    { kind: "sidecar", revision: "default", ...facts },
  ],
  [
    "gRPC without a proxy container counts the pod's readiness",
    {
      metadata: { annotations: injectedBy("1-20") },
      spec: { containers: [app] },
      status: { conditions: [{ type: "Ready", status: "True" }] },
    },
    { kind: "sidecar", revision: "1-20", ...facts, ready: true, version: undefined },
  ],
] as const satisfies readonly (readonly [string, Parts, PodProxy | undefined])[])
  test(`proxy of a pod: ${title}`, () => assert.deepEqual(podProxyFrom(pod(parts)), expected));

test("a pod keeps what is looked at", () => {
  const owner = { apiVersion: "apps/v1", kind: "ReplicaSet", name: "web-5d", uid: "rs", controller: true };
  const object = pod({
    metadata: {
      labels: { app: "web" },
      ownerReferences: [{ ...owner, kind: "Other", uid: "x", controller: false }, owner],
      deletionTimestamp: "2026-11-03T05:00:00Z",
    },
    spec: { nodeName: "node-1", containers: [app] },
    status: {
      phase: "Running",
      podIP: "10.0.0.1",
      conditions: [
        { type: "Ready", status: "True" },
        { type: "PodScheduled", status: "False", reason: "Unschedulable", message: "0/4 nodes" },
      ],
    },
  });
  assert.deepEqual(podFrom(object), {
    namespace: "production",
    name: "web-1",
    uid: "u",
    labels: { app: "web" },
    createdAt: "2026-11-03T04:05:06Z",
    phase: "Running",
    ip: "10.0.0.1",
    node: "node-1",
    ready: true,
    terminating: true,
    owner: { kind: "ReplicaSet", name: "web-5d", uid: "rs" },
    workload: undefined,
    proxy: undefined,
    troubles: [],
    conditions: [{ type: "PodScheduled", status: "False", reason: "Unschedulable", message: "0/4 nodes" }],
  });
});

const status = (name: string, rest: Partial<ContainerStatus>): ContainerStatus => ({ name, ready: false, restartCount: 0, ...rest });
const crashed = { terminated: { exitCode: 3, reason: "Error", message: "boom" } };

for (const [title, containerStatuses, initContainerStatuses, expected] of [
  ["all well", [ready("app"), ready("istio-proxy")], [status("istio-init", { state: { terminated: { exitCode: 0 } } })], []],
  [
    "cannot pull",
    [status("app", { state: { waiting: { reason: "ImagePullBackOff", message: "no such image" } } })],
    [],
    ["app waiting ImagePullBackOff no such image"],
  ],
  [
    "crash loop, with the words of the last crash",
    [status("app", { state: { waiting: { reason: "CrashLoopBackOff" } }, lastState: crashed, restartCount: 4 })],
    [],
    ["app waiting CrashLoopBackOff boom 3"],
  ],
  ["running, not ready", [status("istio-proxy", { state: { running: {} } })], [], ["istio-proxy not ready"]],
  [
    "ended, though it should run",
    [status("app", { state: { terminated: { exitCode: 0, reason: "Completed" } } })],
    [],
    ["app terminated Completed 0"],
  ],
  ["init container failed", [], [status("istio-validation", { state: crashed })], ["istio-validation terminated Error boom 3"]],
  ["init container still runs", [], [status("istio-init", { state: { running: {} } })], ["istio-init not ready"]],
  ["native sidecar not ready", [], [status("native", { state: { running: {} } })], ["native not ready"]],
  ["native sidecar ready", [], [ready("native")], []],
] as const satisfies readonly (readonly [string, readonly ContainerStatus[], readonly ContainerStatus[], readonly string[]])[])
  test(`troubles of containers: ${title}`, () => {
    const { troubles } = podFrom(
      pod({
        spec: { initContainers: [{ name: "istio-init" }, { name: "native", restartPolicy: "Always" }] },
        status: { containerStatuses, initContainerStatuses },
      }),
    );
    const text = troubles.map(({ container, state, reason, message, exitCode }) =>
      [container, state, reason, message, exitCode].filter((part) => part !== "" && part !== undefined).join(" "),
    );
    assert.deepEqual(text, expected);
  });

test("no annotation, however hostile, stops a pod from being read", () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json()), fc.oneof(fc.string(), fc.json()), (annotation, value) => {
      const read = podProxyFrom(
        pod({ metadata: { annotations: { "sidecar.istio.io/status": annotation } }, spec: { containers: [config(value)] } }),
      );
      assert.equal(read?.kind, "sidecar");
      assert.ok(read.revision === undefined || read.revision !== "");
    }),
  );
});
