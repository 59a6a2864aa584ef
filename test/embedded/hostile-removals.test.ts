/**
 * Records of removals that are torn, forged, huge or meant for a terminal, through every use of mesh-cleanup that reads
 * them: a sentence and an exit code, and nothing is created or deleted. Here each in one format; `SWEEP=all` takes all.
 */
import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";
import { manifestsKey, removalKey, removalName } from "../../src/upgrade/cleanup/removal-record.ts";
import { isWrite } from "../contract/mesh-under-test.ts";
import { assertNoStack } from "../contract/refusal.ts";
import { hostileRemovals } from "../fixtures/hostile-records.ts";
import { actsOnTerminal } from "../fixtures/terminal.ts";
import { bootMesh, type EmbeddedMesh } from "./mesh.ts";
import { pairs } from "./sweep.ts";

const formats = ["table", "wide", "json", "yaml", "name"] as const;
const uses = [
  ["--revision", "1-19", "--soak", "0s", "--reason", "x", "--yes", "--drain", "1s"],
  ["--revision", "1-19", "--restore"],
] as const;

let mesh: EmbeddedMesh;
let clusterUid: string;
const path = "/api/v1/namespaces/istio-system/configmaps";
before(async () => {
  mesh = await bootMesh({ revisions: { "1-19": "1.19.0", "1-20": "1.20.0" } });
  await mesh.setTag("default", "1-20");
  clusterUid = (await mesh.api.get("/api/v1/namespaces/kube-system")).metadata.uid;
});
after(() => mesh?.[Symbol.asyncDispose]());

/** Of objects that are no lock. */
const writesSince = async (entries: number) =>
  (await mesh.audit())
    .slice(entries)
    .filter((entry) => isWrite(entry) && !entry.dryRun && entry.resource !== "leases")
    .filter(({ resource, verb }) => !(resource === "deployments" && verb === "patch"))
    .map(({ verb, resource, namespace, name }) => `${verb} ${resource} ${namespace}/${name}`);

suite("hostile records of removals", () => {
  for (const use of uses)
    for (const [[what, hostile], format] of pairs([...hostileRemovals], formats)) {
      // A removal goes on with what is there, and creates nothing.
      if (use[2] !== "--restore" && what === "a binding of somebody else") continue;
      test(`${use[2]} -o ${format}: ${what}`, async () => {
        const texts = hostile({ clusterUid, namespaceUid: "", victim: { namespace: "", name: "", uid: "" } });
        const data = { [removalKey("1-19")]: texts.record, [manifestsKey("1-19")]: texts.manifests };
        await mesh.clock.during(mesh.api.post(path, { metadata: { name: removalName }, data }));
        const entries = (await mesh.audit()).length;
        const { code, stdout, stderr } = await mesh.run("mesh-cleanup", [...use, "-o", format]);
        const writes = await writesSince(entries);
        await mesh.clock.during(mesh.api.delete(`${path}/${removalName}`));
        assert.ok([1, 3, 4, 5].includes(code), `${code}: ${stdout}${stderr}`);
        assert.deepEqual(writes, [], `${code}: ${stdout}${stderr}`);
        assertNoStack({ stdout: format === "json" || format === "yaml" ? "" : stdout, stderr });
        for (const text of [stdout, stderr]) {
          assert.doesNotMatch(text, actsOnTerminal);
          if (format !== "yaml") assert.doesNotMatch(text, /^\s*FORGED/m);
          assert.ok(text.length < 20_000, `${text.length} characters`);
        }
        if (format === "json") assert.equal(JSON.parse(stdout).exitCode, code);
      });
    }
});
