/** Meshes that the goldens show. */
import type { Mesh } from "../../src/mesh/model.ts";
import { connection, halfMoved, mesh, ownInjector, plane, pod, tag, tagInjector } from "../mesh/mesh-scene.ts";
import { undoRecord } from "../mesh/sound-mesh.ts";

/** No Istio anywhere. */
const empty = mesh({
  namespaces: [{ name: "default" }, { name: "kube-system" }],
  workloads: [{ namespace: "kube-system", name: "coredns", runs: [null] }],
});

/** Everything at once that a mesh can have wrong. */
const troubled = mesh({
  controlPlanes: [
    plane("1-18", {
      deployment: undefined,
      version: undefined,
      installer: "unknown",
      desiredReplicas: 0,
      readyReplicas: 0,
      istiods: [],
    }),
    plane("1-19", { version: "1.19.0", installer: "helm", readyReplicas: 0 }),
    plane("1-20", { desiredReplicas: 2, readyReplicas: 1 }),
  ],
  injectors: [
    ...ownInjector("1-18"),
    ...ownInjector("1-19", { readyEndpoints: 0 }),
    ...ownInjector("1-20"),
    ...tagInjector("default", "1-20"),
    ...tagInjector("old", "1-17"),
  ],
  tags: [tag("canary", "1-20", { injects: false, webhook: undefined }), tag("default", "1-20"), tag("old", "1-17")],
  defaultValidator: { name: "istiod-default-validator", revision: "1-19" },
  namespaces: [
    { name: "120", labels: { "istio.io/rev": "1-18" } },
    { name: "constructor", labels: { "istio.io/rev": "prdo" } },
    { name: "leaving", labels: { "istio.io/rev": "1-20" }, terminating: true },
    {
      name: "mixed",
      labels: { "istio-injection": "enabled", "istio.io/rev": "1-19" },
      annotations: { "kubectl-mesh/undo": undoRecord() },
    },
    { name: "quiet", labels: { "istio.io/dataplane-mode": "ambient" } },
    { name: "refused", labels: { "istio.io/rev": "1-19" } },
  ],
  workloads: [
    { namespace: "120", name: "a", runs: ["1-18", "1-18"] },
    { namespace: "constructor", name: "__proto__", runs: ["1-20", null] },
    { namespace: "mixed", name: "web", runs: ["1-20", "1-19", null] },
    { namespace: "mixed", kind: "DaemonSet", name: "agent", runs: ["1-20"] },
    { namespace: "mixed", kind: "Rollout", name: "canary", runs: [] },
    { namespace: "refused", name: "web", runs: ["1-19"] },
  ],
  pods: [
    pod("mixed", "lonely", "1-20"),
    pod("mixed", "nightly-1-x", "1-19", { owner: { kind: "Job", name: "nightly-1", uid: "uid-of-nightly-1" } }),
  ],
  silent: ["istio-system/istiod-1-19-7f-abc"],
  connected: { "agent-0": null },
  unknown: [
    { subject: "istiod istio-system/istiod-1-19-7f-abc", reason: "no answer within 5s" },
    {
      subject: "Gateways in namespace mixed",
      reason: "gateways.gateway.networking.k8s.io is forbidden",
      namespace: "mixed",
    },
  ],
});

/** Gateways of all kinds, one of which rejects its configuration. */
const gatewayed = mesh({
  controlPlanes: [plane("1-20"), plane("1-21", { version: "1.21.0", installer: "operator" })],
  injectors: [...ownInjector("1-20"), ...ownInjector("1-21")],
  namespaces: [{ name: "edge", labels: { "istio.io/rev": "1-20" } }],
  workloads: [
    {
      namespace: "edge",
      name: "ingress",
      runs: ["1-20", "1-20"],
      gateway: true,
      proxy: { kind: "gateway" },
      podLabels: { "istio.io/rev": "1-20" },
    },
    {
      namespace: "edge",
      name: "gw-istio",
      runs: ["1-21"],
      gateway: true,
      proxy: { kind: "managed-gateway" },
      labels: { "gateway.networking.k8s.io/gateway-name": "gw" },
      podLabels: { "gateway.networking.k8s.io/gateway-name": "gw", "sidecar.istio.io/inject": "false" },
    },
  ],
  gateways: [
    { namespace: "edge", name: "gw", uid: "uid-of-gw", className: "istio", waypoint: false, pinned: "1-21" },
    {
      namespace: "edge",
      name: "way",
      uid: "uid-of-way",
      className: "istio-waypoint",
      waypoint: true,
      pinned: undefined,
    },
  ],
});
const rejected = connection("edge", "ingress-0", {
  type: "router",
  lds: "rejected",
  rejected: [{ type: "LDS", message: "listener \u001b[31m0.0.0.0_80\u202e is broken" }],
});

export const meshes: Readonly<Record<string, Mesh>> = {
  empty,
  "half-moved": halfMoved,
  troubled,
  gateways: {
    ...gatewayed,
    answers: gatewayed.answers.map((answer) =>
      answer.kind === "answered" && answer.revision === "1-20"
        ? { ...answer, proxies: [rejected, ...answer.proxies.filter(({ pod }) => pod !== "ingress-0")] }
        : answer,
    ),
  },
};
