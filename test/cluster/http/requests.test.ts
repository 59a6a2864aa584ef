/** What goes over the wire: paths, identities, connections, proxies, clocks and warnings. */
import assert from "node:assert/strict";
import http from "node:http";
import net, { type AddressInfo } from "node:net";
import { test } from "node:test";
import zlib from "node:zlib";
import { ClusterError } from "../../../src/cluster/cluster-error.ts";
import { kinds } from "../../../src/cluster/kinds.ts";
import { testPki } from "../pki.ts";
import {
  connectTo,
  item,
  listOf,
  refuse,
  reply,
  type Script,
  scratch,
  startServer,
  until,
} from "../scripted-server.ts";

const namespaces: Script = (_, response) => reply(response, listOf("NamespaceList", [item("a")]));
const base64 = (text: string): string => Buffer.from(text).toString("base64");

test("fifty questions, one after the other, take one connection; fifty at once, six", async () => {
  await using server = await startServer(namespaces);
  await using connected = await connectTo(server);
  const ask = () => connected.cluster.list(kinds.namespaces, {}, (one) => one.metadata.name);
  for (let i = 0; i < 50; i++) await ask();
  assert.equal(server.handshakes(), 1);
  await Promise.all(Array.from({ length: 50 }, ask));
  assert.equal(server.handshakes(), 6);
  assert.equal(server.seen.length, 100);
});

test("a single object does not wait behind lists", async () => {
  const held = Promise.withResolvers<void>();
  let asked = 0;
  await using server = await startServer(({ url = "" }, response) => {
    const lease = { kind: "Lease", apiVersion: "coordination.k8s.io/v1", ...item("kubectl-mesh", "a") };
    if (url.includes("/leases/")) return reply(response, lease);
    asked++;
    void held.promise.then(() => reply(response, listOf("NamespaceList", [item("a")])));
  });
  await using connected = await connectTo(server);
  const reads = Array.from({ length: 20 }, () => connected.cluster.list(kinds.namespaces, {}, () => 0));
  await until(() => asked === 6);
  const renewed = await connected.cluster.patch(kinds.leases, { namespace: "a", name: "kubectl-mesh" }, {}, {});
  assert.equal(renewed.metadata.name, "kubectl-mesh");
  assert.equal(server.handshakes(), 7);
  assert.equal(asked, 6);
  held.resolve();
  await Promise.all(reads);
});

test("close ends the connections", async () => {
  await using server = await startServer(namespaces);
  await using connected = await connectTo(server);
  await connected.cluster.list(kinds.namespaces, {}, () => 0);
  assert.equal(server.sockets(), 1);
  await connected.cluster.close();
  await until(() => server.sockets() === 0);
});

test("a patch says what it is, who owns it, and nothing more", async () => {
  const body = { metadata: { resourceVersion: "5", labels: { "istio-injection": null, "istio.io/rev": "1-20" } } };
  await using server = await startServer((_, response) =>
    reply(response, { kind: "Deployment", apiVersion: "apps/v1", ...item("api", "production") }),
  );
  await using connected = await connectTo(server);
  const ref = { name: "api", namespace: "production" };
  await connected.cluster.patch(kinds.deployments, ref, body, {});
  await connected.cluster.patch(kinds.deployments, ref, body, { dryRun: true });
  assert.deepEqual(
    server.seen.map(({ method, url, headers }) => [method, url, headers["content-type"]]),
    [
      [
        "PATCH",
        "/apis/apps/v1/namespaces/production/deployments/api?fieldManager=mesh-test",
        "application/merge-patch+json",
      ],
      [
        "PATCH",
        "/apis/apps/v1/namespaces/production/deployments/api?fieldManager=mesh-test&dryRun=All",
        "application/merge-patch+json",
      ],
    ],
  );
  assert.deepEqual(JSON.parse(server.seen[0]?.body ?? ""), body);
});

test("a create carries its kind; a dry run says so", async () => {
  await using server = await startServer((_, response) =>
    reply(response, { kind: "Pod", apiVersion: "v1", ...item("probe-x", "a") }, 201),
  );
  await using connected = await connectTo(server);
  await connected.cluster.create(
    kinds.pods,
    { metadata: { generateName: "probe-" } },
    { namespace: "a", dryRun: true },
  );
  assert.equal(server.seen[0]?.url, "/api/v1/namespaces/a/pods?fieldManager=mesh-test&dryRun=All");
  assert.deepEqual(JSON.parse(server.seen[0]?.body ?? ""), {
    kind: "Pod",
    apiVersion: "v1",
    metadata: { generateName: "probe-" },
  });
});

