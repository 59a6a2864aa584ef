/** Rights: what Roles and their bindings allow, and that what a review says is what is then answered. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Json, MeshUnderTest } from "./mesh-under-test.ts";
import { configMap, configMapsIn, corePath, deploymentsIn, query } from "./objects.ts";
import { openMesh } from "./open-mesh.ts";
import { type Answer, type Ask, connectWire, type Wire } from "./wire.ts";

let mesh: MeshUnderTest;
let wire: Wire;
let namespace: string;
let maps: string;
const group = "rbac.authorization.k8s.io";
const rbac = `/apis/${group}/v1`;
/** Names of the cluster are this test's own: a real mesh may be shared. */
const own = `contract-${process.pid}`;
const people = {
  ann: { as: `ann-${own}` },
  carl: { as: `carl-${own}`, groups: [`team-${own}`] },
  dora: { as: `dora-${own}` },
} as const;
let account: Ask;

const rule = (apiGroup: string, resources: string, verbs: string, resourceNames?: readonly string[]) => ({
  ...{ apiGroups: [apiGroup], resources: resources.split(" "), verbs: verbs.split(" ") },
  ...(resourceNames && { resourceNames }),
});
const binding = (kind: "RoleBinding" | "ClusterRoleBinding", name: string, subject: object, role: object) => ({
  ...{ apiVersion: `${group}/v1`, kind, metadata: { name } },
  ...{ subjects: [subject], roleRef: { apiGroup: group, ...role } },
});
const user = ({ as }: { readonly as: string }) => ({ kind: "User", apiGroup: group, name: as });

before(async () => {
  mesh = await openMesh({ revisions: {} });
  wire = connectWire(mesh);
  namespace = await mesh.createNamespace({});
  account = { as: `system:serviceaccount:${namespace}:default` };
  maps = configMapsIn(namespace);
  const inside = `${rbac}/namespaces/${namespace}`;
  const rules = [
    rule("", "configmaps", "get list watch patch create", ["one"]),
    rule("", "pods/log", "get"),
    rule("apps", "deployments/scale", "*"),
    rule("", "events", "list"),
    rule("", "namespaces", "get patch"),
    rule("batch", "*", "list"),
  ];
  const bodies: readonly (readonly [string, object])[] = [
    [maps, configMap("one")],
    [maps, configMap("two")],
    [`${inside}/roles`, { apiVersion: `${group}/v1`, kind: "Role", metadata: { name: "narrow" }, rules }],
    [`${inside}/rolebindings`, binding("RoleBinding", "ann", user(people.ann), { kind: "Role", name: "narrow" })],
    [
      `${rbac}/clusterroles`,
      {
        apiVersion: `${group}/v1`,
        kind: "ClusterRole",
        metadata: { name: own },
        rules: [rule("", "configmaps nodes", "list")],
      },
    ],
    [
      `${inside}/rolebindings`,
      binding(
        "RoleBinding",
        "team",
        { kind: "Group", apiGroup: group, name: `team-${own}` },
        { kind: "ClusterRole", name: own },
      ),
    ],
    [
      `${inside}/rolebindings`,
      binding(
        "RoleBinding",
        "account",
        { kind: "ServiceAccount", name: "default", namespace },
        { kind: "ClusterRole", name: own },
      ),
    ],
    [
      `${rbac}/clusterrolebindings`,
      binding("ClusterRoleBinding", `dora-${own}`, user(people.dora), { kind: "ClusterRole", name: own }),
    ],
  ];
  for (const [path, body] of bodies) assert.equal((await wire.post(path, body)).status, 201);
  // The API server reads rights from a cache.
  for (const who of [people.dora, people.carl, account])
    await mesh.eventually("the rights", async () => (await wire.get(maps, who)).status === 200, 10);
});
after(() => mesh?.[Symbol.asyncDispose]());

interface Wish {
  readonly method: string;
  readonly path: () => string;
  /** As a review asks it. */
  readonly attributes: () => Json;
}

