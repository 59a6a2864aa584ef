/**
 * The executables started as people happen to start them: under other names, in odd places, with half an environment.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { after, before, test } from "node:test";
import { executableName, pluginNames, pluginRecord } from "../../scripts/plugins.ts";
import { version } from "../../src/cli/version.ts";
import { bootMesh, type EmbeddedMesh } from "../embedded/mesh.ts";
import { runToEnd } from "./mesh/run.ts";

const folder = mkdtempSync(join(tmpdir(), "kubectl-mesh-surroundings-"));
const original = (plugin: string): string => resolve("dist", executableName(plugin));
let mesh: EmbeddedMesh;
/** A run that asks a cluster. */
let real: readonly string[];

before(async () => {
  for (const plugin of pluginNames())
    assert.ok(existsSync(original(plugin)), `${original(plugin)} is missing: npm run build`);
  mesh = await bootMesh({ revisions: { "1-20": "1.20.0" }, time: "real" });
  real = ["--kubeconfig", mesh.kubeconfig];
});
after(async () => {
  await mesh?.down();
  rmSync(folder, { recursive: true, force: true });
});

const ask = (file: string, argv: readonly string[], env: Readonly<Record<string, string | undefined>> = {}) =>
  runToEnd(file, argv, process.env, { env, timeout: 60_000 });

for (const plugin of pluginNames()) {
  const said = `${plugin} ${version}\n`;

  for (const name of ["kubectl-renamed", "no plugin at all", "-n", "kubectl-mesh_migrate.exe", "ünïcode"])
    test(`${plugin} called ${JSON.stringify(name)}, in a folder with spaces`, async () => {
      const place = join(folder, "a folder", plugin);
      mkdirSync(place, { recursive: true });
      symlinkSync(original(plugin), join(place, name));
      const { code, stdout, stderr } = await ask(join(place, name), ["--version"]);
      assert.deepEqual([code, stdout, stderr], [0, said, ""]);
    });

  test(`${plugin} through a link to a link`, async () => {
    const [inner, outer] = [join(folder, `inner ${plugin}`), join(folder, `outer ${plugin}`)];
    symlinkSync(original(plugin), inner);
    symlinkSync(inner, outer);
    assert.equal((await ask(outer, ["--version"])).stdout, said);
  });

  test(`${plugin} with HOME unset, empty, or a file`, async () => {
    for (const HOME of [undefined, "", "/dev/null"]) {
      const { code, stdout, stderr } = await ask(original(plugin), ["--version"], { HOME });
      assert.deepEqual([code, stdout, stderr], [0, said, ""]);
    }
  });

  test(`${plugin} with stdout, stderr or all streams closed`, () => {
    const run = (redirections: string, argv: string) =>
      spawnSync("sh", ["-c", `"$0" ${argv} ${redirections}`, original(plugin)], { encoding: "utf8" });
    for (const redirections of [">&-", "2>&-", "<&-", ">&- 2>&-", "<&- >&- 2>&-"]) {
      assert.equal(run(redirections, "--help").status, 0, redirections);
      assert.equal(run(redirections, "--bogus").status, 2, redirections);
    }
    assert.match(run(">&-", "--bogus").stderr, /^error: unknown flag --bogus/);
  });

  test(`${plugin} with every variable of Node's that could break it`, async () => {
    const env = {
      NODE_OPTIONS: "--no-such-flag --require=/nonexistent",
      NODE_PATH: "/nonexistent",
      NODE_NO_WARNINGS: "0",
      NODE_PENDING_DEPRECATION: "1",
      NODE_TLS_REJECT_UNAUTHORIZED: "0",
      UV_THREADPOOL_SIZE: "0",
    };
    const { code, stdout, stderr } = await ask(original(plugin), ["--version"], env);
    assert.deepEqual([code, stdout, stderr], [0, said, ""]);
  });

  test(`${plugin} without any environment`, () => {
    const { status, stdout, stderr } = spawnSync(original(plugin), ["--version"], { encoding: "utf8", env: {} });
    assert.deepEqual([status, stdout, stderr], [0, said, ""]);
  });

  test(`${plugin} completion, called plainly, says where to link`, async () => {
    const { code, stdout } = await ask(executableName(plugin), ["completion"], {
      PATH: `/nonexistent:${resolve("dist")}`,
    });
    assert.equal(code, 0);
    const link = executableName(plugin).replace("-", "_complete-");
    assert.equal(stdout.trim().split("\n").at(-1), `ln -sf ${executableName(plugin)} '${resolve("dist", link)}'`);
  });

  test(`${plugin} completes from compiled code, and asks no network for what it knows`, async () => {
    const { stdout, stderr } = await ask(original(plugin), ["__complete", "-o", ""], { KUBECTL_MESH_LOADED: "yes" });
    const { options } = await pluginRecord(plugin);
    assert.equal(stdout, [...(options.output?.choices ?? []), ":4\n"].join("\n"));
    assert.match(stdout, /^table\nwide\njson\nyaml\nname\n/);
    assert.doesNotMatch(stderr, /rejected=true|rejected=undefined/);
    assert.doesNotMatch(stderr, /NativeModule (https?|tls|crypto|zlib|child_process)$/m);
  });
}

