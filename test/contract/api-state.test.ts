/** What a run keeps in the cluster and reports to it: Leases, ConfigMaps and Events, as the API server treats them. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Json, MeshUnderTest } from "./mesh-under-test.ts";
import { configMap, configMapsIn, corePath, namesOf, query } from "./objects.ts";
import { openMesh } from "./open-mesh.ts";
import { type Answer, connectWire, type Wire } from "./wire.ts";

let mesh: MeshUnderTest;
let wire: Wire;
let namespace: string;
before(async () => {
  mesh = await openMesh({ revisions: {} });
  wire = connectWire(mesh);
  namespace = await mesh.createNamespace({});
});
after(() => mesh?.[Symbol.asyncDispose]());

const leasesIn = (of: string): string => `/apis/coordination.k8s.io/v1/namespaces/${of}/leases`;
const lease = (name: string, spec: object = {}, metadata: object = {}) => ({
  ...{ apiVersion: "coordination.k8s.io/v1", kind: "Lease", metadata: { name, ...metadata }, spec },
});
const event = (name: string, more: object = {}) => ({
  ...{ apiVersion: "v1", kind: "Event", metadata: { name }, type: "Normal", reason: "MeshMigrated", message: "moved" },
  involvedObject: { apiVersion: "apps/v1", kind: "Deployment", name: "web", namespace, uid: "u-1" },
  ...{ action: "Migrate", eventTime: "2026-11-27T12:00:00.123456Z" },
  ...{ reportingComponent: "kubectl-mesh", reportingInstance: "mesh-migrate" },
  ...more,
});
const causesOf = ({ body }: Answer): readonly string[] =>
  (body.details?.causes ?? []).map(({ field, message }: Json) => `${field}: ${message}`);
/** A resource that a run writes: how it is made, and a merge patch of it. */
const written: readonly {
  readonly name: string;
  readonly path: () => string;
  readonly make: (name: string, metadata?: object) => object;
  readonly change: object;
}[] = [
  {
    name: "leases",
    path: () => leasesIn(namespace),
    make: (name, metadata) => lease(name, { holderIdentity: "a", leaseDurationSeconds: 60 }, metadata),
    change: { spec: { holderIdentity: "b" } },
  },
  {
    name: "configmaps",
    path: () => configMapsIn(namespace),
    make: (name, metadata) => configMap(name, metadata),
    change: { data: { a: "2" } },
  },
  {
    name: "events",
    path: () => corePath(namespace, "/events"),
    make: (name, metadata = {}) => event(name, { metadata: { name, ...metadata } }),
    change: { message: "moved again" },
  },
];

