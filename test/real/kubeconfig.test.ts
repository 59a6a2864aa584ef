/**
 * The real kubectl and our adapter read the same kubeconfigs with the same flags and variables, and ask the same
 * servers the same question: what arrives must be the same, byte by byte where it matters (server, path, identity,
 * impersonation); and where kubectl refuses, so do we.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import path from "node:path";
import { before, test } from "node:test";
import { promisify } from "node:util";
import type { ClusterFlags } from "../../src/cluster/auth/connection-flags.ts";
import { loadKubeconfig } from "../../src/cluster/auth/kubeconfig-files.ts";
import { systemClock } from "../../src/cluster/clock.ts";
import { connect } from "../../src/cluster/connect.ts";
import { type Pki, testPki } from "../cluster/pki.ts";
import { reply, type ScriptedServer, type Seen, scratch, startServer } from "../cluster/scripted-server.ts";
import { ensureBuilt, fileOf } from "./mesh/programs.ts";

const run = promisify(execFile);
let kubectl: string;
let pki: Pki;

before(async () => {
  await ensureBuilt(["kubernetes"]);
  kubectl = fileOf("kubernetes", "bin/kubectl");
  pki = await testPki();
});

interface Case {
  readonly title: string;
  /**
   * Names and contents; `@A@`, `@B@`, `@HTTP@` are the servers' addresses, `@CA@` the authority in base64, `@CERT@` and
   * `@KEY@` alice's.
   */
  readonly files: Readonly<Record<string, string>>;
  readonly kubeconfig?: readonly string[];
  readonly flags?: ClusterFlags;
  readonly env?: Readonly<Record<string, string>>;
  /** kubectl refuses it: so must we. */
  readonly refused?: true;
  /**
   * kubectl asks for a name and password, and fails as there is no terminal. We ask as nobody: a proxy in front may
   * know us.
   */
  readonly anonymous?: true;
}

const one = (name: string, server: string, user: string, more = ""): string => `
current-context: ${name}
contexts: [{name: ${name}, context: {cluster: ${name}, user: ${name}}}]
clusters: [{name: ${name}, cluster: {server: "${server}", certificate-authority-data: "@CA@"}}]
users: [{name: ${name}, user: ${user}}]
${more}`;
const a = one("a", "@A@", "{token: token-a}");
const b = one("b", "@B@", "{token: token-b}");
const withUser = (user: string): Readonly<Record<string, string>> => ({ a: one("a", "@A@", user) });
const withCluster = (cluster: string): Readonly<Record<string, string>> => ({
  a: `{current-context: a, contexts: [{name: a, context: {cluster: a, user: a}}], clusters: [{name: a, cluster: ${cluster}}], users: [{name: a, user: {token: t}}]}`,
});

