/** The Tab key after `mesh-cleanup` and after `--tag`: flags, and what their values are names of. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { cleanupFlags } from "../../plugins/mesh-cleanup/cleanup-flags.ts";
import { meshCleanup } from "../../plugins/mesh-cleanup.ts";
import { migrateFlags } from "../../plugins/mesh-migrate/migrate-flags.ts";
import { meshMigrate } from "../../plugins/mesh-migrate.ts";
import { rollbackFlags } from "../../plugins/mesh-rollback/rollback-flags.ts";
import { meshRollback } from "../../plugins/mesh-rollback.ts";
import { completions } from "../../src/cli/completion.ts";
import type { Flags, Plugin } from "../../src/cli/plugin.ts";

const offered = async (plugin: Plugin<Flags>, words: readonly string[]): Promise<readonly string[]> =>
  (await completions(plugin, words, performance.now() + 300)).split("\n").map((line) => line.split("\t")[0] ?? "");

test("the flags of a removal are offered, each once", async () => {
  const flags = await offered(meshCleanup as unknown as Plugin<Flags>, ["--yes", "--revision", "1-19", ""]);
  for (const flag of [
    "--soak",
    "--drain",
    "--reason",
    "--leftovers",
    "--restore",
    "--check-only",
    "--wait",
    "--dry-run",
  ])
    assert.ok(flags.includes(flag), flag);
  for (const flag of ["--yes", "--revision", "--namespace"]) assert.ok(!flags.includes(flag), flag);
});

test("revisions are offered after --revision, and tags after --tag", () => {
  assert.equal(cleanupFlags.revision.completes, "revision");
  assert.equal(migrateFlags.tag.completes, "tag");
  assert.equal(rollbackFlags.tag.completes, "tag");
});

test("--tag is offered by the plugins that move tags", async () => {
  for (const plugin of [meshMigrate, meshRollback])
    assert.ok((await offered(plugin as unknown as Plugin<Flags>, ["--ta"])).includes("--tag"), plugin.name);
});
