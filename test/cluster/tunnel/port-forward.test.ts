/** Port-forwards, against a server that speaks v4.channel.k8s.io as the kubelet does. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { type WebSocket, WebSocketServer } from "ws";
import { systemClock } from "../../../src/cluster/clock.ts";
import type { ClusterError } from "../../../src/cluster/cluster-error.ts";
import { kinds } from "../../../src/cluster/kinds.ts";
import { createPodReader } from "../../../src/cluster/tunnel/pod-reader.ts";
import { openTunnel } from "../../../src/cluster/tunnel/tunnel.ts";
import { testPki } from "../pki.ts";
import {
  connectTo,
  listOf,
  refuse,
  reply,
  type Script,
  type ScriptedServer,
  startServer,
  until,
} from "../scripted-server.ts";

interface Forwarding {
  readonly server: ScriptedServer;
  /** The paths of the websockets that were opened. */
  readonly opened: string[];
  [Symbol.asyncDispose](): Promise<void>;
}

/** What the pod's side does with what it hears; `say` answers on the data channel. */
type Pod = (request: string, say: (text: string) => void, socket: WebSocket, count: number) => void;

async function startForwarding(
  pod: Pod,
  options: {
    readonly refuse?: (count: number) => readonly [status: number, body: string] | undefined;
    readonly answers?: Script;
  } = {},
): Promise<Forwarding> {
  const server = await startServer(
    options.answers ?? ((_, response) => refuse(response, 404, "NotFound", "no such path")),
  );
  const opened: string[] = [];
  const sockets = new WebSocketServer({
    noServer: true,
    handleProtocols: (offered) => (offered.has("v4.channel.k8s.io") ? "v4.channel.k8s.io" : false),
  });
  let count = 0;
  server.onUpgrade((request, socket, head) => {
    opened.push(`${request.url} ${request.headers.authorization ?? ""}`);
    const refused = options.refuse?.(opened.length);
    if (refused)
      return void socket.end(
        `HTTP/1.1 ${refused[0]} No\r\ncontent-type: application/json\r\ncontent-length: ${refused[1].length}\r\nconnection: close\r\n\r\n${refused[1]}`,
      );
    sockets.handleUpgrade(request, socket, head, (one) => {
      for (const channel of [0, 1]) one.send(Buffer.of(channel, 0xa6, 0x3a));
      let heard = "";
      one.on("message", (data: Buffer) => {
        heard += data.subarray(1).toString();
        if (!heard.endsWith("\r\n\r\n")) return;
        const whole = heard;
        heard = "";
        pod(whole, (text) => one.send(Buffer.concat([Buffer.of(0), Buffer.from(text)])), one, ++count);
      });
    });
  });
  return {
    server,
    opened,
    async [Symbol.asyncDispose]() {
      sockets.close();
      await server[Symbol.asyncDispose]();
    },
  };
}

