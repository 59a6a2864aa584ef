/** Which proxy a request to the API server goes through. */
import { BlockList, isIP } from "node:net";
import { isLoopback } from "../auth/choose-cluster.ts";
import { ClusterError } from "../cluster-error.ts";
import { printable } from "../printable.ts";

/**
 * The proxy on the way to `server`, if any: the kubeconfig's `proxy-url`, else HTTPS_PROXY / HTTP_PROXY less NO_PROXY,
 * by Go's rules (golang.org/x/net/http/httpproxy), lower-case variables first. Throws `ClusterError` (config) for a
 * proxy of an unknown kind.
 */
export function proxyFor(server: URL, proxyUrl: string | undefined, env: NodeJS.ProcessEnv): URL | undefined {
  if (proxyUrl) return readProxy(proxyUrl, "the cluster's proxy-url");
  const [name, value] =
    server.protocol === "https:"
      ? ["HTTPS_PROXY", env.https_proxy || env.HTTPS_PROXY]
      : ["HTTP_PROXY", env.http_proxy || env.HTTP_PROXY];
  if (!value || isLoopback(server.hostname) || isExempt(server, env.no_proxy || env.NO_PROXY || "")) return undefined;
  return readProxy(/^[a-z][a-z0-9+.-]*:\/\//i.test(value) ? value : `http://${value}`, name);
}

const schemes = ["http:", "https:", "socks5:", "socks5h:"];

function readProxy(text: string, source: string): URL {
  const proxy = URL.parse(text);
  if (proxy === null || !proxy.hostname || !schemes.includes(proxy.protocol)) {
    // Not the text itself: it may hold a password.
    throw new ClusterError(`${source} is not the address of an http, https or socks5 proxy`, {
      reason: "config",
      hint: "It looks like http://host:port.",
    });
  }
  return proxy;
}

/** A proxy's address without its password. */
export function proxyName(proxy: URL): string {
  return printable(`${proxy.protocol}//${proxy.host}`);
}

function isExempt(server: URL, noProxy: string): boolean {
  const host = server.hostname.replace(/^\[|\]$/g, "").toLowerCase();
  const port = server.port || (server.protocol === "https:" ? "443" : "80");
  return noProxy
    .split(",")
    .map((entry) => entry.trim().toLowerCase())
    .filter((entry) => entry !== "")
    .some((entry) => matches(entry, host, port));
}

function matches(entry: string, host: string, port: string): boolean {
  if (entry === "*") return true;
  if (entry.includes("/")) return isWithin(entry, host);
  const [, name = entry, wantedPort] = /^(\[[^\]]*\]|[^:]*):(\d+)$/.exec(entry) ?? [];
  if (wantedPort !== undefined && wantedPort !== port) return false;
  const bare = name.replace(/^\[|\]$/g, "");
  if (isIP(bare) !== 0) return isIP(host) !== 0 && sameAddress(bare, host);
  if (isIP(host) !== 0 || bare === "") return false;
  // example.com means itself and below; .example.com and *.example.com only below.
  const suffix = bare.replace(/^\*(?=\.)/, "");
  return suffix.startsWith(".") ? host.endsWith(suffix) : host === suffix || host.endsWith(`.${suffix}`);
}

function isWithin(cidr: string, host: string): boolean {
  const [network = "", bits = ""] = cidr.split("/");
  const family = isIP(network);
  if (family === 0 || isIP(host) !== family || !/^\d{1,3}$/.test(bits) || Number(bits) > (family === 4 ? 32 : 128))
    return false;
  const block = new BlockList();
  block.addSubnet(network, Number(bits), family === 4 ? "ipv4" : "ipv6");
  return block.check(host, family === 4 ? "ipv4" : "ipv6");
}

function sameAddress(a: string, b: string): boolean {
  return isIP(a) === isIP(b) && isWithin(`${a}/${isIP(a) === 4 ? 32 : 128}`, b);
}
