/** Watches: what is told, in which order, from where on, and how they end. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { forgetHistory } from "./history.ts";
import type { Json, MeshUnderTest } from "./mesh-under-test.ts";
import { configMap, configMapsIn, corePath, query } from "./objects.ts";
import { openMesh, together } from "./open-mesh.ts";
import { connectWire, type Watch, type Wire } from "./wire.ts";

let mesh: MeshUnderTest;
let wire: Wire;
before(async () => {
  mesh = await openMesh({ revisions: {} });
  wire = connectWire(mesh);
});
after(() => mesh?.[Symbol.asyncDispose]());

/** The ConfigMaps of a new namespace, and the version that they are at. */
async function emptied(): Promise<{ readonly maps: string; readonly version: string }> {
  const maps = configMapsIn(await mesh.createNamespace({}));
  // Not only the controllers' own: what they still have to put there would come between.
  await mesh.pass(500);
  const { body } = await wire.get(maps);
  return { maps, version: body.metadata.resourceVersion };
}

const watch = (path: string, parameters: Readonly<Record<string, string | number>>): Promise<Watch> =>
  wire.watch(`${path}${query({ watch: 1, ...parameters })}`);
const come = ({ events }: Watch, count: number): Promise<unknown> =>
  mesh.eventually(`${count} events`, async () => events.length >= count, 10);
const end = (one: Watch): Promise<unknown> => mesh.eventually("the watch to end", async () => one.isOver(), 20);

/** A few changes of two objects, one of which is selected by `app=x` for a while. */
async function change(maps: string): Promise<void> {
  await wire.post(maps, configMap("a"));
  await wire.post(maps, configMap("b", { labels: { app: "x" } }));
  await wire.patch(`${maps}/a`, "merge", { metadata: { labels: { app: "x" } } });
  await wire.patch(`${maps}/a`, "merge", { data: { a: "2" } });
  await wire.patch(`${maps}/a`, "merge", { data: { a: "2" } });
  await wire.patch(`${maps}/a?dryRun=All`, "merge", { data: { a: "3" } });
  await wire.patch(`${maps}/a`, "merge", { metadata: { labels: { app: "y" } } });
  await wire.delete(`${maps}/b`);
  await wire.delete(`${maps}/a`);
}
const changes = ["ADDED a", "ADDED b", "MODIFIED a", "MODIFIED a", "MODIFIED a", "DELETED b", "DELETED a"];

describe("what is told", together(), () => {
  test("every change in its order, whole and with a version that grows; nothing of what changed nothing", async () => {
    const { maps, version } = await emptied();
    using one = await watch(maps, { resourceVersion: version });
    assert.deepEqual([one.status, one.headers["content-type"]], [200, "application/json"]);
    await change(maps);
    await come(one, changes.length);
    await mesh.pass(200);
    assert.deepEqual(one.names(), changes);
    const objects = one.events.map(({ object }) => object);
    assert.ok(objects.every(({ kind, apiVersion }) => kind === "ConfigMap" && apiVersion === "v1"));
    const versions = objects.map(({ metadata }) => Number(metadata.resourceVersion));
    assert.ok(versions.every((each, index) => each > (versions[index - 1] ?? Number(version))));
    assert.deepEqual(objects[5].metadata.labels, { app: "x" }, "what is deleted is told of as it was");
    assert.deepEqual(objects[6].data, { a: "2" });
  });

  test("what comes to be selected is added, what is selected no more is deleted, as it was", async () => {
    const { maps, version } = await emptied();
    using one = await watch(maps, { resourceVersion: version, labelSelector: "app=x" });
    await change(maps);
    await come(one, 5);
    assert.deepEqual(one.names(), ["ADDED b", "ADDED a", "MODIFIED a", "DELETED a", "DELETED b"]);
    const { metadata, data } = one.events[3]?.object ?? {};
    assert.deepEqual([metadata.labels, data], [{ app: "x" }, { a: "2" }]);
    assert.ok(Number(metadata.resourceVersion) > Number(one.events[2]?.object.metadata.resourceVersion));
  });

  test("of one object alone", async () => {
    const { maps, version } = await emptied();
    using one = await watch(maps, { resourceVersion: version, fieldSelector: "metadata.name=b" });
    await change(maps);
    await come(one, 2);
    assert.deepEqual(one.names(), ["ADDED b", "DELETED b"]);
  });

  test("of all namespaces", async () => {
    const { maps, version } = await emptied();
    const namespace = maps.split("/")[4] ?? "";
    using one = await watch("/api/v1/configmaps", {
      resourceVersion: version,
      fieldSelector: `metadata.namespace=${namespace}`,
    });
    await change(maps);
    await come(one, changes.length);
    assert.deepEqual(one.names(), changes);
    assert.ok(one.events.every(({ object }) => object.metadata.namespace === namespace));
  });

  test("of a namespace's own object, its end too", async () => {
    const name = await mesh.createNamespace({});
    using one = await watch("/api/v1/namespaces", { fieldSelector: `metadata.name=${name}` });
    await come(one, 1);
    await wire.patch(corePath(name), "merge", { metadata: { labels: { "istio.io/rev": "1-20" } } });
    await wire.delete(corePath(name));
    await mesh.eventually("its end", async () => one.events.at(-1)?.type === "DELETED", 60);
    assert.deepEqual(one.names().slice(0, 2), [`ADDED ${name}`, `MODIFIED ${name}`]);
    assert.equal(one.events[1]?.object.metadata.labels["istio.io/rev"], "1-20");
    assert.ok(one.events.some(({ object }) => object.status.phase === "Terminating"));
  });

  test("metadata alone", async () => {
    const { maps, version } = await emptied();
    const accept = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";
    const parameters = { watch: 1, resourceVersion: version, allowWatchBookmarks: "true", timeoutSeconds: 8 };
    using one = await wire.watch(`${maps}${query(parameters)}`, { accept });
    await wire.post(maps, configMap("a"));
    await end(one);
    assert.deepEqual([...new Set(one.names())], ["ADDED a", "BOOKMARK"]);
    for (const { object } of one.events)
      assert.deepEqual(
        [object.kind, object.apiVersion, Object.keys(object)],
        ["PartialObjectMetadata", "meta.k8s.io/v1", ["kind", "apiVersion", "metadata"]],
      );
  });
});

