/** docs/dependencies.md explains every package that an executable may contain. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import manifest from "../package.json" with { type: "json" };

test("docs/dependencies.md has a row for each dependency, and no other", () => {
  const rows = [...readFileSync("docs/dependencies.md", "utf8").matchAll(/^\| `([^`]+)`/gm)].map(
    ([, name]) => name ?? "",
  );
  const runtimes = rows.filter((name) => name.startsWith("node-"));
  assert.deepEqual(rows.filter((name) => !runtimes.includes(name)).sort(), Object.keys(manifest.dependencies).sort());
  for (const name of runtimes) assert.ok(name in manifest.optionalDependencies, name);
});
