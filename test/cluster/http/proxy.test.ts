import assert from "node:assert/strict";
import { test } from "node:test";
import { proxyFor } from "../../../src/cluster/http/proxy.ts";

/**
 * Server, NO_PROXY, whether the proxy is used: the table of golang.org/x/net/http/httpproxy's own tests
 * (UseProxyTests), and CIDRs.
 */
const cases: readonly (readonly [server: string, noProxy: string, used: boolean])[] = [
  ["https://localhost", "", false],
  ["https://127.0.0.1:6443", "", false],
  ["https://127.8.8.8", "", false],
  ["https://[::1]", "", false],
  ["https://barbaz.net", "foobar.com,.barbaz.net", true],
  ["https://www.barbaz.net", "foobar.com,.barbaz.net", false],
  ["https://foobar.com", "foobar.com,.barbaz.net", false],
  ["https://www.foobar.com", "foobar.com,.barbaz.net", false],
  ["https://foofoobar.com", "foobar.com,.barbaz.net", true],
  ["https://baz.com", "foobar.com,.barbaz.net", true],
  ["https://local.localhost", "foobar.com,.barbaz.net", true],
  ["https://local.localhost", ".barbaz.net, LOCALhost ", false],
  ["https://a.example.com", "*.example.com", false],
  ["https://example.com", "*.example.com", true],
  ["https://anything.test", "*", false],
  ["https://anything.test", "x,*", false],
  ["https://a.test:6443", "a.test:6443", false],
  ["https://a.test:6443", "a.test:443", true],
  ["https://a.test", "a.test:443", false],
  ["https://192.168.1.1", "192.168.1.1", false],
  ["https://192.168.1.2", "192.168.1.1, .168.1.2", true],
  ["https://10.1.2.3:6443", "10.0.0.0/8", false],
  ["https://11.1.2.3:6443", "10.0.0.0/8", true],
  ["https://10.1.2.3", "10.0.0.0/33", true],
  ["https://[2001:db8::52:0:1]", "2001:db8::/32", false],
  ["https://[2003:db8::52:0:1]", "2001:db8::/32", true],
  ["https://[2001:db8::1]:6443", "[2001:0db8:0::1]:6443", false],
  ["https://name.test", "10.0.0.0/8,,:443, ", true],
  ["https://A.Test", "a.test", false],
];

for (const [server, noProxy, used] of cases) {
  test(`${server} with NO_PROXY "${noProxy}": ${used ? "through the proxy" : "straight"}`, () => {
    const found = proxyFor(new URL(server), undefined, { HTTPS_PROXY: "http://proxy.test:3128", NO_PROXY: noProxy });
    assert.equal(found !== undefined, used);
  });
}

test("which proxy: the kubeconfig's first, then the variable of the protocol, in lower case first; a bare host is http", () => {
  const env = {
    HTTPS_PROXY: "http://upper:1",
    https_proxy: "lower:2",
    HTTP_PROXY: "http://plain:3",
    NO_PROXY: "a.test",
  };
  assert.equal(proxyFor(new URL("https://a.test"), "socks5://from-config:4", env)?.host, "from-config:4");
  assert.equal(proxyFor(new URL("https://127.0.0.1"), "http://from-config:4", env)?.host, "from-config:4");
  assert.equal(proxyFor(new URL("https://b.test"), undefined, env)?.href, "http://lower:2/");
  assert.equal(proxyFor(new URL("http://b.test"), undefined, env)?.host, "plain:3");
  assert.equal(proxyFor(new URL("https://b.test"), undefined, {}), undefined);
});

for (const text of ["ftp://user:s3cret@x", "http://", "socks4://x:1"]) {
  test(`${text} is no proxy, and is not shown`, () => {
    assert.throws(
      () => proxyFor(new URL("https://b.test"), text, {}),
      (cause: Error & { reason?: string }) => {
        assert.equal(cause.reason, "config");
        assert.doesNotMatch(cause.message, /s3cret/);
        return true;
      },
    );
  });
}
