/** Who else reads the labels that are changed, and who puts them back. */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { labelsOf } from "../../../contract/verify-result.ts";
import { deployment } from "../../../fixtures/workload-objects.ts";
import { eventually, type Json, type Mesh } from "../../kit.ts";
import {
  assertAllOn,
  assertFailed,
  type BlockerCase,
  changeMeshConfig,
  configurationOf,
  endOf,
  podsText,
  serviceOf,
} from "./case.ts";

const enabled = { "istio-injection": "enabled" };
const web = (namespace: string) => deployment({ namespace, name: "web", replicas: 2 });

const undo: { discovery?: () => Promise<void> } = {};

/** What Flux writes of a namespace: its own mark and the label, in its own name, by force. */
const reconcile = ({ api }: Mesh, name: string) =>
  api.apply(
    `/api/v1/namespaces/${name}`,
    {
      ...{ apiVersion: "v1", kind: "Namespace" },
      metadata: {
        name,
        labels: {
          "kustomize.toolkit.fluxcd.io/name": "apps",
          "kustomize.toolkit.fluxcd.io/namespace": "flux-system",
          ...enabled,
        },
      },
    },
    "kustomize-controller",
  );

const routeAccepted = async ({ api }: Mesh, namespace: string): Promise<Json> => {
  const route = await api.get(`/apis/gateway.networking.k8s.io/v1/namespaces/${namespace}/httproutes/web`);
  return route.status?.parents
    ?.flatMap((parent: Json) => parent.conditions)
    .find((each: Json) => each.type === "Accepted");
};

