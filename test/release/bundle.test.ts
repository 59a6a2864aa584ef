/** What a program's parts get of each other and of Node, once they are bundled. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { bundle } from "../../scripts/bundle.ts";

const home = mkdtempSync(join(tmpdir(), "kubectl-mesh-test-"));
after(() => rmSync(home, { recursive: true }));

test("default and named exports of parts that load late, and of Node's own modules, are what they are without a bundle", async () => {
  writeFileSync(
    join(home, "late.ts"),
    'import events from "node:events";\nexport default () => typeof events.once;\nexport const named = () => "named";\n',
  );
  writeFileSync(
    join(home, "main.ts"),
    `import path, { sep } from "node:path";
import("./late.ts").then(({ default: late, named }) => console.log(late(), named(), path.sep === sep));
import("node:os").then((os) => console.log(os.default.EOL === os.EOL));
`,
  );
  const { parts } = await bundle(join(home, "main.ts"), undefined);
  assert.ok(parts.size > 1, "it loads late");
  const folder = join(home, "parts");
  mkdirSync(folder);
  for (const [name, source] of parts) writeFileSync(join(folder, name), source);
  const { stdout, stderr } = spawnSync(process.execPath, ["scripts/warm.cjs", folder], { encoding: "utf8" });
  assert.deepEqual(stdout.trim().split("\n").sort(), ["function named true", "true"], stderr);
});