test("a delete holds the UID, and announces its body", async () => {
  await using server = await startServer((_, response) =>
    reply(response, { kind: "Status", apiVersion: "v1", status: "Success" }),
  );
  await using connected = await connectTo(server);
  await connected.cluster.delete(kinds.pods, { name: "p", namespace: "a" }, "u-1", { dryRun: true });
  const [seen] = server.seen;
  assert.deepEqual(JSON.parse(seen?.body ?? ""), {
    kind: "DeleteOptions",
    apiVersion: "v1",
    preconditions: { uid: "u-1" },
    dryRun: ["All"],
  });
  assert.equal(seen?.headers["content-length"], String(seen?.body.length));
});

for (const name of ["..", ".", "", "a/b", "a%2fb", "a?b", "a#b", "a\\b", "a\nb", "a\u202eb"]) {
  test(`no request is made for the name ${JSON.stringify(name)}`, async () => {
    await using server = await startServer(namespaces);
    await using connected = await connectTo(server);
    await assert.rejects(connected.cluster.get(kinds.pods, name, "a"), { reason: "invalid" });
    await assert.rejects(
      connected.cluster.list(kinds.pods, { namespace: name }, () => 0),
      { reason: "invalid" },
    );
    assert.equal(server.seen.length, 0);
  });
}

for (const name of ["constructor", "120", "a".repeat(63), "system:node", "x.y-z"]) {
  test(`the name ${name} is asked for as it is`, async () => {
    await using server = await startServer((_, response) =>
      reply(response, { kind: "Pod", apiVersion: "v1", ...item(name, "a") }),
    );
    await using connected = await connectTo(server);
    assert.equal((await connected.cluster.get(kinds.pods, name, "a"))?.metadata.name, name);
    assert.equal(decodeURIComponent(server.seen[0]?.url ?? ""), `/api/v1/namespaces/a/pods/${name}`);
  });
}

test("only NotFound about this very object is undefined", async () => {
  await using server = await startServer((_, response) =>
    refuse(response, 404, "NotFound", 'pods "p" not found', { details: { name: "p", kind: "pods" } }),
  );
  await using connected = await connectTo(server);
  assert.equal(await connected.cluster.get(kinds.pods, "p", "a"), undefined);
});

test("a path before the server's API is kept", async () => {
  await using server = await startServer(namespaces);
  await using connected = await connectTo({ url: `${server.url}/k8s/clusters/c-1` });
  await connected.cluster.list(kinds.namespaces, {}, () => 0);
  assert.match(server.seen[0]?.url ?? "", /^\/k8s\/clusters\/c-1\/api\/v1\/namespaces\?/);
});

test("identities: client certificate, token, password, token file", async () => {
  const { client } = await testPki();
  using files = scratch();
  const tokenFile = files.write("token", "from-file\n");
  await using server = await startServer(namespaces);
  const users = [
    { "client-certificate-data": base64(client.cert), "client-key-data": base64(client.key) },
    { token: "t" },
    { username: "u", password: "p:w" },
    { tokenFile },
    {
      "client-certificate": files.write("c.pem", client.cert),
      "client-key": files.write("k.pem", client.key),
      token: "both",
    },
    {
      token: "flag wins",
      exec: { apiVersion: "client.authentication.k8s.io/v1", command: "/nonexistent", interactiveMode: "Never" },
    },
  ];
  for (const user of users) {
    await using connected = await connectTo(server, { user });
    await connected.cluster.list(kinds.namespaces, {}, () => 0);
  }
  assert.deepEqual(
    server.seen.map(({ who, headers }) => [who, headers.authorization]),
    [
      ["alice", undefined],
      [undefined, "Bearer t"],
      [undefined, `Basic ${base64("u:p:w")}`],
      [undefined, "Bearer from-file"],
      ["alice", "Bearer both"],
      [undefined, "Bearer flag wins"],
    ],
  );
  assert.equal(server.seen[0]?.headers["user-agent"], "mesh-test/1");
});

test("a token file is read again after a 401", async () => {
  using files = scratch();
  const tokenFile = files.write("token", "old");
  await using server = await startServer((seen, response, index) => {
    files.write("token", "new");
    if (seen.headers.authorization === "Bearer old") return refuse(response, 401, "Unauthorized", "Unauthorized");
    namespaces(seen, response, index);
  });
  await using connected = await connectTo(server, { user: { tokenFile } });
  await connected.cluster.list(kinds.namespaces, {}, () => 0);
  assert.deepEqual(
    server.seen.map(({ headers }) => headers.authorization),
    ["Bearer old", "Bearer new"],
  );
});

