/** Kubeconfigs: merging, choosing, refusing. That kubectl does the same is shown in test/real/kubeconfig.test.ts. */
import assert from "node:assert/strict";
import path from "node:path";
import { test } from "node:test";
import { chooseCluster } from "../../../src/cluster/auth/choose-cluster.ts";
import { inCluster } from "../../../src/cluster/auth/in-cluster.ts";
import { loadKubeconfig } from "../../../src/cluster/auth/kubeconfig-files.ts";
import { ClusterError } from "../../../src/cluster/cluster-error.ts";
import { scratch } from "../scripted-server.ts";

const config = (name: string, more: object = {}): object => ({
  "current-context": name,
  contexts: [{ name, context: { cluster: name, user: name, namespace: `ns-${name}` } }],
  clusters: [{ name, cluster: { server: `https://${name}.example.com:6443` } }],
  users: [{ name, user: { token: `token-${name}` } }],
  ...more,
});

test("several files: the first one wins, per entry and as a whole; missing and empty ones are passed over", () => {
  using files = scratch();
  const first = files.write("first", config("a"));
  const second = files.write("second", {
    ...config("b"),
    users: [
      { name: "a", user: { username: "loser", password: "x" } },
      { name: "b", user: { token: "b" } },
    ],
  });
  const list = ["", path.join(files.folder, "missing"), files.write("empty", ""), first, second, first].join(
    path.delimiter,
  );
  const merged = loadKubeconfig(undefined, { KUBECONFIG: list });
  assert.equal(merged.currentContext, "a");
  assert.deepEqual([...merged.contexts.keys()].sort(), ["a", "b"]);
  // Entries are never mixed.
  assert.equal(merged.users.get("a")?.token, "token-a");
  assert.equal(merged.users.get("a")?.username, undefined);
  assert.equal(merged.users.get("b")?.token, "b");
});

test("--kubeconfig stands alone; an empty KUBECONFIG means the home's", () => {
  using files = scratch();
  const [one, two] = [files.write("one", config("one")), files.write("two", config("two"))];
  files.write(".kube/config", config("home"));
  assert.deepEqual([...loadKubeconfig(one, { KUBECONFIG: two }).contexts.keys()], ["one"]);
  assert.equal(loadKubeconfig(undefined, { KUBECONFIG: "", HOME: files.folder }).currentContext, "home");
  assert.throws(() => loadKubeconfig(path.join(files.folder, "none"), {}), {
    reason: "config",
    message: /there is no such file/,
  });
  assert.throws(() => loadKubeconfig(files.folder, {}), { reason: "config", message: /it is a folder$/ });
});

test("paths are read from the file that names them", () => {
  using files = scratch();
  const inner = files.write(
    "deep/config",
    config("a", {
      users: [
        {
          name: "a",
          user: {
            "client-certificate": "c.pem",
            "client-key": "/k.pem",
            tokenFile: "../t",
            exec: { command: "./run", apiVersion: "x" },
          },
        },
      ],
      clusters: [{ name: "a", cluster: { "certificate-authority": "ca.pem" } }],
    }),
  );
  const merged = loadKubeconfig(undefined, { KUBECONFIG: inner });
  const user = merged.users.get("a");
  assert.deepEqual(
    [user?.certificateFile, user?.keyFile, user?.tokenFile, user?.exec?.command, merged.clusters.get("a")?.caFile],
    [
      path.join(files.folder, "deep/c.pem"),
      "/k.pem",
      path.join(files.folder, "t"),
      path.join(files.folder, "deep/run"),
      path.join(files.folder, "deep/ca.pem"),
    ],
  );
});

