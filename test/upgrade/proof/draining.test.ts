import assert from "node:assert/strict";
import test from "node:test";
import { drainingOf, drainingText, isBeforeEnd, outlivedText } from "../../../src/upgrade/proof/draining.ts";
import { webPod } from "../../fixtures/pods.ts";

const at = (time: string): number => Date.parse(`2026-11-03T${time}Z`);
const ending = (name: string, time?: string) =>
  webPod(name, { terminating: true, ...(time && { goneBy: `2026-11-03T${time}Z` }) });
const [soon, late, unsaid] = [ending("web-a", "05:00:00"), ending("web-b", "06:05:06"), ending("web-c")];

const table: readonly (readonly [what: string, pods: (typeof soon)[], now: number | undefined, draining: string, outlived: RegExp | undefined])[] = [
  ["no pods", [], at("04:00:00"), "none", undefined],
  ["one within its time", [soon], at("04:59:59"), "1 until 2026-11-03T05:00:00Z", undefined],
  ["one that its kubelet cleans up", [soon], at("05:01:00"), "1 until 2026-11-03T05:00:00Z", undefined],
  ["one that outlived its time", [soon], at("05:01:01"), "none", /^1 old pod should be gone and is not \(web-a on node node-1 by 2026-11-03T05:00:00Z\): .* describe pod web-a$/],
  ["the latest counts, in any order", [late, soon], at("04:00:00"), "2 until 2026-11-03T06:05:06Z", undefined],
  ["the same the other way round", [soon, late], at("04:00:00"), "2 until 2026-11-03T06:05:06Z", undefined],
  ["one of two outlived its time", [soon, late], at("05:30:00"), "none", /^1 old pod should be gone and is not \(web-a /],
  ["both did", [soon, late], at("08:00:00"), "none", /^2 old pods should be gone and are not \(web-a .* and web-b /],
  ["a time that is not said is none", [unsaid], at("04:00:00"), "none", undefined],
  ["the time of the server is not known", [soon], undefined, "none", undefined],
]; // biome-ignore format: a table

for (const [what, pods, now, said, outlived] of table)
  test(`old pods that end: ${what}`, () => {
    const draining = drainingOf(pods, now);
    assert.equal(draining ? `${draining.pods} until ${draining.until}` : "none", said);
    const text = outlivedText(pods, now);
    if (outlived) assert.match(text ?? "", outlived);
    else assert.equal(text, undefined);
  });

test("old pods that end: what is said of them, and when they are only waited for", () => {
  const draining = drainingOf([soon, late], at("04:00:00"));
  assert.ok(draining);
  assert.equal(
    drainingText(draining),
    "every new pod is proven; 2 old pods still drain, until 2026-11-03T06:05:06Z at the latest",
  );
  assert.deepEqual(
    [at("06:05:05"), at("06:05:06"), undefined].map((now) => isBeforeEnd(draining, now)),
    [true, false, false],
  );
});
