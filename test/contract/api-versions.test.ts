/** Versions of objects: who may write over whom, what is a change, and what the server says of an object itself. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { deployment } from "../fixtures/workload-objects.ts";
import type { Json, MeshUnderTest } from "./mesh-under-test.ts";
import { configMap, configMapsIn, corePath, deploymentsIn, query } from "./objects.ts";
import { openMesh } from "./open-mesh.ts";
import { type Answer, connectWire, type Wire } from "./wire.ts";

let mesh: MeshUnderTest;
let wire: Wire;
let namespace: string;
let maps: string;
let deployments: string;
before(async () => {
  mesh = await openMesh({ revisions: {} });
  wire = connectWire(mesh);
  namespace = await mesh.createNamespace({});
  [maps, deployments] = [configMapsIn(namespace), deploymentsIn(namespace)];
});
after(() => mesh?.[Symbol.asyncDispose]());

let count = 0;
const created = async (data?: Record<string, string>): Promise<Json> => {
  const { status, body } = await wire.post(maps, configMap(`map-${count++}`, {}, data));
  assert.equal(status, 201);
  return body;
};
const stored = async ({ metadata }: Json): Promise<Json> => (await wire.get(`${maps}/${metadata.name}`)).body;
const pathOf = ({ metadata }: Json): string => `${maps}/${metadata.name}`;

describe("a write that names a version", () => {
  const writes: Readonly<Record<string, (object: Json, version: string) => Promise<Answer>>> = {
    PUT: (object, resourceVersion) =>
      wire.put(pathOf(object), { ...object, metadata: { ...object.metadata, resourceVersion }, data: { a: "2" } }),
    "merge patch": (object, resourceVersion) =>
      wire.patch(pathOf(object), "merge", { metadata: { resourceVersion }, data: { a: "2" } }),
    "strategic merge patch": (object, resourceVersion) =>
      wire.patch(pathOf(object), "strategic", { metadata: { resourceVersion }, data: { a: "2" } }),
    apply: (object, resourceVersion) =>
      wire.patch(`${pathOf(object)}${query({ fieldManager: "other", force: "true" })}`, "apply", {
        ...configMap(object.metadata.name, { resourceVersion }, { a: "2" }),
      }),
  };
  for (const [name, write] of Object.entries(writes)) {
    test(`${name}: of another version is a conflict that changes nothing; of this version is done`, async () => {
      const object = await created();
      const { body: now } = await wire.patch(pathOf(object), "merge", { data: { a: "1", b: "1" } });
      const late = await write(object, object.metadata.resourceVersion);
      assert.equal(late.status, 409);
      assert.equal(late.body.reason, "Conflict");
      assert.deepEqual(late.body.details, { name: object.metadata.name, kind: "configmaps" });
      assert.match(
        late.body.message,
        /the object has been modified; please apply your changes to the latest version and try again/,
      );
      assert.deepEqual(await stored(object), now);
      const done = await write(now, now.metadata.resourceVersion);
      assert.equal(done.status, 200);
      assert.equal((await stored(object)).data.a, "2");
      assert.notEqual(done.body.metadata.resourceVersion, now.metadata.resourceVersion);
    });
  }

  test("a JSON patch that replaces the version by another is a conflict; one whose test fails is invalid, and changes nothing", async () => {
    const object = await created();
    const add = { op: "add", path: "/data/b", value: "1" };
    const replaced = await wire.patch(pathOf(object), "json", [
      { op: "replace", path: "/metadata/resourceVersion", value: "1" },
      add,
    ]);
    assert.deepEqual([replaced.status, replaced.body.reason], [409, "Conflict"]);
    const tested = await wire.patch(pathOf(object), "json", [
      { op: "test", path: "/metadata/resourceVersion", value: "1" },
      add,
    ]);
    assert.deepEqual([tested.status, tested.body.reason], [422, "Invalid"]);
    assert.deepEqual(await stored(object), object);
  });

  test("of one that goes through when two write at once, the other is told", async () => {
    const object = await created();
    const answers = await Promise.all(
      ["x", "y", "z"].map((a) => wire.put(pathOf(object), { ...object, data: { a } })), // all from the same version
    );
    assert.deepEqual(answers.map(({ status }) => status).toSorted(), [200, 409, 409]);
    const won = answers.find(({ status }) => status === 200);
    assert.deepEqual(await stored(object), won?.body);
  });

  test("a patch without a version is never a conflict", async () => {
    const object = await created();
    const keys = ["b", "c", "d", "e", "f"];
    const answers = await Promise.all(keys.map((key) => wire.patch(pathOf(object), "merge", { data: { [key]: "1" } })));
    assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]));
    assert.deepEqual(Object.keys((await stored(object)).data).toSorted(), ["a", ...keys]);
  });
});

describe("a write that names a UID", () => {
  for (const type of ["merge", "strategic"] as const)
    test(`${type} patch: of another object is invalid and changes nothing; of this one is done`, async () => {
      const object = await created();
      const other = await wire.patch(pathOf(object), type, { metadata: { uid: "another" }, data: { a: "2" } });
      assert.deepEqual([other.status, other.body.reason], [422, "Invalid"]);
      assert.equal(other.body.details.causes[0].field, "metadata.uid");
      assert.match(other.body.details.causes[0].message, /^Invalid value: "another": field is immutable$/);
      assert.deepEqual(await stored(object), object);
      const own = await wire.patch(pathOf(object), type, { metadata: { uid: object.metadata.uid }, data: { a: "2" } });
      assert.equal(own.status, 200);
    });

  test("a whole object of another UID is a conflict", async () => {
    const object = await created();
    const { status, body } = await wire.put(
      pathOf(object),
      configMap(object.metadata.name, { uid: "another" }, { a: "2" }),
    );
    assert.deepEqual([status, body.reason], [409, "Conflict"]);
    assert.ok(
      body.message.endsWith(
        `Precondition failed: UID in precondition: another, UID in object meta: ${object.metadata.uid}`,
      ),
    );
    assert.deepEqual(await stored(object), object);
  });
});

describe("a write that changes nothing", () => {
  const writes: Readonly<Record<string, (object: Json) => Promise<Answer>>> = {
    PUT: (object) => wire.put(pathOf(object), object),
    "PUT without a version": ({ metadata, data }) =>
      wire.put(`${maps}/${metadata.name}`, configMap(metadata.name, {}, data)),
    "merge patch": (object) => wire.patch(pathOf(object), "merge", { data: { a: "1" } }),
    "merge patch of another manager": (object) =>
      wire.patch(`${pathOf(object)}?fieldManager=other`, "merge", { data: { a: "1" } }),
    "strategic merge patch": (object) => wire.patch(pathOf(object), "strategic", { data: { a: "1", none: null } }),
    "JSON patch": (object) => wire.patch(pathOf(object), "json", [{ op: "replace", path: "/data/a", value: "1" }]),
    "empty patch": (object) => wire.patch(pathOf(object), "merge", {}),
  };
  for (const [name, write] of Object.entries(writes))
    test(`${name} leaves the version as it was`, async () => {
      const object = await created();
      const { status, body } = await write(object);
      assert.equal(status, 200);
      assert.equal(body.metadata.resourceVersion, object.metadata.resourceVersion);
      assert.deepEqual(await stored(object), object);
    });

  test("applying the same again leaves the version as it was", async () => {
    const path = `${maps}/applied?fieldManager=one`;
    const first = await wire.patch(path, "apply", configMap("applied"));
    assert.equal(first.status, 201);
    const again = await wire.patch(path, "apply", configMap("applied"));
    assert.equal(again.status, 200);
    assert.equal(again.body.metadata.resourceVersion, first.body.metadata.resourceVersion);
  });
});

describe("what the server says of an object", () => {
  test("a new one has a UID, a version, a time and a first generation, whatever was sent", async () => {
    const sent = deployment({ namespace, name: "new", replicas: 0 });
    const metadata = {
      ...sent.metadata,
      uid: "mine",
      generation: 7,
      creationTimestamp: "2001-02-03T04:05:06Z",
      selfLink: "/mine",
    };
    const { status, body } = await wire.post(deployments, { ...sent, metadata, status: { replicas: 5 } });
    assert.equal(status, 201);
    assert.match(body.metadata.uid, /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/);
    assert.match(body.metadata.resourceVersion, /^[1-9]\d*$/);
    assert.match(body.metadata.creationTimestamp, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    assert.ok(Math.abs(Date.parse(body.metadata.creationTimestamp) - mesh.now().getTime()) < 60_000);
    assert.equal(body.metadata.generation, 1);
    assert.equal(body.metadata.namespace, namespace);
    assert.ok(!("selfLink" in body.metadata));
    assert.equal(body.status?.replicas, undefined);
    assert.equal((await wire.get(`${deployments}/new`)).body.metadata.uid, body.metadata.uid);
  });

  test("one of the same name that comes after another has another UID", async () => {
    const first = await created();
    await wire.delete(pathOf(first));
    const { body: second } = await wire.post(maps, configMap(first.metadata.name));
    assert.notEqual(second.metadata.uid, first.metadata.uid);
    assert.ok(Number(second.metadata.resourceVersion) > Number(first.metadata.resourceVersion));
  });

  test("what is the server's is not changed by a client", async () => {
    const object = await created();
    const metadata = { creationTimestamp: "2001-02-03T04:05:06Z", generation: 7, selfLink: "/mine" };
    const { status, body } = await wire.patch(pathOf(object), "merge", { metadata });
    assert.equal(status, 200);
    assert.deepEqual(body, object);
    const going = await wire.patch(pathOf(object), "merge", {
      metadata: { deletionTimestamp: "2001-02-03T04:05:06Z" },
    });
    assert.deepEqual([going.status, going.body.reason], [422, "Invalid"]);
    assert.equal(going.body.details.causes[0].field, "metadata.deletionTimestamp");
    assert.deepEqual(await stored(object), object);
  });

  test("the generation counts changes of the spec alone", async () => {
    await wire.post(deployments, deployment({ namespace, name: "counted", replicas: 0 }));
    const path = `${deployments}/counted`;
    const generation = async (patch: object, at = path): Promise<number> =>
      (await wire.patch(at, "merge", patch)).body.metadata.generation;
    assert.equal(await generation({ metadata: { labels: { team: "a" } } }), 1);
    assert.equal(await generation({ spec: { template: { metadata: { annotations: { restarted: "1" } } } } }), 2);
    assert.equal(await generation({ spec: { template: { metadata: { annotations: { restarted: "1" } } } } }), 2);
    assert.equal(await generation({ status: { collisionCount: 1 } }, `${path}/status`), 2);
    assert.equal(await generation({ spec: { paused: true } }), 3);
    assert.equal(await generation({ metadata: { generation: 1 } }), 3);
  });

  test("objects whose spec nobody reconciles have no generation", async () => {
    assert.equal((await created()).metadata.generation, undefined);
    assert.equal((await wire.get(corePath(namespace))).body.metadata.generation, undefined);
  });

  test("a name can be made by the server", async () => {
    const { body: first } = await wire.post(maps, { ...configMap("x"), metadata: { generateName: "made-" } });
    const { body: second } = await wire.post(maps, { ...configMap("x"), metadata: { generateName: "made-" } });
    assert.match(first.metadata.name, /^made-[bcdfghjklmnpqrstvwxz2456789]{5}$/);
    assert.match(second.metadata.name, /^made-/);
    assert.notEqual(first.metadata.name, second.metadata.name);
    assert.equal(first.metadata.generateName, "made-");
    const { body: long } = await wire.post(maps, { ...configMap("x"), metadata: { generateName: "m".repeat(70) } });
    assert.equal(long.metadata.name.length, 63);
  });

  test("namespaces are labelled with their name", async () => {
    const { body } = await wire.get(corePath(namespace));
    assert.equal(body.metadata.labels["kubernetes.io/metadata.name"], namespace);
    const { body: patched } = await wire.patch(corePath(namespace), "merge", {
      metadata: { labels: { "kubernetes.io/metadata.name": null } },
    });
    assert.equal(patched.metadata.labels["kubernetes.io/metadata.name"], namespace);
  });
});

describe("subresources", () => {
  test("the status is written by its own path, and by no other", async () => {
    await wire.post(deployments, deployment({ namespace, name: "stated", replicas: 0 }));
    const path = `${deployments}/stated`;
    const patch = { spec: { replicas: 3 }, metadata: { labels: { team: "a" } }, status: { collisionCount: 2 } };
    const own = await wire.patch(`${path}/status`, "merge", patch);
    assert.equal(own.status, 200);
    assert.equal(own.body.status.collisionCount, 2);
    assert.equal(own.body.spec.replicas, 0);
    assert.equal(own.body.metadata.labels, undefined);
    const other = await wire.patch(path, "merge", { status: { collisionCount: 9 } });
    assert.equal(other.body.status.collisionCount, 2);
    assert.equal((await wire.get(`${path}/status`)).body.kind, "Deployment");
  });

  test("a scale is a part of its workload", async () => {
    const { body: object } = await wire.post(deployments, deployment({ namespace, name: "scaled", replicas: 0 }));
    const path = `${deployments}/scaled`;
    const { body: scale } = await wire.get(`${path}/scale`);
    assert.deepEqual([scale.kind, scale.apiVersion, scale.spec], ["Scale", "autoscaling/v1", {}]);
    assert.equal(scale.metadata.uid, object.metadata.uid);
    assert.equal(scale.status.selector, "app=scaled");
    const paused = await wire.patch(`${path}/scale`, "merge", { spec: { replicas: 1 } });
    assert.deepEqual([paused.status, paused.body.kind, paused.body.spec.replicas], [200, "Scale", 1]);
    const { body: now } = await wire.get(path);
    assert.deepEqual([now.spec.replicas, now.metadata.generation], [1, 2]);
    const late = await wire.put(`${path}/scale`, { ...scale, spec: { replicas: 4 } });
    assert.deepEqual([late.status, late.body.reason], [409, "Conflict"]);
    const less = await wire.patch(`${path}/scale`, "merge", { spec: { replicas: -1 } });
    assert.deepEqual([less.status, less.body.details.causes[0].field], [422, "spec.replicas"]);
    assert.equal(
      (await wire.patch(`${path}/scale?dryRun=All`, "merge", { spec: { replicas: 9 } })).body.spec.replicas,
      9,
    );
    assert.equal((await wire.get(path)).body.spec.replicas, 1);
  });
});
