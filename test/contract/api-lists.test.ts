/** Lists: pages of one picture, versions, selectors, metadata alone. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { forgetHistory } from "./history.ts";
import type { Json, MeshUnderTest } from "./mesh-under-test.ts";
import { configMap, configMapsIn, corePath, deploymentsIn, namesOf, query } from "./objects.ts";
import { openMesh } from "./open-mesh.ts";
import { type Answer, connectWire, type Wire } from "./wire.ts";

let mesh: MeshUnderTest;
let wire: Wire;
let namespace: string;
let maps: string;
/** Those of ours, among what every namespace has. */
const ours = "labelSelector=n";
before(async () => {
  mesh = await openMesh({ revisions: {} });
  wire = connectWire(mesh);
  namespace = await mesh.createNamespace({});
  maps = configMapsIn(namespace);
  for (const [n, t] of [
    ["c", "y"],
    ["a", "x"],
    ["b", "x"],
    ["e", "y"],
    ["d", "y"],
  ] as const)
    assert.equal((await wire.post(maps, configMap(n, { labels: { n, t } }))).status, 201);
});
after(() => mesh?.[Symbol.asyncDispose]());

const list = (parameters = ""): Promise<Answer> => wire.get(`${maps}?${ours}${parameters}`);
const namesAt = async (parameters: string): Promise<readonly string[]> => {
  const { status, body, text } = await list(parameters);
  assert.equal(status, 200, text);
  return namesOf(body);
};
describe("a list", () => {
  test("is by name, says kind and version, and its items say neither", async () => {
    const { status, headers, body } = await list();
    assert.equal(status, 200);
    assert.equal(headers["content-type"], "application/json");
    assert.deepEqual(
      [body.kind, body.apiVersion, Object.keys(body.metadata)],
      ["ConfigMapList", "v1", ["resourceVersion"]],
    );
    assert.deepEqual(namesOf(body), ["a", "b", "c", "d", "e"]);
    assert.deepEqual(Object.keys(body.items[0]).toSorted(), ["data", "metadata"]);
    assert.ok(
      body.items.every(
        ({ metadata }: Json) => Number(metadata.resourceVersion) <= Number(body.metadata.resourceVersion),
      ),
    );
  });

  test("over all namespaces holds this one's; of a namespace that is not there it is empty", async () => {
    const { body } = await wire.get(`/api/v1/configmaps?${ours}`);
    assert.ok(body.items.filter(({ metadata }: Json) => metadata.namespace === namespace).length >= 5);
    const none = await wire.get(configMapsIn("there-is-none"));
    assert.deepEqual([none.status, none.body.items], [200, []]);
  });
});

