/**
 * `npm run bench:blockers [-- CHECK…]`: proves each blocker of `kubectl mesh-preflight` right that can be accepted or
 * left out. On a real mesh each is set up in a namespace of its own; a preflight has to find it, and it alone; then the
 * migration goes on all the same, and what the blocker warns of has to happen. With names it prints their rows, without it writes
 * `docs/blockers.md` from what was measured.
 */
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import type { PreflightDocument } from "../../../src/views/preflight-document.ts";
import { type Mesh, upMesh } from "../kit.ts";
import { availabilityCases } from "./blockers/availability-cases.ts";
import type { BlockerCase, Stage, WentOn } from "./blockers/case.ts";
import { gatewayCases } from "./blockers/gateway-cases.ts";
import { readerCases } from "./blockers/reader-cases.ts";
import { blockersPage, type Row, rowText } from "./blockers/report.ts";
import { createOtherRoot, targetCases } from "./blockers/target-cases.ts";
import { workloadCases } from "./blockers/workload-cases.ts";

const all = [...targetCases, ...readerCases, ...workloadCases, ...availabilityCases, ...gatewayCases];
const wanted = process.argv.slice(2);
const cases = all.filter(({ check, variant }) => wanted.length === 0 || wanted.includes(variant ?? check));
const sideBySide = 4;

/** What a preflight says against a migration of this namespace; it has to be of this check alone. */
async function foreseen({ mesh, namespace }: Stage, { check, to = "1-20" }: BlockerCase): Promise<string> {
  const run = await mesh.run("mesh-preflight", ["--to", to, "-n", namespace, "-o", "json"]);
  assert.notEqual(run.stdout, "", run.stderr);
  const { checks, exitCode }: PreflightDocument = JSON.parse(run.stdout);
  const against = checks
    .flatMap(({ findings }) => findings)
    .filter(({ severity }) => severity === "blocker" || severity === "unknown");
  const said = against.map((each) => `${each.check} ${each.object}: ${each.message}`).join("\n");
  assert.deepEqual([...new Set(against.map((each) => each.check))], [check], said);
  assert.deepEqual([run.code, exitCode], [3, 3]);
  return `${against[0]?.object}: ${against[0]?.message}`;
}

async function play(mesh: Mesh, each: BlockerCase): Promise<Row> {
  const { check, variant, to = "1-20" } = each;
  const name = `case-${variant === undefined ? check : `${check}-${variant.replaceAll(".", "-")}`}`;
  using recorder = await mesh.recorder();
  for (const [revision, version, values] of each.revisions ?? []) await mesh.addRevision(revision, version, { values });
  const namespace = await mesh.createNamespace(each.labels ?? { "istio-injection": "enabled" }, name);
  const before = new Set<string>();
  const stage: Stage = { mesh, namespace, before, availability: () => recorder.report(namespace) };
  const ending = new AbortController();
  let beside: Promise<void> | undefined;
  try {
    await each.prepare(stage);
    if (check !== "workloads-healthy") await mesh.waitReady(namespace);
    const said = await foreseen(stage, each);
    for (const { metadata } of await mesh.pods(namespace)) before.add(metadata.uid);
    beside = each.meanwhile?.(stage, ending.signal);
    const args = ["-n", namespace, "--to", to, "--workload-timeout", "45s", ...each.accept(namespace)];
    const run = await mesh.run("mesh-migrate", [...args, "-o", "json"]);
    assert.notEqual(run.stdout, "", run.stderr);
    const wentOn: WentOn = { ...run, document: JSON.parse(run.stdout) };
    const flags = each.accept(namespace).join(" ");
    return { check, setUp: each.setUp, said, flags, happened: await each.happened(stage, wentOn), unseen: each.unseen };
  } finally {
    ending.abort();
    await beside;
    await each.mend?.(stage);
    await mesh.api.delete(`/api/v1/namespaces/${namespace}`);
    for (const [revision] of (each.revisions ?? []).toReversed()) await mesh.removeRevision(revision);
  }
}

const rows = new Map<BlockerCase, Row>();
const failures: string[] = [];
async function playAll(mesh: Mesh, queue: BlockerCase[]): Promise<void> {
  for (let each = queue.shift(); each !== undefined; each = queue.shift()) {
    const label = [each.check, each.variant].filter((word) => word !== undefined).join(" ");
    const began = performance.now();
    try {
      const row = await play(mesh, each);
      rows.set(each, row);
      console.log(`${label}: ${((performance.now() - began) / 1000).toFixed(0)} s\n  ${row.said}\n  ${row.happened}`);
    } catch (error) {
      failures.push(label);
      console.log(`${label}: NOT SHOWN\n${(error as Error).stack}`);
    }
  }
}

await using mesh = await upMesh({
  revisions: { default: "1.19.0", "1-20": "1.20.0" },
  ...{ gatewayApi: true, argoRollouts: true },
});
await createOtherRoot();
const [alone, together] = [cases.filter((each) => each.alone), cases.filter((each) => !each.alone)];
await Promise.all(Array.from({ length: sideBySide }, () => playAll(mesh, together)));
await playAll(mesh, alone);
console.log(`${rows.size} of ${cases.length} blockers are proven right; not shown: ${failures.join(", ") || "none"}`);
if (wanted.length > 0) console.log([...rows.values()].map(rowText).join(""));
if (failures.length > 0) process.exitCode = 1;
else if (wanted.length === 0) {
  const page = path.join(import.meta.dirname, "..", "..", "..", "docs", "blockers.md");
  fs.writeFileSync(page, blockersPage(cases.flatMap((each) => rows.get(each) ?? [])));
}
