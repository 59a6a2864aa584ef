/** Targets that cannot serve. They are made so for everybody: nothing else may run meanwhile. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { told } from "../../contract/refusal.ts";
import { eventually, type Json } from "../kit.ts";
import { inNamespace, mesh, refused, to } from "./one-mesh.ts";

/** Registers the suite. */
export function describeTarget(): void {
  describe("a target that cannot serve", () => {
    const istiodsOf = async (revision: string): Promise<readonly string[]> =>
      (await mesh.pods("istio-system", `app=istiod,istio.io/rev=${revision}`)).map(({ metadata }) => metadata.name);
    const silent = async (): Promise<readonly string[]> =>
      (await istiodsOf("1-20")).map((name) => `istiods-answer istiod istio-system/${name}`);

    test("its istiod is down", async () => {
      const namespace = await inNamespace();
      await mesh.stopIstiod("1-20");
      try {
        const reasons = [
          "target-ready revision/1-20",
          "target-endpoints istio-system/Service/istiod-1-20",
          ...(await silent()),
        ];
        const { stderr } = await refused(namespace, reasons);
        assert.match(
          stderr,
          /^blocker: revision\/1-20: none of its 1 istiod pod is ready \[target-ready\]\n {2}→ kubectl -n istio-system rollout status deployment\/istiod-1-20$/m,
        );
      } finally {
        await mesh.startIstiod("1-20");
      }
    });

    test("its webhook has no CA bundle", async () => {
      const namespace = await inNamespace();
      const where = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/istio-sidecar-injector-1-20";
      await mesh.stopIstiod("1-20", "frozen"); // or it would put it back at once
      try {
        const { webhooks } = await mesh.api.get(where);
        const without = webhooks.map(({ clientConfig, ...rest }: Json) => ({
          ...rest,
          clientConfig: { service: clientConfig.service },
        }));
        await mesh.api.merge(where, { webhooks: without });
        const reasons = [
          "target-ca-bundle MutatingWebhookConfiguration/istio-sidecar-injector-1-20",
          ...(await silent()),
        ];
        const { stderr } = await refused(namespace, reasons);
        assert.match(stderr, /has no CA bundle: the API server would refuse every pod/);
        await mesh.api.merge(where, { webhooks });
      } finally {
        await mesh.startIstiod("1-20");
      }
    });

    test("its Service has no endpoints", async () => {
      const namespace = await inNamespace();
      const where = "/api/v1/namespaces/istio-system/services/istiod-1-20";
      const { spec } = await mesh.api.get(where);
      await mesh.api.merge(where, { spec: { selector: { app: "nobody" } } });
      const slices = `/apis/discovery.k8s.io/v1/namespaces/istio-system/endpointslices?labelSelector=kubernetes.io/service-name=istiod-1-20`;
      const endpoints = async () =>
        (await mesh.api.get(slices)).items.flatMap((slice: Json) => slice.endpoints ?? []).length;
      await eventually("the endpoints to go", async () => (await endpoints()) === 0);
      try {
        const { message } = told(await refused(namespace, ["target-endpoints istio-system/Service/istiod-1-20"]));
        assert.match(message, /no ready endpoints: webhook istio-sidecar-injector-1-20 could not be called/);
      } finally {
        await mesh.api.merge(where, { spec });
        await eventually("the endpoints to come back", async () => (await endpoints()) > 0);
      }
      assert.equal((await mesh.run("mesh-migrate", ["-n", namespace, ...to])).code, 0);
    });
  });
}