describe("pages", () => {
  test("show the picture of the first, whatever happens meanwhile", async () => {
    const first = await list("&limit=2");
    assert.deepEqual(namesOf(first.body), ["a", "b"]);
    const { continue: token, resourceVersion } = first.body.metadata;
    assert.equal(typeof token, "string");
    // How many are left is not said where a selector leaves some out.
    assert.equal(first.body.metadata.remainingItemCount, undefined);
    await wire.post(maps, configMap("ca", { labels: { n: "ca", t: "y" } }));
    await wire.delete(`${maps}/d`);
    const second = await list(`&limit=2&continue=${encodeURIComponent(token)}`);
    assert.deepEqual(namesOf(second.body), ["c", "d"]);
    assert.equal(second.body.metadata.resourceVersion, resourceVersion);
    const third = await list(`&limit=2&continue=${encodeURIComponent(second.body.metadata.continue)}`);
    assert.deepEqual(namesOf(third.body), ["e"]);
    assert.equal(third.body.metadata.continue, undefined);
    assert.deepEqual(
      await namesAt(`&limit=2&continue=${encodeURIComponent(token)}`),
      ["c", "d"],
      "a token can be used again",
    );
    assert.deepEqual(
      await namesAt(`&continue=${encodeURIComponent(token)}`),
      ["c", "d", "e"],
      "without a limit it is all the rest",
    );
    assert.deepEqual(await namesAt(""), ["a", "b", "c", "ca", "e"]);
    await wire.delete(`${maps}/ca`);
    await wire.post(maps, configMap("d", { labels: { n: "d", t: "y" } }));
  });

  test("of everything say how many are left", async () => {
    const { body: all } = await wire.get(maps);
    const { body } = await wire.get(`${maps}?limit=2`);
    assert.equal(body.metadata.remainingItemCount, all.items.length - 2);
  });

  test("that are full have a next, if only an empty one: what is not selected is left too", async () => {
    const { body } = await list("&limit=5");
    assert.equal(body.items.length, 5);
    const { continue: token } = body.metadata;
    const { body: next } = await list(`&limit=5&continue=${encodeURIComponent(token)}`);
    assert.deepEqual([next.items, next.metadata.continue], [[], undefined]);
  });

  test("with room for more, or of no limit, have none", async () => {
    for (const limit of [0, 6, 500]) {
      const { body } = await list(`&limit=${limit}`);
      assert.deepEqual([body.items.length, body.metadata.continue], [5, undefined]);
    }
  });

  test("whose picture is forgotten are 410 Expired, with a token for the rest of the newest picture", async () => {
    // The API server has no cache of events, which would know more of the past.
    const events = corePath(namespace, "/events");
    const involvedObject = { apiVersion: "v1", kind: "ConfigMap", name: "a", namespace };
    const tell = (name: string) =>
      wire.post(events, { apiVersion: "v1", kind: "Event", metadata: { name }, involvedObject });
    for (const name of ["a", "b", "d"]) assert.equal((await tell(name)).status, 201);
    const { metadata } = (await wire.get(`${events}?limit=1`)).body;
    const second = (token: string): Promise<Answer> =>
      wire.get(`${events}?limit=1&continue=${encodeURIComponent(token)}`);
    assert.deepEqual(namesOf((await second(metadata.continue)).body), ["b"]);
    assert.equal((await tell("c")).status, 201);
    await forgetHistory(mesh);
    const { status, body } = await second(metadata.continue);
    assert.deepEqual([status, body.kind, body.reason, body.code], [410, "Status", "Expired", 410]);
    assert.match(body.message, /^The provided continue parameter is too old to display a consistent list result/);
    const rest = await wire.get(`${events}?continue=${encodeURIComponent(body.metadata.continue)}`);
    assert.deepEqual([rest.status, namesOf(rest.body)], [200, ["b", "c", "d"]]);
    const exact = await wire.get(
      `${events}${query({ resourceVersion: metadata.resourceVersion, resourceVersionMatch: "Exact" })}`,
    );
    assert.deepEqual([exact.status, exact.body.reason], [410, "Expired"]);
    assert.match(exact.body.message, /too old/);
    assert.deepEqual(namesOf((await wire.get(events)).body), ["a", "b", "c", "d"]);
  });

  const wrong: Readonly<Record<string, string>> = {
    "a token that is none": "&continue=garbage",
    "a limit that is no number": "&limit=many",
    "a version that is no number": "&resourceVersion=new",
  };
  for (const [name, parameters] of Object.entries(wrong))
    test(`${name}: 400`, async () => {
      const { status, body } = await list(parameters);
      assert.deepEqual([status, body.reason, body.code], [400, "BadRequest", 400]);
    });

  test("a token and a version together: 400", async () => {
    const { body } = await list("&limit=1");
    const { status, body: refusal } = await list(
      `&resourceVersion=1&continue=${encodeURIComponent(body.metadata.continue)}`,
    );
    assert.deepEqual(
      [status, refusal.message],
      [400, "specifying resource version is not allowed when using continue"],
    );
  });
});

describe("versions", () => {
  test("any (0), at least one, exactly one", async () => {
    const { resourceVersion } = (await list()).body.metadata;
    await wire.post(maps, configMap("f", { labels: { n: "f" } }));
    const now = ["a", "b", "c", "d", "e", "f"];
    assert.deepEqual(await namesAt(`&resourceVersion=${resourceVersion}&resourceVersionMatch=NotOlderThan`), now);
    assert.deepEqual(await namesAt(`&resourceVersion=${resourceVersion}&resourceVersionMatch=Exact`), now.slice(0, 5));
    await mesh.eventually("the cache to have it", async () => (await namesAt("&resourceVersion=0")).includes("f"), 5);
    assert.deepEqual(await namesAt("&resourceVersion=0&limit=2"), now, "a cache has no pages");
    await wire.delete(`${maps}/f`);
  });

  test("one that is still to come: 504, told to ask again", async () => {
    const { status, body } = await list("&resourceVersion=99999999999");
    assert.deepEqual([status, body.reason, body.details.retryAfterSeconds], [504, "Timeout", 1]);
    assert.match(body.message, /^Timeout: Too large resource version: 99999999999, current: \d+$/);
    assert.equal(body.details.causes[0].reason, "ResourceVersionTooLarge");
  });
});