const within = (attributes: object) => (): Json => ({ namespace, ...attributes });
const wishes: Readonly<Record<string, Wish>> = {
  "get one": {
    method: "GET",
    path: () => `${maps}/one`,
    attributes: within({ verb: "get", resource: "configmaps", name: "one" }),
  },
  "get two": {
    method: "GET",
    path: () => `${maps}/two`,
    attributes: within({ verb: "get", resource: "configmaps", name: "two" }),
  },
  "patch one": {
    method: "PATCH",
    path: () => `${maps}/one`,
    attributes: within({ verb: "patch", resource: "configmaps", name: "one" }),
  },
  "patch two": {
    method: "PATCH",
    path: () => `${maps}/two`,
    attributes: within({ verb: "patch", resource: "configmaps", name: "two" }),
  },
  "patch what is not there": {
    method: "PATCH",
    path: () => `${maps}/three`,
    attributes: within({ verb: "patch", resource: "configmaps", name: "three" }),
  },
  "delete one": {
    method: "DELETE",
    path: () => `${maps}/one`,
    attributes: within({ verb: "delete", resource: "configmaps", name: "one" }),
  },
  "create, where the name is not known yet": {
    method: "POST",
    path: () => maps,
    attributes: within({ verb: "create", resource: "configmaps" }),
  },
  list: { method: "GET", path: () => maps, attributes: within({ verb: "list", resource: "configmaps" }) },
  "list one": {
    method: "GET",
    path: () => `${maps}${query({ fieldSelector: "metadata.name=one" })}`,
    attributes: within({ verb: "list", resource: "configmaps", name: "one" }),
  },
  "list two": {
    method: "GET",
    path: () => `${maps}${query({ fieldSelector: "metadata.name=two" })}`,
    attributes: within({ verb: "list", resource: "configmaps", name: "two" }),
  },
  "watch one": {
    method: "GET",
    path: () => `${maps}${query({ fieldSelector: "metadata.name=one", watch: 1, timeoutSeconds: 1 })}`,
    attributes: within({ verb: "watch", resource: "configmaps", name: "one" }),
  },
  "list of all namespaces": {
    method: "GET",
    path: () => "/api/v1/configmaps",
    attributes: () => ({ verb: "list", resource: "configmaps" }),
  },
  "get of another namespace": {
    method: "GET",
    path: () => `${configMapsIn("default")}/one`,
    attributes: () => ({ verb: "get", resource: "configmaps", name: "one", namespace: "default" }),
  },
  "list nodes": { method: "GET", path: () => "/api/v1/nodes", attributes: () => ({ verb: "list", resource: "nodes" }) },
  "get logs": {
    method: "GET",
    path: () => corePath(namespace, "/pods/p/log"),
    attributes: within({ verb: "get", resource: "pods", subresource: "log", name: "p" }),
  },
  "get a pod": {
    method: "GET",
    path: () => corePath(namespace, "/pods/p"),
    attributes: within({ verb: "get", resource: "pods", name: "p" }),
  },
  "get a scale": {
    method: "GET",
    path: () => `${deploymentsIn(namespace)}/web/scale`,
    attributes: within({ verb: "get", group: "apps", resource: "deployments", subresource: "scale", name: "web" }),
  },
  "get a deployment": {
    method: "GET",
    path: () => `${deploymentsIn(namespace)}/web`,
    attributes: within({ verb: "get", group: "apps", resource: "deployments", name: "web" }),
  },
  "patch a status": {
    method: "PATCH",
    path: () => `${deploymentsIn(namespace)}/web/status`,
    attributes: within({ verb: "patch", group: "apps", resource: "deployments", subresource: "status", name: "web" }),
  },
  "list events": {
    method: "GET",
    path: () => corePath(namespace, "/events"),
    attributes: within({ verb: "list", resource: "events" }),
  },
  "get this namespace": {
    method: "GET",
    path: () => corePath(namespace),
    attributes: within({ verb: "get", resource: "namespaces", name: "" }),
  },
  "delete this namespace": {
    method: "DELETE",
    path: () => corePath(namespace),
    attributes: within({ verb: "delete", resource: "namespaces" }),
  },
  "get another namespace": {
    method: "GET",
    path: () => corePath("default"),
    attributes: () => ({ verb: "get", resource: "namespaces", namespace: "default", name: "default" }),
  },
  "list jobs, by a star": {
    method: "GET",
    path: () => `/apis/batch/v1/namespaces/${namespace}/jobs`,
    attributes: within({ verb: "list", group: "batch", resource: "jobs" }),
  },
  "list what is not served": {
    method: "GET",
    path: () => "/apis/none.example/v1/things",
    attributes: () => ({ verb: "list", group: "none.example", resource: "things" }),
  },
};