test("impersonation: several groups are several headers; names are UTF-8", async () => {
  await using server = await startServer(namespaces);
  const user = { token: "t", as: "config", "as-groups": ["x"], "as-user-extra": { "example.com/Scopes": ["a", "b"] } };
  await using connected = await connectTo(server, {
    user,
    flags: { as: "jürgen", asGroup: ["dev", "ops"], asUid: "7" },
  });
  await connected.cluster.list(kinds.namespaces, {}, () => 0);
  const raw = server.seen[0]?.raw ?? [];
  const lines = raw.flatMap((name, at) =>
    at % 2 === 0 && name.toLowerCase().startsWith("impersonate") ? [`${name}: ${raw[at + 1]}`] : [],
  );
  assert.deepEqual(lines.sort(), [
    "impersonate-extra-example.com%2Fscopes: a",
    "impersonate-extra-example.com%2Fscopes: b",
    "impersonate-group: dev",
    "impersonate-group: ops",
    "impersonate-uid: 7",
    `impersonate-user: ${Buffer.from("jürgen").toString("latin1")}`,
  ]);
});

test("a token with a line break is an error that does not show it", async () => {
  await using server = await startServer(namespaces);
  await using connected = await connectTo(server, { user: { token: "canary\nmore" } });
  await assert.rejects(
    connected.cluster.list(kinds.namespaces, {}, () => 0),
    (cause: ClusterError) => {
      assert.doesNotMatch(String(cause) + cause.hint + String(cause.stack), /canary/);
      return cause.reason === "config";
    },
  );
});

test("TLS: a certificate of another authority, or for another name, is refused and explained", async () => {
  await using server = await startServer(namespaces);
  const list = async (cluster: object, flags = {}): Promise<unknown> => {
    await using connected = await connectTo(server, { cluster, flags });
    return await connected.cluster.list(kinds.namespaces, {}, () => 0).catch((cause: unknown) => cause);
  };
  const { client } = await testPki();
  const stranger = await list({ "certificate-authority-data": base64(client.cert) });
  assert.ok(stranger instanceof ClusterError);
  assert.match(stranger.message, /not signed by the expected authority/);
  assert.match(stranger.hint ?? "", /certificate-authority-data/);
  const misnamed = await list({}, { tlsServerName: "other.test" });
  assert.ok(misnamed instanceof ClusterError);
  assert.match(misnamed.message, /certificate for another name/);
  assert.match(misnamed.hint ?? "", /--tls-server-name/);
  assert.ok(!((await list({}, { tlsServerName: "api.test" })) instanceof ClusterError));
  assert.ok(!((await list({}, { insecureSkipTlsVerify: true })) instanceof ClusterError));
});

test("NODE_TLS_REJECT_UNAUTHORIZED changes nothing", async () => {
  const { client } = await testPki();
  await using server = await startServer(namespaces);
  await using connected = await connectTo(server, { cluster: { "certificate-authority-data": base64(client.cert) } });
  process.env.NODE_TLS_REJECT_UNAUTHORIZED = "0";
  try {
    await assert.rejects(
      connected.cluster.list(kinds.namespaces, {}, () => 0),
      { reason: "unreachable" },
    );
  } finally {
    delete process.env.NODE_TLS_REJECT_UNAUTHORIZED;
  }
});

test("http on the loopback gets no credentials; elsewhere it is refused", async () => {
  await using server = await startServer(namespaces, { plain: true });
  await using connected = await connectTo(server);
  await connected.cluster.list(kinds.namespaces, {}, () => 0);
  assert.equal(server.seen[0]?.headers.authorization, undefined);
  await assert.rejects(connectTo({ url: "http://api.example.com" }), { reason: "config", message: /without TLS/ });
});

test("a compressed answer is read", async () => {
  await using server = await startServer(
    (_, response) =>
      void response
        .writeHead(200, { "content-type": "application/json", "content-encoding": "gzip" })
        .end(zlib.gzipSync(JSON.stringify(listOf("NamespaceList", [item("a")])))),
  );
  await using connected = await connectTo(server);
  assert.deepEqual((await connected.cluster.list(kinds.namespaces, {}, (one) => one.metadata.name))?.items, ["a"]);
});