test("names of JavaScript's own are names", () => {
  using files = scratch();
  const names = ["constructor", "__proto__", "120", "toString"];
  const file = files.write(
    "config",
    `contexts:\n${names.map((name) => `- name: "${name}"\n  context: {cluster: "${name}"}\n`).join("")}clusters:\n${names.map((name) => `- name: "${name}"\n  cluster: {server: "https://s-${name.replaceAll("_", "")}:1"}\n`).join("")}`,
  );
  for (const name of names)
    assert.equal(
      chooseCluster({ kubeconfig: file, context: name }, {}).server.hostname,
      `s-${name.replaceAll("_", "").toLowerCase()}`,
    );
  assert.throws(() => chooseCluster({ kubeconfig: file, context: "valueOf" }, {}), {
    message: /context "valueOf" does not exist/,
  });
});

const canary = "canary-77aa";
const refused: readonly (readonly [title: string, content: string | object, says: RegExp])[] = [
  ["no YAML", `a: [${canary}`, /is not YAML \(line 1\)/],
  ["a list", `- ${canary}`, /is not a mapping/],
  ["another kind", { kind: "Pod", apiVersion: "v1" }, /is a v1 Pod, not a v1 Config/],
  [
    "a number for a token",
    config("a", { users: [{ name: "a", user: { token: 12345 } }] }),
    /users\[0\]: user: token is not a string/,
  ],
  [
    "a text for a flag",
    config("a", { clusters: [{ name: "a", cluster: { server: "https://a", "insecure-skip-tls-verify": "true" } }] }),
    /insecure-skip-tls-verify is not true or false/,
  ],
  ["clusters that are a mapping", { clusters: {} }, /clusters is not a list/],
  [
    "no base64",
    config("a", { clusters: [{ name: "a", cluster: { "certificate-authority-data": `${canary}!` } }] }),
    /certificate-authority-data is not base64/,
  ],
  [
    "the same name twice",
    {
      users: [
        { name: "a", user: {} },
        { name: "a", user: {} },
      ],
    },
    /has two users named "a"/,
  ],
  ["a context that is not there", { "current-context": "x" }, /context "x" does not exist/],
  [
    "a cluster that is not there",
    { "current-context": "x", contexts: [{ name: "x", context: { cluster: "gone" } }] },
    /cluster "gone" does not exist/,
  ],
  [
    "a cluster without a server",
    {
      "current-context": "x",
      contexts: [{ name: "x", context: { cluster: "c" } }],
      clusters: [{ name: "c", cluster: {} }],
    },
    /cluster "c" has no server/,
  ],
  ["nothing at all", "", /no cluster is configured/],
  [
    "a CA twice",
    config("a", {
      clusters: [
        {
          name: "a",
          cluster: { server: "https://a", "certificate-authority": "x", "certificate-authority-data": "eA==" },
        },
      ],
    }),
    /both certificate-authority and/,
  ],
  [
    "a CA and no check",
    config("a", {
      clusters: [
        {
          name: "a",
          cluster: { server: "https://a", "insecure-skip-tls-verify": true, "certificate-authority-data": "eA==" },
        },
      ],
    }),
    /both a certificate authority and insecure/,
  ],
  [
    "a CA that is not there",
    config("a", { clusters: [{ name: "a", cluster: { server: "https://a", "certificate-authority": "none.pem" } }] }),
    /cannot read the certificate authority .*none.pem \(ENOENT\)/,
  ],
  [
    "a certificate without a key",
    config("a", { users: [{ name: "a", user: { "client-certificate-data": "eA==" } }] }),
    /without its key/,
  ],
  [
    "token and password",
    config("a", { users: [{ name: "a", user: { token: canary, username: canary, password: canary } }] }),
    /both a token and a password/,
  ],
  [
    "a password alone",
    config("a", { users: [{ name: "a", user: { password: canary } }] }),
    /a password without a username/,
  ],
  ["a user that is not there", config("a", { users: [] }), /user "a" does not exist/],
  ["a group without a user", config("a", { users: [{ name: "a", user: { "as-groups": ["g"] } }] }), /need --as/],
  [
    "a server with a password",
    config("a", { clusters: [{ name: "a", cluster: { server: `https://u:${canary}@a` } }] }),
    /holds a password/,
  ],
  [
    "another protocol",
    config("a", { clusters: [{ name: "a", cluster: { server: "ftp://a" } }] }),
    /is not the address of an API server/,
  ],
  ["a name that acts on the terminal", { "current-context": "\u001b[31mx" }, /context "\\u001b\[31mx" does not exist/],
];