const cases: readonly Case[] = [
  { title: "two files: the first one's context", files: { a, b }, kubeconfig: ["a", "b"] },
  { title: "two files, the other way round", files: { a, b }, kubeconfig: ["b", "a"] },
  { title: "--context of the second file", files: { a, b }, kubeconfig: ["a", "b"], flags: { context: "b" } },
  {
    title: "the same user in two files: the first one, whole",
    files: { a: one("a", "@A@", "{username: u, password: p}"), b: one("a", "@B@", "{token: other}") },
    kubeconfig: ["a", "b"],
  },
  {
    title: "a context whose cluster and user stand in other files",
    files: { c: "{current-context: x, contexts: [{name: x, context: {cluster: b, user: a}}]}", a, b },
    kubeconfig: ["c", "a", "b"],
  },
  { title: "a first file without a current context", files: { c: "{current-context: ''}", b }, kubeconfig: ["c", "b"] },
  { title: "missing files and empty names are passed over", files: { a }, kubeconfig: ["missing", "", "a", "a"] },
  { title: "an empty file is passed over", files: { empty: "", a }, kubeconfig: ["empty", "a"] },
  { title: "a file of comments", files: { comments: "# nothing\n", a }, kubeconfig: ["comments", "a"] },
  { title: "a file that is no YAML", files: { bad: "a: [", a }, kubeconfig: ["a", "bad"], refused: true },
  {
    title: "a file of another kind",
    files: { bad: "kind: Pod\napiVersion: v1\n", a },
    kubeconfig: ["a", "bad"],
    refused: true,
  },
  { title: "a folder instead of a file", files: { "dir/x": "", a }, kubeconfig: ["a", "dir"], refused: true },
  { title: "--kubeconfig alone counts", files: { a, b }, kubeconfig: ["a"], flags: { kubeconfig: "b" } },
  {
    title: "--kubeconfig that is not there",
    files: { a },
    kubeconfig: ["a"],
    flags: { kubeconfig: "missing" },
    refused: true,
  },
  { title: "an empty KUBECONFIG means the home's", files: { ".kube/config": a }, kubeconfig: [] },
  { title: "--context that is not there", files: { a }, flags: { context: "x" }, refused: true },
  {
    title: "current-context that is not there",
    files: { a: a.replace("current-context: a", "current-context: x") },
    refused: true,
  },
  {
    title: "a context's cluster that is not there",
    files: { a: a.replace("cluster: a,", "cluster: x,") },
    refused: true,
  },
  { title: "a context's user that is not there", files: { a: a.replace("user: a}}]", "user: x}}]") }, refused: true },
  { title: "--cluster and --user", files: { a, b }, kubeconfig: ["a", "b"], flags: { cluster: "b", user: "b" } },
  { title: "--cluster that is not there", files: { a }, flags: { cluster: "x" }, refused: true },
  { title: "--user that is not there", files: { a }, flags: { user: "x" }, refused: true },
  { title: "--server", files: { a }, flags: { server: "@B@" } },
  { title: "--server with a path", files: { a }, flags: { server: "@B@/k8s/clusters/c-1" } },
  {
    title: "--server without a context's cluster",
    files: { a: a.replace("cluster: a,", "cluster: x,") },
    flags: { server: "@A@", insecureSkipTlsVerify: true },
  },
  { title: "--token beside a token", files: { a }, flags: { token: "flag" } },
  {
    title: "--token beside a plugin",
    files: withUser(
      "{exec: {apiVersion: client.authentication.k8s.io/v1, command: /nonexistent, interactiveMode: Never}}",
    ),
    flags: { token: "flag" },
  },
  {
    title: "--token beside a password",
    files: withUser("{username: u, password: p}"),
    flags: { token: "flag" },
    refused: true,
  },
  { title: "--as, --as-group, --as-uid", files: { a }, flags: { as: "jane", asGroup: ["dev", "ops"], asUid: "7" } },
  { title: "--as-group alone", files: { a }, flags: { asGroup: ["dev"] }, refused: true },
  {
    title: "impersonation in the file",
    files: withUser(
      "{token: t, as: jane, as-uid: '7', as-groups: [x, z], as-user-extra: {reason: [a, b], Scopes/One: [c]}}",
    ),
  },
  {
    title: "impersonation in the file, and another by flag",
    files: withUser("{token: t, as: jane, as-groups: [x, z]}"),
    flags: { as: "joe" },
  },
  { title: "a client certificate", files: withUser("{client-certificate-data: '@CERT@', client-key-data: '@KEY@'}") },
  {
    title: "a client certificate and a token",
    files: withUser("{client-certificate-data: '@CERT@', client-key-data: '@KEY@', token: t}"),
  },
  {
    title: "a client certificate in files beside the kubeconfig",
    files: {
      "deep/config": one("a", "@A@", "{client-certificate: ../c.pem, client-key: ../k.pem}"),
      "c.pem": "@CERTPEM@",
      "k.pem": "@KEYPEM@",
    },
    kubeconfig: ["deep/config"],
  },
  {
    title: "certificate data and file",
    files: {
      a: one("a", "@A@", "{client-certificate-data: '@CERT@', client-key-data: '@KEY@', client-certificate: c.pem}"),
      "c.pem": "@CERTPEM@",
    },
    refused: true,
  },
  { title: "a certificate without a key", files: withUser("{client-certificate-data: '@CERT@'}"), refused: true },
  {
    title: "--client-certificate and --client-key over data",
    files: { a, "c.pem": "@CERTPEM@", "k.pem": "@KEYPEM@" },
    flags: { clientCertificate: "c.pem", clientKey: "k.pem" },
  },
  {
    title: "a certificate that is none",
    files: withUser("{client-certificate-data: eA==, client-key-data: eA==}"),
    refused: true,
  },
  { title: "tokenFile", files: { ...withUser("{tokenFile: t}"), t: " from file \n" } },
  { title: "token and tokenFile", files: { ...withUser("{token: inline, tokenFile: t}"), t: "from file" } },
  {
    title: "--token beside a tokenFile",
    files: { ...withUser("{tokenFile: t}"), t: "from file" },
    flags: { token: "flag" },
  },
  { title: "token and a tokenFile that is not there", files: withUser("{token: inline, tokenFile: missing}") },
  { title: "tokenFile that is not there", files: withUser("{tokenFile: missing}"), refused: true },
  { title: "token-file is no key", files: { ...withUser("{token-file: t}"), t: "from file" }, anonymous: true },
  { title: "a password", files: withUser("{username: u, password: 'p:w'}") },
  { title: "a password without a name", files: withUser("{password: p}"), refused: true },
  { title: "token and password", files: withUser("{token: t, username: u}"), refused: true },
  {
    title: "a plugin beside the kubeconfig",
    files: {
      "deep/config": one(
        "a",
        "@A@",
        "{exec: {apiVersion: client.authentication.k8s.io/v1, command: ./login.sh, interactiveMode: Never, env: [{name: WHO, value: me}]}}",
      ),
      "deep/login.sh": `#!/bin/sh\necho "{\\"kind\\":\\"ExecCredential\\",\\"apiVersion\\":\\"client.authentication.k8s.io/v1\\",\\"status\\":{\\"token\\":\\"$WHO\\"}}"\n`,
    },
    kubeconfig: ["deep/config"],
  },
  {
    title: "a plugin that tells what it was told",
    files: {
      a: `{current-context: a, contexts: [{name: a, context: {cluster: a, user: a}}], clusters: [{name: a, cluster: {server: "@A@", tls-server-name: api.test, certificate-authority-data: "@CA@", extensions: [{name: client.authentication.k8s.io/exec, extension: {audience: x}}]}}], users: [{name: a, user: {exec: {apiVersion: client.authentication.k8s.io/v1beta1, command: ./tell.sh, provideClusterInfo: true}}}]}`,
      "tell.sh": `#!/bin/sh\necho "{\\"kind\\":\\"ExecCredential\\",\\"apiVersion\\":\\"client.authentication.k8s.io/v1beta1\\",\\"status\\":{\\"token\\":\\"$(printf %s "$KUBERNETES_EXEC_INFO" | base64 -w0)\\"}}"\n`,
    },
  },
  {
    title: "a plugin without interactiveMode in v1",
    files: withUser("{exec: {apiVersion: client.authentication.k8s.io/v1, command: /bin/true}}"),
    refused: true,
  },
  {
    title: "a plugin of v1alpha1",
    files: withUser("{exec: {apiVersion: client.authentication.k8s.io/v1alpha1, command: /bin/true}}"),
    refused: true,
  },
  {
    title: "a plugin and an auth-provider",
    files: withUser(
      "{exec: {apiVersion: client.authentication.k8s.io/v1, command: /bin/true, interactiveMode: Never}, auth-provider: {name: oidc}}",
    ),
    refused: true,
  },
  {
    title: "tls-server-name",
    files: withCluster('{server: "@A@", certificate-authority-data: "@CA@", tls-server-name: api.test}'),
  },
  {
    title: "tls-server-name of another",
    files: withCluster('{server: "@A@", certificate-authority-data: "@CA@", tls-server-name: other.test}'),
    refused: true,
  },
  {
    title: "--tls-server-name over a wrong one",
    files: withCluster('{server: "@A@", certificate-authority-data: "@CA@", tls-server-name: other.test}'),
    flags: { tlsServerName: "api.test" },
  },
  {
    title: "--server drops the file's tls-server-name",
    files: withCluster('{server: "@A@", certificate-authority-data: "@CA@", tls-server-name: other.test}'),
    flags: { server: "@B@" },
  },
  { title: "no authority: the system's does not vouch", files: withCluster('{server: "@A@"}'), refused: true },
  { title: "insecure-skip-tls-verify", files: withCluster('{server: "@A@", insecure-skip-tls-verify: true}') },
  { title: "insecure-skip-tls-verify: yes", files: withCluster('{server: "@A@", insecure-skip-tls-verify: yes}') },
  {
    title: "insecure-skip-tls-verify with an authority",
    files: withCluster('{server: "@A@", insecure-skip-tls-verify: true, certificate-authority-data: "@CA@"}'),
    refused: true,
  },
  {
    title: "--insecure-skip-tls-verify drops the authority",
    files: { a: a.replace("@CA@", "@CERT@") },
    flags: { insecureSkipTlsVerify: true },
  },
  {
    title: "--certificate-authority over data",
    files: { a: a.replace("@CA@", "@CERT@"), "ca.pem": "@CAPEM@" },
    flags: { certificateAuthority: "ca.pem" },
  },
  {
    title: "an authority in a file beside the kubeconfig",
    files: {
      "deep/config": a.replace('certificate-authority-data: "@CA@"', "certificate-authority: ../ca.pem"),
      "ca.pem": "@CAPEM@",
    },
    kubeconfig: ["deep/config"],
  },
  {
    title: "an authority's file that is not there",
    files: withCluster('{server: "@A@", certificate-authority: none.pem}'),
    refused: true,
  },
  {
    title: "authority data and file",
    files: {
      ...withCluster('{server: "@A@", certificate-authority-data: "@CA@", certificate-authority: ca.pem}'),
      "ca.pem": "@CAPEM@",
    },
    refused: true,
  },
  {
    title: "authority data that is no base64",
    files: withCluster('{server: "@A@", certificate-authority-data: "!"}'),
    refused: true,
  },
  { title: "plain http on this machine: no credentials", files: withCluster('{server: "@HTTP@"}') },
  { title: "a server without a protocol is http", files: withCluster('{server: "@HTTPHOST@"}') },
  {
    title: "a name twice in one file",
    files: { a: a.replace("users: [", "users: [{name: a, user: {}}, ") },
    refused: true,
  },
  { title: "a token that is a number", files: withUser("{token: 12345}"), refused: true },
  { title: "a name that is a number", files: { a: one("120", "@A@", "{token: t}") }, refused: true },
  { title: "a name that is a number in quotes", files: { a: one('"120"', "@A@", "{token: t}") } },
  { title: "a token that looks like a date", files: withUser("{token: 2001-01-01}") },
  { title: "a token that looks like a number to some", files: withUser("{token: 0o17}"), refused: true },
  { title: "null for a token", files: withUser("{token: null}"), anonymous: true },
  {
    title: "merge keys and anchors",
    files: { a: one("a", "@A@", "{<<: *t}").replace("\ncurrent", "\nx: &t {token: merged}\ncurrent") },
  },
  { title: "a key twice", files: { a: one("a", "@A@", "{token: first, token: second}") } },
  { title: "unknown keys", files: { a: `${a}\nstrange: 1\npreferences: {}\n` } },
  {
    title: "names of JavaScript's own",
    files: { a: one("constructor", "@A@", "{token: t}"), b: one("__proto__", "@B@", "{token: u}") },
    kubeconfig: ["a", "b"],
    flags: { context: "__proto__" },
  },
  {
    title: "HTTPS_PROXY leaves this machine's servers alone",
    files: { a },
    env: { HTTPS_PROXY: "http://127.0.0.1:1" },
  },
  {
    title: "proxy-url does not",
    files: withCluster('{server: "@A@", certificate-authority-data: "@CA@", proxy-url: "http://127.0.0.1:1"}'),
    refused: true,
  },
  {
    title: "proxy-url of another kind",
    files: withCluster('{server: "@A@", certificate-authority-data: "@CA@", proxy-url: "ftp://127.0.0.1:1"}'),
    refused: true,
  },
  {
    title: "proxy-url without a protocol",
    files: withCluster('{server: "@A@", certificate-authority-data: "@CA@", proxy-url: "127.0.0.1:1"}'),
    refused: true,
  },
  { title: "--request-timeout that is none", files: { a }, flags: { requestTimeout: "soon" }, refused: true },
  { title: "--request-timeout in seconds", files: { a }, flags: { requestTimeout: "30" } },
];