for (const { name: resource, path, make, change } of written)
  describe(resource, () => {
    test("are patched under the resourceVersion that was read, and under no older one", async () => {
      const made = await wire.post(path(), make("patched"));
      assert.equal(made.status, 201);
      const { resourceVersion, uid } = made.body.metadata;
      const pinned = { ...change, metadata: { resourceVersion, uid } };
      const first = await wire.patch(`${path()}/patched`, "merge", pinned);
      assert.equal(first.status, 200);
      assert.notEqual(first.body.metadata.resourceVersion, resourceVersion);
      const late = await wire.patch(`${path()}/patched`, "merge", { ...pinned, metadata: { resourceVersion } });
      assert.deepEqual([late.status, late.body.reason], [409, "Conflict"]);
    });

    test("of another UID are not patched: the UID is immutable", async () => {
      const made = await wire.post(path(), make("of-uid"));
      const { resourceVersion } = made.body.metadata;
      const other = { ...change, metadata: { uid: "00000000-0000-4000-8000-000000000000" } };
      const refused = await wire.patch(`${path()}/of-uid`, "merge", other);
      assert.deepEqual([refused.status, refused.body.reason], [422, "Invalid"]);
      assert.match(causesOf(refused).join(), /metadata\.uid: Invalid value: .*field is immutable/);
      assert.equal((await wire.get(`${path()}/of-uid`)).body.metadata.resourceVersion, resourceVersion);
    });

    test("that are not there are not made by a patch", async () => {
      const { status, body } = await wire.patch(`${path()}/none`, "merge", change);
      assert.deepEqual([status, body.reason, body.details.name], [404, "NotFound", "none"]);
    });

    test("in a namespace that is terminating are not created", async () => {
      const going = await mesh.createNamespace({});
      const held = { ...configMap("held"), metadata: { name: "held", finalizers: ["example.com/held"] } };
      assert.equal((await wire.post(configMapsIn(going), held)).status, 201);
      await wire.delete(corePath(going));
      const body = JSON.parse(JSON.stringify(make("late")).replaceAll(namespace, going));
      const refused = await wire.post(path().replace(namespace, going), body);
      assert.deepEqual(
        [refused.status, refused.body.reason, refused.body.details.causes?.[0].reason],
        [403, "Forbidden", "NamespaceTerminating"],
      );
      await wire.patch(`${configMapsIn(going)}/held`, "merge", { metadata: { finalizers: null } });
    });

    test("are listed and watched by label and by name, and deleted by UID", async () => {
      const labels = { "kubectl-mesh/state": "true" };
      const labelSelector = "kubectl-mesh/state=true";
      const { body: before } = await wire.get(`${path()}${query({ labelSelector })}`);
      assert.deepEqual(namesOf(before), []);
      using seen = await wire.watch(
        `${path()}${query({ watch: 1, labelSelector, resourceVersion: before.metadata.resourceVersion })}`,
      );
      const made = await wire.post(path(), make("labelled", { labels }));
      await wire.post(path(), make("unlabelled"));
      await wire.patch(`${path()}/labelled`, "merge", change);
      assert.deepEqual(namesOf((await wire.get(`${path()}${query({ labelSelector })}`)).body), ["labelled"]);
      const byName = await wire.get(`${path()}${query({ fieldSelector: "metadata.name=unlabelled" })}`);
      assert.deepEqual(namesOf(byName.body), ["unlabelled"]);
      const wrong = await wire.delete(`${path()}/labelled`, { preconditions: { uid: "another" } });
      assert.equal(wrong.status, 409);
      const right = await wire.delete(`${path()}/labelled`, { preconditions: { uid: made.body.metadata.uid } });
      assert.equal(right.status, 200);
      await mesh.eventually("all three", async () => seen.events.length === 3, 10);
      assert.deepEqual(seen.names(), ["ADDED labelled", "MODIFIED labelled", "DELETED labelled"]);
    });

    test("of a dry run are answered and not kept", async () => {
      assert.equal((await wire.post(`${path()}?dryRun=All`, make("tried"))).status, 201);
      assert.equal((await wire.get(`${path()}/tried`)).status, 404);
    });
  });

describe("times of Leases", () => {
  const renewedAt = (renewTime: unknown) => lease("timed", { renewTime });
  const kept: Readonly<Record<string, string>> = {
    "2026-11-27T12:00:00.000000Z": "2026-11-27T12:00:00.000000Z",
    "2026-11-27T12:00:00.000001Z": "2026-11-27T12:00:00.000001Z",
    "2026-11-27T14:00:00.500000+02:00": "2026-11-27T12:00:00.500000Z",
  };
  for (const [given, expected] of Object.entries(kept))
    test(`${given} is ${expected}`, async () => {
      const { status, body } = await wire.post(`${leasesIn(namespace)}?dryRun=All`, renewedAt(given));
      assert.deepEqual([status, body.spec?.renewTime], [201, expected], body.message);
    });

  const refused: Readonly<Record<string, string>> = {
    "2026-11-27T12:00:00Z": 'cannot parse "Z" as ".000000"',
    "2026-11-27T12:00:00.123Z": 'cannot parse ".123Z" as ".000000"',
    "2026-11-27T12:00:00.123456789Z": 'cannot parse "789Z" as "Z07:00"',
    "2026-11-27 12:00:00.000000Z": 'cannot parse " 12:00:00.000000Z" as "T"',
    "2026-11-27T12:00:00.000000": 'cannot parse "" as "Z07:00"',
    "2026-02-30T12:00:00.000000Z": ": day out of range",
    "2026-11-27T12:00:00.000000ZZ": ': extra text: "Z"',
    soon: 'cannot parse "soon" as "2006"',
    "": 'cannot parse "" as "2006"',
  };
  for (const [given, why] of Object.entries(refused))
    test(`${JSON.stringify(given)} is no time of a Lease`, async () => {
      const { status, body } = await wire.post(`${leasesIn(namespace)}?dryRun=All`, renewedAt(given));
      assert.deepEqual([status, body.reason], [400, "BadRequest"]);
      const layout = why.startsWith("cannot") ? ' as "2006-01-02T15:04:05.000000Z07:00": ' : "";
      const parsing = `parsing time ${JSON.stringify(given)}${layout}${why}`;
      assert.equal(body.message, `Lease in version "v1" cannot be handled as a Lease: ${parsing}`);
    });

  test("a patch with such a time is invalid, and changes nothing", async () => {
    const made = await wire.post(leasesIn(namespace), renewedAt("2026-11-27T12:00:00.000000Z"));
    const patch = { spec: { renewTime: "2026-11-27T12:00:00Z" } };
    const { status, body } = await wire.patch(`${leasesIn(namespace)}/timed`, "merge", patch);
    assert.deepEqual([status, body.reason], [422, "Invalid"]);
    assert.match(body.message, /cannot parse "Z" as "\.000000"/);
    assert.deepEqual((await wire.get(`${leasesIn(namespace)}/timed`)).body, made.body);
  });

  test("null takes one away; a Lease needs none of its fields", async () => {
    const { body } = await wire.patch(`${leasesIn(namespace)}/timed`, "merge", { spec: { renewTime: null } });
    assert.deepEqual(body.spec, {});
    assert.equal((await wire.post(leasesIn(namespace), { ...lease("empty"), spec: undefined })).status, 201);
    assert.deepEqual((await wire.get(`${leasesIn(namespace)}/empty`)).body.spec, {});
  });
});

