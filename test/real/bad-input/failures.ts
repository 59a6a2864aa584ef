/** How every plugin fails where there is no cluster to be had. */
import assert from "node:assert/strict";
import { pluginNames } from "../../../scripts/plugins.ts";
import { assertNoStack } from "../../contract/refusal.ts";
import type { RunOptions } from "../kit.ts";
import { leastArguments } from "../least-arguments.ts";
import { mesh } from "./one-mesh.ts";

/** Every plugin fails with 1 and these words and this remedy, and soon. */
export async function assertAllFail(
  flags: readonly string[],
  words: RegExp,
  remedy: RegExp,
  options?: RunOptions,
): Promise<void> {
  await Promise.all(
    pluginNames().map(async (plugin) => {
      const args = await leastArguments(plugin, "default", "1-20");
      const result = await mesh.run(plugin, [...args, ...flags], options);
      assert.deepEqual([result.code, result.stdout], [1, ""], result.stderr);
      const said = result.stderr.split("\n").filter((line) => !line.startsWith("context "));
      assert.match(said[0] ?? "", /^error: \S/);
      assert.match(said[0] ?? "", words);
      assert.match(said[1] ?? "", remedy);
      assert.deepEqual(said.slice(2), [""], result.stderr);
      assertNoStack(result);
      assert.ok(result.ms < 60_000, `took ${result.ms} ms`);
    }),
  );
}
