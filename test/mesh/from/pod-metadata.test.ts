import assert from "node:assert/strict";
import { test } from "node:test";
import { podFrom, podFromMetadata } from "../../../src/mesh/from/pod.ts";
import type { ContainerSpec, Labels, PodObject } from "../../../src/mesh/kubernetes.ts";

const proxy: ContainerSpec = { name: "istio-proxy", image: "istio/proxyv2:1.20.0", args: ["proxy", "sidecar"] };
const router: ContainerSpec = { ...proxy, args: ["proxy", "router"] };
const app: ContainerSpec = { name: "app" };
const injected = {
  "sidecar.istio.io/status": '{"revision":"1-20","containers":["istio-proxy"]}',
  "istio.io/rev": "1-20",
};

/** Pods as Istio's charts, templates and controllers make them. */
const pods: Record<string, [labels: Labels, annotations: Labels, spec: PodObject["spec"]]> = {
  "a sidecar": [{ app: "web" }, injected, { containers: [app, proxy] }],
  "a native sidecar": [
    { app: "web" },
    injected,
    { initContainers: [{ ...proxy, restartPolicy: "Always" }], containers: [app] },
  ],
  "an injected gateway": [{}, { ...injected, "inject.istio.io/templates": "gateway" }, { containers: [router] }],
  "a managed gateway": [
    { "gateway.istio.io/managed": "istio.io-gateway-controller" },
    { "istio.io/rev": "1-20" },
    { containers: [router] },
  ],
  "a waypoint": [
    { "gateway.istio.io/managed": "istio.io-mesh-controller" },
    { "istio.io/rev": "1-20" },
    { containers: [router] },
  ],
  "a static gateway": [
    { "operator.istio.io/component": "IngressGateways" },
    { "istio.io/rev": "1-20" },
    { containers: [router] },
  ],
  ztunnel: [{ app: "ztunnel" }, {}, { containers: [{ ...proxy, args: ["proxy", "ztunnel"] }] }],
  "a pod outside the mesh": [{ app: "web", "istio.io/rev": "1-20" }, {}, { containers: [app] }],
  "a pod in ambient mode": [{}, { "ambient.istio.io/redirection": "enabled" }, { containers: [app] }],
};

for (const [name, [labels, annotations, spec]] of Object.entries(pods)) {
  test(`${name}: its metadata give its name, proxy and revision, and not its state`, () => {
    const metadata = {
      name: "web-1",
      namespace: "a",
      uid: "u",
      labels,
      annotations,
      creationTimestamp: "2026-11-03T04:05:06Z",
    };
    const whole = podFrom({
      metadata,
      spec,
      status: { phase: "Running", conditions: [{ type: "Ready", status: "True" }] },
    });
    const known = podFromMetadata({ metadata });
    assert.deepEqual([known.proxy?.kind, known.proxy?.revision], [whole.proxy?.kind, whole.proxy?.revision]);
    assert.deepEqual({ ...known, proxy: undefined }, { ...whole, proxy: undefined, phase: "Unknown", ready: false });
    assert.equal(known.proxy?.version, undefined);
  });
}