test("a Lease's duration is a whole number of seconds, more than none", async () => {
  const made = (spec: object) => wire.post(`${leasesIn(namespace)}?dryRun=All`, lease("lasting", spec));
  assert.deepEqual(causesOf(await made({ leaseDurationSeconds: 0 })), [
    "spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0",
  ]);
  assert.deepEqual(causesOf(await made({ leaseTransitions: -1 })), [
    "spec.leaseTransitions: Invalid value: -1: must be greater than or equal to 0",
  ]);
  const text = await made({ leaseDurationSeconds: "60" });
  assert.equal(text.status, 400);
  assert.match(
    text.body.message,
    /cannot unmarshal string into Go struct field \S*leaseDurationSeconds of type int32$/,
  );
  const holder = await made({ holderIdentity: 7 });
  assert.match(holder.body.message, /cannot unmarshal number into Go struct field \S*holderIdentity of type string$/);
});

describe("a ConfigMap", () => {
  const made = (data: Readonly<Record<string, string>>) =>
    wire.post(`${configMapsIn(namespace)}?dryRun=All`, configMap("sized", {}, data));

  test("holds a mebibyte, and not a byte more", async () => {
    assert.equal((await made({ journal: "x".repeat(1024 * 1024) })).status, 201);
    const refused = await made({ journal: "ä".repeat(512 * 1024), more: "x" });
    assert.deepEqual([refused.status, refused.body.reason], [422, "Invalid"]);
    assert.match(refused.body.message, /Too long: may not be more than 1048576 bytes/);
  });

  test("has keys of letters, digits, dots, dashes and underscores", async () => {
    const refused = await made({ "a/b": "1" });
    assert.match(causesOf(refused).join(), /^data\[a\/b\]: Invalid value: "a\/b": a valid config key must consist/);
  });

  test("that is immutable keeps its data", async () => {
    await wire.post(configMapsIn(namespace), { ...configMap("fixed"), immutable: true });
    const refused = await wire.patch(`${configMapsIn(namespace)}/fixed`, "merge", { data: { a: "2" } });
    assert.deepEqual(causesOf(refused), ["data: Forbidden: field is immutable when `immutable` is set"]);
  });
});

