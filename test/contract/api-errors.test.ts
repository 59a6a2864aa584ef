/** What is answered to what cannot be: metav1.Status, word for word where programs read it. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { deployment } from "../fixtures/workload-objects.ts";
import type { Json, MeshUnderTest } from "./mesh-under-test.ts";
import { configMap, configMapsIn, corePath, deploymentsIn } from "./objects.ts";
import { openMesh } from "./open-mesh.ts";
import { type Answer, connectWire, type Wire } from "./wire.ts";

let mesh: MeshUnderTest;
let wire: Wire;
let namespace: string;
let maps: string;
let uid: string;
before(async () => {
  mesh = await openMesh({ revisions: {} });
  wire = connectWire(mesh);
  namespace = await mesh.createNamespace({});
  maps = configMapsIn(namespace);
  uid = (await wire.post(maps, configMap("there"))).body.metadata.uid;
});
after(() => mesh?.[Symbol.asyncDispose]());

const failure = (code: number, reason: string, message: string, details?: object): Json => ({
  ...{
    kind: "Status",
    apiVersion: "v1",
    metadata: {},
    status: "Failure",
    message,
    reason,
    ...(details && { details }),
    code,
  },
});
const nobody = { as: "nobody-at-all" };
const notHere = failure(404, "NotFound", "the server could not find the requested resource", {});
const notSo = failure(405, "MethodNotAllowed", "the server does not allow this method on the requested resource", {});

describe("word for word", () => {
  const kept = () => configMapsIn(namespace);
  const cases: Readonly<Record<string, readonly [() => Promise<Answer>, () => Json]>> = {
    "no such object": [
      () => wire.get(`${kept()}/none`),
      () => failure(404, "NotFound", 'configmaps "none" not found', { name: "none", kind: "configmaps" }),
    ],
    "no such object of a group": [
      () => wire.get(`${deploymentsIn(namespace)}/none`),
      () =>
        failure(404, "NotFound", 'deployments.apps "none" not found', {
          name: "none",
          group: "apps",
          kind: "deployments",
        }),
    ],
    "no such namespace": [
      () => wire.get(corePath("there-is-none")),
      () =>
        failure(404, "NotFound", 'namespaces "there-is-none" not found', { name: "there-is-none", kind: "namespaces" }),
    ],
    "a new object in no namespace": [
      () => wire.post(configMapsIn("there-is-none"), configMap("new")),
      () =>
        failure(404, "NotFound", 'namespaces "there-is-none" not found', { name: "there-is-none", kind: "namespaces" }),
    ],
    "a whole object in the place of none": [
      () => wire.put(`${kept()}/none`, configMap("none")),
      () => failure(404, "NotFound", 'configmaps "none" not found', { name: "none", kind: "configmaps" }),
    ],
    "a subresource of nothing": [
      () => wire.get(corePath(namespace, "/pods/none/log")),
      () => failure(404, "NotFound", 'pods "none" not found', { name: "none", kind: "pods" }),
    ],
    "an object that is there already": [
      () => wire.post(kept(), configMap("there")),
      () => failure(409, "AlreadyExists", 'configmaps "there" already exists', { name: "there", kind: "configmaps" }),
    ],
    "another version": [
      () => wire.put(`${kept()}/there`, configMap("there", { resourceVersion: "1" })),
      () =>
        failure(
          409,
          "Conflict",
          'Operation cannot be fulfilled on configmaps "there": the object has been modified; please apply your changes to the latest version and try again',
          { name: "there", kind: "configmaps" },
        ),
    ],
    "deletion of another UID": [
      () => wire.delete(`${kept()}/there`, { preconditions: { uid: "another" } }),
      () =>
        failure(
          409,
          "Conflict",
          `Operation cannot be fulfilled on ConfigMap "there": the UID in the precondition (another) does not match the UID in record (${uid}). The object might have been deleted and then recreated`,
          { name: "there", kind: "ConfigMap" },
        ),
    ],
    "a bad name": [
      () => wire.post(kept(), configMap("Bad_Name")),
      () => {
        const message =
          "Invalid value: \"Bad_Name\": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
        const causes = [{ reason: "FieldValueInvalid", message, field: "metadata.name" }];
        const details = { name: "Bad_Name", kind: "ConfigMap", causes };
        return failure(422, "Invalid", `ConfigMap "Bad_Name" is invalid: metadata.name: ${message}`, details);
      },
    ],
    "no name": [
      () => wire.post(kept(), { apiVersion: "v1", kind: "ConfigMap" }),
      () => {
        const message = "Required value: name or generateName is required";
        const causes = [{ reason: "FieldValueRequired", message, field: "metadata.name" }];
        return failure(422, "Invalid", `ConfigMap "" is invalid: metadata.name: ${message}`, {
          kind: "ConfigMap",
          causes,
        });
      },
    ],
    "another name than the path's": [
      () => wire.put(`${kept()}/there`, configMap("other")),
      () => failure(400, "BadRequest", "the name of the object (other) does not match the name on the URL (there)"),
    ],
    "another namespace than the path's": [
      () => wire.post(kept(), configMap("new", { namespace: "other" })),
      () =>
        failure(
          400,
          "BadRequest",
          "the namespace of the provided object does not match the namespace sent on the request",
        ),
    ],
    "a patch of no type": [
      () => wire.ask("PATCH", `${kept()}/there`, { body: {}, type: "application/json" }),
      () => failure(415, "UnsupportedMediaType", "415: Unsupported Media Type", {}),
    ],
    "a body of no type": [
      () => wire.ask("POST", kept(), { body: "x", type: "text/plain" }),
      () =>
        failure(
          415,
          "UnsupportedMediaType",
          "the body of the request was in an unknown format - accepted media types include: application/json, application/yaml, application/vnd.kubernetes.protobuf",
        ),
    ],
    "a token that is nobody's": [
      () => wire.get(kept(), { token: "wrong" }),
      () => failure(401, "Unauthorized", "Unauthorized"),
    ],
    "no token": [
      () => wire.get(kept(), { token: "" }),
      () =>
        failure(
          403,
          "Forbidden",
          `configmaps is forbidden: User "system:anonymous" cannot list resource "configmaps" in API group "" in the namespace "${namespace}"`,
          { kind: "configmaps" },
        ),
    ],
    "no right to a list": [
      () => wire.get("/api/v1/nodes", nobody),
      () =>
        failure(
          403,
          "Forbidden",
          'nodes is forbidden: User "nobody-at-all" cannot list resource "nodes" in API group "" at the cluster scope',
          {
            kind: "nodes",
          },
        ),
    ],
    "no right to an object of a group": [
      () => wire.patch(`${deploymentsIn(namespace)}/web`, "merge", {}, nobody),
      () =>
        failure(
          403,
          "Forbidden",
          `deployments.apps "web" is forbidden: User "nobody-at-all" cannot patch resource "deployments" in API group "apps" in the namespace "${namespace}"`,
          { name: "web", group: "apps", kind: "deployments" },
        ),
    ],
    "no right to a subresource": [
      () => wire.get(corePath(namespace, "/pods/web/log"), nobody),
      () =>
        failure(
          403,
          "Forbidden",
          `pods "web" is forbidden: User "nobody-at-all" cannot get resource "pods/log" in API group "" in the namespace "${namespace}"`,
          { name: "web", kind: "pods" },
        ),
    ],
    "no right to a namespace": [
      () => wire.get(corePath(namespace), nobody),
      () =>
        failure(
          403,
          "Forbidden",
          `namespaces "${namespace}" is forbidden: User "nobody-at-all" cannot get resource "namespaces" in API group "" in the namespace "${namespace}"`,
          { name: namespace, kind: "namespaces" },
        ),
    ],
    "no right to what is not served": [
      () => wire.get("/apis/none.example/v1/things", nobody),
      () =>
        failure(
          403,
          "Forbidden",
          'things.none.example is forbidden: User "nobody-at-all" cannot list resource "things" in API group "none.example" at the cluster scope',
          { group: "none.example", kind: "things" },
        ),
    ],
    "no right to a path": [
      () => wire.get("/nonsense", nobody),
      () => failure(403, "Forbidden", 'forbidden: User "nobody-at-all" cannot get path "/nonsense"', {}),
    ],
  };
  for (const [name, [ask, expected]] of Object.entries(cases))
    test(`${name}: ${expected().code}`, async () => {
      const { status, headers, body } = await ask();
      assert.deepEqual(body, expected());
      assert.equal(status, body.code);
      assert.equal(headers["content-type"], "application/json");
    });
});

describe("paths and methods", () => {
  const cases: Readonly<Record<string, readonly [() => Promise<Answer>, Json]>> = {
    "a resource that is none": [() => wire.get(corePath(namespace, "/nonsense")), notHere],
    "a version that is not served": [() => wire.get("/apis/apps/v9/deployments"), notHere],
    "an object in a namespace, by no namespace": [() => wire.get("/api/v1/configmaps/there"), notHere],
    "what is in no namespace, by one": [() => wire.get(corePath(namespace, "/nodes")), notHere],
    "a subresource that is none": [() => wire.get(`${maps}/there/nonsense`), notHere],
    "the status of what has none": [() => wire.get(`${maps}/there/status`), notHere],
    "the scale of what has none": [() => wire.get(`/apis/apps/v1/namespaces/${namespace}/daemonsets/x/scale`), notHere],
    "a new object in no namespace": [() => wire.post("/api/v1/configmaps", configMap("new")), notSo],
    "PUT of a collection": [() => wire.put(maps, configMap("there")), notSo],
    "PATCH of a collection": [() => wire.patch(maps, "merge", {}), notSo],
    "POST of an object's name": [() => wire.post(`${maps}/there`, configMap("there")), notSo],
  };
  for (const [name, [ask, expected]] of Object.entries(cases))
    test(`${name}: ${expected.code}`, async () => {
      const { status, body } = await ask();
      assert.deepEqual([status, body], [expected.code, expected]);
    });

  for (const path of [
    "/nonsense",
    "/apis/none.example",
    "/apis/none.example/v1/things",
    "/apis/gateway.networking.k8s.io/v1/gateways",
  ])
    test(`a group that is not there, ${path}: 404, and no Status`, async () => {
      const { status, headers, text } = await wire.get(path);
      assert.deepEqual([status, text], [404, "404 page not found\n"]);
      assert.match(headers["content-type"] ?? "", /^text\/plain/);
    });
});

describe("bodies that are none", () => {
  const cases: Readonly<Record<string, () => Promise<Answer>>> = {
    "no JSON": () => wire.post(maps, "{oops"),
    nothing: () => wire.ask("POST", maps),
    "a list": () => wire.post(maps, []),
    "another kind": () =>
      wire.post(maps, { apiVersion: "v1", kind: "Secret", metadata: { name: "odd" }, data: { a: "1" } }),
    "another version": () => wire.post(maps, { ...configMap("odd"), apiVersion: "v2" }),
    "a number for an annotation": () => wire.post(maps, configMap("odd", { annotations: { n: 5 } })),
    "a number for a label, of a whole object": () =>
      wire.put(`${maps}/there`, configMap("there", { labels: { n: 5 } })),
    "no JSON, of a deletion": () => wire.delete(`${maps}/there`, "{oops"),
  };
  for (const [name, ask] of Object.entries(cases))
    test(`${name}: 400, and nothing is stored`, async () => {
      const { body: before } = await wire.get(maps);
      const { status, body } = await ask();
      assert.deepEqual([status, body.kind, body.reason, body.code], [400, "Status", "BadRequest", 400]);
      assert.deepEqual((await wire.get(maps)).body.items, before.items);
    });

  test("without a kind it is the path's", async () => {
    const { status, body } = await wire.post(maps, { metadata: { name: "kindless" }, data: { a: "1" } });
    assert.deepEqual([status, body.kind, body.apiVersion], [201, "ConfigMap", "v1"]);
  });

  test("null for a label is the empty string", async () => {
    const { body } = await wire.post(maps, configMap("empty", { labels: { team: null } }));
    assert.deepEqual(body.metadata.labels, { team: "" });
  });

  test("a version on a new object: 500", async () => {
    const { status, body } = await wire.post(maps, configMap("versioned", { resourceVersion: "5" }));
    assert.deepEqual([status, body.message], [500, "resourceVersion should not be set on objects to be created"]);
  });
});

describe("options that are none", () => {
  const unsupported = (kind: string, field: string, message: string): Json =>
    failure(422, "Invalid", `${kind}.meta.k8s.io "" is invalid: ${field}: ${message}`, {
      ...{ group: "meta.k8s.io", kind },
      causes: [{ reason: "FieldValueNotSupported", message, field }],
    });
  const dryRun = (value: string) => `Unsupported value: ["${value}"]: supported values: "All"`;
  const policy = 'Unsupported value: "background": supported values: "Foreground", "Background", "Orphan", "nil"';
  const cases: Readonly<Record<string, readonly [() => Promise<Answer>, Json]>> = {
    "a create with dryRun=true": [
      () => wire.post(`${maps}?dryRun=true`, configMap("dry")),
      unsupported("CreateOptions", "dryRun", dryRun("true")),
    ],
    "a patch with dryRun=all": [
      () => wire.patch(`${maps}/there?dryRun=all`, "merge", { data: { a: "2" } }),
      unsupported("PatchOptions", "dryRun", dryRun("all")),
    ],
    "a PUT with dryRun=": [
      () => wire.put(`${maps}/there?dryRun=`, configMap("there")),
      unsupported("UpdateOptions", "dryRun", dryRun("")),
    ],
    "a deletion with dryRun=true": [
      () => wire.delete(`${maps}/there?dryRun=true`),
      unsupported("DeleteOptions", "dryRun", dryRun("true")),
    ],
    "a deletion whose body says so": [
      () => wire.delete(`${maps}/there`, { dryRun: ["yes"] }),
      unsupported("DeleteOptions", "dryRun", dryRun("yes")),
    ],
    "a deletion in the background, misspelt": [
      () => wire.delete(`${maps}/there`, { propagationPolicy: "background" }),
      unsupported("DeleteOptions", "propagationPolicy", policy),
    ],
  };
  for (const [name, [ask, expected]] of Object.entries(cases))
    test(`${name}: 422, and nothing is done`, async () => {
      const { body: before } = await wire.get(maps);
      const { status, body } = await ask();
      assert.deepEqual([status, body], [422, expected]);
      assert.deepEqual((await wire.get(maps)).body.items, before.items);
    });

  test("a path that is no text: 400", async () => {
    assert.equal((await wire.get(`${maps}/%zz`)).status, 400);
  });
});

describe("objects that are invalid", () => {
  const changed = (change: (spec: Json) => Json) => {
    const odd = deployment({ namespace, name: "odd", replicas: 0 });
    return { ...odd, spec: change(odd.spec) };
  };
  const cases: Readonly<Record<string, readonly [string, () => Promise<Answer>]>> = {
    "a label's name with a blank": [
      "metadata.labels",
      () => wire.post(maps, configMap("odd", { labels: { "a b": "c" } })),
    ],
    "a label's value with a blank": [
      "metadata.labels",
      () => wire.post(maps, configMap("odd", { labels: { a: "b c" } })),
    ],
    "a label's value of 64": [
      "metadata.labels",
      () => wire.post(maps, configMap("odd", { labels: { a: "x".repeat(64) } })),
    ],
    "a namespace with a dot": [
      "metadata.name",
      () => wire.post("/api/v1/namespaces", { apiVersion: "v1", kind: "Namespace", metadata: { name: "a.b" } }),
    ],
    "a template of other labels than the selector": [
      "spec.template.metadata.labels",
      () =>
        wire.post(
          deploymentsIn(namespace),
          changed((spec) => ({ ...spec, selector: { matchLabels: { app: "other" } } })),
        ),
    ],
    "fewer replicas than none": [
      "spec.replicas",
      () =>
        wire.post(
          deploymentsIn(namespace),
          changed((spec) => ({ ...spec, replicas: -1 })),
        ),
    ],
    "a template without containers": [
      "spec.template.spec.containers",
      () =>
        wire.post(
          deploymentsIn(namespace),
          changed((spec) => ({ ...spec, template: { ...spec.template, spec: { containers: [] } } })),
        ),
    ],
  };
  for (const [name, [field, ask]] of Object.entries(cases))
    test(`${name}: 422 about ${field}`, async () => {
      const { status, body } = await ask();
      assert.deepEqual([status, body.reason, body.details.causes[0].field], [422, "Invalid", field]);
      assert.ok(body.message.includes(`is invalid: ${field}: ${body.details.causes[0].message}`), body.message);
    });

  test("a selector that changes: 422 about it, and about the template that it does not match", async () => {
    await wire.post(deploymentsIn(namespace), deployment({ namespace, name: "fixed", replicas: 0 }));
    const patch = { spec: { selector: { matchLabels: { app: "other" } } } };
    const { status, body } = await wire.patch(`${deploymentsIn(namespace)}/fixed`, "merge", patch);
    const fields = body.details.causes.map(({ field }: Json) => field);
    assert.deepEqual([status, fields.toSorted()], [422, ["spec.selector", "spec.template.metadata.labels"]]);
    assert.deepEqual([body.details.name, body.details.group, body.details.kind], ["fixed", "apps", "Deployment"]);
  });

  test("labels of 63 letters, and names with every letter that may be, are valid", async () => {
    const labels = { a: "x".repeat(63), "example.com/A_b.c-1": "A_b.c-1", empty: "" };
    const { status, body } = await wire.post(maps, configMap("a.b-c.1", { labels }));
    assert.deepEqual([status, body.metadata.labels], [201, labels]);
    assert.equal((await wire.get(`${maps}/a.b-c.1`)).status, 200);
    for (const name of ["constructor", "120", "x".repeat(63)])
      assert.equal((await wire.post(maps, configMap(name, { labels: { constructor: name } }))).status, 201);
    assert.equal((await wire.get(`${maps}/constructor`)).body.metadata.name, "constructor");
    assert.equal((await wire.get(`${maps}/to-string`)).status, 404);
  });
});
