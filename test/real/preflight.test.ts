/**
 * No false alarms: `kubectl mesh-preflight` on real control planes that were just installed, by istioctl and by Helm, with
 * fifty healthy namespaces, finds no blocker, nothing unknown and no warning.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { PreflightDocument } from "../../src/views/preflight-document.ts";
import { deployment } from "../fixtures/workload-objects.ts";
import { type Mesh, upMesh } from "./kit.ts";

const namespaces = 50;

const look = async (mesh: Mesh, ...args: readonly string[]): Promise<PreflightDocument> => {
  const { stdout, stderr } = await mesh.run("mesh-preflight", [...args, "-o", "json"]);
  assert.notEqual(stdout, "", stderr);
  return JSON.parse(stdout);
};
const against = ({ checks }: PreflightDocument): readonly string[] =>
  checks.flatMap(({ findings }) =>
    findings
      .filter(({ severity }) => severity !== "note")
      .map(({ severity, check, object, message }) => `${severity} ${check} ${object}: ${message}`),
  );

const fresh = [
  { by: "istioctl", revisions: { default: "1.19.0", "1-20": "1.20.0" }, old: { "istio-injection": "enabled" } },
  { by: "helm", revisions: { "1-19": "1.19.0", "1-20": "1.20.0" }, old: { "istio.io/rev": "1-19" } },
  { by: "istioctl", revisions: { "1-28": "1.28.2", "1-29": "1.29.1" }, old: { "istio.io/rev": "1-28" } },
  { by: "helm", revisions: { "1-28": "1.28.2", "1-29": "1.29.1" }, old: { "istio.io/rev": "1-28" } },
] as const;

for (const { by, revisions, old } of fresh)
  test(`${Object.values(revisions).join(" and ")}, installed by ${by}`, async () => {
    const names = Object.keys(revisions);
    const to = names.at(-1) as string;
    await using mesh = await upMesh({ revisions, ...(by === "helm" && { helm: names }) });
    const all = await Promise.all(
      Array.from({ length: namespaces }, (_, at) => mesh.createNamespace(old, `shop-${at}`)),
    );
    await mesh.apply(all.map((namespace) => deployment({ namespace, name: "web", replicas: 2 })));
    for (const namespace of all) await mesh.waitReady(namespace);
    const document = await look(mesh, "--to", to, "--strict");
    assert.deepEqual(against(document), []);
    assert.deepEqual([document.state, document.namespaces.length], ["ready", namespaces]);
    const before = await look(mesh, "--to", "9-99", "--skip", "target-exists");
    assert.deepEqual([against(before), before.state], [[], "ready"]);
  });
