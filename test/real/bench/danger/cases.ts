/** The danger cases on the real mesh, by the names that docs/danger.md has for them. */
import { customObject } from "../../../fixtures/custom-object.ts";
import { barePod, cronJob, deployment, rollout } from "../../../fixtures/workload-objects.ts";
import type { Json, Mesh, Result, RunOptions } from "../../kit.ts";
import * as objects from "./objects.ts";
import {
  istioWrite,
  newListener,
  newPod,
  objectAt,
  type Probe,
  proxyOf,
  readersOf,
  service,
  wayBack,
} from "./probes.ts";

export interface DangerCase {
  readonly what: string;
  /** Objects that are applied before, and deleted after. */
  readonly objects?: (mesh: Mesh) => Promise<readonly Json[]> | readonly Json[];
  /** Another change, after the objects are there. */
  readonly begin?: (mesh: Mesh) => Promise<unknown>;
  /** Takes back what `begin` did, and what the uninstall left. */
  readonly end?: (mesh: Mesh) => Promise<unknown>;
  readonly probes: readonly Probe[];
  /** The plugin's run of this case; `--check-only` unless given. */
  readonly cleanup?: (mesh: Mesh) => Promise<Result>;
  /** A change after that run and before the uninstall. */
  readonly beforeUninstall?: (mesh: Mesh) => Promise<unknown>;
  /** A change once istioctl has printed something: it has looked at the proxies then. */
  readonly meanwhile?: (mesh: Mesh) => Promise<unknown>;
  /** Why it is not measured. */
  readonly notMeasured?: string;
}

const { label } = objects;
const off = { replicas: 0 };
const ready = (mesh: Mesh, ...pods: readonly string[]): Promise<unknown> =>
  Promise.all(
    pods.map((prefix) =>
      mesh.eventually(`the proxy of ${prefix}`, async () =>
        [...(await mesh.heldProxies(["1-19"])).keys()].some((proxy) => proxy.startsWith(prefix)),
      ),
    ),
  );
const namespace = (name: string, labels: object): Json => ({
  apiVersion: "v1",
  kind: "Namespace",
  metadata: { name, labels },
});
const deleteTag = (name: string) => async (mesh: Mesh) => {
  await mesh.kubectl(["delete", "mutatingwebhookconfiguration", `istio-revision-tag-${name}`, "--ignore-not-found"]);
  await mesh.kubectl(["delete", "service", "-n", "istio-system", `istiod-revision-tag-${name}`, "--ignore-not-found"]);
};
/** A namespace with the tag's label is there for the probe alone: mesh-cleanup has to find the tag without it. */
const tagged = (name: string): Pick<DangerCase, "beforeUninstall" | "end" | "probes"> => ({
  beforeUninstall: (mesh) => mesh.createNamespace({ "istio.io/rev": name }, `tagged-${name}`),
  end: async (mesh) => {
    await deleteTag(name)(mesh);
    await mesh.kubectl(["delete", "namespace", `tagged-${name}`]);
  },
  probes: [newPod(`tagged-${name}`)],
});
/** A migration of a namespace of its own: its record has the UID that the istiod of 1-19 has today. */
async function halfMigrated(mesh: Mesh): Promise<void> {
  await mesh.createNamespace({ ...label }, "halfway");
  await mesh.apply([deployment({ namespace: "halfway", name: "web", replicas: 2 })]);
  await mesh.waitReady("halfway");
  const { code, stderr } = await mesh.run("mesh-migrate", ["-n", "halfway", "--to", "1-20"]);
  if (code !== 0) throw new Error(`mesh-migrate ended with ${code}:\n${stderr}`);
  const at = "/api/v1/namespaces/halfway";
  const { metadata } = await mesh.api.get(at);
  const record = JSON.parse(metadata.annotations["kubectl-mesh/undo"]);
  await mesh.api.merge(at, {
    metadata: { annotations: { "kubectl-mesh/undo": JSON.stringify({ ...record, state: "open" }) } },
  });
}

/** The whole command, with a short drain. */
const remove = (mesh: Mesh, options: RunOptions = {}): Promise<Result> => {
  const args = ["--soak", "0s", "--reason", "a bench", "--drain", "10s", "--yes"];
  return mesh.run("mesh-cleanup", ["--revision", "1-19", ...args], options);
};
const deleteLateProxy = (mesh: Mesh): Promise<string> =>
  mesh.kubectl(["delete", "pod", "-n", "plain", "late", "--ignore-not-found"]);
async function removeWithLateProxy(mesh: Mesh): Promise<Result> {
  let applied: Promise<void> | undefined;
  const result = await remove(mesh, {
    onStderr: (text) => {
      if (/left, nothing needs it/.test(text)) applied ??= mesh.apply(objects.lateProxy);
    },
  });
  await applied;
  return result;
}