const may: readonly (readonly [string, () => Ask, readonly string[]])[] = [
  [
    "by a Role, of names, subresources and stars",
    () => people.ann,
    [
      ...[
        "get one",
        "patch one",
        "list one",
        "watch one",
        "get logs",
        "get a scale",
        "list events",
        "get this namespace",
      ],
      "list jobs, by a star",
    ],
  ],
  ["by a ClusterRole in a namespace, of a group", () => people.carl, ["list", "list one", "list two"]],
  ["by a ClusterRole in a namespace, of a service account", () => account, ["list", "list one", "list two"]],
  [
    "by a ClusterRole everywhere",
    () => people.dora,
    ["list", "list one", "list two", "list of all namespaces", "list nodes"],
  ],
  ["by nothing", () => ({ as: `${people.carl.as}` }), []],
  ["as administrator", () => ({}), Object.keys(wishes)],
];

const review = (attributes: Json, who: Ask): Promise<Answer> =>
  wire.post(
    "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
    {
      apiVersion: "authorization.k8s.io/v1",
      kind: "SelfSubjectAccessReview",
      spec: { resourceAttributes: attributes },
    },
    who,
  );

describe("what is answered is what a review says", () => {
  for (const [name, who, allowed] of may)
    test(name, async () => {
      for (const [wish, { method, path, attributes }] of Object.entries(wishes)) {
        const reviewed = await review(attributes(), who());
        assert.equal(reviewed.status, 201);
        assert.equal(reviewed.body.status.allowed, allowed.includes(wish), `${wish}, reviewed`);
        if (name === "as administrator") continue; // who would delete
        // An empty patch of a type that is none is refused after the right to it.
        const { status, body } = await wire.ask(method, path(), {
          ...who(),
          ...(method === "PATCH" && { body: {}, type: "application/x" }),
        });
        assert.equal(status !== 403, allowed.includes(wish), `${wish}: ${status}`);
        if (status === 403) assert.deepEqual([body.kind, body.reason], ["Status", "Forbidden"]);
      }
    });
});

