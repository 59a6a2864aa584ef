/** What README.md shows of the plugins is what they print on the cluster of `npm run demo`. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { bootMesh } from "../embedded/mesh.ts";

test("README.md shows what the plugins print on the demo's cluster", async () => {
  const readme = readFileSync("README.md", "utf8");
  const manifests = readFileSync("test/clusters/demo.yaml", "utf8");
  await using mesh = await bootMesh({ revisions: { default: "1.19.0", "1-20": "1.20.0" }, manifests });
  for (const namespace of ["production", "staging"]) await mesh.waitReady(namespace);
  for (const [plugin, ...args] of [
    ["mesh-revisions"],
    ["mesh-migrate", "-n", "production", "--to", "1-20"],
    ["mesh-revisions", "-n", "production"],
    ["mesh-rollback", "-n", "production"],
  ] as const) {
    const { code, stdout, stderr } = await mesh.run(plugin, args);
    assert.equal(code, 0, stderr);
    const shown = `$ kubectl ${[plugin, ...args].join(" ")}\n`;
    // The kit names the mesh by a flag, people by a variable.
    const printed = stdout.replaceAll(` --kubeconfig ${mesh.kubeconfig}`, "");
    assert.ok(readme.includes(shown), `README.md lacks ${shown}`);
    assert.ok(readme.includes(printed), `README.md differs from ${shown}${printed}`);
  }
});
