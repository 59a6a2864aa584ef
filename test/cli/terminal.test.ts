import assert from "node:assert/strict";
import { test } from "node:test";
import { terminalOf } from "../../src/cli/io.ts";

const tty = { out: true, err: true, columns: 90 };

const cases: readonly (readonly [env: Record<string, string>, live: boolean, color: boolean])[] = [
  [{}, true, true],
  [{ TERM: "xterm" }, true, true],
  [{ TERM: "dumb" }, false, false],
  [{ CI: "true" }, false, false],
  [{ CI: "1" }, false, false],
  [{ CI: "" }, true, true],
  [{ CI: "false" }, true, true],
  [{ NO_COLOR: "1" }, true, false],
  [{ NO_COLOR: "" }, true, true],
];

for (const [env, live, color] of cases)
  test(`${JSON.stringify(env)} on a terminal`, () => {
    assert.deepEqual(terminalOf(env, tty), { out: true, err: true, columns: 90, live, color, colorOut: color });
  });

test("a pipe is never redrawn, whatever stdout is", () => {
  assert.deepEqual(terminalOf({}, { out: true, err: false, columns: undefined }), {
    out: true,
    err: false,
    columns: 80,
    live: false,
    color: false,
    colorOut: true,
  });
});

test("a result in a pipe or a file has no colour, whatever stderr is", () => {
  assert.equal(terminalOf({}, { ...tty, out: false }).colorOut, false);
});

for (const columns of [0, 5, undefined])
  test(`a terminal of ${columns} columns gets lines: a tree would stand a letter to a line`, () => {
    const { live, columns: assumed } = terminalOf({}, { ...tty, columns });
    assert.deepEqual([live, assumed], [false, columns || 80]);
  });
