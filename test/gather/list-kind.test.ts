import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ClusterError } from "../../src/cluster/cluster-error.ts";
import { kinds } from "../../src/cluster/kinds.ts";
import { listKind, listNamespaces, whereOf } from "../../src/gather/list-kind.ts";
import { recordingUnknown } from "../../src/gather/optional-read.ts";
import type { Unknown } from "../../src/mesh/model.ts";
import { type FakeCluster, fakeCluster, requestText } from "../fixtures/fake-cluster.ts";

const names = ["a", "b", "c", "d"];
const pod = (namespace: string) => ({ metadata: { name: "web", namespace } });

function filled(): FakeCluster {
  const cluster = fakeCluster();
  cluster.set(kinds.pods, [...names, "other"].map(pod));
  cluster.set(
    kinds.namespaces,
    [...names, "other"].map((name) => ({ metadata: { name } })),
  );
  return cluster;
}

const podsOf = async (cluster: FakeCluster, unknown: Unknown[] = []) =>
  listKind(
    cluster,
    { most: names },
    recordingUnknown(unknown),
    kinds.pods,
    ({ metadata: { namespace, name } }) => `${namespace}/${name}`,
  );
const wanted = names.map((name) => `${name}/web`);

describe("the most of all namespaces", () => {
  test("are read in one list, of which only they are kept", async () => {
    const cluster = filled();
    assert.deepEqual(await podsOf(cluster), wanted);
    assert.deepEqual(
      (await listNamespaces(cluster, { most: names })).map(({ metadata }) => metadata.name),
      names,
    );
    assert.deepEqual(cluster.requests.map(requestText), ["list pods", "list namespaces"]);
  });

  test("are read one by one where nobody may list all at once", async () => {
    const cluster = filled();
    cluster.next({ verb: "list", kind: "pods" }, "forbidden");
    const unknown: Unknown[] = [];
    assert.deepEqual(await podsOf(cluster, unknown), wanted);
    assert.deepEqual(unknown, []);
    assert.deepEqual(cluster.requests.map(requestText), ["list pods", ...names.map((name) => `list pods ${name}`)]);
  });

  test("are unknown where the list fails otherwise", async () => {
    const cluster = filled();
    cluster.fail({ verb: "list", kind: "pods" }, new ClusterError("pods: no answer", { reason: "server" }));
    const unknown: Unknown[] = [];
    assert.deepEqual(await podsOf(cluster, unknown), []);
    assert.deepEqual(unknown, [{ subject: "pods", reason: "pods: no answer" }]);
  });
});

test("one list of all is read only for many of the namespaces that there are", () => {
  assert.deepEqual(whereOf(names, 16), { most: names });
  assert.deepEqual(whereOf(names, 17), names);
  assert.deepEqual(whereOf(names.slice(1), 3), names.slice(1));
});
