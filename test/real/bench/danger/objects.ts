/** The objects of the danger cases, as test/embedded/cleanup-danger.test.ts has them, as a real API server takes them. */
import { customObject } from "../../../fixtures/custom-object.ts";
import type { Json, Mesh } from "../../kit.ts";

const admission = "/apis/admissionregistration.k8s.io/v1";
const admissionVersion = "admissionregistration.k8s.io/v1";
export const label = { "istio.io/rev": "1-19" };

/** Without a load balancer its Service has to be of another type, or it is never programmed. */
export const gateway = (name: string, gatewayClassName: string): Json => {
  const listeners = [{ name: "first", port: 80, protocol: "HTTP" }];
  const made = customObject("Gateway", name, "plain", label, { gatewayClassName, listeners });
  return { ...made, metadata: { ...made.metadata, annotations: { "networking.istio.io/service-type": "ClusterIP" } } };
};

/** A webhook of a tag that calls the Service of 1-19, with this label. */
export async function tagWebhook(mesh: Mesh, name: string, labelled: string): Promise<Json> {
  const own = await mesh.api.get(`${admission}/mutatingwebhookconfigurations/istio-sidecar-injector-1-19`);
  const webhooks = JSON.parse(JSON.stringify(own.webhooks).replaceAll('"1-19"', JSON.stringify(name)));
  return {
    ...{ apiVersion: admissionVersion, kind: "MutatingWebhookConfiguration", webhooks },
    metadata: {
      name: `istio-revision-tag-${name}`,
      labels: { app: "sidecar-injector", "istio.io/tag": name, "istio.io/rev": labelled },
    },
  };
}

/** A default validator that calls 1-19, as istiod completes it: `failurePolicy: Fail`. */
export async function validator(mesh: Mesh): Promise<Json> {
  const own = await mesh.api.get(`${admission}/validatingwebhookconfigurations/istio-validator-1-19-istio-system`);
  const { caBundle } = own.webhooks[0].clientConfig;
  const rules = [{ operations: ["CREATE"], apiGroups: ["telemetry.istio.io"], apiVersions: ["*"], resources: ["*"] }];
  return {
    ...{ apiVersion: admissionVersion, kind: "ValidatingWebhookConfiguration" },
    metadata: { name: "istiod-default-validator-too", labels: { app: "istiod", "istio.io/rev": "1-20" } },
    webhooks: [
      {
        name: "validation.istio.io",
        clientConfig: {
          service: { name: "istiod-1-19", namespace: "istio-system", path: "/validate", port: 443 },
          caBundle,
        },
        ...{ rules, failurePolicy: "Fail", sideEffects: "None", admissionReviewVersions: ["v1"] },
      },
    ],
  };
}

export const istiodVs: Json = customObject(...(["VirtualService", "istiod-vs", "istio-system", {}] as const), {
  hosts: ["*"],
  gateways: ["istiod-gateway"],
  tls: [
    {
      match: [{ port: 15012, sniHosts: ["*"] }],
      route: [{ destination: { host: "istiod-1-19.istio-system.svc.cluster.local", port: { number: 15012 } } }],
    },
  ],
});

/** Of the experimental channel, with the fields that the case needs. */
export const tlsRouteKind: Json = {
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: {
    name: "tlsroutes.gateway.networking.k8s.io",
    annotations: { "api-approved.kubernetes.io": "https://github.com/kubernetes-sigs/gateway-api/pull/2466" },
  },
  spec: {
    ...{ group: "gateway.networking.k8s.io", scope: "Namespaced" },
    names: { plural: "tlsroutes", kind: "TLSRoute", singular: "tlsroute", listKind: "TLSRouteList" },
    versions: [
      {
        ...{ name: "v1alpha2", served: true, storage: true, subresources: { status: {} } },
        schema: { openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true } },
      },
    ],
  },
};
export const tlsRoute: Json = customObject(...(["TLSRoute", "t", "istio-system", {}] as const), {
  rules: [{ backendRefs: [{ name: "istiod-1-19", port: 15012 }] }],
});

const addresses = {
  XDS_ADDRESS: "istiod-1-19.istio-system.svc:15012",
  CA_ADDRESS: "istiod-1-20.istio-system.svc:15012",
};
export const ztunnel: Json = {
  ...{ apiVersion: "apps/v1", kind: "DaemonSet" },
  metadata: { name: "ztunnel", namespace: "istio-system", labels: { app: "ztunnel" } },
  spec: {
    selector: { matchLabels: { app: "ztunnel" } },
    template: {
      metadata: { labels: { app: "ztunnel", "sidecar.istio.io/inject": "false" } },
      spec: {
        nodeSelector: { none: "such" },
        containers: [
          {
            ...{ name: "istio-proxy", image: "i" },
            env: Object.entries(addresses).map(([name, value]) => ({ name, value })),
          },
        ],
      },
    },
  },
};

/** An operator's resource whose operator is gone. */
export const operator: Json = {
  ...{ apiVersion: "install.istio.io/v1alpha1", kind: "IstioOperator" },
  metadata: { name: "mesh-1-19", namespace: "istio-system", finalizers: ["istio-finalizer.install.istio.io"] },
  spec: { profile: "minimal", revision: "1-19" },
};

/** A pod with a proxy of 1-19 that no webhook had to inject. */
export const lateProxy: Json = {
  ...{ apiVersion: "v1", kind: "Pod" },
  metadata: {
    ...{ name: "late", namespace: "plain" },
    annotations: {
      "istio.io/rev": "1-19",
      "sidecar.istio.io/status": JSON.stringify({ containers: ["istio-proxy"], revision: "1-19" }),
    },
  },
  spec: {
    containers: [
      { name: "app", image: "app:1" },
      {
        ...{ name: "istio-proxy", image: "docker.io/istio/proxyv2:1.19.0", args: ["proxy", "sidecar"] },
        env: [{ name: "CA_ADDR", value: "istiod-1-19.istio-system.svc:15012" }],
      },
    ],
  },
};