for (const [title, content, says] of refused) {
  test(`refused: ${title}`, () => {
    using files = scratch();
    const kubeconfig = files.write("config", content);
    assert.throws(
      () => chooseCluster({ kubeconfig }, {}),
      (cause: unknown) => {
        assert.ok(cause instanceof ClusterError);
        assert.equal(cause.reason, "config");
        assert.match(cause.message, says);
        assert.doesNotMatch(`${cause.message}${cause.hint}${cause.stack}`, new RegExp(canary));
        return true;
      },
    );
  });
}

test("a file of more than 10 MiB is not read", () => {
  using files = scratch();
  assert.throws(() => loadKubeconfig(files.write("big", "#".repeat(10 * 1024 * 1024 + 1)), {}), {
    message: /larger than 10 MiB/,
  });
});

test("nesting without end is refused, aliases upon aliases are cheap", () => {
  using files = scratch();
  assert.throws(() => loadKubeconfig(files.write("deep", "[".repeat(5_000)), {}), { reason: "config" });
  const bomb = ["a0: &a0 [x,x]", ...Array.from({ length: 40 }, (_, i) => `a${i + 1}: &a${i + 1} [*a${i},*a${i}]`)].join(
    "\n",
  );
  assert.equal(loadKubeconfig(files.write("bomb", bomb), {}).contexts.size, 0);
});

for (const [text, ms] of [
  ["0", undefined],
  ["", undefined],
  ["30", 30_000],
  ["1m30s", 90_000],
  ["250ms", 250],
  ["1.5s", 1_500],
] as const) {
  test(`--request-timeout ${text}`, () => {
    using files = scratch();
    assert.equal(
      chooseCluster({ kubeconfig: files.write("c", config("a")), requestTimeout: text }, {}).requestTimeout,
      ms,
    );
  });
}

for (const text of ["soon", "-1s", "5d", "1s2"]) {
  test(`--request-timeout ${text} is none`, () => {
    using files = scratch();
    assert.throws(() => chooseCluster({ kubeconfig: files.write("c", config("a")), requestTimeout: text }, {}), {
      message: /is no duration/,
    });
  });
}

test("--server takes the file's tls-server-name away, which belongs to the file's server", () => {
  using files = scratch();
  const kubeconfig = files.write(
    "c",
    config("a", { clusters: [{ name: "a", cluster: { server: "https://a", "tls-server-name": "inner" } }] }),
  );
  const nameOf = (flags: object) => chooseCluster({ kubeconfig, ...flags }, {}).tls.serverName;
  assert.deepEqual(
    [nameOf({}), nameOf({ server: "https://b" }), nameOf({ server: "https://b", tlsServerName: "flag" })],
    ["inner", undefined, "flag"],
  );
});

test("in a pod: the service account's", () => {
  using files = scratch();
  for (const [name, text] of [
    ["token", "t"],
    ["ca.crt", "ca"],
    ["namespace", "mine\n"],
  ] as const)
    files.write(name, text);
  const env = { KUBERNETES_SERVICE_HOST: "fd00::1", KUBERNETES_SERVICE_PORT: "443" };
  const inside = inCluster(env, files.folder);
  assert.deepEqual(
    [inside?.cluster.server, inside?.cluster.caFile, inside?.user.tokenFile, inside?.namespace],
    ["https://[fd00::1]:443", path.join(files.folder, "ca.crt"), path.join(files.folder, "token"), "mine"],
  );
  assert.equal(inCluster({}, files.folder), undefined);
  assert.equal(inCluster(env, path.join(files.folder, "nowhere")), undefined);
});
