import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { podFrom } from "../../../src/mesh/from/pod.ts";
import { podProxyFrom } from "../../../src/mesh/from/pod-proxy.ts";
import type { ContainerStatus, PodObject } from "../../../src/mesh/kubernetes.ts";
import type { PodProxy } from "../../../src/mesh/model.ts";

type Parts = {
  metadata?: Partial<PodObject["metadata"]>;
  spec?: Partial<PodObject["spec"]>;
  status?: PodObject["status"];
};
const pod = ({ metadata = {}, spec = {}, status = {} }: Parts): PodObject => ({
  metadata: {
    name: "web-1",
    namespace: "production",
    uid: "u",
    creationTimestamp: "2026-11-03T04:05:06Z",
    ...metadata,
  },
  spec: { containers: [], ...spec },
  status,
});

const proxy = { name: "istio-proxy", image: "docker.io/istio/proxyv2:1.20.0-distroless", args: ["proxy", "sidecar"] };
const app = { name: "app", image: "app:7" };
const injectedBy = (revision: string) => ({
  "sidecar.istio.io/status": JSON.stringify({ containers: ["istio-proxy"], revision }),
});
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
    "native sidecar beside another one that is ready, not ready",
    {
      metadata: { annotations: injectedBy("1-29") },
      spec: {
        containers: [app],
        initContainers: [
          { ...app, name: "other", restartPolicy: "Always" },
          { ...proxy, restartPolicy: "Always" },
        ],
      },
      status: {
        initContainerStatuses: [ready("other"), { ...ready("istio-proxy"), ready: false }],
        containerStatuses: [ready("istio-proxy")],
      },
    },
    { kind: "sidecar", revision: "1-29", ...facts, native: true },
  ],
  [
    "sidecar beside another native sidecar, not ready; the application is ready",
    {
      metadata: { annotations: injectedBy("1-20") },
      spec: { containers: [app, proxy], initContainers: [{ ...app, name: "other", restartPolicy: "Always" }] },
      status: { containerStatuses: [ready("app"), { ...ready("istio-proxy"), ready: false }] },
    },
    { kind: "sidecar", revision: "1-20", ...facts },
  ],
  [
    "sidecar beside an init container with the same name, which ends",
    {
      metadata: { annotations: injectedBy("1-20") },
      spec: { containers: [app, proxy], initContainers: [{ ...app, name: "istio-proxy" }] },
      status: { containerStatuses: [ready("istio-proxy")] },
    },
    { kind: "sidecar", revision: "1-20", ...facts, ready: true },
  ],
  [
    "gateway by one of several templates",
    {
      metadata: { annotations: { ...injectedBy("1-20"), "inject.istio.io/templates": "mine, gateway" } },
      spec: { containers: [proxy] },
    },
    { kind: "gateway", revision: "1-20", ...facts },
  ],
  [
    "injected gateway",
    {
      metadata: { annotations: { ...injectedBy("1-20"), "inject.istio.io/templates": "gateway" } },
      spec: { containers: [proxy] },
    },
    { kind: "gateway", revision: "1-20", ...facts },
  ],
  [
    "status that is not JSON",
    {
      metadata: { annotations: { "sidecar.istio.io/status": "{", "istio.io/rev": "1-20" } },
      spec: { containers: [proxy] },
    },
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
      metadata: {
        labels: { "gateway.istio.io/managed": "istio.io-gateway-controller" },
        annotations: { "istio.io/rev": "1-28" },
      },
      spec: { containers: [{ ...proxy, args: ["proxy", "router"] }] },
    },
    { kind: "managed-gateway", revision: "1-28", ...facts },
  ],
  [
    "waypoint by its controller",
    {
      metadata: {
        labels: { "gateway.istio.io/managed": "istio.io-mesh-controller" },
        annotations: { "istio.io/rev": "1-28" },
      },
      spec: { containers: [proxy] },
    },
    { kind: "waypoint", revision: "1-28", ...facts },
  ],
  [
    "waypoint by its class",
    {
      metadata: {
        labels: {
          "gateway.istio.io/managed": "istio.io-gateway-controller",
          "gateway.networking.k8s.io/gateway-class-name": "istio-waypoint",
        },
        annotations: { "istio.io/rev": "1-20" },
      },
      spec: { containers: [proxy] },
    },
    { kind: "waypoint", revision: "1-20", ...facts },
  ],
  [
    "a proxy without labels, by its role: router",
    { spec: { containers: [{ ...proxy, args: ["proxy", "router"] }] } },
    { kind: "static-gateway", revision: undefined, ...facts },
  ],
  [
    "a proxy without labels, by its role: sidecar",
    { spec: { containers: [app, proxy] } },
    { kind: "sidecar", revision: undefined, ...facts },
  ],
  [
    "a container with the proxy's name and another role",
    { spec: { containers: [{ ...proxy, args: ["serve"] }] } },
    undefined,
  ],
  ["a container with the proxy's name and no role", { spec: { containers: [{ name: "istio-proxy" }] } }, undefined],
  [
    "a revision that is empty",
    { metadata: { annotations: injectedBy("") }, spec: { containers: [proxy] } },
    { kind: "sidecar", revision: undefined, ...facts },
  ],
  [
    "ztunnel by the label of later charts",
    {
      metadata: { labels: { "app.kubernetes.io/name": "ztunnel" } },
      spec: { containers: [{ name: "istio-proxy", image: "istio/ztunnel:1.28.2" }] },
    },
    { kind: "ztunnel", revision: undefined, ...facts, version: "1.28.2" },
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
    {
      kind: "ztunnel",
      revision: undefined,
      ...facts,
      version: "1.28.2",
      discoveryAddress: "istiod-1-28.istio-system.svc:15012",
    },
  ],
  [
    "ambient pod",
    { metadata: { annotations: { "ambient.istio.io/redirection": "enabled" } }, spec: { containers: [app] } },
    undefined,
  ],
  [
    "the user's own label is not the revision",
    {
      metadata: { labels: { "istio.io/rev": "prod-stable" }, annotations: injectedBy("1-20") },
      spec: { containers: [proxy] },
    },
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
    "the default discovery address is not in the configuration",
    { metadata: { annotations: injectedBy("default") }, spec: { containers: [config("{}")] } },
    { kind: "sidecar", revision: "default", ...facts, discoveryAddress: "istiod.istio-system.svc:15012" },
  ],
  [
    "a configuration that is not JSON",
    { metadata: { annotations: injectedBy("default") }, spec: { containers: [config("{")] } },
    { kind: "sidecar", revision: "default", ...facts },
  ],
  ...["[]", "5", "null", '{"discoveryAddress":5}'].map(
    (value) =>
      [
        `a configuration of another form: ${value}`,
        { metadata: { annotations: injectedBy("default") }, spec: { containers: [config(value)] } },
        { kind: "sidecar", revision: "default", ...facts },
      ] as const,
  ),
  [
    "gRPC, scheduled, not ready",
    {
      metadata: { annotations: injectedBy("1-20") },
      spec: { containers: [app] },
      status: {
        conditions: [
          { type: "PodScheduled", status: "True" },
          { type: "Ready", status: "False" },
        ],
      },
    },
    { kind: "sidecar", revision: "1-20", ...facts, version: undefined },
  ],
  [
    "gRPC without a status",
    { metadata: { annotations: injectedBy("1-20") }, spec: { containers: [app] } },
    { kind: "sidecar", revision: "1-20", ...facts, version: undefined },
  ],
  [
    "gRPC without a proxy container: the pod's readiness counts",
    {
      metadata: { annotations: injectedBy("1-20") },
      spec: { containers: [app] },
      status: {
        conditions: [
          { type: "Ready", status: "True" },
          { type: "Mine", status: "False" },
        ],
      },
    },
    { kind: "sidecar", revision: "1-20", ...facts, ready: true, version: undefined },
  ],
] as const satisfies readonly (readonly [string, Parts, PodProxy | undefined])[])
  test(`proxy of a pod: ${title}`, () => assert.deepEqual(podProxyFrom(pod(parts)), expected));