for (const each of cases) {
  test(`as kubectl does: ${each.title}`, async () => {
    using files = scratch();
    await using serverA = await startServer((_, response) => reply(response, { gitVersion: "v1.36.3" }));
    await using serverB = await startServer((_, response) => reply(response, { gitVersion: "v1.36.3" }));
    await using serverHttp = await startServer((_, response) => reply(response, { gitVersion: "v1.36.3" }), {
      plain: true,
    });
    const servers: readonly (readonly [string, ScriptedServer])[] = [
      ["A", serverA],
      ["B", serverB],
      ["HTTP", serverHttp],
    ];
    const fill = fillIn(servers);
    for (const [name, content] of Object.entries(each.files))
      files.write(name, fill(content), name.endsWith(".sh") ? 0o700 : 0o600);
    const inFolder = (name: string): string => (name === "" ? "" : path.join(files.folder, name));
    const names = each.kubeconfig ?? ["a"];
    const env = {
      HOME: files.folder,
      PATH: process.env.PATH ?? "",
      KUBECONFIG: names.map(inFolder).join(path.delimiter),
      ...each.env,
    };
    const flags = Object.fromEntries(
      Object.entries(each.flags ?? {}).map(([key, value]) => [
        key,
        typeof value === "string" ? (fileFlags.has(key) ? inFolder(value) : fill(value)) : value,
      ]),
    ) as ClusterFlags;

    const asked = run(kubectl, ["get", "--raw", "/version", ...argumentsOf(flags)], {
      env,
      cwd: files.folder,
      timeout: 20_000,
    });
    asked.child.stdin?.end();
    const theirs = await asked.then(
      () => undefined,
      (cause: Error & { stderr: string }) => cause.stderr,
    );
    const arrived = take(servers);
    const ours = await askVersion(flags, env);
    const arrivedFromUs = take(servers);

    assert.equal(theirs !== undefined, each.refused === true || each.anonymous === true, `kubectl: ${theirs}`);
    assert.equal(ours !== undefined, each.refused === true, `ours: ${ours}`);
    if (each.refused) assert.deepEqual(arrivedFromUs, [], "nothing is sent to anybody");
    else if (each.anonymous)
      assert.deepEqual(arrivedFromUs, [{ server: "A", method: "GET", url: "/version", who: undefined, identity: [] }]);
    else assert.deepEqual(arrivedFromUs, arrived);
  });
}

