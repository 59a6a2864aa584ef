import assert from "node:assert/strict";
import { test } from "node:test";
import { ClusterError } from "../../../src/cluster/cluster-error.ts";
import { kinds } from "../../../src/cluster/kinds.ts";
import type { KubeObject } from "../../../src/mesh/kubernetes.ts";
import { connectTo, item, listOf, refuse, reply, type Script, startServer } from "../scripted-server.ts";
import { envelope, listBody, podNamed } from "../wire.ts";

const nameOf = (object: KubeObject): string => object.metadata.name;
const query = (url: string): URLSearchParams => new URL(url, "https://x").searchParams;

/** Three pages; the tokens are the numbers of the pages. */
const paged: Script = (seen, response) => {
  const page = Number(query(seen.url).get("continue") ?? "1");
  const more = page < 3 ? { continue: String(page + 1) } : {};
  reply(response, listOf("PodList", [item(`a${page}`, "x"), item(`b${page}`, "x")], more));
};
const whole = ["a1", "b1", "a2", "b2", "a3", "b3"];

test("pages are put together, asked for by the server's token", async () => {
  await using server = await startServer(paged);
  await using connected = await connectTo(server);
  const listed = await connected.cluster.list(kinds.pods, { namespace: "x", labelSelector: "app in (a,b),!c" }, nameOf);
  assert.deepEqual(listed, { items: whole, resourceVersion: "100" });
  assert.deepEqual(
    server.seen.map(({ url }) => [
      new URL(url, "https://x").pathname,
      query(url).get("limit"),
      query(url).get("continue"),
      query(url).get("labelSelector"),
    ]),
    [null, "2", "3"].map((token) => ["/api/v1/namespaces/x/pods", "500", token, "app in (a,b),!c"]),
  );
});

test("metadata alone is asked for by name", async () => {
  await using server = await startServer((_, response) =>
    reply(response, listOf("PartialObjectMetadataList", [item("a")], { apiVersion: "meta.k8s.io/v1" })),
  );
  await using connected = await connectTo(server);
  assert.deepEqual((await connected.cluster.list(kinds.pods, { metadataOnly: true }, nameOf))?.items, ["a"]);
  const form = "as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";
  assert.equal(server.seen[0]?.headers.accept, `application/vnd.kubernetes.protobuf;${form},application/json;${form}`);
});

const binary = (response: Parameters<Script>[1], body: Buffer, status = 200): void =>
  void response.writeHead(status, { "content-type": "application/vnd.kubernetes.protobuf" }).end(body);

test("pods come as protobuf from a server that has it, page by page", async () => {
  await using server = await startServer((seen, response) => {
    const page = query(seen.url).get("continue") ?? "1";
    binary(response, listBody("v1", "PodList", [podNamed(`a${page}`), podNamed(`b${page}`)], page === "1" ? "2" : ""));
  });
  await using connected = await connectTo(server);
  assert.deepEqual(await connected.cluster.list(kinds.pods, {}, nameOf), {
    items: ["a1", "b1", "a2", "b2"],
    resourceVersion: "100",
  });
  assert.equal(server.seen[0]?.headers.accept, "application/vnd.kubernetes.protobuf,application/json");
});

test("what the server refuses in protobuf is asked again, so that its words are understood", async () => {
  await using server = await startServer((seen, response) =>
    seen.headers.accept?.includes("protobuf")
      ? binary(response, envelope("v1", "Status", Buffer.of()), 403)
      : refuse(response, 403, "Forbidden", 'User "x" cannot list resource "pods"'),
  );
  await using connected = await connectTo(server);
  await assert.rejects(connected.cluster.list(kinds.pods, {}, nameOf), {
    reason: "forbidden",
    message: /cannot list resource/,
  });
});

for (const [title, body] of [
  ["another list", listBody("v1", "ServiceList", [])],
  ["a list that breaks off", listBody("v1", "PodList", [podNamed("a")]).subarray(0, -10)],
  ["a pod without a name", listBody("v1", "PodList", [podNamed("")])],
  ["no protobuf of Kubernetes", Buffer.from("<html></html>")],
] as const)
  test(`protobuf that holds ${title} is malformed`, async () => {
    await using server = await startServer((_, response) => binary(response, body));
    await using connected = await connectTo(server);
    await assert.rejects(connected.cluster.list(kinds.pods, {}, nameOf), { reason: "malformed" });
  });