export const dangerCases: readonly DangerCase[] = [
  { what: "namespace label only", objects: () => [namespace("empty", label)], probes: [newPod("empty")] },
  {
    what: "template label only, Deployment at 0",
    objects: () => [deployment({ namespace: "plain", name: "off", labels: label, ...off })],
    probes: [newPod("plain", label)],
  },
  {
    what: "CronJob",
    objects: () => [cronJob({ namespace: "plain", name: "nightly", labels: label })],
    probes: [newPod("plain", label)],
  },
  {
    what: "Argo Rollout at 0",
    objects: () => [rollout({ namespace: "plain", name: "canary", labels: label, ...off })],
    probes: [newPod("plain", label)],
  },
  { what: "tag", begin: (mesh) => mesh.setTag("old", "1-19"), ...tagged("old") },
  {
    what: "tag whose label names the new revision",
    objects: async (mesh) => [await objects.tagWebhook(mesh, "lies", "1-20")],
    ...tagged("lies"),
  },
  {
    what: "tag whose label is its own name",
    objects: async (mesh) => [await objects.tagWebhook(mesh, "aro", "aro")],
    ...tagged("aro"),
  },
  { what: "default validator", objects: async (mesh) => [await objects.validator(mesh)], probes: [istioWrite] },
  {
    what: "Gateway API gateway",
    objects: () => [objects.gateway("gw", "istio")],
    begin: (mesh) => ready(mesh, "gw-istio-"),
    probes: [proxyOf("plain", "gw-istio-"), newListener("plain", "gw")],
  },
  {
    what: "waypoint",
    objects: () => [objects.gateway("way", "istio-waypoint")],
    probes: [],
    notMeasured:
      "istiod 1.19.0 deploys waypoints only with PILOT_ENABLE_AMBIENT_CONTROLLERS, which the minimal profile does not set",
  },
  {
    what: "HTTPRoute labelled with it",
    objects: () => [customObject("HTTPRoute", "r", "plain", label)],
    probes: [readersOf("HTTPRoute", "plain", "r")],
  },
  {
    what: "Istio objects labelled with it",
    objects: () => [
      customObject("AuthorizationPolicy", "deny", "plain", label),
      customObject("EnvoyFilter", "mine", "plain", label),
    ],
    probes: [readersOf("AuthorizationPolicy", "plain", "deny"), readersOf("EnvoyFilter", "plain", "mine")],
  },
  { what: "istiod-vs", objects: () => [objects.istiodVs], probes: [service] },
  { what: "a TLSRoute to its Service", objects: () => [objects.tlsRoute], probes: [service] },
  { what: "ztunnel's XDS_ADDRESS", objects: () => [objects.ztunnel], probes: [service] },
  {
    what: "one pod left on it",
    objects: () => [barePod({ namespace: "plain", name: "left", labels: label })],
    begin: (mesh) => ready(mesh, "left.plain"),
    probes: [proxyOf("plain", "left")],
  },
  {
    what: "a pod that is terminating",
    objects: () => [barePod({ namespace: "plain", name: "left", labels: label, terminateAfter: 60_000 })],
    async begin(mesh) {
      await ready(mesh, "left.plain");
      await mesh.kubectl(["delete", "pod", "-n", "plain", "left", "--wait=false"]);
    },
    probes: [proxyOf("plain", "left")],
  },
  {
    what: "default tag",
    objects: () => [namespace("legacy", { "istio-injection": "enabled" })],
    begin: (mesh) => mesh.setTag("default", "1-19"),
    probes: [newPod("legacy"), istioWrite],
  },
  {
    what: "an unfinished migration",
    begin: halfMigrated,
    end: (mesh) => mesh.kubectl(["delete", "namespace", "halfway"]),
    probes: [wayBack("halfway")],
  },
  {
    what: "istiods that do not answer (unready)",
    begin: (mesh) => mesh.stopIstiod("1-19", "unready"),
    probes: [],
  },
  {
    what: "istiods that do not answer (frozen)",
    begin: (mesh) => mesh.stopIstiod("1-19", "frozen"),
    end: (mesh) => mesh.removeRevision("1-19").catch(() => {}), // where istioctl did not end
    probes: [],
  },
  {
    what: "an IstioOperator with a finalizer, without its operator",
    objects: () => [objects.operator],
    end: (mesh) =>
      mesh.kubectl([
        ...["patch", "istiooperators.install.istio.io", "mesh-1-19", "-n", "istio-system", "--type=merge"],
        ...["-p", '{"metadata":{"finalizers":[]}}'],
      ]),
    probes: [
      objectAt(
        "IstioOperator mesh-1-19",
        "/apis/install.istio.io/v1alpha1/namespaces/istio-system/istiooperators/mesh-1-19",
      ),
      objectAt("its istiod", "/apis/apps/v1/namespaces/istio-system/deployments/istiod-1-19"),
    ],
    cleanup: (mesh) => remove(mesh),
  },
  {
    what: "a proxy that appears between proof and deletion",
    cleanup: removeWithLateProxy,
    beforeUninstall: deleteLateProxy,
    meanwhile: (mesh) => mesh.apply(objects.lateProxy),
    end: deleteLateProxy,
    probes: [proxyOf("plain", "late")],
  },
];
