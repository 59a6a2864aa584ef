/** Readers of our output that go away. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { assertNoStack } from "../../contract/refusal.ts";
import { assertArrived, eventuallyArrived } from "../../contract/verify-result.ts";
import { inNamespace, mesh } from "./one-mesh.ts";

/** Registers the suite. */
export function describeReaders(): void {
  describe("a reader that goes away", { concurrency: 2 }, () => {
    test("mesh-revisions | head -1", async () => {
      const { code, stdout, stderr } = await mesh.shell(
        "{ kubectl mesh-revisions -A -o wide; echo exit $? >&2; } | head -1",
      );
      assert.deepEqual([code, stderr], [0, "exit 0\n"]);
      assert.match(stdout, /^REVISION +.*\n$/);
    });

    for (const reader of ["head -1", "true"])
      test(`mesh-migrate | ${reader}: a migration goes on to its end`, async () => {
        const namespace = await inNamespace();
        const { stderr } = await mesh.shell(
          `{ kubectl mesh-migrate -n ${namespace} --to 1-20 -o wide; echo exit $? >&2; } | ${reader}`,
        );
        assert.match(stderr, /^exit 0$/m);
        assertNoStack({ stderr, stdout: "" });
        await assertArrived(mesh, namespace, "1-20");
      });

    test("nobody reads stderr either", async () => {
      const namespace = await inNamespace();
      await mesh.shell(`kubectl mesh-migrate -n ${namespace} --to 1-20 2>&1 | true`);
      await eventuallyArrived(mesh, namespace, "1-20");
    });
  });
}
