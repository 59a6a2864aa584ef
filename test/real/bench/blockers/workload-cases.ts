/** Workloads that no restart brings to the target. `--leave` leaves them; by hand they do not arrive either. */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { isReady, revisionOf } from "../../../contract/verify-result.ts";
import { barePod, deployment, gateway, statefulSet } from "../../../fixtures/workload-objects.ts";
import type { Json } from "../../kit.ts";
import {
  assertAllOn,
  type BlockerCase,
  endOf,
  podsOf,
  restartHangs,
  restartReplacesNothing,
  type Stage,
  type WentOn,
} from "./case.ts";

const web = (namespace: string) => deployment({ namespace, name: "web", replicas: 2 });

/** What was left is where it was, and the rest has moved. */
async function wasLeft(stage: Stage, wentOn: WentOn, app: string): Promise<string> {
  assert.equal(wentOn.code, 0, wentOn.stderr);
  await assertAllOn(stage, "web", "1-20");
  await assertAllOn(stage, app, "default");
  return `${endOf(wentOn)}, \`${app}\` stays on default`;
}

export const workloadCases: readonly BlockerCase[] = [
  {
    check: "workloads-restartable",
    setUp: "StatefulSet `by-hand` with update strategy `OnDelete`, 2 pods; beside it Deployment `web`",
    prepare: ({ mesh, namespace }) =>
      mesh.apply([
        web(namespace),
        statefulSet({ namespace, name: "by-hand", replicas: 2, spec: { updateStrategy: { type: "OnDelete" } } }),
      ]),
    accept: () => ["--leave", "statefulset/by-hand"],
    happened: async (stage, wentOn) => {
      const left = await wasLeft(stage, wentOn, "by-hand");
      await restartReplacesNothing(stage, "statefulset/by-hand", "by-hand");
      return `${left}. \`kubectl rollout restart\` all the same: its 2 pods are the same ones 10 s later`;
    },
  },
  {
    check: "proxies-unpinned",
    setUp:
      "Deployment `pinned`, whose template has a `discoveryAddress` of the old istiod in `proxy.istio.io/config`; beside it `web`",
    prepare: ({ mesh, namespace }) =>
      mesh.apply([
        web(namespace),
        deployment({
          ...{ namespace, name: "pinned", replicas: 2 },
          annotations: { "proxy.istio.io/config": "discoveryAddress: istiod.istio-system.svc.cluster.local:15012" },
        }),
      ]),
    accept: () => ["--leave", "deployment/pinned"],
    happened: async (stage, wentOn) => {
      const { mesh, namespace } = stage;
      const left = await wasLeft(stage, wentOn, "pinned");
      await mesh.kubectl(["-n", namespace, "rollout", "restart", "deployment/pinned"]);
      await mesh.waitReady(namespace);
      const pods = await assertAllOn(stage, "pinned", "1-20");
      const held = await mesh.heldProxies();
      const revisions = pods.flatMap(({ metadata }) => held.get(`${metadata.name}.${namespace}`) ?? []);
      assert.deepEqual([...new Set(revisions.map(({ revision }) => revision))], ["default"]);
      return `${left}. \`kubectl rollout restart\` all the same: injected by 1-20, and all ${pods.length} proxies are connected to the istiod of default`;
    },
  },
  {
    check: "sidecars-kept",
    setUp:
      "Deployment `plain`, whose pods the `neverInjectSelector` of the target's injector leaves out, and that of the old one does not; beside it `web`",
    alone: true,
    prepare: async ({ mesh, namespace }) => {
      await mesh.apply([web(namespace), deployment({ namespace, name: "plain", replicas: 2 })]);
      await mesh.waitReady(namespace);
      await neverInject(mesh, [{ matchLabels: { app: "plain" } }]);
    },
    accept: () => ["--leave", "deployment/plain"],
    happened: async (stage, wentOn) => {
      const left = await wasLeft(stage, wentOn, "plain");
      await stage.mesh.kubectl(["-n", stage.namespace, "rollout", "restart", "deployment/plain"]);
      await stage.mesh.waitReady(stage.namespace);
      const pods = await podsOf(stage, "plain");
      assert.ok(pods.every((pod) => revisionOf(pod) === undefined && pod.spec.containers.length === 1));
      return `${left}. \`kubectl rollout restart\` all the same: its ${pods.length} new pods have no sidecar`;
    },
    mend: ({ mesh }) => neverInject(mesh, []),
  },
  {
    check: "pods-owned",
    setUp: "Pod `lonely`, which nobody owns; beside it Deployment `web`",
    prepare: async ({ mesh, namespace }) => {
      await mesh.apply([web(namespace), barePod({ namespace, name: "lonely" })]);
      const ready = async () => (await mesh.pods(namespace)).filter(isReady).length === 3;
      await mesh.eventually("the pod", ready);
    },
    accept: () => ["--leave", "pod/lonely"],
    happened: async (stage, wentOn) => {
      const left = await wasLeft(stage, wentOn, "lonely");
      await stage.mesh.api.delete(`/api/v1/namespaces/${stage.namespace}/pods/lonely`);
      await sleep(10_000);
      assert.deepEqual(await podsOf(stage, "lonely"), []);
      return `${left}. Deleted all the same: there is no such pod 10 s later`;
    },
  },
  {
    check: "workloads-healthy",
    setUp: "Deployment `sick`, 1 pod that crashes; beside it `web`",
    prepare: async ({ mesh, namespace }) => {
      await mesh.apply([
        deployment({ namespace, name: "web", replicas: 2 }),
        deployment({ namespace, name: "sick", replicas: 1, life: "crash" }),
      ]);
      await mesh.eventually("the pods of web, and a crash", async () => {
        const pods = await mesh.pods(namespace);
        const crashed = ({ status }: Json) =>
          status.containerStatuses?.some((each: Json) => each.restartCount > 0) === true;
        return pods.filter(isReady).length >= 2 && pods.some(crashed);
      });
    },
    accept: () => ["--leave", "deployment/sick"],
    happened: async (stage, wentOn) => {
      const left = await wasLeft(stage, wentOn, "sick");
      const said = await restartHangs(stage, "deployment/sick");
      return `${left}. \`kubectl rollout restart\` all the same: "${said}" after 20 s`;
    },
  },
  {
    check: "gateway-workloads",
    setUp: "injected gateway `ingress`, a Deployment of 2 pods; beside it Deployment `web`",
    prepare: ({ mesh, namespace }) =>
      mesh.apply([web(namespace), gateway({ namespace, name: "ingress", replicas: 2 })]),
    accept: () => ["--allow-downtime", "deployment/ingress"],
    happened: async (stage, wentOn) => {
      assert.equal(wentOn.code, 0, wentOn.stderr);
      const pods = await assertAllOn(stage, "ingress", "1-20");
      assert.ok(pods.every(({ metadata }) => !stage.before.has(metadata.uid)));
      return `${endOf(wentOn)}; no pod of \`ingress\` that had connections is left: all ${pods.length} are new`;
    },
    unseen: "The connections themselves: pods have no containers here",
  },
];

/** Sets the `neverInjectSelector` of the injector of 1-20, and waits until it holds. */
async function neverInject(mesh: Stage["mesh"], selectors: readonly object[]): Promise<void> {
  const where = "/api/v1/namespaces/istio-system/configmaps/istio-sidecar-injector-1-20";
  const { data } = await mesh.api.get(where);
  const config = data.config.replace(
    /^neverInjectSelector:.*(\n {2}.*)*$/m,
    `neverInjectSelector: ${JSON.stringify(selectors)}`,
  );
  assert.match(config, /^neverInjectSelector: \[/m);
  await mesh.api.merge(where, { data: { config } });
  const pod = {
    ...{ apiVersion: "v1", kind: "Pod" },
    metadata: { name: "probe", labels: { app: "plain" } },
    spec: { containers: [{ name: "app", image: "app" }] },
  };
  const namespace = await mesh.createNamespace({ "istio.io/rev": "1-20" });
  await mesh.eventually("the injector to know its selector", async () => {
    const { spec } = await mesh.api.post(`/api/v1/namespaces/${namespace}/pods?dryRun=All`, pod);
    return (spec.containers.length === 1) === selectors.length > 0;
  });
}
