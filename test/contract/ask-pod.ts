/**
 * What a pod answers on a port, through a port-forward of the API server over a websocket (v4.channel.k8s.io: channel 0
 * carries data, channel 1 errors, and the first message of each names the port). A client of its own, for the one of
 * `src/` is under test.
 */
import fs from "node:fs";
import { WebSocket } from "ws";

export interface PodAnswer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

/** GETs a page of a pod. Throws what the error channel says, or when the tunnel ends before the answer does. */
export function askPod(
  kubeconfig: string,
  pod: { readonly namespace: string; readonly name: string },
  port: number,
  path: string,
  signal?: AbortSignal,
): Promise<PodAnswer> {
  const config = JSON.parse(fs.readFileSync(kubeconfig, "utf8"));
  const { server, "certificate-authority-data": authority } = config.clusters[0].cluster;
  const { token, "client-certificate-data": certificate, "client-key-data": key } = config.users[0].user;
  const pem = (data: string | undefined) => (data === undefined ? undefined : Buffer.from(data, "base64"));
  const url = `${server.replace(/^http/, "ws")}/api/v1/namespaces/${pod.namespace}/pods/${pod.name}/portforward?ports=${port}`;
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url, ["v4.channel.k8s.io"], {
      ...{ ca: pem(authority), cert: pem(certificate), key: pem(key), perMessageDeflate: false },
      headers: { "user-agent": "mesh-harness", ...(token && { authorization: `Bearer ${token}` }) },
    });
    const texts = ["", ""];
    const seen = new Set<number>();
    const end = (): void => {
      socket.terminate();
      const answer = parse(texts[0] ?? "");
      if (answer === undefined) reject(new Error(texts[1] || "the tunnel ended without an answer"));
      else resolve(answer);
    };
    signal?.addEventListener("abort", end, { once: true });
    socket.on("open", () =>
      socket.send(Buffer.concat([Buffer.of(0), Buffer.from(`GET ${path} HTTP/1.1\r\nhost: ${pod.name}\r\n\r\n`)])),
    );
    socket.on("message", (data: Buffer) => {
      const channel = data[0] ?? 0;
      texts[channel] += data.subarray(seen.has(channel) ? 1 : 3).toString("latin1");
      seen.add(channel);
      // the tunnel stays open when the pod's side has closed
      if (texts[1] !== "" || parse(texts[0] ?? "") !== undefined) end();
    });
    socket.on("close", end);
    socket.on("error", reject);
  });
}

/** An answer of HTTP 1.1 once it is whole. */
function parse(text: string): PodAnswer | undefined {
  const [, head = "", rest = ""] = /^(.*?)\r\n\r\n(.*)$/s.exec(text) ?? [];
  const field = (name: string): string => new RegExp(`^${name}: *(.*?)\\s*$`, "im").exec(head)?.[1] ?? "";
  const body =
    field("transfer-encoding") === "chunked"
      ? unchunked(rest)
      : rest.length < Number(field("content-length"))
        ? undefined
        : rest;
  const status = /^HTTP\/1\.1 (\d+)/.exec(head)?.[1];
  return status === undefined || body === undefined
    ? undefined
    : { status: Number(status), type: field("content-type"), body };
}

function unchunked(text: string): string | undefined {
  const [, size, rest = ""] = /^([0-9a-f]+)\r\n(.*)$/is.exec(text) ?? [];
  const length = Number.parseInt(size ?? "", 16);
  if (length === 0) return "";
  const more = length > 0 && rest.length >= length + 2 ? unchunked(rest.slice(length + 2)) : undefined;
  return more === undefined ? undefined : rest.slice(0, length) + more;
}
