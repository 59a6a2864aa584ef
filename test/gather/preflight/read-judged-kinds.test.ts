/** Of whose updates somebody takes some, as webhooks and policies say; where they cannot be read, of all. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { readJudgedKinds } from "../../../src/gather/preflight/read-judged-kinds.ts";
import type { KubeObject } from "../../../src/mesh/kubernetes.ts";
import { listedCluster } from "../../fixtures/listed-cluster.ts";

const rule = (resource: string) => ({ apiGroups: ["apps"], operations: ["UPDATE"], resources: [resource] });
const webhook = (resource: string): KubeObject =>
  ({
    metadata: { name: resource, uid: resource },
    webhooks: [{ name: "a" }, { name: "b", rules: [rule(resource)] }],
  }) as KubeObject;
const policy = (resource: string): KubeObject =>
  ({
    metadata: { name: resource, uid: resource },
    spec: { matchConstraints: { resourceRules: [rule(resource)] } },
  }) as KubeObject;

const plurals = [
  "mutatingwebhookconfigurations",
  "validatingwebhookconfigurations",
  "mutatingadmissionpolicies",
  "validatingadmissionpolicies",
] as const;
const nothing = Object.fromEntries(plurals.map((plural) => [plural, []]));

test("each of the four kinds of configuration is looked at", async () => {
  assert.deepEqual([...(await readJudgedKinds(listedCluster({ objects: nothing })))], []);
  for (const plural of plurals) {
    const object = plural.includes("webhook") ? webhook("statefulsets") : policy("statefulsets");
    const found = await readJudgedKinds(listedCluster({ objects: { ...nothing, [plural]: [object] } }));
    assert.deepEqual([...found], ["StatefulSet"], plural);
  }
});

test("where one of them cannot be read, every kind may be judged", async () => {
  for (const plural of plurals) {
    const cluster = listedCluster({ objects: nothing, failures: { [plural]: "forbidden" } });
    assert.deepEqual(
      [...(await readJudgedKinds(cluster))].toSorted(),
      ["DaemonSet", "Deployment", "Rollout", "StatefulSet"],
      plural,
    );
  }
});
