import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { table } from "../../src/views/table.ts";

test("kubectl's look: no borders, upper-case heads, three spaces, nothing trailing", () => {
  assert.equal(
    table(
      ["name", "ready", { wide: "node" }],
      [
        ["web", "3/3", "n1"],
        ["a-longer-name", 0, undefined],
      ],
    ),
    "NAME            READY\nweb             3/3\na-longer-name   0\n",
  );
});

test("wide columns, and an empty cell is <none>", () => {
  assert.equal(
    table(["name", { wide: "node" }, "note"], [["web", "n1", ""]], { wide: true }),
    "NAME   NODE   NOTE\nweb    n1     <none>\n",
  );
});

test("no heads", () => {
  assert.equal(table(["name", "ready"], [["web", "3/3"]], { noHeaders: true }), "web   3/3\n");
  assert.equal(table(["name"], [], { noHeaders: true }), "");
});

test("wide characters take two columns", () => {
  assert.equal(
    table(
      ["a", "b"],
      [
        ["日本", "x"],
        ["y", "z"],
      ],
    ),
    "A      B\n日本   x\ny      z\n",
  );
});

test("what the cluster says cannot drive the terminal, nor break a line", () => {
  assert.equal(table(["a"], [["\u001b[2Jx\ny\u202ez"]]), "A\n\\u001b[2Jx\\u000ay\\u202ez\n");
});

test("columns stand under their heads in every batch of a long table", () => {
  const lines = table(
    ["n", "b"],
    Array.from({ length: 173 }, (_, index) => [`${10 ** (index % 7)}`, "x"]),
  ).split("\n");
  assert.equal(lines.length, 175);
  for (const line of lines.slice(1, -1)) assert.equal(line.indexOf("x"), 10);
});

test("no cell is lost or cut, whatever it holds", () => {
  const cell = fc.stringMatching(/^[a-z…日]{1,30}$/);
  fc.assert(
    fc.property(fc.array(fc.tuple(cell, cell), { maxLength: 8 }), (rows) => {
      const lines = table(["a", "b"], rows, { noHeaders: true }).split("\n").slice(0, -1);
      assert.deepEqual(
        lines.map((line) => line.split(/ {3,}/)),
        rows.map((row) => [...row]),
      );
    }),
  );
});
