/** The built executables: that they start from compiled code, load late, and are found and called by a real kubectl. */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join, resolve } from "node:path";
import { text } from "node:stream/consumers";
import { after, before, test } from "node:test";
import { bundle } from "../../scripts/bundle.ts";
import { executableName, pluginNames } from "../../scripts/plugins.ts";
import { version } from "../../src/cli/version.ts";
import { ensureBuilt, fileOf } from "./mesh/programs.ts";

const names = pluginNames();
/** What --version, --help, wrong usage and the Tab key may load, in characters: yargs-parser is 15,000 of them. */
const lightest = 54_000;
const path = (name: string): string => resolve("dist", executableName(name));
const run = (command: string, argv: readonly string[], env: Readonly<Record<string, string | undefined>> = {}) =>
  spawnSync(command, argv, { encoding: "utf8", env: { ...process.env, ...env } });

let kubectl: string;
before(async () => {
  for (const name of names) assert.ok(existsSync(path(name)), `${path(name)} is missing: npm run build`);
  await ensureBuilt(["kubernetes"]);
  kubectl = fileOf("kubernetes", "bin/kubectl");
});

for (const name of names) {
  for (const [argv, code, parts] of [
    [["--version"], 0, []],
    [["--help"], 0, ["help"]],
    [["--bogus"], 2, []],
    [["__complete", "-o", ""], 0, ["completion"]],
  ] as const)
    test(`${name} ${argv.join(" ")} starts from compiled code, and loads no more than it needs`, () => {
      const { status, stderr } = run(path(name), argv, { KUBECTL_MESH_LOADED: "yes" });
      assert.equal(status, code, stderr);
      const loaded = [...stderr.matchAll(/^(\S+)\.js rejected=(\S+) size=(\d+)$/gm)].map(
        ([, part = "", rejected, size]) => ({
          part,
          rejected,
          size,
        }),
      );
      assert.equal(loaded[0]?.part, "main");
      for (const { part, rejected } of loaded) assert.equal(rejected, "false", `${part} comes with code that V8 takes`);
      assert.doesNotMatch(stderr, /NativeModule (https?|tls|crypto|zlib|child_process|dns)$/m);
      // What is shared by several parts is in chunks.
      const named = loaded
        .map(({ part }) => part.replace(/-[A-Z0-9]{8}$/, ""))
        .filter((part) => part !== "main" && part !== "chunk");
      assert.deepEqual(named, parts);
      // A library that finds its way here is larger than all of it.
      const size = loaded.reduce((sum, each) => sum + Number(each.size), 0);
      assert.ok(size < lightest, `${size} characters of program`);
    });

  test(`kubectl ${name} is found on the PATH, and gets arguments and exit code through`, () => {
    const env = { PATH: `${resolve("dist")}${delimiter}${process.env.PATH}` };
    const { status, stdout } = run(kubectl, [name, "--version", "-o", "json"], env);
    assert.equal(status, 0);
    const said = JSON.parse(stdout);
    assert.deepEqual([said.name, said.version, said.node], [name, version, process.versions.node]);
    assert.match(said.commit, /^[0-9a-f]{12}(-dirty)?$|^unknown$/);
    assert.equal(run(kubectl, [name, "--bogus"], env).status, 2);
  });

  test(`${name} runs through a link of another name, as krew makes them`, () => {
    const folder = mkdtempSync(join(tmpdir(), "link-"));
    after(() => rmSync(folder, { recursive: true }));
    symlinkSync(path(name), join(folder, "kubectl-linked"));
    assert.equal(run(join(folder, "kubectl-linked"), ["--version"]).stdout, `${name} ${version}\n`);
  });

  test(`${name} is no Node to the environment`, () => {
    const folder = mkdtempSync(join(tmpdir(), "env-"));
    after(() => rmSync(folder, { recursive: true }));
    const hook = join(folder, "hook.cjs");
    writeFileSync(hook, "process.stdout.write('hooked');");
    const { status, stdout, stderr } = run(path(name), ["--version"], {
      NODE_OPTIONS: `--require=${hook}`,
      NODE_TLS_REJECT_UNAUTHORIZED: "0",
    });
    assert.deepEqual([status, stdout, stderr], [0, `${name} ${version}\n`, ""]);
    assert.equal(run(path(name), ["--version"], { NODE_OPTIONS: "--no-such-flag" }).status, 0);
  });

  test(`${name} --help | head -1`, () => {
    const { status, stdout, stderr } = run("bash", ["-c", 'set -o pipefail; "$0" --help | head -1', path(name)]);
    assert.deepEqual([status, stdout.split("\n").length, stderr], [0, 2, ""]);
  });
}

test("without compiled code that fits, it only starts slower", async () => {
  const folder = mkdtempSync(join(tmpdir(), "cold-"));
  after(() => rmSync(folder, { recursive: true }));
  for (const [name, source] of (await bundle("plugins/mesh-revisions.ts", undefined)).parts) {
    writeFileSync(join(folder, name), source);
    writeFileSync(join(folder, `${name}.cache`), "another machine's");
  }
  const start = `
    const read = (name) => require("node:fs").readFileSync(require("node:path").join(process.argv[1], name));
    process.argv = [process.execPath, process.execPath, "--version"];
    require("./scripts/loader.cjs").start((name) => read(name), "main.js", (name, script) => console.error(script.cachedDataRejected));`;
  const { status, stdout, stderr } = run(process.execPath, [
    "-e",
    start.replaceAll("process.argv[1]", JSON.stringify(folder)),
  ]);
  assert.deepEqual([status, stdout], [0, `mesh-revisions ${version}\n`]);
  assert.match(stderr, /^(true\n)+$/);
});

test("a server that never answers does not outlive Ctrl-C", async () => {
  const server = createServer(() => {}).listen(0, "127.0.0.1");
  await once(server, "listening");
  after(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const child = spawn(path("mesh-revisions"), ["--server", `http://127.0.0.1:${port}`, "--kubeconfig", "/dev/null"]);
  await once(server, "request");
  child.kill("SIGINT");
  const [[code], err] = await Promise.all([once(child, "close"), text(child.stderr)]);
  assert.deepEqual([code, err], [130, ""]);
});
