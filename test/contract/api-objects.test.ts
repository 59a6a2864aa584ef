/** Leases, events, logs, and what a client learns of the server itself. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { deployment } from "../fixtures/workload-objects.ts";
import type { Json, MeshUnderTest } from "./mesh-under-test.ts";
import { corePath, namesOf, query } from "./objects.ts";
import { openMesh } from "./open-mesh.ts";
import { connectWire, type Wire } from "./wire.ts";

let mesh: MeshUnderTest;
let wire: Wire;
let namespace: string;
before(async () => {
  mesh = await openMesh({ revisions: {} });
  wire = connectWire(mesh);
  namespace = await mesh.createNamespace({});
});
after(() => mesh?.[Symbol.asyncDispose]());

describe("leases", () => {
  const leases = (): string => `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases`;
  const spec = {
    ...{ holderIdentity: "me", leaseDurationSeconds: 30, leaseTransitions: 0 },
    ...{ acquireTime: "2026-01-01T00:00:00.000000Z", renewTime: "2026-01-01T00:00:00.123456Z" },
  };
  const lease = (name: string) => ({ apiVersion: "coordination.k8s.io/v1", kind: "Lease", metadata: { name }, spec });
  const created = async (name: string): Promise<Json> => {
    const { status, body } = await wire.post(leases(), lease(name));
    assert.equal(status, 201);
    return body;
  };

  test("one of a name: who comes second is told", async () => {
    const answers = await Promise.all(
      ["a", "b", "c"].map((holderIdentity) =>
        wire.post(leases(), { ...lease("one"), spec: { ...spec, holderIdentity } }),
      ),
    );
    assert.deepEqual(answers.map(({ status }) => status).toSorted(), [201, 409, 409]);
    const lost = answers.find(({ status }) => status === 409);
    assert.deepEqual(
      [lost?.body.reason, lost?.body.details],
      ["AlreadyExists", { name: "one", group: "coordination.k8s.io", kind: "leases" }],
    );
    const won = answers.find(({ status }) => status === 201);
    assert.deepEqual((await wire.get(`${leases()}/one`)).body, won?.body);
  });

  test("times are kept to the microsecond, as they were sent", async () => {
    assert.deepEqual((await created("timed")).spec, spec);
    const { body } = await wire.patch(`${leases()}/timed`, "merge", {
      spec: { renewTime: "2026-01-01T00:00:05.000001Z" },
    });
    assert.equal(body.spec.renewTime, "2026-01-01T00:00:05.000001Z");
    assert.equal(body.metadata.generation, undefined);
  });

  test("renewed by the version that one holds; who holds an older one has lost it", async () => {
    const mine = await created("renewed");
    const renew = (of: Json, holderIdentity: string) =>
      wire.put(`${leases()}/renewed`, { ...of, spec: { ...of.spec, holderIdentity } });
    const taken = await renew(mine, "other");
    assert.equal(taken.status, 200);
    assert.notEqual(taken.body.metadata.resourceVersion, mine.metadata.resourceVersion);
    const late = await renew(mine, "me");
    assert.deepEqual([late.status, late.body.reason], [409, "Conflict"]);
    assert.equal((await wire.get(`${leases()}/renewed`)).body.spec.holderIdentity, "other");
    const pinned = { metadata: { resourceVersion: mine.metadata.resourceVersion }, spec: { holderIdentity: "me" } };
    assert.equal((await wire.patch(`${leases()}/renewed`, "merge", pinned)).status, 409);
  });

  test("not replaced without a version", async () => {
    await created("bare");
    const { status, body } = await wire.put(`${leases()}/bare`, lease("bare"));
    assert.deepEqual([status, body.reason, body.details.causes[0].field], [422, "Invalid", "metadata.resourceVersion"]);
    assert.match(body.message, /must be specified for an update/);
  });

  test("released by the version that one holds, and by no other", async () => {
    const { metadata } = await created("released");
    await wire.patch(`${leases()}/released`, "merge", { spec: { holderIdentity: "other" } });
    const stale = { preconditions: { uid: metadata.uid, resourceVersion: metadata.resourceVersion } };
    assert.equal((await wire.delete(`${leases()}/released`, stale)).status, 409);
    const { body } = await wire.patch(`${leases()}/released`, "merge", {
      spec: { holderIdentity: null, renewTime: null },
    });
    assert.deepEqual([body.spec.holderIdentity, body.spec.renewTime], [undefined, undefined]);
    const now = { preconditions: { uid: metadata.uid, resourceVersion: body.metadata.resourceVersion } };
    assert.equal((await wire.delete(`${leases()}/released`, now)).status, 200);
  });

  test("watched: each renewal is told", async () => {
    const { metadata } = await created("watched");
    const parameters = { watch: 1, fieldSelector: "metadata.name=watched", resourceVersion: metadata.resourceVersion };
    using one = await wire.watch(`${leases()}${query(parameters)}`);
    for (const second of [1, 2]) {
      const renewTime = `2026-01-01T00:00:0${second}.000000Z`;
      await wire.patch(`${leases()}/watched`, "merge", { spec: { renewTime } });
    }
    await mesh.eventually("both renewals", async () => one.events.length === 2, 10);
    assert.deepEqual(
      one.events.map(({ type, object }) => `${type} ${object.spec.renewTime}`),
      ["MODIFIED 2026-01-01T00:00:01.000000Z", "MODIFIED 2026-01-01T00:00:02.000000Z"],
    );
  });
});

describe("events", () => {
  const events = (of = namespace): string => corePath(of, "/events");
  const event = (name: string, involvedObject: object, more: object = {}) => ({
    ...{ apiVersion: "v1", kind: "Event", metadata: { name }, involvedObject },
    ...{
      reason: "Moved",
      message: "to revision 1-20",
      type: "Normal",
      source: { component: "mesh-migrate" },
      count: 1,
    },
    ...{ firstTimestamp: "2026-01-01T00:00:00Z", lastTimestamp: "2026-01-01T00:00:00Z" },
    ...more,
  });
  const web = () => ({ apiVersion: "apps/v1", kind: "Deployment", name: "web", namespace, uid: "u-1" });

  test("are where their object is, and found by it", async () => {
    assert.equal((await wire.post(events(), event("one", web()))).status, 201);
    assert.equal(
      (await wire.post(events(), event("two", { ...web(), uid: "u-2" }, { type: "Warning", reason: "Failed" }))).status,
      201,
    );
    const cases: Readonly<Record<string, readonly string[]>> = {
      "involvedObject.uid=u-1": ["one"],
      "involvedObject.uid=u-2,type=Warning": ["two"],
      "involvedObject.kind=Deployment,involvedObject.name=web": ["one", "two"],
      "reason=Moved,involvedObject.name=web": ["one"],
      "source=mesh-migrate,type!=Normal": ["two"],
      "involvedObject.name=other": [],
    };
    for (const [fieldSelector, expected] of Object.entries(cases))
      assert.deepEqual(
        namesOf((await wire.get(`${events()}${query({ fieldSelector })}`)).body),
        expected,
        fieldSelector,
      );
  });

  test("in another namespace than their object are invalid; of what is in none they are in default", async () => {
    const elsewhere = await wire.post(events(), event("elsewhere", { ...web(), namespace: "other" }));
    assert.deepEqual([elsewhere.status, elsewhere.body.details.causes[0].field], [422, "involvedObject.namespace"]);
    assert.match(elsewhere.body.message, /does not match event\.namespace/);
    const about = { apiVersion: "v1", kind: "Namespace", name: namespace, uid: "u-3" };
    assert.equal((await wire.post(events(), event("nowhere", about))).status, 422);
    assert.equal((await wire.post(events("default"), event(`of-${namespace}`, about))).status, 201);
  });

  test("of pods that cannot be made are the controllers'", async () => {
    const hard = { apiVersion: "v1", kind: "ResourceQuota", metadata: { name: "none" }, spec: { hard: { pods: "0" } } };
    const full = await mesh.createNamespace({});
    assert.equal((await wire.post(corePath(full, "/resourcequotas"), hard)).status, 201);
    await mesh.eventually(
      "the quota to count",
      async () => (await wire.get(corePath(full, "/resourcequotas/none"))).body.status?.hard,
      20,
    );
    await mesh.apply([deployment({ namespace: full, name: "web", replicas: 1 })]);
    const told = await mesh.eventually(
      "the event",
      async () => (await wire.get(`${events(full)}${query({ fieldSelector: "reason=FailedCreate" })}`)).body.items[0],
      20,
    );
    assert.deepEqual([told.type, told.involvedObject.kind], ["Warning", "ReplicaSet"]);
    assert.match(
      told.message,
      /^Error creating: pods "web-\w+-\w+" is forbidden: exceeded quota: none, requested: pods=1, used: pods=0, limited: pods=0$/,
    );
  });
});

describe("logs", () => {
  let path: string;
  before(async () => {
    const containers = ["app", "side"].map((name) => ({ name, image: "registry.example/app:1" }));
    await mesh.apply([
      deployment({ namespace, name: "web", replicas: 1, podSpec: { containers } }),
      deployment({ namespace, name: "crashing", replicas: 1, life: "crash" }),
    ]);
    const pod = await mesh.eventually("the pod to run", async () => {
      const pods = await mesh.pods(namespace);
      return pods.find(({ metadata, status }) => metadata.labels.app === "web" && status.phase === "Running");
    });
    path = corePath(namespace, `/pods/${pod.metadata.name}/log`);
  });

  test("are text: all of it, its last lines, its first bytes", async () => {
    const cases: Readonly<Record<string, string>> = {
      "?container=app": "starting\nlistening on :8080\n",
      "?container=app&tailLines=1": "listening on :8080\n",
      "?container=side&tailLines=0": "",
      "?container=side&tailLines=100": "starting\nlistening on :8080\n",
      "?container=app&limitBytes=5": "start",
    };
    for (const [parameters, expected] of Object.entries(cases)) {
      const { status, headers, text } = await wire.get(`${path}${parameters}`, {
        accept: "text/plain, application/json",
      });
      assert.deepEqual([status, headers["content-type"], text], [200, "text/plain", expected], parameters);
    }
  });

  test("of no container, or of one of several without a name: 400 that says which there are", async () => {
    const name = path.split("/").at(-2);
    const none = await wire.get(`${path}?container=none`);
    assert.deepEqual(
      [none.status, none.body.reason, none.body.message],
      [400, "BadRequest", `container none is not valid for pod ${name}`],
    );
    const which = await wire.get(path);
    assert.deepEqual(
      [which.status, which.body.message],
      [400, `a container name must be specified for pod ${name}, choose one of: [app side]`],
    );
  });

  test("of a container that crashed say why, of its last life and of the one before", async () => {
    const crashed = await mesh.eventually("a restart", async () => {
      const pods = await mesh.pods(namespace);
      return pods.find(
        ({ metadata, status }) => metadata.labels.app === "crashing" && status.containerStatuses?.[0]?.restartCount > 0,
      );
    });
    const log = corePath(namespace, `/pods/${crashed.metadata.name}/log`);
    for (const previous of ["true", "false"]) {
      const { status, text } = await wire.get(`${log}${query({ container: "app", previous })}`);
      assert.deepEqual([status, text], [200, "starting\nfatal: cannot open the database: connection refused\n"]);
    }
  });

  test("of a pod that is not there: 404", async () => {
    assert.equal((await wire.get(corePath(namespace, "/pods/none/log?container=app"))).status, 404);
  });
});

describe("the server", () => {
  test("says its version, and the time of each answer", async () => {
    const { status, headers, body } = await wire.get("/version");
    assert.equal(status, 200);
    assert.deepEqual([body.major, body.minor, body.gitVersion, body.platform], ["1", "36", "v1.36.3", "linux/amd64"]);
    assert.ok(Math.abs(Date.parse(headers.date ?? "") - mesh.now().getTime()) < 5_000);
    assert.match(headers["cache-control"] ?? "", /no-cache, private/);
  });

  test("says which groups there are, and their versions", async () => {
    const core = await wire.get("/api");
    assert.deepEqual([core.body.kind, core.body.versions], ["APIVersions", ["v1"]]);
    const { body } = await wire.get("/apis");
    assert.equal(body.kind, "APIGroupList");
    const apps = body.groups.find(({ name }: Json) => name === "apps");
    const version = { groupVersion: "apps/v1", version: "v1" };
    assert.deepEqual(apps, { name: "apps", versions: [version], preferredVersion: version });
    const { body: group } = await wire.get("/apis/apps");
    assert.deepEqual([group.kind, group.apiVersion, group.preferredVersion], ["APIGroup", "v1", version]);
  });

  const verbs = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];
  const resources: readonly (readonly [string, string, Json])[] = [
    [
      "/api/v1",
      "pods",
      { singularName: "pod", namespaced: true, kind: "Pod", verbs, shortNames: ["po"], categories: ["all"] },
    ],
    ["/api/v1", "pods/log", { singularName: "", namespaced: true, kind: "Pod", verbs: ["get"] }],
    [
      "/api/v1",
      "configmaps",
      { singularName: "configmap", namespaced: true, kind: "ConfigMap", verbs, shortNames: ["cm"] },
    ],
    [
      "/apis/apps/v1",
      "deployments",
      {
        singularName: "deployment",
        namespaced: true,
        kind: "Deployment",
        verbs,
        shortNames: ["deploy"],
        categories: ["all"],
      },
    ],
    [
      "/apis/apps/v1",
      "deployments/scale",
      {
        singularName: "",
        namespaced: true,
        group: "autoscaling",
        version: "v1",
        kind: "Scale",
        verbs: ["get", "patch", "update"],
      },
    ],
    [
      "/apis/apps/v1",
      "deployments/status",
      { singularName: "", namespaced: true, kind: "Deployment", verbs: ["get", "patch", "update"] },
    ],
    [
      "/apis/authorization.k8s.io/v1",
      "selfsubjectaccessreviews",
      {
        singularName: "selfsubjectaccessreview",
        namespaced: false,
        kind: "SelfSubjectAccessReview",
        verbs: ["create"],
      },
    ],
    [
      "/apis/authorization.k8s.io/v1",
      "selfsubjectrulesreviews",
      { singularName: "selfsubjectrulesreview", namespaced: false, kind: "SelfSubjectRulesReview", verbs: ["create"] },
    ],
  ];
  for (const [path, name, expected] of resources)
    test(`says what ${name} are`, async () => {
      const { body } = await wire.get(path);
      assert.deepEqual([body.kind, body.groupVersion], ["APIResourceList", path.replace(/^\/apis?\//, "")]);
      const { storageVersionHash, ...found } = body.resources.find((each: Json) => each.name === name);
      assert.deepEqual(found, { name, ...expected });
    });

  test("answers kubectl, which would rather have all groups at once, with a list of them", async () => {
    const accept = ["v2", "v2beta1"].map(
      (v) => `application/json;g=apidiscovery.k8s.io;v=${v};as=APIGroupDiscoveryList`,
    );
    const { status, body } = await wire.get("/apis", { accept: [...accept, "application/json"].join() });
    assert.equal(status, 200);
    const names = (body.groups ?? body.items).map((group: Json) => group.name ?? group.metadata.name);
    assert.ok(
      ["apps", "batch", "rbac.authorization.k8s.io"].every((name) => names.includes(name)),
      names.join(),
    );
  });

  test("serves what a CustomResourceDefinition defines, from when it is there, and no more when it is gone", async () => {
    const group = `g-${namespace}.example`;
    const definition = {
      ...{
        apiVersion: "apiextensions.k8s.io/v1",
        kind: "CustomResourceDefinition",
        metadata: { name: `things.${group}` },
      },
      spec: {
        ...{ group, scope: "Namespaced", names: { plural: "things", singular: "thing", kind: "Thing" } },
        versions: [
          {
            ...{ name: "v1", served: true, storage: true, subresources: { status: {} } },
            schema: { openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true } },
          },
        ],
      },
    };
    const path = `/apis/${group}/v1/namespaces/${namespace}/things`;
    assert.deepEqual((await wire.get(path)).text, "404 page not found\n");
    const definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
    assert.equal((await wire.post(definitions, definition)).status, 201);
    await mesh.eventually("it to be served", async () => (await wire.get(path)).status === 200, 20);
    const thing = {
      apiVersion: `${group}/v1`,
      kind: "Thing",
      metadata: { name: "one" },
      spec: { size: 1 },
      status: { phase: "New" },
    };
    const { status, body } = await wire.post(path, thing);
    assert.deepEqual([status, body.spec, body.status, body.metadata.generation], [201, { size: 1 }, undefined, 1]);
    const merged = await wire.patch(`${path}/one`, "merge", { spec: { size: 2 }, status: { phase: "Old" } });
    assert.deepEqual(
      [merged.body.spec, merged.body.status, merged.body.metadata.generation],
      [{ size: 2 }, undefined, 2],
    );
    const strategic = await wire.patch(`${path}/one`, "strategic", { spec: { size: 3 } });
    assert.deepEqual([strategic.status, strategic.body.reason], [415, "UnsupportedMediaType"]);
    const { body: list } = await wire.get(path);
    assert.deepEqual([list.kind, list.items[0].kind, list.items[0].apiVersion], ["ThingList", "Thing", `${group}/v1`]);
    assert.equal((await wire.delete(`${definitions}/things.${group}`)).status, 200);
    await mesh.eventually("it to be served no more", async () => (await wire.get(path)).status === 404, 30);
  });
});