describe("selectors", () => {
  const all = ["a", "b", "c", "d", "e"];
  const byLabel: Readonly<Record<string, readonly string[] | 400>> = {
    ...{
      "t=x": ["a", "b"],
      "t==x": ["a", "b"],
      "n,t!=x": ["c", "d", "e"],
      "t in (x,z)": ["a", "b"],
      "n,t notin (x)": ["c", "d", "e"],
    },
    ...{
      t: all,
      "t,n=a": ["a"],
      "n in (a, b)": ["a", "b"],
      "n=a,t=y": [],
      "n=": [],
      "n in (),t": [],
      "n,!t": [],
      "t=y,n notin (c,d)": ["e"],
    },
    ...{
      "t=x,": 400,
      "t in x": 400,
      "a=b=c": 400,
      "!": 400,
      "=x": 400,
      "a b": 400,
      ",": 400,
      "t=-bad-": 400,
      "Bad_Prefix/x=1": 400,
    },
    ...{ "a/b/c=1": 400, "t exists": 400, [`t=${"x".repeat(64)}`]: 400 },
  };
  for (const [labelSelector, expected] of Object.entries(byLabel))
    test(`labels ${labelSelector}: ${expected}`, async () => {
      const { status, body } = await wire.get(`${maps}${query({ labelSelector })}`);
      if (expected === 400) assert.deepEqual([status, body.kind, body.reason], [400, "Status", "BadRequest"]);
      else assert.deepEqual([status, namesOf(body)], [200, expected]);
    });

  const byField: Readonly<Record<string, readonly string[] | string>> = {
    ...{
      "metadata.name=a": ["a"],
      "metadata.name==a": ["a"],
      "metadata.name!=a": ["b", "c", "d", "e"],
      "metadata.namespace=other": [],
    },
    ...{ "metadata.name=a,metadata.name=b": [], "metadata.name=": [], "metadata.name=a,": ["a"], "": all },
    "data.a=1": '"data.a" is not a known field selector: only "metadata.name", "metadata.namespace"',
    "metadata.labels.t=x":
      '"metadata.labels.t" is not a known field selector: only "metadata.name", "metadata.namespace"',
    "metadata.name": "invalid selector: 'metadata.name'; can't understand 'metadata.name'",
    "metadata.name in (a)": "invalid selector: 'metadata.name in (a)'; can't understand 'metadata.name in (a)'",
  };
  for (const [fieldSelector, expected] of Object.entries(byField))
    test(`fields ${fieldSelector}: ${expected}`, async () => {
      const { status, body } = await list(`&${query({ fieldSelector }).slice(1)}`);
      if (typeof expected === "string")
        assert.deepEqual([status, body.reason, body.message], [400, "BadRequest", expected]);
      else assert.deepEqual([status, namesOf(body)], [200, expected]);
    });

  const ofKinds: Readonly<Record<string, readonly [string, string, number]>> = {
    "pods by phase": ["pods", "status.phase!=Succeeded,status.phase!=Failed,spec.nodeName=x", 200],
    "pods by what is not indexed": ["pods", "spec.priority=1", 400],
    "events by object": [
      "events",
      "involvedObject.uid=u,type=Warning,reason=R,involvedObject.kind=Pod,involvedObject.name=p",
      200,
    ],
    "events by message": ["events", "message=m", 400],
  };
  for (const [name, [plural, fieldSelector, code]] of Object.entries(ofKinds))
    test(`${name}: ${code}`, async () => {
      const { status, body } = await wire.get(`${corePath(namespace, `/${plural}`)}${query({ fieldSelector })}`);
      assert.equal(status, code);
      if (code === 400) assert.equal(body.message, `field label not supported: ${fieldSelector.split("=")[0]}`);
    });

  test("labels and fields together", async () => {
    assert.deepEqual(
      namesOf((await wire.get(`${maps}${query({ labelSelector: "t=x", fieldSelector: "metadata.name=b" })}`)).body),
      ["b"],
    );
  });
});

describe("metadata alone", () => {
  const as = (kind: string) => `application/json;as=${kind};g=meta.k8s.io;v=v1`;

  test("of a list, page by page", async () => {
    const { status, headers, body } = await wire.get(`${maps}?${ours}&limit=2`, {
      accept: as("PartialObjectMetadataList"),
    });
    assert.deepEqual([status, headers["content-type"]], [200, "application/json"]);
    assert.deepEqual([body.kind, body.apiVersion], ["PartialObjectMetadataList", "meta.k8s.io/v1"]);
    assert.deepEqual(Object.keys(body.items[0]), ["kind", "apiVersion", "metadata"]);
    assert.deepEqual(
      [body.items[0].kind, body.items[0].metadata.labels],
      ["PartialObjectMetadata", { n: "a", t: "x" }],
    );
    assert.equal(typeof body.metadata.continue, "string");
  });

  test("of an object; with JSON as second choice too", async () => {
    for (const accept of [as("PartialObjectMetadata"), `${as("PartialObjectMetadata")}, application/json`]) {
      const { body } = await wire.get(`${maps}/a`, { accept });
      assert.deepEqual([body.kind, body.metadata.name, body.data], ["PartialObjectMetadata", "a", undefined]);
    }
  });

  test("of the wrong number: 406", async () => {
    for (const [path, kind] of [
      [`${maps}/a`, "PartialObjectMetadataList"],
      [maps, "PartialObjectMetadata"],
    ] as const) {
      const { status, body } = await wire.get(path, { accept: as(kind) });
      assert.deepEqual([status, body.reason], [406, "NotAcceptable"]);
    }
  });
});

test("a collection is deleted by its selector", async () => {
  const deletable = configMapsIn(await mesh.createNamespace({}));
  for (const name of ["x", "y", "z"]) await wire.post(deletable, configMap(name, { labels: { n: name } }));
  const { status, body } = await wire.delete(`${deletable}${query({ labelSelector: "n in (x,z)" })}`);
  assert.deepEqual([status, body.kind], [200, "ConfigMapList"]);
  assert.deepEqual(namesOf((await wire.get(`${deletable}?labelSelector=n`)).body), ["y"]);
  assert.equal((await wire.get(deploymentsIn(namespace))).status, 200);
});