for (const [times, path] of [
  [1, "begins anew"],
  [2, "begins anew twice"],
  [3, "comes in one piece"],
] as const) {
  test(`a list whose version is forgotten on page 2 ${times} times ${path}, and counts nothing twice`, async () => {
    let expired = 0;
    await using server = await startServer((seen, response, index) => {
      const at = query(seen.url);
      if (at.get("continue") === "2" && expired++ < times)
        return refuse(response, 410, "Expired", "The provided continue parameter is too old");
      if (!at.has("limit"))
        return reply(
          response,
          listOf(
            "PodList",
            whole.map((name) => item(name, "x")),
          ),
        );
      paged(seen, response, index);
    });
    await using connected = await connectTo(server);
    assert.deepEqual((await connected.cluster.list(kinds.pods, {}, nameOf))?.items, whole);
    assert.equal(
      server.seen.some(({ url }) => !query(url).has("limit")),
      times === 3,
    );
  });
}

test("items: null is an empty list, as Go writes it", async () => {
  await using server = await startServer((_, response) =>
    reply(response, { kind: "PodList", apiVersion: "v1", metadata: { resourceVersion: "1" }, items: null }),
  );
  await using connected = await connectTo(server);
  assert.deepEqual(await connected.cluster.list(kinds.pods, {}, nameOf), { items: [], resourceVersion: "1" });
});

test("odd names stay what they are", async () => {
  const names = ["constructor", "__proto__", "120", "1e3", "a".repeat(63), "x.y"];
  await using server = await startServer((_, response) =>
    reply(
      response,
      listOf(
        "PodList",
        names.map((name) => item(name, "x")),
      ),
    ),
  );
  await using connected = await connectTo(server);
  assert.deepEqual((await connected.cluster.list(kinds.pods, {}, nameOf))?.items, names);
});

test("an item without a name spoils the list", async () => {
  await using server = await startServer((_, response) =>
    reply(response, listOf("PodList", [item("a"), { metadata: {} }])),
  );
  await using connected = await connectTo(server);
  await assert.rejects(connected.cluster.list(kinds.pods, {}, nameOf), { reason: "malformed" });
});

interface Absence {
  readonly title: string;
  readonly groups: Script;
  readonly resources?: Script;
  readonly expected: "undefined" | "not-found" | "forbidden" | "malformed" | "server";
}

const groups =
  (...names: readonly string[]): Script =>
  (_, response) =>
    reply(response, {
      kind: "APIGroupList",
      apiVersion: "v1",
      groups: names.map((name) => ({ name, versions: [{ version: "v1alpha1", groupVersion: `${name}/v1alpha1` }] })),
    });
const resources =
  (...names: readonly string[]): Script =>
  (_, response) =>
    reply(response, { kind: "APIResourceList", apiVersion: "v1", resources: names.map((name) => ({ name })) });

const absences: readonly Absence[] = [
  { title: "the server does not know the group", groups: groups("apps"), expected: "undefined" },
  {
    title: "the server knows the group, not the resource",
    groups: groups("argoproj.io"),
    resources: resources("workflows"),
    expected: "undefined",
  },
  {
    title: "the server knows the resource: the 404 stands",
    groups: groups("argoproj.io"),
    resources: resources("rollouts"),
    expected: "not-found",
  },
  {
    title: "discovery is forbidden: unknown is not absent",
    groups: (_, response) => refuse(response, 403, "Forbidden", 'User "x" cannot get path "/apis"'),
    expected: "forbidden",
  },
  {
    title: "discovery is a web page",
    groups: (_, response) => void response.writeHead(200, { "content-type": "text/html" }).end("<html>"),
    expected: "malformed",
  },
  {
    title: "discovery is not found either: something is in between",
    groups: (_, response) => void response.writeHead(404).end("404 page not found"),
    expected: "not-found",
  },
  {
    title: "the group's server is down",
    groups: groups("argoproj.io"),
    resources: (_, response) => void response.writeHead(503).end("service unavailable"),
    expected: "server",
  },
];

for (const absence of absences) {
  test(`404 on an optional kind: ${absence.title}`, async () => {
    await using server = await startServer((seen, response, index) => {
      if (seen.url === "/apis") return absence.groups(seen, response, index);
      if (seen.url === "/apis/argoproj.io/v1alpha1") return absence.resources?.(seen, response, index);
      void response.writeHead(404, { "content-type": "text/plain" }).end("404 page not found");
    });
    await using connected = await connectTo(server);
    const outcome = await connected.cluster.list(kinds.rollouts, {}, nameOf).catch((cause: ClusterError) => cause);
    assert.equal(outcome instanceof ClusterError ? outcome.reason : String(outcome), absence.expected);
  });
}

test("404 on a kind that every server has is an error", async () => {
  await using server = await startServer(
    (_, response) => void response.writeHead(404, { "content-type": "text/plain" }).end("404 page not found"),
  );
  await using connected = await connectTo(server);
  await assert.rejects(connected.cluster.list(kinds.deployments, {}, nameOf), { reason: "not-found" });
  assert.equal(server.seen.length, 1);
});