describe("reviews", () => {
  test("say which binding allows", async () => {
    const { body } = await review({ verb: "get", resource: "configmaps", name: "one", namespace }, people.ann);
    assert.equal(body.kind, "SelfSubjectAccessReview");
    assert.deepEqual(body.status, {
      allowed: true,
      reason: `RBAC: allowed by RoleBinding "ann/${namespace}" of Role "narrow" to User "${people.ann.as}"`,
    });
    const { body: everywhere } = await review({ verb: "list", resource: "nodes" }, people.dora);
    assert.equal(
      everywhere.status.reason,
      `RBAC: allowed by ClusterRoleBinding "dora-${own}" of ClusterRole "${own}" to User "${people.dora.as}"`,
    );
    assert.deepEqual((await review({ verb: "get", resource: "secrets", namespace }, people.ann)).body.status, {
      allowed: false,
    });
  });

  test("of nothing are invalid", async () => {
    const { status, body } = await wire.post("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", {
      ...{ apiVersion: "authorization.k8s.io/v1", kind: "SelfSubjectAccessReview", spec: {} },
    });
    assert.deepEqual([status, body.reason], [422, "Invalid"]);
  });

  test("of paths: discovery is for everybody, the rest is not", async () => {
    for (const [path, allowed] of [
      ["/version", true],
      ["/apis", true],
      ["/metrics", false],
      ["/nonsense", false],
    ] as const) {
      const spec = { nonResourceAttributes: { verb: "get", path } };
      const { body } = await wire.post(
        "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
        { apiVersion: "authorization.k8s.io/v1", kind: "SelfSubjectAccessReview", spec },
        people.ann,
      );
      assert.equal(body.status.allowed, allowed, path);
      assert.equal((await wire.get(path, people.ann)).status === 403, !allowed, path);
    }
  });

  test("of rules: every rule that holds in a namespace", async () => {
    const ask = async (who: Ask, of: string): Promise<readonly Json[]> => {
      const { status, body } = await wire.post(
        "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews",
        { apiVersion: "authorization.k8s.io/v1", kind: "SelfSubjectRulesReview", spec: { namespace: of } },
        who,
      );
      assert.deepEqual([status, body.kind, body.status.incomplete], [201, "SelfSubjectRulesReview", false]);
      return body.status.resourceRules;
    };
    const hasOne = (rules: readonly Json[]): boolean =>
      rules.some(({ resources, resourceNames }) => resources.includes("configmaps") && resourceNames?.includes("one"));
    const hasNodes = (rules: readonly Json[]): boolean => rules.some(({ resources }) => resources.includes("nodes"));
    assert.deepEqual(
      [hasOne(await ask(people.ann, namespace)), hasOne(await ask(people.ann, "default"))],
      [true, false],
    );
    assert.deepEqual(
      [hasNodes(await ask(people.dora, namespace)), hasNodes(await ask(people.dora, "default"))],
      [true, true],
    );
    assert.ok(
      (await ask(people.ann, "default")).some(({ resources }) => resources.includes("selfsubjectaccessreviews")),
      "what everybody has",
    );
    assert.ok(
      (await ask({}, namespace)).some(({ verbs, resources }) => verbs.includes("*") && resources.includes("*")),
    );
  });
});

describe("a right that comes and goes", () => {
  test("is had from its binding on, and lost with it", async () => {
    const eva = { as: `eva-${own}` };
    const path = `${rbac}/namespaces/${namespace}/rolebindings`;
    assert.equal((await wire.get(maps, eva)).status, 403);
    await wire.post(path, binding("RoleBinding", "eva", user(eva), { kind: "ClusterRole", name: own }));
    await mesh.eventually("the right", async () => (await wire.get(maps, eva)).status === 200, 10);
    await wire.delete(`${path}/eva`);
    await mesh.eventually("its end", async () => (await wire.get(maps, eva)).status === 403, 10);
  });

  test("to a Role that is not there is none", async () => {
    const finn = { as: `finn-${own}` };
    const path = `${rbac}/namespaces/${namespace}`;
    const made = await wire.post(
      `${path}/rolebindings`,
      binding("RoleBinding", "finn", user(finn), { kind: "Role", name: "later" }),
    );
    assert.equal(made.status, 201);
    await mesh.pass(500);
    assert.equal((await wire.get(maps, finn)).status, 403);
    const rules = [rule("", "configmaps", "list")];
    await wire.post(`${path}/roles`, { apiVersion: `${group}/v1`, kind: "Role", metadata: { name: "later" }, rules });
    await mesh.eventually("the right", async () => (await wire.get(maps, finn)).status === 200, 10);
  });
});

describe("acting as another", () => {
  test("with a group has the rights of the group", async () => {
    assert.equal((await wire.get(maps, { as: "anybody", groups: ["system:masters"] })).status, 200);
    assert.equal((await wire.get(maps, { as: "anybody" })).status, 403);
  });

  test("of a group without a user: 400", async () => {
    const { status, body } = await wire.get(maps, { groups: ["system:masters"] });
    assert.deepEqual([status, body.reason], [400, "BadRequest"]);
    assert.match(body.message, /without impersonating a user name$/);
  });
});