test("the server's warnings are passed on once, and made harmless", async () => {
  await using server = await startServer((seen, response) => {
    response.setHeader("warning", ['299 - "old \\"API\\"", 299 - "second"', '299 - "esc \u009b31m"']);
    namespaces(seen, response, 0);
  });
  await using connected = await connectTo(server);
  for (let i = 0; i < 2; i++) await connected.cluster.list(kinds.namespaces, {}, () => 0);
  assert.deepEqual(connected.warned, ['old "API"', "second", "esc \\u009b31m"]);
});

test("now is the server's clock, whatever ours shows", async () => {
  const at = Date.UTC(2031, 0, 1, 12);
  await using server = await startServer(
    (_, response) =>
      void response.writeHead(200, { date: new Date(at).toUTCString(), "content-type": "application/json" }).end("{}"),
  );
  await using connected = await connectTo(server);
  const now = (await connected.cluster.now()).getTime();
  assert.ok(now >= at && now < at + 2_000);
  await connected.cluster.now();
  assert.equal(server.seen.length, 1);
});

const versions: readonly (readonly [what: string, body: string, version: string | undefined])[] = [
  ["what a server reports", '{"major":"1","minor":"36","gitVersion":"v1.36.3"}', "v1.36.3"],
  ["another distribution's", '{"gitVersion":"v1.29.8-gke.1096000"}', "v1.29.8-gke.1096000"],
  ["none", "{}", undefined],
  ["a number", '{"gitVersion":1.36}', undefined],
  ["null", "null", undefined],
  ["no JSON", "<html>", undefined],
];
for (const [what, body, version] of versions)
  test(`the server's version: ${what}`, async () => {
    await using server = await startServer(
      (_, response) => void response.writeHead(200, { "content-type": "application/json" }).end(body),
    );
    await using connected = await connectTo(server);
    if (version === undefined) await assert.rejects(connected.cluster.version(), { reason: "malformed" });
    else assert.equal(await connected.cluster.version(), version);
    assert.deepEqual(
      server.seen.map(({ method, url }) => `${method} ${url}`),
      ["GET /version"],
    );
  });

test("mayI: yes, no, and neither", async () => {
  const statuses = [
    { allowed: true },
    { allowed: false, reason: "no RBAC policy matched", evaluationError: "x\u001b[2J" },
    {},
  ];
  await using server = await startServer((_, response, index) =>
    reply(
      response,
      { kind: "SelfSubjectAccessReview", apiVersion: "authorization.k8s.io/v1", status: statuses[index] },
      201,
    ),
  );
  await using connected = await connectTo(server);
  const access = { verb: "patch", group: "apps", resource: "deployments", namespace: "a" };
  assert.deepEqual(await connected.cluster.mayI(access), { allowed: true, reason: "" });
  assert.deepEqual(await connected.cluster.mayI(access), {
    allowed: false,
    reason: "no RBAC policy matched; x\\u001b[2J",
  });
  await assert.rejects(connected.cluster.mayI(access), { reason: "malformed" });
  assert.deepEqual(JSON.parse(server.seen[0]?.body ?? "").spec, { resourceAttributes: access });
});

test("logs: the text of a container, or a refusal", async () => {
  await using server = await startServer((_, response, index) => {
    if (index === 0) return void response.writeHead(200, { "content-type": "text/plain" }).end("one\ntwo\n");
    if (index === 1) return void response.writeHead(200, { "content-type": "text/html" }).end("<html>");
    refuse(response, 400, "BadRequest", 'previous terminated container "app" in pod "p" not found');
  });
  await using connected = await connectTo(server);
  const logs = () => connected.cluster.logs({ name: "p", namespace: "a" }, "app", { tailLines: 20, previous: true });
  assert.equal(await logs(), "one\ntwo\n");
  await assert.rejects(logs(), { reason: "malformed" });
  await assert.rejects(logs(), {
    reason: "invalid",
    message: /could not get the log of Pod "a\/p": previous terminated/,
  });
  assert.equal(
    server.seen[0]?.url,
    "/api/v1/namespaces/a/pods/p/log?container=app&tailLines=20&previous=true&limitBytes=1048576",
  );
});

