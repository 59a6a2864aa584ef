/** The document that a run prints with -o json or yaml when it ends without a result. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { Ajv2020 } from "ajv/dist/2020.js";
import { load } from "js-yaml";
import { runPlugin } from "../../src/cli/main.ts";
import { plugin } from "./mesh-example.ts";
import { memoryShell } from "./shell.ts";

const validate = new Ajv2020({ strict: true, allowUnionTypes: true }).compile(
  JSON.parse(readFileSync("schemas/error.schema.json", "utf8")),
);

const run = async (argv: readonly string[], interruption?: unknown) => {
  const memory = memoryShell();
  if (interruption !== undefined) memory.interrupt(interruption);
  const code = await runPlugin(plugin, argv, memory.shell);
  return { code, out: memory.out(), err: memory.err() };
};

interface Expected {
  readonly code: number;
  readonly reason: string;
  readonly message: RegExp;
  readonly hint?: string;
  readonly halfDone?: string;
}

const ends: readonly (readonly [argv: string, expected: Expected])[] = [
  ["--fail cluster", { code: 1, reason: "unreachable", message: /^cannot reach the API server$/, hint: "is the cluster up?" }],
  ["--fail forbidden", { code: 5, reason: "forbidden", message: /^could not list pods$/, hint: "ask for the right to list pods" }],
  ["--fail refused", { code: 3, reason: "refused", message: /^there is no revision 1-20$/, hint: "kubectl mesh-revisions lists them" }],
  ["--fail unseen", { code: 5, reason: "cannot-tell", message: /does not answer$/ }],
  ["--fail bug", { code: 1, reason: "bug", message: /^x is not a function; this is a bug in mesh-example/ }],
  ["--fail nothing", { code: 1, reason: "bug", message: /^undefined; this is a bug/ }],
  ["--fail halfway", { code: 4, reason: "bug", message: /this is a bug/, halfDone: "half of it is done" }],
]; // biome-ignore format: a table

const wrong: readonly (readonly [argv: string, message: RegExp])[] = [
  ["", /^--to is missing$/],
  ["--bogus", /^unknown flag --bogus$/],
  ["--to", /^--to needs a value$/],
  ["--to a --to b", /^--to is given twice/],
  ["--to 1.20", /is not the name of a revision or tag/],
  ["--to a production", /^unexpected argument "production"$/],
  ["--to a -Ax", /^unknown flag -x in -Ax$/],
];

for (const [argv, expected] of [
  ...ends.map(([argv, expected]) => [`--to a ${argv}`, expected] as const),
  ...wrong.map(([argv, message]) => [argv, { code: 2, reason: "wrong-usage", message }] as const),
] as readonly (readonly [string, Expected])[])
  for (const [format, read] of [
    ["json", JSON.parse],
    ["yaml", load],
  ] as const)
    test(`${format} of ${argv || "nothing at all"}`, async () => {
      const words = argv === "" ? [] : argv.split(" ");
      const { code, out, err } = await run([`-o${format}`, ...words]);
      const document = read(out);
      assert.equal(validate(document), true, JSON.stringify(validate.errors));
      assert.deepEqual(
        [code, document.exitCode, document.error.reason],
        [expected.code, expected.code, expected.reason],
      );
      assert.match(document.error.message, expected.message);
      if (expected.hint !== undefined) assert.equal(document.error.hint, expected.hint);
      assert.equal(document.halfDone, expected.halfDone ?? null);
      assert.ok(err.startsWith(`error: ${document.error.message}\n`), "stderr says the same");
      assert.equal(err, (await run(words)).err, "and is what it is without -o");
    });

for (const argv of [
  ["-o", "json", "--bogus"],
  ["--bogus", "-o", "json"],
  ["--bogus", "--output=json"],
  ["-Ajson", "-Aojson"],
])
  test(`the format is read although the rest is wrong: ${argv.join(" ")}`, async () => {
    assert.equal(JSON.parse((await run(argv)).out).exitCode, 2);
  });

test("an interruption is no bug", async () => {
  const reason = { name: "SIGINT", code: 130 };
  const signals = await import("../../src/cli/signals.ts");
  const { code, out, err } = await run(["--to", "a", "-o", "json", "--fail", "abort"], signals.interruptions[1]);
  assert.deepEqual([code, err, signals.interruptions[1]], [130, "", reason]);
  const document = JSON.parse(out);
  assert.equal(validate(document), true, JSON.stringify(validate.errors));
  assert.deepEqual(document.error, { message: "interrupted by SIGINT", hint: null, reason: "interrupted" });
});

test("after a result there is no second document", async () => {
  const { code, out } = await run(["--to", "a", "-o", "json", "--fail", "late"]);
  assert.deepEqual([code, out], [1, '{"result":true}\n']);
});

test("without -o json or yaml there is no document", async () => {
  for (const output of ["table", "wide", "name"])
    assert.equal((await run(["--to", "a", "-o", output, "--fail", "cluster"])).out, "");
});