describe("from where on", together(), () => {
  test("from a version: all that came after it", async () => {
    const { maps, version } = await emptied();
    await change(maps);
    using all = await watch(maps, { resourceVersion: version });
    await come(all, changes.length);
    assert.deepEqual(all.names(), changes);
    const third = all.events[2]?.object.metadata.resourceVersion;
    using some = await watch(maps, { resourceVersion: third });
    await come(some, 4);
    assert.deepEqual(some.names(), changes.slice(3));
    using selected = await watch(maps, { resourceVersion: third, labelSelector: "app=x" });
    await come(selected, 3);
    assert.deepEqual(selected.names(), ["MODIFIED a", "DELETED a", "DELETED b"]);
  });

  test("from a list, without a gap: nothing is lost and nothing told twice", async () => {
    const { maps } = await emptied();
    let written = 0;
    const writing = (async () => {
      for (; written < 20; written++)
        await wire.post(maps, configMap(`many-${String(written).padStart(2, "0")}`, { labels: { many: "1" } }));
    })();
    await mesh.eventually("some", async () => written > 5, 10);
    const { body } = await wire.get(`${maps}?labelSelector=many`);
    using one = await watch(maps, { resourceVersion: body.metadata.resourceVersion, labelSelector: "many" });
    await writing;
    await mesh.eventually("all", async () => body.items.length + one.events.length >= 20, 10);
    const told = [
      ...body.items.map(({ metadata }: Json) => metadata.name),
      ...one.events.map(({ object }) => object.metadata.name),
    ];
    assert.deepEqual(
      told,
      Array.from({ length: 20 }, (_, index) => `many-${String(index).padStart(2, "0")}`),
    );
  });

  for (const resourceVersion of ["", "0"])
    test(`from ${resourceVersion || "nowhere"}: what there is is added, then what comes`, async () => {
      const { maps } = await emptied();
      await wire.post(maps, configMap("there", { labels: { app: "x" } }));
      await mesh.pass(200); // the cache may lag behind
      using one = await watch(maps, { resourceVersion, labelSelector: "app=x" });
      await come(one, 1);
      await wire.post(maps, configMap("new", { labels: { app: "x" } }));
      await come(one, 2);
      assert.deepEqual(one.names(), ["ADDED there", "ADDED new"]);
    });

  test("with initial events: what there is, a bookmark that says so, then what comes", async () => {
    const { maps } = await emptied();
    await wire.post(maps, configMap("there", { labels: { app: "x" } }));
    const initial = { sendInitialEvents: "true", allowWatchBookmarks: "true", resourceVersionMatch: "NotOlderThan" };
    using one = await watch(maps, { ...initial, labelSelector: "app=x" });
    await come(one, 2);
    await wire.post(maps, configMap("new", { labels: { app: "x" } }));
    await mesh.eventually("what comes", async () => one.names().includes("ADDED new"), 10);
    assert.deepEqual([...new Set(one.names())], ["ADDED there", "BOOKMARK", "ADDED new"]);
    assert.deepEqual(one.events[1]?.object.metadata.annotations, { "k8s.io/initial-events-end": "true" });
  });

  test("from a version that is forgotten: an ERROR that says 410 Expired, and the end", async () => {
    // The API server has no cache of events, which would know more of the past.
    const events = corePath(await mesh.createNamespace({}), "/events");
    const { body } = await wire.get(events);
    const involvedObject = { apiVersion: "v1", kind: "Pod", name: "a", namespace: events.split("/")[4] };
    for (const name of ["a", "b", "c"])
      assert.equal(
        (await wire.post(events, { apiVersion: "v1", kind: "Event", metadata: { name }, involvedObject })).status,
        201,
      );
    await forgetHistory(mesh);
    using one = await watch(events, { resourceVersion: body.metadata.resourceVersion });
    await end(one);
    assert.equal(one.status, 200);
    assert.deepEqual(
      one.events.map(({ type }) => type),
      ["ERROR"],
    );
    const { message, ...error } = one.events[0]?.object ?? {};
    assert.deepEqual(error, {
      kind: "Status",
      apiVersion: "v1",
      metadata: {},
      status: "Failure",
      reason: "Expired",
      code: 410,
    });
    assert.match(message, /too old/);
  });
});

