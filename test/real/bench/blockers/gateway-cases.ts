/** Gateways that follow the label of their namespace, and what their running pods get meanwhile. */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { isReady } from "../../../contract/verify-result.ts";
import { deployment } from "../../../fixtures/workload-objects.ts";
import type { Json } from "../../kit.ts";
import { type BlockerCase, configurationOf, endOf, type Stage } from "./case.ts";

const managed = (namespace: string) => ({
  ...{ apiVersion: "gateway.networking.k8s.io/v1", kind: "Gateway" },
  metadata: { namespace, name: "edge", annotations: { "life/terminate-after": "20000ms" } },
  spec: {
    gatewayClassName: "istio",
    listeners: [{ name: "http", port: 80, protocol: "HTTP" }],
    infrastructure: { annotations: { "life/terminate-after": "20000ms", "life/ready-after": "20000ms" } },
  },
});
const route = (namespace: string) => ({
  ...{ apiVersion: "gateway.networking.k8s.io/v1", kind: "HTTPRoute", metadata: { name: "web", namespace } },
  spec: { parentRefs: [{ name: "edge" }], rules: [{ backendRefs: [{ name: "web", port: 80 }] }] },
});
const service = (namespace: string) => ({
  ...{ apiVersion: "v1", kind: "Service", metadata: { namespace, name: "web" } },
  spec: { selector: { app: "web" }, ports: [{ name: "http", port: 80 }] },
});

/** By their names: the label that tells a Gateway's pods has another key since Istio 1.21. */
const gatewayPods = async ({ mesh, namespace }: Stage): Promise<readonly Json[]> =>
  (await mesh.pods(namespace)).filter(({ metadata }) => metadata.name.startsWith("edge-istio-"));

/** Its first pod, once it is ready and its istiod gives it a listener of port 80. */
const served = (stage: Stage, revision: string): Promise<string> =>
  stage.mesh.eventually("the Gateway to be served", async () => {
    const [pod] = await gatewayPods(stage);
    if (!isReady(pod) || !(await listens(stage, revision, pod.metadata.name))) return false;
    return pod.metadata.name as string;
  });

const listens = async ({ mesh, namespace }: Stage, revision: string, pod: string): Promise<boolean> =>
  (await configurationOf(mesh, revision, pod, namespace)).includes("0.0.0.0_80");

const prepare = async (stage: Stage, revision: string): Promise<void> => {
  const { mesh, namespace } = stage;
  await mesh.apply([
    deployment({ namespace, name: "web", replicas: 2 }),
    service(namespace),
    managed(namespace),
    route(namespace),
  ]);
  first.set(namespace, await served(stage, revision));
};
/** The pod that served the Gateway of a namespace before, and what was seen of it. */
const first = new Map<string, string>();
const emptied = new Map<string, string>();

const accept = () => ["--allow-downtime", "gateway/edge"];

/**
 * Looks what the old istiod has for the old pod as long as that is ready, and touches the Gateway once there is a new
 * pod: an istiod judges anew whose a Gateway is when the object changes.
 */
async function watchOldPod(stage: Stage, signal: AbortSignal): Promise<void> {
  const { mesh, namespace } = stage;
  const pod = first.get(namespace) ?? "";
  let touched = false;
  while (!signal.aborted) {
    const pods = await gatewayPods(stage);
    const old = pods.find(({ metadata }) => metadata.name === pod);
    if (old === undefined || !isReady(old) || old.metadata.deletionTimestamp) return;
    if (!(await listens(stage, "1-28", pod).catch(() => true))) {
      const when = touched ? "after somebody had annotated the Gateway" : "by itself";
      emptied.set(namespace, `while the old pod was ready, its istiod took its listener of port 80 away ${when}`);
      return;
    }
    if (!touched && pods.length > 1) {
      await sleep(3000);
      await mesh.kubectl(["-n", namespace, "annotate", "gateways.gateway.networking.k8s.io", "edge", "touched=yes"]);
      touched = true;
    }
    await sleep(100);
  }
}

/** Nobody restarted it, and its pod is another. */
async function replaced(stage: Stage, target: string): Promise<string> {
  const { mesh, namespace } = stage;
  await mesh.eventually("the Gateway's pod to be replaced", async () => {
    const names = (await gatewayPods(stage))
      .filter((pod) => pod.metadata.deletionTimestamp === undefined && isReady(pod))
      .map(({ metadata }) => metadata.name);
    return names.length > 0 && !names.includes(first.get(namespace));
  });
  const { spec } = await mesh.api.get(`/apis/apps/v1/namespaces/${namespace}/deployments/edge-istio`);
  const image: string = spec.template.spec.containers[0].image.split("/").at(-1);
  return `istiod of ${target} has rewritten the Gateway's Deployment (image ${image}), and its pod is another one, though nobody restarted it`;
}

export const gatewayCases: readonly BlockerCase[] = [
  {
    check: "gateways-pinned",
    setUp: "Gateway `edge` without a label of its own, and Deployment `web`; Istio 1.19.0 to 1.20.0",
    prepare: (stage) => prepare(stage, "default"),
    accept,
    happened: async (stage, wentOn) => {
      assert.equal(wentOn.code, 0, wentOn.stderr);
      return `${endOf(wentOn)}; ${await replaced(stage, "1-20")}`;
    },
  },
  {
    check: "gateways-pinned",
    variant: "1.28",
    setUp: "the same with Istio 1.28.2 to 1.29.1",
    labels: { "istio.io/rev": "1-28" },
    to: "1-29",
    alone: true,
    revisions: [
      ["1-28", "1.28.2", []],
      ["1-29", "1.29.1", []],
    ],
    prepare: (stage) => prepare(stage, "1-28"),
    accept,
    meanwhile: watchOldPod,
    happened: async (stage, wentOn) => {
      assert.equal(wentOn.code, 0, wentOn.stderr);
      const moved = await replaced(stage, "1-29");
      const seen = emptied.get(stage.namespace);
      const outage =
        seen === undefined
          ? "that the old istiod empties the configuration of the old pod (istio/istio#59959) was **not seen**, until it was gone"
          : `${seen} (istio/istio#59959)`;
      return `${endOf(wentOn)}; ${moved}; ${outage}`;
    },
  },
];
