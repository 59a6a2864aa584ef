import assert from "node:assert/strict";
import { test } from "node:test";
import { ClusterError } from "../../src/cluster/cluster-error.ts";
import { kinds } from "../../src/cluster/kinds.ts";
import { readHistory } from "../../src/gather/read-history.ts";
import type { LeaseObject } from "../../src/mesh/kubernetes.ts";
import { undoAnnotation } from "../../src/mesh/model.ts";
import { holderOf } from "../../src/upgrade/record/lock-holder.ts";
import { journalKey, journalText, stateLabels, stateName } from "../../src/upgrade/record/run-journal.ts";
import { fakeCluster, requestText } from "../fixtures/fake-cluster.ts";
import { stamp } from "../fixtures/instants.ts";
import { clusterUid, runJournal, runRecord } from "../fixtures/runs.ts";

const namespace = (name: string, annotations = {}) => ({ metadata: { name, uid: `uid-of-${name}`, annotations } });
const configMap = (name: string, namespace: string, labels: object = stateLabels) => ({
  metadata: { name, namespace, labels: { ...labels } },
  data: { [journalKey]: journalText(runJournal([runRecord()])) },
});
const lease = (namespace: string, holderIdentity: string) => ({
  metadata: { name: stateName, namespace },
  spec: { holderIdentity, renewTime: stamp },
});

function clusterOfSome() {
  const cluster = fakeCluster();
  cluster.put(kinds.namespaces, { metadata: { name: "kube-system", uid: clusterUid } }, namespace("plain"));
  cluster.put(kinds.namespaces, namespace("production"), namespace("recorded", { [undoAnnotation]: "{" }));
  cluster.put(kinds.namespaces, namespace("others"));
  cluster.put(kinds.configMaps, configMap(stateName, "production"), configMap("another", "others"));
  cluster.put(kinds.configMaps, configMap(stateName, "plain", {}));
  cluster.put(kinds.leases, lease("production", "bob@ci"), lease("recorded", ""));
  return cluster;
}

test("all: the namespaces that have an undo record or a journal of ours", async () => {
  const { facts, missing } = await readHistory(clusterOfSome(), "all");
  assert.deepEqual(facts.namespaces, [
    { name: "production", uid: "uid-of-production", annotations: {}, labels: {} },
    { name: "recorded", uid: "uid-of-recorded", annotations: { [undoAnnotation]: "{" }, labels: {} },
  ]);
  assert.deepEqual([facts.journals.clusterUid, missing], [clusterUid, []]);
  assert.deepEqual(
    [...facts.journals.byNamespace].map(([name, { kind }]) => [name, kind]),
    [
      ["production", "journal"],
      ["recorded", "none"],
    ],
  );
  assert.deepEqual([...facts.locks], [["production", { holder: "bob@ci", renewedAt: stamp }]]);
});

test("who holds a lock is read as a run that takes it reads it", async () => {
  const cluster = clusterOfSome();
  const long = "x".repeat(1_001);
  const odd = { ...lease("production", ""), spec: { holderIdentity: 7, renewTime: 7 } };
  cluster.put(kinds.leases, odd, lease("recorded", long));
  const timeless = { ...lease("others", "b"), spec: { holderIdentity: "b", renewTime: 7 } };
  cluster.put(kinds.leases, timeless);
  const { facts } = await readHistory(cluster, ["production", "recorded", "others"]);
  assert.deepEqual(
    [...facts.locks],
    [
      ["recorded", { holder: long, renewedAt: stamp }],
      ["others", { holder: "b", renewedAt: undefined }],
    ],
  );
  assert.equal(holderOf({ metadata: { name: stateName }, spec: { holderIdentity: long } } as LeaseObject)?.by, long);
});

test("named namespaces: each once, whatever they have, and nothing of others is read", async () => {
  const cluster = clusterOfSome();
  const { facts, missing } = await readHistory(cluster, ["production", "others", "production", "nowhere"]);
  assert.deepEqual(
    facts.namespaces.map(({ name }) => name),
    ["production", "others"],
  );
  assert.deepEqual(missing, ["nowhere"]);
  assert.deepEqual(
    cluster.requests.map(requestText).filter((text) => /^list|recorded|plain/.test(text)),
    [],
  );
});

for (const [what, match, wanted] of [
  ["the list of namespaces", { verb: "list", kind: "namespaces" }, "all"],
  ["the list of ConfigMaps", { verb: "list", kind: "configmaps" }, "all"],
  ["a journal", { verb: "get", kind: "configmaps" }, ["production"]],
  ["a lock", { verb: "get", kind: "leases" }, ["production"]],
  ["which cluster it is", { verb: "get", name: "kube-system" }, ["production"]],
] as const)
  test(`${what} that may not be read is an error, never no history`, async () => {
    const cluster = clusterOfSome();
    cluster.fail(match, "forbidden");
    await assert.rejects(readHistory(cluster, wanted), (error) => {
      assert.ok(error instanceof ClusterError && error.reason === "forbidden");
      if (wanted === "all") assert.match(error.hint ?? "", /name the namespaces with -n$/);
      return true;
    });
  });