async function askVersion(flags: ClusterFlags, env: NodeJS.ProcessEnv): Promise<string | undefined> {
  try {
    const cluster = await connect(flags, {
      userAgent: "test",
      fieldManager: "test",
      clock: systemClock,
      warn: () => {},
      env,
    });
    await cluster.now();
    await cluster.close();
    return undefined;
  } catch (cause) {
    return String(cause);
  }
}

/** What arrived at which server since last time, without what may differ. */
function take(servers: readonly (readonly [string, ScriptedServer])[]): readonly object[] {
  return servers.flatMap(([name, server]) =>
    (server.seen as Seen[]).splice(0).map((seen) => ({
      server: name,
      method: seen.method,
      url: seen.url.replace(/\?timeout=.*/, ""),
      who: seen.who,
      identity: identityOf(seen),
    })),
  );
}

function identityOf({ raw }: Seen): readonly string[] {
  const lines = raw.flatMap((name, at) => (at % 2 === 0 ? [`${name.toLowerCase()}: ${raw[at + 1]}`] : []));
  return lines.filter((line) => line.startsWith("authorization") || line.startsWith("impersonate")).sort();
}

function fillIn(servers: readonly (readonly [string, ScriptedServer])[]): (text: string) => string {
  const base64 = (text: string): string => Buffer.from(text).toString("base64");
  const values = new Map([
    ...servers.map(([name, server]) => [name, server.url] as const),
    ["HTTPHOST", `127.0.0.1:${servers[2]?.[1].port}`],
    ["CA", base64(pki.ca)],
    ["CERT", base64(pki.client.cert)],
    ["KEY", base64(pki.client.key)],
    ["CAPEM", pki.ca],
    ["CERTPEM", pki.client.cert],
    ["KEYPEM", pki.client.key],
  ]);
  return (text) => text.replace(/@([A-Z]+)@/g, (whole, name: string) => values.get(name) ?? whole);
}