describe("an Event of the new style", () => {
  const made = (more: object) => wire.post(corePath(namespace, "/events?dryRun=All"), event("told", more));

  test("is kept with its time to the microsecond; what it does not have is null", async () => {
    const { status, body } = await made({});
    assert.equal(status, 201);
    const { eventTime, firstTimestamp, lastTimestamp, source, reportingComponent, reportingInstance, action } = body;
    assert.deepEqual(
      { eventTime, firstTimestamp, lastTimestamp, source, reportingComponent, reportingInstance, action },
      {
        ...{ eventTime: "2026-11-27T12:00:00.123456Z", firstTimestamp: null, lastTimestamp: null, source: {} },
        ...{ reportingComponent: "kubectl-mesh", reportingInstance: "mesh-migrate", action: "Migrate" },
      },
    );
  });

  test("is found by who reports it", async () => {
    await wire.post(corePath(namespace, "/events"), event("found", { reason: "MeshRestored" }));
    const by = async (fieldSelector: string) =>
      namesOf((await wire.get(corePath(namespace, `/events${query({ fieldSelector })}`))).body);
    assert.deepEqual(await by("reportingComponent=kubectl-mesh,reason=MeshRestored"), ["found"]);
    assert.deepEqual(await by("source=kubectl-mesh,reason=MeshRestored"), ["found"]);
    assert.deepEqual(await by("source=other,reason=MeshRestored"), []);
  });

  const refused: Readonly<Record<string, readonly [more: object, ...causes: string[]]>> = {
    "without an action": [{ action: undefined }, "action: Required value"],
    "without a reason": [{ reason: "" }, "reason: Required value"],
    "without an instance": [{ reportingInstance: undefined }, "reportingInstance: Required value"],
    "with a long instance": [
      { reportingInstance: "x".repeat(129) },
      'reportingInstance: Invalid value: "": can have at most 128 characters',
    ],
    "with a message of more than 1024 bytes": [
      { message: "ä".repeat(513) },
      'message: Invalid value: "": can have at most 1024 characters',
    ],
    "about an object of no namespace": [
      { involvedObject: { kind: "Namespace", name: "web" } },
      'involvedObject.namespace: Invalid value: "": does not match event.namespace',
    ],
  };
  for (const [name, [more, ...causes]] of Object.entries(refused))
    test(`${name} is invalid`, async () => {
      const answer = await made(more);
      assert.deepEqual([answer.status, causesOf(answer)], [422, causes]);
    });

  test("without a component is invalid twice over", async () => {
    const causes = causesOf(await made({ reportingComponent: undefined }));
    assert.equal(causes[0], "reportingComponent: Required value");
    assert.match(causes[1] ?? "", /^reportingComponent: Invalid value: "": name part must be non-empty$/);
  });

  test("may have a message of 1024 bytes, and what is old style one of any length", async () => {
    assert.equal((await made({ message: "ä".repeat(512) })).status, 201);
    assert.equal((await made({ message: "x".repeat(1100), eventTime: null })).status, 201);
  });

  test("has a time in microseconds, or is none of the new style", async () => {
    const { status, body } = await made({ eventTime: "2026-11-27T12:00:00Z" });
    assert.equal(status, 400);
    assert.match(body.message, /^Event in version "v1" cannot be handled as a Event: parsing time /);
  });
});

describe("with the migrator's rights alone", () => {
  const rbac = "/apis/rbac.authorization.k8s.io/v1";
  const me = { as: `migrator-${process.pid}` };
  before(async () => {
    const inside = `${rbac}/namespaces/${namespace}`;
    const rule = (group: string, resource: string, verbs: readonly string[], resourceNames?: readonly string[]) => ({
      ...{ apiGroups: [group], resources: [resource], verbs, ...(resourceNames && { resourceNames }) },
    });
    const rules = [
      rule("coordination.k8s.io", "leases", ["create"]),
      rule("coordination.k8s.io", "leases", ["get", "patch"], ["kubectl-mesh"]),
      rule("", "configmaps", ["create"]),
      rule("", "configmaps", ["get", "patch"], ["kubectl-mesh"]),
      rule("", "events", ["create"]),
    ];
    const role = { apiVersion: "rbac.authorization.k8s.io/v1", kind: "Role", metadata: { name: "state" }, rules };
    assert.equal((await wire.post(`${inside}/roles`, role)).status, 201);
    const binding = {
      ...{ apiVersion: "rbac.authorization.k8s.io/v1", kind: "RoleBinding", metadata: { name: "state" } },
      subjects: [{ kind: "User", apiGroup: "rbac.authorization.k8s.io", name: me.as }],
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: "state" },
    };
    assert.equal((await wire.post(`${inside}/rolebindings`, binding)).status, 201);
    const asked = async () => (await wire.get(`${configMapsIn(namespace)}/kubectl-mesh`, me)).status === 404;
    await mesh.eventually("the rights to hold", asked, 20);
  });

  for (const [path, make, change] of [
    [() => leasesIn(namespace), () => lease("kubectl-mesh"), { spec: { holderIdentity: "me" } }],
    [() => configMapsIn(namespace), () => configMap("kubectl-mesh"), { data: { journal: "{}" } }],
  ] as const)
    test(`${make().kind}s of our name are created, read and patched; no other is read, none is listed`, async () => {
      assert.equal((await wire.post(path(), make(), me)).status, 201);
      assert.equal((await wire.get(`${path()}/kubectl-mesh`, me)).status, 200);
      assert.equal((await wire.patch(`${path()}/kubectl-mesh`, "merge", change, me)).status, 200);
      assert.equal((await wire.get(`${path()}/patched`, me)).status, 403);
      assert.equal((await wire.patch(`${path()}/patched`, "merge", change, me)).status, 403);
      for (const refused of [await wire.get(path(), me), await wire.delete(`${path()}/kubectl-mesh`, undefined, me)])
        assert.deepEqual([refused.status, refused.body.reason], [403, "Forbidden"]);
    });

  test("Events are created and not changed", async () => {
    assert.equal((await wire.post(corePath(namespace, "/events"), event("by-me"), me)).status, 201);
    assert.equal((await wire.patch(corePath(namespace, "/events/by-me"), "merge", { message: "x" }, me)).status, 403);
  });
});
