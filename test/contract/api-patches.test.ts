/** Patches, server-side apply and dry-run: what is changed, whose it is, and what is left alone. */
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
/** The path of a new ConfigMap. */
const created = async (data: Record<string, string>, metadata: object = {}): Promise<string> => {
  const name = `map-${count++}`;
  assert.equal((await wire.post(maps, configMap(name, metadata, data))).status, 201);
  return `${maps}/${name}`;
};

describe("merge patch", () => {
  test("sets what is named, takes away what is null, leaves the rest", async () => {
    const path = await created({ a: "1", b: "2" }, { labels: { "istio-injection": "enabled", team: "shop" } });
    const labels = { "istio-injection": null, "istio.io/rev": "1-20" };
    const { status, body } = await wire.patch(path, "merge", {
      metadata: { labels },
      data: { b: null, c: "3", none: null },
    });
    assert.equal(status, 200);
    assert.deepEqual(body.metadata.labels, { team: "shop", "istio.io/rev": "1-20" });
    assert.deepEqual(body.data, { a: "1", c: "3" });
    assert.deepEqual((await wire.get(path)).body, body);
  });

  test("the last label to go takes the map of labels with it", async () => {
    const path = await created({ a: "1" }, { labels: { team: "shop" } });
    const { body } = await wire.patch(path, "merge", { metadata: { labels: { team: null } } });
    assert.ok(!("labels" in body.metadata));
  });

  test("a list is replaced as a whole", async () => {
    const two = ["app", "side"].map((name) => ({ name, image: "i:1" }));
    await wire.post(deployments, deployment({ namespace, name: "merged", replicas: 0, podSpec: { containers: two } }));
    const containers = [{ name: "only", image: "k:1" }];
    const { body } = await wire.patch(`${deployments}/merged`, "merge", {
      spec: { template: { spec: { containers } } },
    });
    assert.deepEqual(
      body.spec.template.spec.containers.map(({ name }: Json) => name),
      ["only"],
    );
  });

  test("a field that nobody knows is left out", async () => {
    const path = await created({ a: "1" });
    const before = (await wire.get(path)).body;
    const odd = await wire.patch(path, "merge", { metadata: { nonsense: "x" } });
    assert.equal(odd.status, 200);
    assert.equal(odd.body.metadata.nonsense, undefined);
    assert.equal(odd.body.metadata.resourceVersion, before.metadata.resourceVersion);
  });
});

describe("strategic merge patch", () => {
  const containersOf = ({ body }: Answer): Json =>
    body.spec.template.spec.containers.map(({ name, image, env }: Json) => [
      name,
      image,
      ...(env ?? []).map((each: Json) => each.name),
    ]);

  test("lists with a key are merged by it, entries are deleted and replaced by directives", async () => {
    const two = [
      { name: "app", image: "i:1", env: [{ name: "A", value: "1" }] },
      { name: "side", image: "j:1" },
    ];
    await wire.post(
      deployments,
      deployment({ namespace, name: "strategic", replicas: 0, podSpec: { containers: two } }),
    );
    const patch = (containers: readonly object[]) =>
      wire.patch(`${deployments}/strategic`, "strategic", { spec: { template: { spec: { containers } } } });
    assert.deepEqual(containersOf(await patch([{ name: "side", image: "j:2", env: [{ name: "B", value: "2" }] }])), [
      ["app", "i:1", "A"],
      ["side", "j:2", "B"],
    ]);
    assert.deepEqual(containersOf(await patch([{ name: "app", env: [{ name: "C", value: "3" }] }])), [
      ["app", "i:1", "C", "A"],
      ["side", "j:2", "B"],
    ]);
    assert.deepEqual(containersOf(await patch([{ name: "app", $patch: "delete" }])), [["side", "j:2", "B"]]);
    assert.deepEqual(containersOf(await patch([{ name: "new", image: "n:1" }])), [
      ["new", "n:1"],
      ["side", "j:2", "B"],
    ]);
    assert.deepEqual(containersOf(await patch([{ $patch: "replace" }, { name: "solo", image: "s:1" }])), [
      ["solo", "s:1"],
    ]);
  });

  test("maps are merged key by key, and null takes away", async () => {
    const path = await created({ a: "1", b: "2" }, { annotations: { x: "1" } });
    const { body } = await wire.patch(path, "strategic", {
      metadata: { annotations: { y: "2" } },
      data: { a: null, c: "3" },
    });
    assert.deepEqual(
      [body.metadata.annotations, body.data],
      [
        { x: "1", y: "2" },
        { b: "2", c: "3" },
      ],
    );
  });

  test("finalizers are added to those that are there", async () => {
    const path = await created({ a: "1" }, { finalizers: ["example.com/one"] });
    const { body } = await wire.patch(path, "strategic", { metadata: { finalizers: ["example.com/two"] } });
    assert.deepEqual(body.metadata.finalizers.toSorted(), ["example.com/one", "example.com/two"]);
    await wire.patch(path, "merge", { metadata: { finalizers: null } });
  });
});