test("a real run with HOME unset, and no kubeconfig anywhere: says what is missing", async () => {
  const { code, stdout, stderr } = await ask(original("mesh-revisions"), [], {
    HOME: undefined,
    KUBECONFIG: "/nonexistent/config",
  });
  assert.deepEqual([code, stdout], [1, ""]);
  assert.match(stderr, /^error: no cluster is configured\n {2}Looked at \/nonexistent\/config\./);
});

test("a real run with variables of Node's and OpenSSL's that could break it, or send it elsewhere", async () => {
  const broken = join(folder, "broken");
  writeFileSync(broken, "no configuration, no certificate");
  const plain = await ask(original("mesh-revisions"), real);
  for (const env of [
    { OPENSSL_CONF: broken, OPENSSL_MODULES: broken, SSL_CERT_FILE: broken, SSL_CERT_DIR: broken },
    { NODE_EXTRA_CA_CERTS: broken, NODE_USE_SYSTEM_CA: "1", NODE_USE_BUNDLED_CA: "1" },
    { NODE_USE_ENV_PROXY: "1", NODE_REPL_HISTORY: broken },
    {
      NODE_UNIQUE_ID: "1",
      NODE_TEST_CONTEXT: "child",
      NODE_PRESERVE_SYMLINKS: "1",
      NODE_PRESERVE_SYMLINKS_MAIN: "1",
    },
    { NODE_REDIRECT_WARNINGS: broken, NODE_DISABLE_COLORS: "1", NODE_SKIP_PLATFORM_CHECK: "1" },
  ]) {
    const { code, stdout, stderr } = await ask(original("mesh-revisions"), real, env);
    assert.deepEqual([code, stdout, stderr], [0, plain.stdout, ""], Object.keys(env).join());
  }
  // What Node itself writes to stderr then was asked for; the result is the same.
  const debugged = await ask(original("mesh-revisions"), real, { NODE_DEBUG_NATIVE: "tls,crypto" });
  assert.deepEqual([debugged.code, debugged.stdout], [0, plain.stdout]);
  assert.doesNotMatch(debugged.stderr, /^(error|warning|note):/m);
  assert.equal(readFileSync(broken, "utf8"), "no configuration, no certificate");
});

test("a real run in a folder that nobody may write to, and in one that is gone", async () => {
  const place = join(folder, "read-only");
  mkdirSync(place);
  chmodSync(place, 0o555);
  const run = (script: string) =>
    ask("sh", ["-c", script, original("mesh-revisions"), ...real], { HOME: "/nonexistent" });
  const { code, stdout, stderr } = await run(`cd '${place}' && exec "$0" "$@"`);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /REVISION/);
  // For root every folder can be written to: then this is what shows that nothing is.
  assert.deepEqual(readdirSync(place), []);

  mkdirSync(join(folder, "gone"));
  const second = await run(`cd '${folder}/gone' && rmdir ../gone && exec "$0" "$@"`);
  assert.deepEqual([second.code, second.stdout], [0, stdout], second.stderr);
});
