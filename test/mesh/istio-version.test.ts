import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  compareVersions,
  dropsConfigOfMovedGateways,
  imageTag,
  parseVersion,
  releaseOf,
} from "../../src/mesh/istio-version.ts";

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

// Tags of vendors: Solo, Tetrate, Google (gcr.io/gke-release/asm), Microsoft, Huawei, Alibaba.
for (const [text, version, release] of [
  ["1.20.8-solo", "1.20.8-solo", "1.20.8"],
  ["1.20.8-patch1-solo-distroless", "1.20.8-patch1-solo", "1.20.8"],
  ["1.20.8-tetratefips0", "1.20.8-tetratefips0", "1.20.8"],
  ["1.18.7-asm.21-distroless", "1.18.7-asm.21", "1.18.7"],
  ["asm-1.22.6-2", "1.22.6-2", "1.22.6"],
  ["v1.24.3-1", "1.24.3-1", "1.24.3"],
  ["1.15.7-r1", "1.15.7-r1", "1.15.7"],
  ["1.20.6.34", "1.20.6.34", "1.20.6"],
  ["1.31.0-rc.0", "1.31.0-rc.0", "1.31.0-rc.0"],
  ["1.31.0-rc.0-solo", "1.31.0-rc.0-solo", "1.31.0-rc.0"],
  ["corp-7", undefined, undefined],
  ["2024-05-01", undefined, undefined],
  ["3b3ca8ec1632", undefined, undefined],
] as const)
  test(`version of a vendor in ${text}`, () =>
    assert.deepEqual([parseVersion(text), releaseOf(text)], [version, release]));

for (const [a, b, order] of [
  ["1.22.0", "1.22.6", "older"],
  ["1.22.6", "1.22.6", "same"],
  ["1.22.6-distroless", "1.22.6-debug", "same"],
  ["1.22.10", "1.22.9", "newer"],
  ["1.31.0-rc.0", "1.31.0", "older"],
  ["1.22.6-solo", "1.22.6-solo", "same"],
  ["1.22.5-solo", "1.22.6", "older"],
  ["1.18.7-asm.4", "1.18.7-asm.21", "older"],
  ["asm-1.22.6-2", "1.22.6-3", "older"],
  ["1.20.6.9", "1.20.6.34", "older"],
  ["1.22.6-solo", "1.22.6", undefined],
  ["1.22.6-tetrate0", "1.22.6-tetratefips0", undefined],
  ["latest", "1.22.6", undefined],
  [undefined, "1.22.6", undefined],
] as const)
  test(`${a} is ${order ?? "neither older nor newer"} to ${b}`, () => {
    const found = compareVersions(a, b);
    const name = found === undefined ? undefined : found < 0 ? "older" : found > 0 ? "newer" : "same";
    assert.equal(name, order);
  });

test("the order of two versions is the reverse of the order of the other two", () => {
  const number = fc.integer({ min: 0, max: 30 });
  const version = fc
    .tuple(number, number, fc.constantFrom("", "-solo", "-asm.4", "-asm.21", "-rc.1", "-1"))
    .map(([minor, patch, build]) => `1.${minor}.${patch}${build}`);
  fc.assert(
    fc.property(version, version, (a, b) => {
      const [there, back] = [compareVersions(a, b), compareVersions(b, a)];
      assert.equal(
        there === undefined ? undefined : Math.sign(there) + 0,
        back === undefined ? undefined : 0 - Math.sign(back),
      );
    }),
  );
});

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
  ["1.24.3-solo", true],
  ["1.29.5-solo", false],
  ["1.31.0-rc.0", true],
  ["1.32.1", false],
  [undefined, undefined],
  ["latest", undefined],
] as const)
  test(`does ${version} drop the configuration of Gateways that move away`, () =>
    assert.equal(dropsConfigOfMovedGateways(version), drops));