test("the fields of a pod", () => {
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
    goneBy: "2026-11-03T05:00:00Z",
    owner: { group: "apps", kind: "ReplicaSet", name: "web-5d", controller: true, uid: "rs" },
    workload: undefined,
    proxy: undefined,
    unreadyContainers: [],
    conditions: [{ type: "PodScheduled", status: "False", reason: "Unschedulable", message: "0/4 nodes" }],
  });
});

test("a pod is ready by its condition Ready only", () => {
  const conditions = [
    { type: "PodScheduled", status: "True" },
    { type: "Ready", status: "False" },
  ];
  const read = podFrom(pod({ status: { conditions } }));
  assert.deepEqual(
    [read.ready, read.conditions],
    [false, [{ type: "Ready", status: "False", reason: "", message: "" }]],
  );
  assert.equal(podFrom(pod({})).ready, false);
});

const status = (name: string, rest: Partial<ContainerStatus>): ContainerStatus => ({
  name,
  ready: false,
  restartCount: 0,
  ...rest,
});
const crashed = { terminated: { exitCode: 3, reason: "Error", message: "boom" } };

for (const [title, containerStatuses, initContainerStatuses, expected] of [
  [
    "all ready",
    [ready("app"), ready("istio-proxy")],
    [status("istio-init", { state: { terminated: { exitCode: 0 } } })],
    [],
  ],
  [
    "cannot pull",
    [status("app", { state: { waiting: { reason: "ImagePullBackOff", message: "no such image" } } })],
    [],
    ["app waiting ImagePullBackOff no such image"],
  ],
  [
    "crash loop, with the message of the last crash",
    [status("app", { state: { waiting: { reason: "CrashLoopBackOff" } }, lastState: crashed, restartCount: 4 })],
    [],
    ["app waiting CrashLoopBackOff boom 3"],
  ],
  ["waiting, without a reason", [status("app", { state: { waiting: {} } })], [], ["app waiting"]],
  [
    "exit code 1, without a reason",
    [status("app", { state: { terminated: { exitCode: 1 } } })],
    [],
    ["app terminated 1"],
  ],
  [
    "running after a crash, not ready",
    [status("app", { state: { running: {} }, lastState: crashed })],
    [],
    ["app not ready Error boom 3"],
  ],
  [
    "native sidecar ended",
    [],
    [status("native", { state: { terminated: { exitCode: 0, reason: "Completed" } } })],
    ["native terminated Completed 0"],
  ],
  ["running, not ready", [status("istio-proxy", { state: { running: {} } })], [], ["istio-proxy not ready"]],
  [
    "an application container that ended",
    [status("app", { state: { terminated: { exitCode: 0, reason: "Completed" } } })],
    [],
    ["app terminated Completed 0"],
  ],
  [
    "init container failed",
    [],
    [status("istio-validation", { state: crashed })],
    ["istio-validation terminated Error boom 3"],
  ],
  ["init container still runs", [], [status("istio-init", { state: { running: {} } })], ["istio-init not ready"]],
  ["native sidecar not ready", [], [status("native", { state: { running: {} } })], ["native not ready"]],
  ["native sidecar ready", [], [ready("native")], []],
] as const satisfies readonly (readonly [
  string,
  readonly ContainerStatus[],
  readonly ContainerStatus[],
  readonly string[],
])[])
  test(`unready containers: ${title}`, () => {
    const { unreadyContainers: troubles } = podFrom(
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

test("any annotation, also a hostile one, gives a pod", () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json()), fc.oneof(fc.string(), fc.json()), (annotation, value) => {
      const read = podProxyFrom(
        pod({
          metadata: { annotations: { "sidecar.istio.io/status": annotation } },
          spec: { containers: [config(value)] },
        }),
      );
      assert.equal(read?.kind, "sidecar");
      assert.ok(read.revision === undefined || read.revision !== "");
    }),
  );
});
