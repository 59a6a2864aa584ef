/** Workloads that cannot be restarted without downtime, and rollouts that there is no room for. */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { deployment, rollout } from "../../../fixtures/workload-objects.ts";
import {
  assertAllOn,
  assertFailed,
  type BlockerCase,
  endOf,
  podsOf,
  podsText,
  refusalOf,
  restartHangs,
  surging,
} from "./case.ts";

const withPort = (namespace: string, replicas: number, hostPort = 8443) =>
  deployment({
    ...{ namespace, name: "edge", replicas, spec: surging },
    podSpec: { containers: [{ name: "app", image: "app", ports: [{ containerPort: 80, hostPort }] }] },
  });

export const availabilityCases: readonly BlockerCase[] = [
  {
    check: "downtime",
    setUp: "Deployment `web` with strategy `Recreate`, 2 pods that are ready after 3 s",
    prepare: ({ mesh, namespace }) =>
      mesh.apply([
        deployment({ namespace, name: "web", replicas: 2, readyAfter: 3000, spec: { strategy: { type: "Recreate" } } }),
      ]),
    accept: () => ["--allow-downtime", "deployment/web"],
    happened: async (stage, wentOn) => {
      assert.equal(wentOn.code, 0, wentOn.stderr);
      await assertAllOn(stage, "web", "1-20");
      assert.equal(stage.availability()[0]?.lowest, 0);
      return `${endOf(wentOn)}; in between 0 of 2 pods were ready`;
    },
  },
  {
    check: "volumes",
    setUp: "Deployment `files`, 1 pod, `maxSurge: 1`, with a `ReadWriteOncePod` volume",
    prepare: ({ mesh, namespace }) =>
      mesh.apply([
        {
          ...{ apiVersion: "v1", kind: "PersistentVolumeClaim", metadata: { namespace, name: "data" } },
          spec: { accessModes: ["ReadWriteOncePod"], resources: { requests: { storage: "1Gi" } } },
        },
        deployment({
          ...{ namespace, name: "files", replicas: 1, spec: surging },
          podSpec: { volumes: [{ name: "data", persistentVolumeClaim: { claimName: "data" } }] },
        }),
      ]),
    accept: () => ["--allow-downtime", "deployment/files"],
    happened: async (stage, wentOn) => {
      const end = assertFailed(wentOn, /ReadWriteOncePod/);
      return `${end}; ${await podsText(stage, "files")}`;
    },
    unseen:
      "A `ReadWriteOnce` volume that is attached to another node: nothing attaches volumes here. There the blocker says that the rollout *may* hang",
  },
  {
    check: "host-ports",
    setUp: "Deployment `edge` with a host port, one pod on each of the 4 nodes, `maxUnavailable: 0`",
    prepare: ({ mesh, namespace }) => mesh.apply([withPort(namespace, 4)]),
    accept: () => ["--allow-downtime", "deployment/edge"],
    happened: async (stage, wentOn) => {
      const end = assertFailed(wentOn, /didn't have free ports/);
      return `${end}; ${await podsText(stage, "edge")}`;
    },
  },
  {
    check: "quota",
    setUp: "ResourceQuota of 5 pods, all used: 3 by Deployment `web`, 2 by `api` (`maxSurge: 0`)",
    prepare: async ({ mesh, namespace }) => {
      const stopping = { strategy: { rollingUpdate: { maxSurge: 0, maxUnavailable: 1 } } };
      await mesh.apply([
        deployment({ namespace, name: "web", spec: surging }),
        deployment({ namespace, name: "api", replicas: 2, spec: stopping }),
      ]);
      await mesh.waitReady(namespace);
      await mesh.apply([
        {
          ...{ apiVersion: "v1", kind: "ResourceQuota", metadata: { namespace, name: "team" } },
          spec: { hard: { pods: "5" } },
        },
      ]);
      await mesh.eventually("the quota to be counted", async () => {
        const { status } = await mesh.api.get(`/api/v1/namespaces/${namespace}/resourcequotas/team`);
        return status.used?.pods === "5";
      });
    },
    accept: () => ["--leave", "deployment/web"],
    happened: async (stage, wentOn) => {
      assert.equal(wentOn.code, 0, wentOn.stderr);
      await assertAllOn(stage, "api", "1-20");
      await assertAllOn(stage, "web", "default");
      const said = await restartHangs(stage, "deployment/web");
      const refusal = await refusalOf(stage, "web");
      assert.match(refusal, /exceeded quota/);
      return `${endOf(wentOn)}, \`web\` stays on default. \`kubectl rollout restart\` all the same: "${said}" after 20 s, since "${refusal}"; ${await podsText(stage, "web")}`;
    },
  },
  {
    check: "limit-ranges",
    setUp: "LimitRange with at most 1 CPU a container, made after the pods of Deployment `web`; the proxy's limit is 2",
    prepare: async ({ mesh, namespace }) => {
      await mesh.apply([deployment({ namespace, name: "web", spec: surging })]);
      await mesh.waitReady(namespace);
      const limits = [{ type: "Container", max: { cpu: "1" } }];
      await mesh.apply([
        { apiVersion: "v1", kind: "LimitRange", metadata: { namespace, name: "small" }, spec: { limits } },
      ]);
    },
    accept: () => [],
    happened: async (stage, wentOn) => {
      const end = assertFailed(wentOn, /maximum cpu usage per Container is 1/);
      return `${end}; ${await podsText(stage, "web")}`;
    },
  },
  {
    check: "disruption-budgets",
    setUp: "Argo Rollout `shop`, 3 pods, with a PodDisruptionBudget of `minAvailable: 3`; beside it Deployment `web`",
    prepare: async ({ mesh, namespace }) => {
      await mesh.apply([
        deployment({ namespace, name: "web", replicas: 2 }),
        rollout({ namespace, name: "shop" }),
        {
          ...{ apiVersion: "policy/v1", kind: "PodDisruptionBudget", metadata: { namespace, name: "all" } },
          spec: { minAvailable: 3, selector: { matchLabels: { app: "shop" } } },
        },
      ]);
      await mesh.waitReady(namespace);
      await mesh.eventually("the budget to be counted", async () => {
        const where = `/apis/policy/v1/namespaces/${namespace}/poddisruptionbudgets/all`;
        const { status } = await mesh.api.get(where);
        return status.currentHealthy === 3 && status.disruptionsAllowed === 0;
      });
    },
    accept: () => ["--leave", "rollout/shop"],
    happened: async (stage, wentOn) => {
      assert.equal(wentOn.code, 0, wentOn.stderr);
      const { mesh, namespace } = stage;
      await assertAllOn(stage, "web", "1-20");
      const pods = (await assertAllOn(stage, "shop", "default")).map(({ metadata }) => metadata.uid).sort();
      const stamp = mesh.now();
      await mesh.api.merge(`/apis/argoproj.io/v1alpha1/namespaces/${namespace}/rollouts/shop`, {
        spec: { restartAt: new Date(Math.floor(stamp.getTime() / 1000) * 1000).toISOString().replace(".000", "") },
      });
      const [first] = await podsOf(stage, "shop");
      const answer = await mesh.api
        .post(`/api/v1/namespaces/${namespace}/pods/${first.metadata.name}/eviction`, {
          ...{ apiVersion: "policy/v1", kind: "Eviction", metadata: { namespace, name: first.metadata.name } },
        })
        .catch((error: Error) => error.message);
      assert.match(String(answer), /: 429 .*disruption budget/s);
      await sleep(40_000);
      assert.deepEqual((await assertAllOn(stage, "shop", "default")).map(({ metadata }) => metadata.uid).sort(), pods);
      return `${endOf(wentOn)}, \`shop\` stays on default. Restarted by \`spec.restartAt\` all the same: the same 3 pods are there after 40 s, and the API server answers an eviction with 429 ("Cannot evict pod as it would violate the pod's disruption budget.")`;
    },
  },
];
