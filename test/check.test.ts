/** The rules that a machine keeps: types, lint, format, and the layers of the design. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { copyFileSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import { test } from "node:test";

const run = (command: string, argv: readonly string[], cwd = ".") => {
  const { status, stdout, stderr } = spawnSync(resolve("node_modules/.bin", command), argv, { encoding: "utf8", cwd });
  return { status, said: `${stdout}${stderr}` };
};

test("types", () => {
  const { status, said } = run("tsc", ["-p", "."]);
  assert.equal(status, 0, said);
});

test("lint and format", () => {
  const { status, said } = run("biome", ["check"]);
  assert.equal(status, 0, said);
});

const forbidden: readonly (readonly [path: string, text: string, says: RegExp])[] = [
  ["src/mesh/x.ts", 'import "node:fs";', /src\/mesh is pure facts/],
  [
    "src/mesh/x.ts",
    'import type { Plan } from "../upgrade/plan.ts";\nexport type X = Plan;',
    /src\/mesh is pure facts/,
  ],
  ["src/mesh/x.ts", 'export const x = () => import("@kubernetes/client-node");', /src\/mesh is pure facts/],
  ["src/mesh/x.ts", 'import { gt } from "semver";\nexport const x = gt;', /functions of semver/],
  ["src/mesh/x.ts", "export const x = () => new Date();", /global variable Date/],
  ["src/mesh/x.ts", "export const x = () => process.env.HOME;", /global variable process/],
  ["src/upgrade/x.ts", 'import "../cluster/cluster.ts";', /src\/upgrade is pure decisions/],
  ["src/upgrade/x.ts", 'import "semver";', /src\/upgrade is pure decisions/],
  ["src/upgrade/checks/x.ts", 'import "../../views/table.ts";', /src\/upgrade is pure decisions/],
  ["src/upgrade/x.ts", 'export const x = () => console.log("x");', /global variable console/],
  ["src/views/x.ts", 'import "../cluster/errors.ts";', /src\/views is pure text/],
  ["src/views/x.ts", 'import "listr2";', /src\/views is pure text/],
  ["src/cluster/x.ts", 'import "../cli/io.ts";', /src\/cluster stands below/],
  ["src/cluster/x.ts", 'import "yargs";', /src\/cluster does not print/],
  ["src/execute/x.ts", 'import "@kubernetes/client-node";', /only src\/cluster talks to the API server/],
  ["src/execute/x.ts", 'import "../cli/run.ts";', /src\/execute acts/],
  ["src/execute/x.ts", 'import "listr2";', /src\/execute does not print/],
  ["src/execute/steps/x.ts", 'import "../../views/table.ts";', /src\/execute acts/],
  ["src/gather/x.ts", 'import "../execute/journal.ts";', /src\/gather reads/],
  ["src/gather/watch/x.ts", 'import "ws";', /only src\/cluster talks to the API server/],
  [
    "src/cluster/http/x.ts",
    'import type { Plan } from "../../upgrade/plan/plan.ts";\nexport type X = Plan;',
    /src\/cluster stands below/,
  ],
  ["src/cli/x.ts", 'import "ws";', /only src\/cluster talks to the API server/],
  ["src/cli/x.ts", 'import "../upgrade/plan.ts";', /it knows no mesh/],
  ["plugins/x.ts", 'import "@kubernetes/client-node";', /a plugin only joins the pieces/],
  ["src/execute/x.ts", "const x = async () => {};\nexport const y = () => {\n  x();\n};", /noFloatingPromises/],
  ["src/execute/x.ts", "export const y = () => [1].forEach(async () => {});", /noMisusedPromises/],
];

const allowed: readonly (readonly [path: string, text: string])[] = [
  [
    "src/mesh/x.ts",
    'import gt from "semver/functions/gt.js";\nimport type { Finding } from "./finding.ts";\nexport const x = (f: Finding) => [gt, f];',
  ],
  ["src/mesh/instant.ts", "export const x = (stamp: string) => Date.parse(stamp);"],
  [
    "src/upgrade/checks/x.ts",
    'import type { Finding } from "../../mesh/finding.ts";\nimport type { Plan } from "../plan.ts";\nexport type X = Finding | Plan;',
  ],
  [
    "src/views/x.ts",
    'import type { Plan } from "../upgrade/plan.ts";\nimport { safe } from "./safe.ts";\nexport const x = (plan: Plan) => safe(plan.target.label);',
  ],
  [
    "src/execute/x.ts",
    'import type { Cluster } from "../cluster/cluster.ts";\nimport type { Poller } from "../gather/watch/poller.ts";\nexport type X = Cluster | Poller<string>;',
  ],
];

/** What Biome says of each text, as if it stood in that folder of ours: one run over a copy of our rules. */
const verdicts = (cases: readonly (readonly [path: string, text: string])[]): readonly string[] => {
  const folder = mkdtempSync(join(tmpdir(), "layers-"));
  try {
    copyFileSync("biome.json", join(folder, "biome.json"));
    const paths = cases.map(([path, text], i) => {
      const own = path.replace("/x.ts", `/x${i}.ts`);
      mkdirSync(join(folder, dirname(own)), { recursive: true });
      writeFileSync(join(folder, own), text);
      return own;
    });
    const { said } = run("biome", ["lint", "--reporter=github", "--max-diagnostics=none"], folder);
    return paths.map((path) =>
      said
        .split("\n")
        .filter((line) => line.includes(`${path},`))
        .join("\n"),
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
};

test("layers", async (t) => {
  const said = verdicts([...forbidden.map(([path, text]) => [path, text] as const), ...allowed]);
  for (const [i, [path, text, says]] of forbidden.entries())
    await t.test(`refuses in ${path}: ${text.replaceAll("\n", " ")}`, () => {
      assert.match(said[i] ?? "", says);
    });
  for (const [i, [path, text]] of allowed.entries())
    await t.test(`allows in ${path}: ${text.split("\n")[0]}`, () => {
      assert.equal(said[forbidden.length + i], "");
    });
});

const sources = globSync(["src/**/*.ts", "plugins/**/*.ts"]).sort();

/** Every name of the list that stands in it more than once. */
const twice = (names: readonly string[]): readonly string[] =>
  [...Map.groupBy(names, (name) => name)].filter(([, all]) => all.length > 1).map(([name]) => name);

/** The names that a module exports: declared there, or re-exported. */
const exportsOf = (text: string): readonly string[] => [
  ...[...text.matchAll(/^export (?:async )?(?:const|let|function|class|interface|type|enum) (\w+)/gm)].flatMap(
    ([, name]) => name ?? [],
  ),
  ...[...text.matchAll(/^export (?:type )?\{([^}]*)\}/gm)].flatMap(([, list = ""]) =>
    list.split(",").flatMap((part) => part.trim().split(/\s+/).at(-1) || []),
  ),
];

test("a name is found in one place", async (t) => {
  await t.test("no file name stands twice in src and plugins", () => {
    assert.deepEqual(twice(sources.map((path) => basename(path))), []);
  });
  await t.test("no exported name stands twice in src and plugins", () => {
    assert.deepEqual(twice(sources.flatMap((path) => exportsOf(readFileSync(path, "utf8")))), []);
  });
  await t.test("no folder has more than 20 files", () => {
    const folders = Map.groupBy(sources, dirname);
    assert.deepEqual(
      [...folders].filter(([, files]) => files.length > 20).map(([folder]) => folder),
      [],
    );
  });
  await t.test("every file is found", () => assert.ok(sources.length > 150, `${sources.length}`));
});
