/** The end of objects: preconditions, finalizers, owners, pods that take their time, namespaces. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { barePod, deployment } from "../fixtures/workload-objects.ts";
import type { Json, MeshUnderTest } from "./mesh-under-test.ts";
import { configMap, configMapsIn, corePath, deploymentsIn, namesOf, query } from "./objects.ts";
import { openMesh } from "./open-mesh.ts";
import { type Answer, connectWire, type Wire } from "./wire.ts";

let mesh: MeshUnderTest;
let wire: Wire;
let namespace: string;
let maps: string;
before(async () => {
  mesh = await openMesh({ revisions: {} });
  wire = connectWire(mesh);
  namespace = await mesh.createNamespace({});
  maps = configMapsIn(namespace);
});
after(() => mesh?.[Symbol.asyncDispose]());

const hold = "example.com/hold";
let count = 0;
const created = async (metadata: object = {}): Promise<Json> => {
  const { status, body } = await wire.post(maps, configMap(`map-${count++}`, metadata));
  assert.equal(status, 201);
  return body;
};
const pathOf = ({ metadata }: Json): string => `${maps}/${metadata.name}`;
const stored = async (object: Json): Promise<Json | undefined> => {
  const { status, body } = await wire.get(pathOf(object));
  return status === 200 ? body : undefined;
};
const isGone = (path: string, seconds = 20): Promise<unknown> =>
  mesh.eventually(`the end of ${path}`, async () => (await wire.get(path)).status === 404, seconds);
const owned = (owner: Json, more: object = {}) => {
  const { name, uid } = owner.metadata;
  return { apiVersion: "v1", kind: "ConfigMap", name, uid, ...more };
};

describe("preconditions", () => {
  const cases: Readonly<Record<string, (object: Json) => readonly [object, number]>> = {
    "this UID": ({ metadata: { uid } }) => [{ uid }, 200],
    "another UID": () => [{ uid: "another" }, 409],
    "this version": ({ metadata: { resourceVersion } }) => [{ resourceVersion }, 200],
    "another version": () => [{ resourceVersion: "1" }, 409],
    "this UID and another version": ({ metadata: { uid } }) => [{ uid, resourceVersion: "1" }, 409],
    none: () => [{}, 200],
  };
  for (const [name, make] of Object.entries(cases))
    test(name, async () => {
      const object = await created();
      const [preconditions, code] = make(object);
      const { status, body } = await wire.delete(pathOf(object), {
        kind: "DeleteOptions",
        apiVersion: "v1",
        preconditions,
      });
      assert.equal(status, code);
      if (code === 200) {
        const { name, uid } = object.metadata;
        const details = { name, kind: "configmaps", uid };
        assert.deepEqual(body, { kind: "Status", apiVersion: "v1", metadata: {}, status: "Success", details });
        assert.equal(await stored(object), undefined);
      } else {
        assert.deepEqual([body.reason, body.details], ["Conflict", { name: object.metadata.name, kind: "ConfigMap" }]);
        assert.match(
          body.message,
          /the (UID|ResourceVersion) in the precondition \(\w+\) does not match the \1 in record \([\w-]+\)/,
        );
        assert.deepEqual(await stored(object), object);
      }
    });
});

describe("options", () => {
  test("of the query count where there is no body, and not at all where there is one", async () => {
    const [dry, body, both, orphaned] = [await created(), await created(), await created(), await created()];
    const none = { kind: "DeleteOptions", apiVersion: "v1" };
    assert.equal((await wire.delete(`${pathOf(dry)}?dryRun=All`)).status, 200);
    assert.deepEqual(await stored(dry), dry);
    assert.equal((await wire.delete(`${pathOf(both)}?dryRun=All`, { ...none, dryRun: ["All"] })).status, 200);
    assert.deepEqual(await stored(both), both);
    assert.equal((await wire.delete(`${pathOf(body)}?dryRun=All`, none)).status, 200);
    assert.equal(await stored(body), undefined, "it was no dry-run");
    assert.equal((await wire.delete(`${pathOf(orphaned)}?propagationPolicy=Orphan`, none)).body.status, "Success");
  });
});

describe("finalizers", () => {
  test("keep an object that is going, until the last is off", async () => {
    const object = await created({ finalizers: [hold] });
    const { status, body } = await wire.delete(pathOf(object));
    assert.deepEqual([status, body.kind, body.metadata.deletionGracePeriodSeconds], [200, "ConfigMap", 0]);
    assert.match(body.metadata.deletionTimestamp, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    const again = await wire.delete(pathOf(object));
    assert.equal(again.body.metadata.deletionTimestamp, body.metadata.deletionTimestamp);
    assert.equal(again.body.metadata.resourceVersion, body.metadata.resourceVersion, "going already");

    assert.equal((await wire.patch(pathOf(object), "merge", { data: { a: "2" } })).body.data.a, "2");
    const back = await wire.patch(pathOf(object), "merge", { metadata: { deletionTimestamp: null } });
    assert.equal(back.body.metadata.deletionTimestamp, body.metadata.deletionTimestamp, "there is no way back");
    const added = await wire.patch(pathOf(object), "merge", { metadata: { finalizers: [hold, "example.com/more"] } });
    assert.deepEqual([added.status, added.body.details.causes[0].field], [422, "metadata.finalizers"]);
    assert.match(added.body.message, /no new finalizers can be added if the object is being deleted/);
    const another = await wire.post(maps, configMap(object.metadata.name));
    assert.deepEqual([another.status, another.body.reason], [409, "AlreadyExists"]);
    assert.equal(another.body.message, `object is being deleted: configmaps "${object.metadata.name}" already exists`);

    assert.equal((await wire.patch(pathOf(object), "merge", { metadata: { finalizers: null } })).status, 200);
    assert.equal(await stored(object), undefined);
  });
});

describe("owners", () => {
  const propagated = (owner: Json, propagationPolicy: string): Promise<Answer> =>
    wire.delete(pathOf(owner), { propagationPolicy });

  test("in the background: the owner at once, then what it owns", async () => {
    const owner = await created();
    const own = await created({ ownerReferences: [owned(owner)] });
    assert.equal((await propagated(owner, "Background")).body.status, "Success");
    assert.equal(await stored(owner), undefined);
    await isGone(pathOf(own));
  });

  test("in the foreground: what blocks it, then the owner", async () => {
    const owner = await created();
    const own = await created({ finalizers: [hold], ownerReferences: [owned(owner, { blockOwnerDeletion: true })] });
    const { body } = await propagated(owner, "Foreground");
    assert.deepEqual(body.metadata.finalizers, ["foregroundDeletion"]);
    await mesh.eventually("what it owns to be going", async () => (await stored(own))?.metadata.deletionTimestamp, 10);
    await mesh.pass(500);
    assert.notEqual(await stored(owner), undefined);
    await wire.patch(pathOf(own), "merge", { metadata: { finalizers: null } });
    await isGone(pathOf(owner));
  });

  test("orphaned: what it owned stays, and nobody owns it", async () => {
    const owner = await created();
    const own = await created({ ownerReferences: [owned(owner, { controller: true })] });
    assert.deepEqual((await propagated(owner, "Orphan")).body.metadata.finalizers, ["orphan"]);
    await isGone(pathOf(owner));
    assert.equal((await stored(own))?.metadata.ownerReferences, undefined);
  });

  test("of two, one is enough to stay", async () => {
    const [one, two] = [await created(), await created()];
    const own = await created({ ownerReferences: [owned(one), owned(two)] });
    await wire.delete(pathOf(one));
    const left = await mesh.eventually(
      "the reference to go",
      async () => {
        const references = (await stored(own))?.metadata.ownerReferences;
        return references?.length === 1 && references;
      },
      10,
    );
    assert.deepEqual(left, [owned(two)]);
    await wire.delete(pathOf(two));
    await isGone(pathOf(own));
  });

  test("that never were: it goes", async () => {
    const own = await created({
      ownerReferences: [owned({ metadata: { name: "none", uid: "00000000-0000-4000-a000-000000000000" } })],
    });
    await isGone(pathOf(own));
  });
});

describe("pods and workloads", () => {
  const pods = (): string => corePath(namespace, "/pods");
  before(async () => {
    await mesh.apply([deployment({ namespace, name: "web", replicas: 2 })]);
    await mesh.waitReady(namespace);
  });

  test("a pod is given back, goes within its time, and is replaced", async () => {
    const [name = ""] = namesOf((await wire.get(pods())).body);
    const { status, body } = await wire.delete(`${pods()}/${name}`);
    assert.deepEqual([status, body.kind, body.metadata.deletionGracePeriodSeconds], [200, "Pod", 30]);
    assert.ok(
      Math.abs(Date.parse(body.metadata.deletionTimestamp) - mesh.now().getTime() - 30_000) < 5_000,
      "when it will be over",
    );
    await isGone(`${pods()}/${name}`);
    await mesh.waitReady(namespace);
    assert.equal((await mesh.pods(namespace)).length, 2);
  });

  test("a pod without a time is gone at once", async () => {
    const [name = ""] = namesOf((await wire.get(pods())).body);
    const { status, body } = await wire.delete(`${pods()}/${name}`, { gracePeriodSeconds: 0 });
    assert.deepEqual([status, body.kind], [200, "Pod"]);
    assert.equal((await wire.get(`${pods()}/${name}`)).status, 404);
    await mesh.waitReady(namespace);
  });

  test("an eviction asks the disruption budgets first, which allow as many as they say", async () => {
    // Of nobody's, so that none comes in the place of what is evicted.
    const labels = { budget: "alone" };
    await mesh.apply(["one", "two"].map((name) => barePod({ namespace, name, labels })));
    const budgets = `/apis/policy/v1/namespaces/${namespace}/poddisruptionbudgets`;
    const spec = { minAvailable: 2, selector: { matchLabels: labels } };
    assert.equal(
      (
        await wire.post(budgets, {
          apiVersion: "policy/v1",
          kind: "PodDisruptionBudget",
          metadata: { name: "alone" },
          spec,
        })
      ).status,
      201,
    );
    const allowed = (count: number): Promise<unknown> =>
      mesh.eventually(
        `${count} to be allowed`,
        async () => {
          const { status = {} } = (await wire.get(`${budgets}/alone`)).body;
          return status.currentHealthy === 2 && status.disruptionsAllowed === count;
        },
        20,
      );
    const evict = (name: string): Promise<Answer> =>
      wire.post(`${pods()}/${name}/eviction`, {
        apiVersion: "policy/v1",
        kind: "Eviction",
        metadata: { name, namespace },
      });
    await allowed(0);
    const refused = await evict("one");
    assert.deepEqual([refused.status, refused.body.reason], [429, "TooManyRequests"]);
    assert.equal(refused.body.message, "Cannot evict pod as it would violate the pod's disruption budget.");
    const message = "The disruption budget alone needs 2 healthy pods and has 2 currently";
    assert.deepEqual(refused.body.details.causes, [{ reason: "DisruptionBudget", message }]);
    assert.equal((await wire.get(`${pods()}/one`)).body.metadata.deletionTimestamp, undefined);
    await wire.patch(`${budgets}/alone`, "merge", { spec: { minAvailable: 1 } });
    await allowed(1);
    const both = await Promise.all([evict("one"), evict("two")]);
    assert.deepEqual(both.map(({ status }) => status).toSorted(), [201, 429]);
    await isGone(`${pods()}/${both[0]?.status === 201 ? "one" : "two"}`);
    await wire.delete(`${pods()}${query({ labelSelector: "budget" })}`);
    await wire.delete(`${budgets}/alone`);
  });

  test("a Deployment in the foreground takes its ReplicaSets and pods with it, and goes after them", async () => {
    const path = `${deploymentsIn(namespace)}/web`;
    const { body } = await wire.delete(path, { propagationPolicy: "Foreground" });
    assert.deepEqual([body.kind, body.metadata.finalizers], ["Deployment", ["foregroundDeletion"]]);
    await isGone(path, 60);
    assert.deepEqual((await wire.get(pods())).body.items, []);
    assert.deepEqual((await wire.get(`/apis/apps/v1/namespaces/${namespace}/replicasets`)).body.items, []);
  });

  test("a Deployment that is orphaned leaves its ReplicaSet, and that its pods", async () => {
    await mesh.apply([deployment({ namespace, name: "left", replicas: 1 })]);
    await mesh.waitReady(namespace);
    const path = `${deploymentsIn(namespace)}/left`;
    await wire.delete(path, { propagationPolicy: "Orphan" });
    await isGone(path);
    const { body } = await wire.get(`/apis/apps/v1/namespaces/${namespace}/replicasets`);
    assert.deepEqual(
      body.items.map(({ metadata }: Json) => metadata.ownerReferences),
      [undefined],
    );
    assert.equal((await mesh.pods(namespace)).length, 1);
  });
});

describe("a namespace", () => {
  test("goes when all that is in it has gone; nothing new comes into it meanwhile", async () => {
    const name = await mesh.createNamespace({});
    const inside = configMapsIn(name);
    await wire.post(inside, configMap("free"));
    await wire.post(inside, configMap("held", { finalizers: [hold] }));
    const { status, body } = await wire.delete(corePath(name));
    assert.deepEqual(
      [status, body.kind, body.status.phase, body.spec.finalizers],
      [200, "Namespace", "Terminating", ["kubernetes"]],
    );
    assert.ok(body.metadata.deletionTimestamp);
    await isGone(`${inside}/free`);
    const late = await wire.post(inside, configMap("late"));
    assert.deepEqual([late.status, late.body.reason], [403, "Forbidden"]);
    assert.equal(
      late.body.message,
      `configmaps "late" is forbidden: unable to create new content in namespace ${name} because it is being terminated`,
    );
    assert.deepEqual(late.body.details.causes, [
      { reason: "NamespaceTerminating", message: `namespace ${name} is being terminated`, field: "metadata.namespace" },
    ]);
    assert.equal(
      (await wire.patch(`${inside}/held`, "merge", { data: { a: "2" } })).status,
      200,
      "what is there can be changed",
    );
    assert.equal((await wire.get(corePath(name))).body.status.phase, "Terminating");
    await wire.patch(`${inside}/held`, "merge", { metadata: { finalizers: null } });
    await isGone(corePath(name), 60);
    assert.equal((await wire.post(inside, configMap("late"))).body.details.kind, "namespaces");
  });

  test("of another UID is not deleted, nor in a dry-run", async () => {
    const name = await mesh.createNamespace({});
    assert.equal((await wire.delete(corePath(name), { preconditions: { uid: "another" } })).status, 409);
    assert.equal((await wire.delete(`${corePath(name)}?dryRun=All`)).status, 200);
    const { body } = await wire.get(corePath(name));
    assert.deepEqual([body.status.phase, body.metadata.deletionTimestamp], ["Active", undefined]);
  });
});