export const readerCases: readonly BlockerCase[] = [
  {
    check: "label-owner",
    setUp: "a controller that applies `istio-injection=enabled` as Flux does, every 500 ms; Deployment `web`",
    prepare: async ({ mesh, namespace }) => {
      await reconcile(mesh, namespace);
      await mesh.apply([web(namespace)]);
    },
    accept: () => ["--skip-check", "label-owner"],
    meanwhile: async ({ mesh, namespace }, signal) => {
      while (!signal.aborted) {
        await reconcile(mesh, namespace);
        await sleep(500);
      }
    },
    happened: async (stage, wentOn) => {
      assert.notEqual(wentOn.code, 0, wentOn.stdout);
      const labels = await labelsOf(stage.mesh, stage.namespace);
      assert.equal(labels["istio-injection"], "enabled");
      await stage.mesh.kubectl(["-n", stage.namespace, "rollout", "restart", "deployment/web"]);
      await stage.mesh.waitReady(stage.namespace);
      await assertAllOn(stage, "web", "default");
      return `${endOf(wentOn)}; the labels are ${JSON.stringify(labels)}, and the next pods of \`web\` are injected by default`;
    },
  },
  {
    check: "discovery-selectors",
    setUp:
      "the target's `discoverySelectors` select the namespace by `istio-injection=enabled` alone; Deployment and Service `web`",
    labels: { ...enabled, scenario: "discovery" },
    alone: true,
    prepare: async ({ mesh, namespace }) => {
      await mesh.apply([web(namespace), serviceOf(namespace, "web")]);
      const selectors = [
        { matchExpressions: [{ key: "scenario", operator: "NotIn", values: ["discovery"] }] },
        { matchLabels: enabled },
      ];
      undo.discovery = await changeMeshConfig(mesh, "istio-1-20", `discoverySelectors: ${JSON.stringify(selectors)}`);
    },
    accept: () => ["--skip-check", "discovery-selectors"],
    happened: async (stage, wentOn) => {
      const { mesh, namespace } = stage;
      const [pod] = await assertAllOn(stage, "web", "1-20");
      const name = `web.${namespace}.svc.cluster.local`;
      await eventually("the proxy to lose the Service", async () => {
        const text = await configurationOf(mesh, "1-20", pod.metadata.name, namespace);
        return text.includes("ClustersConfigDump") && !text.includes(name);
      });
      return `${endOf(wentOn)}; the clusters, listeners and routes of its proxies do not have Service \`web\` of their own namespace`;
    },
    mend: async () => undo.discovery?.(),
  },
  {
    check: "network-policies",
    setUp: "a NetworkPolicy of another namespace that lets in what has `istio-injection=enabled`; Deployment `web`",
    labels: { ...enabled, scenario: "network-policy" },
    prepare: async ({ mesh, namespace }) => {
      await mesh.apply([web(namespace)]);
      const guarded = await mesh.createNamespace({});
      const from = [{ namespaceSelector: { matchLabels: { ...enabled, scenario: "network-policy" } } }];
      await mesh.apply({
        ...{ apiVersion: "networking.k8s.io/v1", kind: "NetworkPolicy" },
        metadata: { name: "meshed-only", namespace: guarded },
        spec: { podSelector: {}, ingress: [{ from }] },
      });
    },
    accept: () => ["--skip-check", "network-policies"],
    happened: async ({ mesh }, wentOn) => {
      assert.equal(wentOn.code, 0, wentOn.stderr);
      const selector = encodeURIComponent("istio-injection=enabled,scenario=network-policy");
      const { items } = await mesh.api.get(`/api/v1/namespaces?labelSelector=${selector}`);
      assert.deepEqual(items, []);
      return `${endOf(wentOn)}; the API server finds no namespace by the policy's selector any more`;
    },
    unseen: "The dropped connections: no CNI plugin enforces policies here",
  },
  {
    check: "admission-readers",
    setUp:
      "a ValidatingAdmissionPolicyBinding that denies pods without a label `owner` where `istio.io/rev=1-20`; Deployment `web`",
    labels: { ...enabled, scenario: "admission" },
    prepare: async ({ mesh, namespace }) => {
      const api = { apiVersion: "admissionregistration.k8s.io/v1" };
      const pods = { apiGroups: [""], apiVersions: ["v1"], operations: ["CREATE"], resources: ["pods"] };
      const validations = [{ expression: "has(object.metadata.labels.owner)", message: "pods here need an owner" }];
      await mesh.apply([
        web(namespace),
        {
          ...{ ...api, kind: "ValidatingAdmissionPolicy", metadata: { name: "owned" } },
          spec: { failurePolicy: "Fail", validations, matchConstraints: { resourceRules: [pods] } },
        },
        {
          ...{ ...api, kind: "ValidatingAdmissionPolicyBinding", metadata: { name: "owned-here" } },
          spec: {
            policyName: "owned",
            validationActions: ["Deny"],
            matchResources: {
              namespaceSelector: { matchLabels: { "istio.io/rev": "1-20", scenario: "admission" } },
            },
          },
        },
      ]);
    },
    accept: () => ["--skip-check", "admission-readers"],
    happened: async (stage, wentOn) => {
      const end = assertFailed(wentOn, /pods here need an owner/);
      return `${end}; ${await podsText(stage, "web")}`;
    },
  },
  {
    check: "gateway-routes",
    setUp:
      "a pinned Gateway of another namespace that admits routes of namespaces with `istio-injection=enabled`; HTTPRoute, Service and Deployment `web`",
    labels: { ...enabled, scenario: "routes" },
    prepare: async ({ mesh, namespace }) => {
      const edge = await mesh.createNamespace({});
      const selector = { matchLabels: { ...enabled, scenario: "routes" } };
      const api = { apiVersion: "gateway.networking.k8s.io/v1" };
      const listener = { name: "http", port: 80, protocol: "HTTP" };
      await mesh.apply([
        web(namespace),
        serviceOf(namespace, "web"),
        {
          ...{ ...api, kind: "Gateway" },
          metadata: { name: "edge", namespace: edge, labels: { "istio.io/rev": "default" } },
          spec: {
            gatewayClassName: "istio",
            listeners: [{ ...listener, allowedRoutes: { namespaces: { from: "Selector", selector } } }],
          },
        },
        {
          ...{ ...api, kind: "HTTPRoute", metadata: { name: "web", namespace } },
          spec: {
            parentRefs: [{ name: "edge", namespace: edge }],
            rules: [{ backendRefs: [{ name: "web", port: 80 }] }],
          },
        },
      ]);
      await mesh.eventually("the route to be attached", async () => {
        return (await routeAccepted(mesh, namespace))?.status === "True";
      });
    },
    accept: () => ["--skip-check", "gateway-routes"],
    happened: async ({ mesh, namespace }, wentOn) => {
      assert.equal(wentOn.code, 0, wentOn.stderr);
      const condition = await mesh.eventually("the route to be detached", async () => {
        const accepted = await routeAccepted(mesh, namespace);
        return accepted?.status === "False" && accepted;
      });
      return `${endOf(wentOn)}; the HTTPRoute is detached: condition \`Accepted\` is \`False\` (${condition.reason}: "${condition.message}")`;
    },
  },
];