describe("JSON patch", () => {
  const key = "/metadata/labels/istio.io~1rev";
  const cases: readonly (readonly [string, number, readonly object[]])[] = [
    [
      "a test that holds",
      200,
      [
        { op: "test", path: "/data/a", value: "1" },
        { op: "replace", path: "/data/a", value: "2" },
      ],
    ],
    [
      "a test that fails",
      422,
      [
        { op: "replace", path: "/data/a", value: "2" },
        { op: "test", path: "/data/a", value: "1" },
      ],
    ],
    ["a test of what is not there", 422, [{ op: "test", path: "/metadata/annotations/none", value: "1" }]],
    ["a key with a slash", 200, [{ op: "add", path: key, value: "1-20" }]],
    ["removal of what is not there", 422, [{ op: "remove", path: "/data/none" }]],
    ["addition below what is not there", 422, [{ op: "add", path: "/metadata/annotations/x", value: "1" }]],
    ["an operation that is none", 422, [{ op: "frob", path: "/data/a", value: "1" }]],
  ];
  for (const [name, code, patch] of cases)
    test(`${name}: ${code}`, async () => {
      const path = await created({ a: "1" }, { labels: { team: "shop" } });
      const before = (await wire.get(path)).body;
      const { status, body } = await wire.patch(path, "json", patch);
      assert.equal(status, code);
      const now = (await wire.get(path)).body;
      if (code === 200) return assert.deepEqual(now, body);
      assert.deepEqual(
        { reason: body.reason, message: body.message, details: body.details },
        { reason: "Invalid", message: "the server rejected our request due to an error in our request", details: {} },
      );
      assert.deepEqual(now, before);
    });
});

describe("what no patch may do", () => {
  const cases: readonly (readonly [string, number, string, "merge" | "strategic" | "json", unknown])[] = [
    ["rename", 400, "BadRequest", "merge", { metadata: { name: "other" } }],
    ["move to another namespace", 400, "BadRequest", "merge", { metadata: { namespace: "other" } }],
    ["be a list", 400, "BadRequest", "merge", []],
    ["be no list where one is due", 400, "BadRequest", "json", { op: "add" }],
    ["be no JSON", 400, "BadRequest", "merge", "{x"],
    ["make an annotation a number", 422, "Invalid", "merge", { metadata: { annotations: { n: 5 } } }],
    ["make a label a truth", 422, "Invalid", "strategic", { metadata: { labels: { n: true } } }],
    ["make data an object", 422, "Invalid", "json", [{ op: "add", path: "/data/b", value: {} }]],
    ["break a label's value", 422, "Invalid", "merge", { metadata: { labels: { team: "two words" } } }],
  ];
  for (const [name, code, reason, type, patch] of cases)
    test(`${name}: ${code}`, async () => {
      const path = await created({ a: "1" });
      const before = (await wire.get(path)).body;
      const { status, body } = await wire.patch(path, type, patch);
      assert.deepEqual([status, body.kind, body.reason, body.code], [code, "Status", reason, code]);
      assert.deepEqual((await wire.get(path)).body, before);
    });

  test("patch what is not there: 404, but for apply, which makes it", async () => {
    for (const type of ["merge", "strategic", "json"] as const) {
      const { status, body } = await wire.patch(`${maps}/none`, type, type === "json" ? [] : { data: { a: "1" } });
      assert.deepEqual([status, body.reason, body.details], [404, "NotFound", { name: "none", kind: "configmaps" }]);
    }
    assert.equal((await wire.get(`${maps}/none`)).status, 404);
  });
});

