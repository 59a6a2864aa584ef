/** What a person sees, kept as files under test/golden. */
import type { TestContext } from "node:test";

/** Compares a text with `test/golden/NAME`; `--test-update-snapshots` writes it. */
export const golden = (t: TestContext, name: string, text: string): void =>
  t.assert.fileSnapshot(text, `${import.meta.dirname}/../golden/${name}`, { serializers: [(value: string) => value] });