const fileFlags = new Set(["kubeconfig", "certificateAuthority", "clientCertificate", "clientKey"]);

function argumentsOf(flags: ClusterFlags): readonly string[] {
  return Object.entries(flags).flatMap(([key, value]) => {
    const flag = `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
    return (Array.isArray(value) ? value : [value]).map((each) => `${flag}=${each}`);
  });
}

test("the merged view is kubectl's own", async () => {
  using files = scratch();
  const first = example("first", "/abs/other.pem");
  const second = example("second", "/abs/ca.pem");
  const merged = [
    files.write("x/first", first),
    files.write("y/second", second),
    path.join(files.folder, "missing"),
  ].join(path.delimiter);
  const { stdout } = await run(kubectl, ["config", "view", "--raw", "-o", "json"], {
    env: { HOME: files.folder, KUBECONFIG: merged },
  });
  const theirs = JSON.parse(stdout) as View;
  const ours = loadKubeconfig(undefined, { KUBECONFIG: merged });
  assert.equal(ours.currentContext, theirs["current-context"]);
  assert.deepEqual(
    plain(ours.contexts, ({ cluster, user, namespace }) => ({ cluster, user, namespace })),
    plainList(theirs.contexts, ({ context }) => context as object),
  );
  assert.deepEqual(
    plain(ours.clusters, ({ server, caFile, insecure, proxyUrl, tlsServerName }) => ({
      server,
      "certificate-authority": caFile,
      "insecure-skip-tls-verify": insecure || undefined,
      "proxy-url": proxyUrl,
      "tls-server-name": tlsServerName,
    })),
    plainList(theirs.clusters, ({ cluster }) => cluster as object),
  );
  assert.deepEqual(
    plain(ours.users, ({ certificateFile, keyFile, tokenFile, exec }) => ({
      "client-certificate": certificateFile,
      "client-key": keyFile,
      tokenFile,
      command: exec?.command,
      mode: exec?.interactiveMode,
    })),
    plainList(theirs.users, ({ user }) => {
      const { exec, ...rest } = user as { exec?: { command?: string; interactiveMode?: string } };
      return { ...rest, command: exec?.command, mode: exec?.interactiveMode };
    }),
  );
});

interface View {
  readonly "current-context": string;
  readonly contexts: readonly Named[];
  readonly clusters: readonly Named[];
  readonly users: readonly Named[];
}
type Named = { readonly name: string } & Readonly<Record<string, unknown>>;

const plain = <T>(map: ReadonlyMap<string, T>, pick: (value: T) => object): object =>
  sorted([...map].map(([name, value]) => [name, pick(value)]));
const plainList = (list: readonly Named[], pick: (value: Named) => object): object =>
  sorted(list.map((value) => [value.name, pick(value)]));
// Through JSON, so that what is undefined is not there.
const sorted = (entries: readonly (readonly [string, object])[]): object =>
  JSON.parse(JSON.stringify([...entries].sort(([one], [other]) => (one < other ? -1 : 1))));

function example(name: string, ca: string): object {
  return {
    "current-context": name,
    contexts: ["shared", name].map((each) => ({
      name: each,
      context: { cluster: name, user: each, namespace: `ns-${name}` },
    })),
    clusters: ["shared", name].map((each) => ({
      name: each,
      cluster: {
        server: `https://${name}:1`,
        "certificate-authority": ca,
        "proxy-url": "http://p:1",
        "tls-server-name": name,
      },
    })),
    users: ["shared", name].map((each) => ({
      name: each,
      user: {
        "client-certificate": "/c.pem",
        "client-key": "/k.pem",
        tokenFile: `/${name}`,
        exec: { apiVersion: "client.authentication.k8s.io/v1beta1", command: name === "first" ? "/bin/x" : "aws" },
      },
    })),
  };
}