describe("server-side apply", () => {
  const apply = (
    name: string,
    data: Record<string, string>,
    manager: string,
    more: Record<string, string> = {},
  ): Promise<Answer> =>
    wire.patch(`${maps}/${name}${query({ fieldManager: manager, ...more })}`, "apply", configMap(name, {}, data));
  /** Data keys by manager and operation. */
  const ownersOf = ({ metadata }: Json): Json =>
    Object.fromEntries(
      (metadata.managedFields ?? []).map(({ manager, operation, fieldsV1 }: Json) => [
        `${manager} ${operation}`,
        Object.keys(fieldsV1["f:data"] ?? {})
          .filter((key) => key !== ".")
          .toSorted(),
      ]),
    );

  test("makes, shares, conflicts, forces, drops", async () => {
    const made = await apply("shared", { a: "1", b: "1" }, "one");
    assert.equal(made.status, 201);
    assert.deepEqual(ownersOf(made.body), { "one Apply": ["f:a", "f:b"] });
    const shared = await apply("shared", { a: "1" }, "two");
    assert.equal(shared.status, 200);
    assert.deepEqual(ownersOf(shared.body), { "one Apply": ["f:a", "f:b"], "two Apply": ["f:a"] });

    const conflict = await apply("shared", { a: "2" }, "two");
    assert.deepEqual([conflict.status, conflict.body.reason], [409, "Conflict"]);
    assert.equal(conflict.body.message, 'Apply failed with 1 conflict: conflict with "one": .data.a');
    assert.deepEqual(conflict.body.details.causes, [
      { reason: "FieldManagerConflict", message: 'conflict with "one"', field: ".data.a" },
    ]);
    const both = await apply("shared", { a: "2", b: "2" }, "two");
    assert.equal(both.body.message, 'Apply failed with 2 conflicts: conflicts with "one":\n- .data.a\n- .data.b');
    assert.deepEqual((await wire.get(`${maps}/shared`)).body.data, { a: "1", b: "1" });

    const forced = await apply("shared", { a: "2" }, "two", { force: "true" });
    assert.deepEqual(forced.body.data, { a: "2", b: "1" });
    assert.deepEqual(ownersOf(forced.body), { "one Apply": ["f:b"], "two Apply": ["f:a"] });
    const dropped = await apply("shared", {}, "two");
    assert.deepEqual(dropped.body.data, { b: "1" });
  });

  test("what a patch set is its manager's, and applying another value is a conflict with it", async () => {
    await apply("patched", { a: "1", b: "1" }, "one");
    const { body } = await wire.patch(`${maps}/patched?fieldManager=hand`, "merge", { data: { b: "2" } });
    assert.deepEqual(ownersOf(body), { "one Apply": ["f:a"], "hand Update": ["f:b"] });
    const conflict = await apply("patched", { a: "1", b: "1" }, "one");
    assert.equal(conflict.status, 409);
    assert.match(conflict.body.message, /^Apply failed with 1 conflict: conflict with "hand" using v1.*: \.data\.b$/);
    assert.equal((await apply("patched", { a: "1", b: "2" }, "one")).status, 200);
  });

  test("labels are owned key by key, by whoever wrote them last", async () => {
    const path = await created({ a: "1" }, { labels: { "istio.io/rev": "1-19", team: "shop" } });
    const { body } = await wire.patch(`${path}?fieldManager=mesh-migrate`, "merge", {
      metadata: { labels: { "istio.io/rev": "1-20" } },
    });
    const labels = (manager: string): readonly string[] => {
      const entry = body.metadata.managedFields.find((each: Json) => each.manager === manager);
      assert.deepEqual([entry.operation, entry.apiVersion, entry.fieldsType], ["Update", "v1", "FieldsV1"]);
      assert.match(entry.time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
      return Object.keys(entry.fieldsV1["f:metadata"]["f:labels"]).toSorted();
    };
    assert.deepEqual(labels("mesh-migrate"), ["f:istio.io/rev"]);
    // The user agent, where no manager is named. The map itself is whose who made it.
    assert.deepEqual(labels("contract"), [".", "f:team"]);
  });

  const wrong: readonly (readonly [string, number, Record<string, string>, object])[] = [
    ["no manager", 422, {}, configMap("wrong")],
    ["no kind", 400, { fieldManager: "one" }, { metadata: { name: "wrong" } }],
    ["another name", 400, { fieldManager: "one" }, configMap("other")],
    ["managed fields", 400, { fieldManager: "one" }, configMap("wrong", { managedFields: [] })],
  ];
  for (const [name, code, parameters, config] of wrong)
    test(`with ${name}: ${code}`, async () => {
      const { status, body } = await wire.patch(`${maps}/wrong${query(parameters)}`, "apply", config);
      assert.deepEqual([status, body.reason], [code, code === 422 ? "Invalid" : "BadRequest"]);
      assert.equal((await wire.get(`${maps}/wrong`)).status, 404);
    });

  test("force is for apply alone", async () => {
    const { status, body } = await wire.patch(`${await created({ a: "1" })}?force=true`, "merge", { data: { a: "2" } });
    assert.deepEqual([status, body.details.causes[0].field], [422, "force"]);
  });
});

describe("dry-run", () => {
  test("a create is answered as if it were done, with all that the server adds but a version, and nothing is stored", async () => {
    const { body: list } = await wire.get(maps);
    const { status, body } = await wire.post(`${maps}?dryRun=All`, configMap("dry"));
    assert.equal(status, 201);
    assert.match(body.metadata.uid, /^[0-9a-f-]{36}$/);
    assert.equal(body.metadata.resourceVersion, undefined);
    assert.equal((await wire.get(`${maps}/dry`)).status, 404);
    assert.equal((await wire.get(maps)).body.items.length, list.items.length);
    const pod = {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { generateName: "dry-" },
      spec: { containers: [{ name: "app", image: "i:1" }] },
    };
    const dry = await wire.post(`${corePath(namespace, "/pods")}?dryRun=All`, pod);
    assert.deepEqual([dry.status, dry.body.status.phase, dry.body.spec.restartPolicy], [201, "Pending", "Always"]);
    assert.equal((await wire.get(corePath(namespace, "/pods"))).body.items.length, 0);
  });

  const path = () => `${maps}/real`;
  const changes: Readonly<Record<string, () => Promise<Answer>>> = {
    PUT: () => wire.put(`${path()}?dryRun=All`, configMap("real", {}, { a: "2" })),
    "merge patch": () => wire.patch(`${path()}?dryRun=All`, "merge", { data: { a: "2" } }),
    apply: () =>
      wire.patch(
        `${path()}${query({ dryRun: "All", fieldManager: "x", force: "true" })}`,
        "apply",
        configMap("real", {}, { a: "2" }),
      ),
  };
  for (const [name, change] of Object.entries(changes))
    test(`${name}: answered with the change, stored without it`, async () => {
      await wire.post(maps, configMap("real"));
      const before = (await wire.get(path())).body;
      const { status, body } = await change();
      assert.deepEqual([status, body.data], [200, { a: "2" }]);
      assert.deepEqual((await wire.get(path())).body, before);
    });

  test("a deletion", async () => {
    const real = await created({ a: "1" });
    for (const body of [undefined, { kind: "DeleteOptions", apiVersion: "v1", dryRun: ["All"] }]) {
      const { status, body: answer } = await wire.delete(body ? real : `${real}?dryRun=All`, body);
      assert.deepEqual([status, answer.kind, answer.status], [200, "Status", "Success"]);
      assert.equal((await wire.get(real)).body.metadata.deletionTimestamp, undefined);
    }
  });

  test("refusals are the same as in earnest", async () => {
    const real = await created({ a: "1" });
    const name = real.split("/").at(-1) ?? "";
    assert.equal((await wire.post(`${maps}?dryRun=All`, configMap(name))).status, 409);
    assert.equal((await wire.post(`${maps}?dryRun=All`, configMap("Bad_Name"))).status, 422);
    assert.equal((await wire.patch(`${real}?dryRun=All`, "merge", { metadata: { resourceVersion: "1" } })).status, 409);
    assert.equal((await wire.patch(`${maps}/none?dryRun=All`, "merge", {})).status, 404);
    assert.equal((await wire.delete(`${real}?dryRun=All`, { preconditions: { uid: "another" } })).status, 409);
    assert.equal((await wire.post(`${maps}?dryRun=All`, configMap("x"), { as: "nobody-at-all" })).status, 403);
  });
});