const http200 = (body: string): string =>
  `HTTP/1.1 200 OK\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
/** A signal that does not abort. */
const never = new AbortController().signal;
const istiod = { name: "istiod-1", namespace: "istio-system" };
const fail = (expected: Partial<ClusterError>, says: RegExp) => (cause: ClusterError) => {
  assert.equal(cause.name, "ClusterError");
  for (const [key, value] of Object.entries(expected)) assert.equal(cause[key as keyof ClusterError], value);
  assert.match(cause.message, says);
  return true;
};

test("pages are read through one tunnel that is kept; each pod and port has its own", async () => {
  const requests: string[] = [];
  await using forwarding = await startForwarding((request, say) => {
    requests.push(request);
    const body = http200(`[${request.split(" ")[1]}]`);
    say(body.slice(0, 30));
    say(body.slice(30));
  });
  await using connected = await connectTo(forwarding.server);
  const { getFromPod } = connected.cluster;
  for (const path of ["/debug/syncz", "/version", "/debug/syncz"])
    assert.equal(await getFromPod(istiod, 15014, path), `[${path}]`);
  await getFromPod({ ...istiod, name: "istiod-2" }, 15014, "/version");
  await getFromPod(istiod, 8080, "/ready");
  assert.deepEqual(
    forwarding.opened,
    ["istiod-1/portforward?ports=15014", "istiod-2/portforward?ports=15014", "istiod-1/portforward?ports=8080"].map(
      (rest) => `/api/v1/namespaces/istio-system/pods/${rest} Bearer t0ken`,
    ),
  );
  assert.match(requests[0] ?? "", /^GET \/debug\/syncz HTTP\/1\.1\r\n/);
});

test("a tunnel that is polled gathers no listeners, and is closed when nobody polls any more", async () => {
  await using forwarding = await startForwarding((_, say) => say(http200("ok")));
  const warnings: Error[] = [];
  const note = (warning: Error): void => void warnings.push(warning);
  process.on("warning", note);
  const url = new URL("/portforward", forwarding.server.url.replace("https", "wss"));
  const reader = createPodReader(() => openTunnel(url, { rejectUnauthorized: false }), systemClock, {
    answer: 5_000,
    idle: 300,
  });
  for (let i = 0; i < 25; i++) assert.equal((await reader.get(istiod, 15014, "/", never)).body, "ok");
  assert.equal(forwarding.server.sockets(), 1);
  await until(() => forwarding.server.sockets() === 0);
  assert.equal((await reader.get(istiod, 15014, "/", never)).body, "ok");
  reader.close();
  process.off("warning", note);
  assert.deepEqual(warnings, []);
});

test("a pod that does not answer is not waited for for ever", async () => {
  await using forwarding = await startForwarding(() => {});
  const url = new URL("/portforward", forwarding.server.url.replace("https", "wss"));
  const reader = createPodReader(() => openTunnel(url, { rejectUnauthorized: false }), systemClock, {
    answer: 200,
    idle: 300,
  });
  await assert.rejects(reader.get(istiod, 15014, "/", never), { code: "ETIMEDOUT" });
  await until(() => forwarding.server.sockets() === 0);
});

test("a large page comes whole", async () => {
  const body = "é".repeat(1_500_000);
  await using forwarding = await startForwarding((_, say) => {
    const text = http200(body);
    for (let at = 0; at < text.length; at += 40_000) say(text.slice(at, at + 40_000));
  });
  await using connected = await connectTo(forwarding.server);
  assert.equal(await connected.cluster.getFromPod(istiod, 15014, "/debug/syncz"), body);
});

test("a kept tunnel that died meanwhile is replaced", async () => {
  await using forwarding = await startForwarding((_, say, socket, count) =>
    count === 2 ? socket.terminate() : say(http200(String(count))),
  );
  await using connected = await connectTo(forwarding.server);
  assert.equal(await connected.cluster.getFromPod(istiod, 15014, "/"), "1");
  assert.equal(await connected.cluster.getFromPod(istiod, 15014, "/"), "3");
  assert.equal(forwarding.opened.length, 2);
});

test("the error channel speaks: nothing listens there", async () => {
  await using forwarding = await startForwarding((_request, _say, socket) => {
    socket.send(Buffer.concat([Buffer.of(1), Buffer.from("error forwarding port 9: connection refused\u001b[31m")]));
    socket.close(1000);
  });
  await using connected = await connectTo(forwarding.server);
  await assert.rejects(
    connected.cluster.getFromPod(istiod, 9, "/"),
    fail(
      { reason: "unreachable" },
      /cannot reach Pod "istio-system\/istiod-1" port 9: .*connection refused\\u001b\[31m/,
    ),
  );
});

for (const [title, end] of [
  ["closed", (socket) => socket.close(1000)],
  ["broken", (socket) => socket.terminate()],
] as const satisfies readonly (readonly [string, (socket: WebSocket) => void])[]) {
  test(`an answer that is cut is no answer (${title})`, async () => {
    await using forwarding = await startForwarding((_, say, socket) => {
      say(http200("[1,2,3]").slice(0, -2));
      setTimeout(end, 20, socket);
    });
    await using connected = await connectTo(forwarding.server);
    await assert.rejects(
      connected.cluster.getFromPod(istiod, 15014, "/debug/syncz"),
      fail({ reason: "unreachable" }, /broke off/),
    );
  });
}

test("a page that is no HTTP", async () => {
  await using forwarding = await startForwarding((_, say) => say("SSH-2.0\r\n\r\n"));
  await using connected = await connectTo(forwarding.server);
  await assert.rejects(
    connected.cluster.getFromPod(istiod, 22, "/"),
    fail({ reason: "malformed" }, /does not speak HTTP/),
  );
});

test("an answer other than 200 is an error that names the pod", async () => {
  await using forwarding = await startForwarding((_, say) =>
    say("HTTP/1.1 401 Unauthorized\r\ncontent-length: 2\r\n\r\nno"),
  );
  await using connected = await connectTo(forwarding.server);
  await assert.rejects(
    connected.cluster.getFromPod(istiod, 15014, "/debug/syncz"),
    fail({ reason: "unauthorized", status: 401 }, /answered 401 for \/debug\/syncz: no/),
  );
});

for (const [what, why, says] of [
  ["with its reason", 'User "eve" cannot create resource "pods/portforward"', /: .*User "eve"/],
  ["without one", "", /: .*is forbidden: you may not create pods\/portforward$/],
] as const)
  test(`a refusal of the API server ${what} is told with the right to ask for`, async () => {
    const message = `pods "istiod-1" is forbidden: ${why}`;
    const status = JSON.stringify({ kind: "Status", apiVersion: "v1", reason: "Forbidden", message });
    await using forwarding = await startForwarding(() => {}, { refuse: () => [403, status] });
    await using connected = await connectTo(forwarding.server);
    await assert.rejects(connected.cluster.getFromPod(istiod, 15014, "/"), (cause: ClusterError) => {
      assert.match(cause.hint ?? "", /right to create pods\/portforward in namespace "istio-system"/);
      assert.match(cause.message, says);
      return fail(
        { reason: "forbidden", status: 403 },
        /could not forward a port of Pod "istio-system\/istiod-1": /,
      )(cause);
    });
  });

test("a port-forward does not wait in line behind questions that are not answered", async () => {
  await using forwarding = await startForwarding((_, say) => say(http200("ok")), { answers: () => {} });
  await using connected = await connectTo(forwarding.server);
  for (let i = 0; i < 20; i++) connected.cluster.list(kinds.namespaces, {}, () => 0).catch(() => {});
  await until(() => forwarding.server.seen.length === 6);
  assert.equal(await connected.cluster.getFromPod(istiod, 15014, "/"), "ok");
  assert.equal(forwarding.server.handshakes(), 7);
});

test("a port-forward takes a connection that is idle", async () => {
  await using forwarding = await startForwarding((_, say) => say(http200("ok")), {
    answers: (_, response) => reply(response, listOf("NamespaceList", [])),
  });
  await using connected = await connectTo(forwarding.server);
  await connected.cluster.list(kinds.namespaces, {}, () => 0);
  assert.equal(await connected.cluster.getFromPod(istiod, 15014, "/"), "ok");
  assert.equal(forwarding.server.handshakes(), 1);
});

test("a connection that breaks during the upgrade is an error like others", async () => {
  await using server = await startServer((_, response) => refuse(response, 404, "NotFound", "no such path"));
  server.onUpgrade((_, socket) => socket.destroy());
  await using connected = await connectTo(server);
  await assert.rejects(
    connected.cluster.getFromPod(istiod, 15014, "/"),
    fail({ reason: "unreachable" }, /broke off the connection/),
  );
});

test("a credential plugin is asked again when the upgrade meets a 401", async () => {
  await using forwarding = await startForwarding((_, say) => say(http200("ok")), {
    refuse: (count) => (count === 1 ? [401, "{}"] : undefined),
  });
  const program = `console.log(JSON.stringify({ kind: "ExecCredential", apiVersion: "client.authentication.k8s.io/v1", status: { token: "x" + process.pid } }))`;
  const exec = {
    apiVersion: "client.authentication.k8s.io/v1",
    command: process.execPath,
    args: ["-e", program],
    interactiveMode: "Never",
  };
  await using connected = await connectTo(forwarding.server, { user: { exec } });
  assert.equal(await connected.cluster.getFromPod(istiod, 15014, "/"), "ok");
  assert.equal(new Set(forwarding.opened).size, 2);
});

test("a client certificate identifies us in the tunnel too", async () => {
  const { client } = await testPki();
  await using forwarding = await startForwarding((_, say) => say(http200("ok")));
  const user = {
    "client-certificate-data": Buffer.from(client.cert).toString("base64"),
    "client-key-data": Buffer.from(client.key).toString("base64"),
  };
  await using connected = await connectTo(forwarding.server, { user });
  assert.equal(await connected.cluster.getFromPod(istiod, 15014, "/"), "ok");
  assert.doesNotMatch(forwarding.opened[0] ?? "", /Bearer/);
});

test("close ends the tunnels", async () => {
  await using forwarding = await startForwarding((_, say) => say(http200("ok")));
  await using connected = await connectTo(forwarding.server);
  await connected.cluster.getFromPod(istiod, 15014, "/");
  assert.equal(forwarding.server.sockets(), 1);
  await connected.cluster.close();
  await until(() => forwarding.server.sockets() === 0);
});

for (const frozen of ["the pod", "the upgrade"] as const)
  test(`${frozen} does not answer: the read ends with the signal of its view, the tunnel with the cluster`, async () => {
    await using forwarding = await startForwarding(() => {});
    let upgrades = 0;
    if (frozen === "the upgrade") forwarding.server.onUpgrade(() => void upgrades++);
    await using connected = await connectTo(forwarding.server);
    const stop = new AbortController();
    const reason = new DOMException("", "TimeoutError");
    const failure = assert.rejects(
      connected.cluster.until(stop.signal).getFromPod(istiod, 15014, "/"),
      (cause: ClusterError) =>
        fail(
          { reason: "timeout", cause: reason, ambiguous: false },
          /istio-system\/istiod-1.*: the time was over$/,
        )(cause),
    );
    await until(() => forwarding.opened.length + upgrades === 1);
    stop.abort(reason);
    await failure;
    await connected.cluster.close();
    await until(() => forwarding.server.sockets() === 0);
    assert.equal(forwarding.opened.length + upgrades, 1);
  });

test("a read that is cut takes no tunnel from the others", async () => {
  await using forwarding = await startForwarding((request, say) => {
    if (!request.includes("/frozen")) say(http200("ok"));
  });
  await using connected = await connectTo(forwarding.server);
  const stop = new AbortController();
  const cut = connected.cluster.until(stop.signal).getFromPod(istiod, 15014, "/frozen");
  assert.equal(await connected.cluster.getFromPod(istiod, 15014, "/"), "ok");
  stop.abort(new DOMException("", "TimeoutError"));
  await assert.rejects(cut, { reason: "timeout" });
  assert.equal(await connected.cluster.getFromPod(istiod, 15014, "/"), "ok");
});

test("after the signal no tunnel is opened", async () => {
  await using forwarding = await startForwarding((_, say) => say(http200("ok")));
  await using connected = await connectTo(forwarding.server);
  await assert.rejects(connected.cluster.until(AbortSignal.abort()).getFromPod(istiod, 15014, "/"), {
    reason: "timeout",
  });
  assert.equal(forwarding.server.handshakes(), 0);
});