/** A proxy that takes CONNECT, and notes for whom. */
async function startProxy(): Promise<{
  readonly port: number;
  readonly asked: string[];
  [Symbol.asyncDispose](): Promise<void>;
}> {
  const asked: string[] = [];
  const proxy = http.createServer((_, response) => void response.writeHead(405).end());
  proxy.on("connect", (request, socket, head) => {
    asked.push(`${request.url} ${request.headers["proxy-authorization"] ?? ""}`.trim());
    const onward = net.connect(Number(request.url?.split(":")[1]), "127.0.0.1", () => {
      socket.write("HTTP/1.1 200 OK\r\n\r\n");
      onward.write(head);
      onward.pipe(socket).pipe(onward);
    });
    for (const one of [onward, socket]) one.on("error", () => {});
  });
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  return {
    port: (proxy.address() as AddressInfo).port,
    asked,
    [Symbol.asyncDispose]: async () => {
      proxy.closeAllConnections();
      proxy.close();
    },
  };
}

/** A SOCKS5 proxy (RFC 1928) without authentication, and the names it was asked for. */
async function startSocks(
  onwardPort: number,
): Promise<{ readonly port: number; readonly asked: string[]; [Symbol.asyncDispose](): Promise<void> }> {
  const asked: string[] = [];
  const proxy = net.createServer((socket) => {
    socket.on("error", () => {});
    socket.once("data", () => {
      socket.write(Buffer.of(5, 0));
      socket.once("data", (request: Buffer) => {
        const length = request[4] ?? 0;
        asked.push(request[3] === 3 ? request.subarray(5, 5 + length).toString() : request.subarray(4, 8).join("."));
        const onward = net.connect(onwardPort, "127.0.0.1", () => {
          socket.write(Buffer.of(5, 0, 0, 1, 0, 0, 0, 0, 0, 0));
          onward.pipe(socket).pipe(onward);
        });
        onward.on("error", () => {});
      });
    });
  });
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  return { port: (proxy.address() as AddressInfo).port, asked, [Symbol.asyncDispose]: async () => void proxy.close() };
}

test("proxy-url: an http proxy is asked to connect, TLS is with the server, a name is left to the proxy", async () => {
  const { client } = await testPki();
  await using server = await startServer(namespaces);
  await using proxy = await startProxy();
  const user = { "client-certificate-data": base64(client.cert), "client-key-data": base64(client.key) };
  await using connected = await connectTo(
    { url: `https://api.test:${server.port}` },
    { user, cluster: { "proxy-url": `http://me:s3cret@127.0.0.1:${proxy.port}` } },
  );
  for (let i = 0; i < 3; i++) await connected.cluster.list(kinds.namespaces, {}, () => 0);
  assert.deepEqual(proxy.asked, [`api.test:${server.port} Basic ${base64("me:s3cret")}`]);
  assert.equal(server.seen[0]?.who, "alice");
});

test("proxy-url: a socks5 proxy resolves the name", async () => {
  const { client } = await testPki();
  await using server = await startServer(namespaces);
  await using proxy = await startSocks(server.port);
  const user = { "client-certificate-data": base64(client.cert), "client-key-data": base64(client.key) };
  await using connected = await connectTo(
    { url: `https://api.test:${server.port}` },
    { user, cluster: { "proxy-url": `socks5://127.0.0.1:${proxy.port}` } },
  );
  for (let i = 0; i < 3; i++) await connected.cluster.list(kinds.namespaces, {}, () => 0);
  assert.deepEqual(proxy.asked, ["api.test"]);
  assert.equal(server.seen[0]?.who, "alice");
});

test("HTTPS_PROXY is used for a server that is not this machine", async () => {
  await using server = await startServer(namespaces);
  await using proxy = await startProxy();
  const env = { HTTPS_PROXY: `127.0.0.1:${proxy.port}`, NO_PROXY: "example.com" };
  await using connected = await connectTo({ url: `https://api.test:${server.port}` }, { options: { env } });
  await connected.cluster.list(kinds.namespaces, {}, () => 0);
  assert.deepEqual(proxy.asked, [`api.test:${server.port}`]);
});

test("a proxy that refuses is named, without its password", async () => {
  const proxy = http.createServer();
  proxy.on("connect", (_, socket) => socket.end("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n"));
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  const { port } = proxy.address() as AddressInfo;
  await using connected = await connectTo(
    { url: "https://api.test:6443" },
    { cluster: { "proxy-url": `http://me:s3cret@127.0.0.1:${port}` } },
  );
  await assert.rejects(
    connected.cluster.list(kinds.namespaces, {}, () => 0),
    (cause: ClusterError) => {
      assert.match(
        cause.message,
        new RegExp(`through the proxy http://127.0.0.1:${port} cannot be reached: the proxy refuses`),
      );
      assert.doesNotMatch(JSON.stringify(cause) + String(cause.stack), /s3cret/);
      return true;
    },
  );
  proxy.close();
});
