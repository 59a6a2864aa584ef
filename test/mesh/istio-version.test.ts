import assert from "node:assert/strict";
import { test } from "node:test";
import { dropsConfigOfMovedGateways, imageTag, parseVersion } from "../../src/mesh/istio-version.ts";

for (const [image, tag] of [
  ["docker.io/istio/pilot:1.20.0", "1.20.0"],
  ["docker.io/istio/proxyv2:1.29.1-distroless", "1.29.1"],
  ["localhost:5000/istio/pilot:1.20.0-debug", "1.20.0"],
  ["localhost:5000/istio/pilot", undefined],
  ["istio/pilot@sha256:0a1b", undefined],
  ["istio/pilot:1.20.0@sha256:0a1b", "1.20.0"],
  ["auto", undefined],
  ["istio/pilot:latest", "latest"],
  ["", undefined],
  [undefined, undefined],
] as const)
  test(`tag of image ${image}`, () => assert.equal(imageTag(image), tag));

for (const [text, version] of [
  ["1.20.0", "1.20.0"],
  ["v1.20.0", "1.20.0"],
  ["1.29.1-distroless", "1.29.1"],
  ["v1.29.1-distroless", "1.29.1"],
  ["verify-1.29.1", undefined],
  ["1.31.0-rc.0", "1.31.0-rc.0"],
  ["latest", undefined],
  ["unknown", undefined],
  ["1.20", undefined],
  ["", undefined],
  [undefined, undefined],
] as const)
  test(`version in ${text}`, () => assert.equal(parseVersion(text), version));

for (const [version, drops] of [
  ["1.19.0", false],
  ["1.24.2", false],
  ["1.24.3", true],
  ["1.25.0", true],
  ["1.28.10", true],
  ["1.29.4", true],
  ["1.29.5", false],
  ["1.30.0", true],
  ["1.30.1", true],
  ["1.30.2", false],
  ["1.31.0", false],
  ["1.31.0-rc.0", true],
  ["1.32.1", false],
  [undefined, undefined],
  ["latest", undefined],
] as const)
  test(`does ${version} drop the configuration of Gateways that move away`, () =>
    assert.equal(dropsConfigOfMovedGateways(version), drops));