describe("the end", together(), () => {
  test("comes after timeoutSeconds, cleanly", async () => {
    const { maps, version } = await emptied();
    const since = mesh.now().getTime();
    using one = await watch(maps, { resourceVersion: version, timeoutSeconds: 2 });
    await end(one);
    const seconds = (mesh.now().getTime() - since) / 1000;
    assert.ok(seconds >= 1.9 && seconds < 6, `${seconds} s`);
    assert.deepEqual(one.events, []);
  });

  test("is preceded by a bookmark, where bookmarks are asked for: a version to go on from, newer than all that was told", async () => {
    const { maps, version } = await emptied();
    using one = await watch(maps, { resourceVersion: version, timeoutSeconds: 8, allowWatchBookmarks: "true" });
    using without = await watch(maps, { resourceVersion: version, timeoutSeconds: 8 });
    await wire.post(maps, configMap("a"));
    await Promise.all([end(one), end(without)]);
    // One or two, two seconds before the end.
    assert.deepEqual([[...new Set(one.names())], without.names()], [["ADDED a", "BOOKMARK"], ["ADDED a"]]);
    const { metadata, ...rest } = one.events.at(-1)?.object ?? {};
    assert.deepEqual([rest, Object.keys(metadata)], [{ kind: "ConfigMap", apiVersion: "v1" }, ["resourceVersion"]]);
    assert.ok(Number(metadata.resourceVersion) >= Number(one.events[0]?.object.metadata.resourceVersion));
    await wire.post(maps, configMap("b"));
    using next = await watch(maps, { resourceVersion: metadata.resourceVersion });
    await come(next, 1);
    assert.deepEqual(next.names(), ["ADDED b"]);
  });
});

describe("a watch that cannot be", () => {
  const wrong: readonly (readonly [string, number, Record<string, string>])[] = [
    ["of a malformed label selector", 400, { labelSelector: "a=b=c" }],
    ["of a field that is not indexed", 400, { fieldSelector: "data.a=b" }],
  ];
  for (const [name, code, parameters] of wrong)
    test(`${name}: ${code} before it begins`, async () => {
      const { status, body } = await wire.get(`${configMapsIn("default")}${query({ watch: 1, ...parameters })}`);
      assert.deepEqual([status, body.kind, body.reason], [code, "Status", "BadRequest"]);
    });

  test("without the right: 403 before it begins", async () => {
    const { status, body } = await wire.get(`${configMapsIn("default")}?watch=1`, { as: "nobody-at-all" });
    assert.deepEqual([status, body.reason], [403, "Forbidden"]);
    assert.match(body.message, /cannot watch resource "configmaps"/);
  });

  test("of what is not served: 404", async () => {
    assert.equal((await wire.get("/apis/none.example/v1/things?watch=1")).status, 404);
  });
});
