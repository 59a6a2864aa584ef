/**
 * A release as it is made, and as its users get it: archives for five platforms, looked into; Krew's own validation and
 * installation; the plugins run from there by kubectl on a real mesh; completion; the way from an older version, and
 * out again.
 */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { dump, load } from "js-yaml";
import { commitOf } from "../../scripts/executable.ts";
import { executableName, pluginNames } from "../../scripts/plugins.ts";
import { pack } from "../../scripts/release/archive.ts";
import { platforms } from "../../scripts/release/platforms.ts";
import { hasTool } from "../../scripts/release/tools.ts";
import { version } from "../../src/cli/version.ts";
import { deployment } from "../fixtures/workload-objects.ts";
import { eventually, type Mesh, type Result, upMesh } from "./kit.ts";
import { leastArguments } from "./least-arguments.ts";
import { ensureBuilt, fileOf } from "./mesh/programs.ts";
import { runToEnd } from "./mesh/run.ts";
import { formatOf } from "./release/format.ts";
import { readSignature } from "./release/mach-o-signature.ts";
import { release, sums, unpack } from "./release/made.ts";

const here = process.platform === "linux" && process.arch === "x64";
const plugins = pluginNames();
const [first = "", ...others] = plugins;
const folder = mkdtempSync(join(tmpdir(), "kubectl-mesh-krew-"));
const made = join(folder, "made");
const more = join(folder, "more");
const unpacked = (platform: string): string => join(folder, "unpacked", platform);
/** Where a plugin's manifest and archives are: those of the first as they are published, of the others without compiled code. */
const folderOf = (plugin: string): string => (plugin === first ? made : more);

const pathWithKrew = (): string =>
  [join(folder, "bin"), dirname(fileOf("kubernetes", "bin/kubectl")), process.env.PATH].join(delimiter);

let server: Server;
let address: string;
const commit = commitOf();

/** What Krew fetches. */
const serve = async (): Promise<void> => {
  server = createServer((request, response) => {
    const file = [made, more, folder]
      .map((each) => join(each, (request.url ?? "").slice(1)))
      .find((each) => existsSync(each));
    if (file === undefined) response.writeHead(404).end();
    else response.end(readFileSync(file));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
};

describe("release and Krew", { skip: !here && "a release is made on Linux x64" }, () => {
  before(async () => {
    await ensureBuilt(["kubernetes", "krew", "quill"]);
    mkdirSync(join(folder, "bin"));
    symlinkSync(fileOf("krew", "bin/krew"), join(folder, "bin", "kubectl-krew"));
    await serve();
    await release(made, ["--uri", `${address}/{archive}`, first]);
    // They differ from the first in one part of one file: packed for the platform on which they are run.
    await release(more, ["--uri", `${address}/{archive}`, "--no-code", "--platform", "linux-x64", ...others]);
  });
  after(() => {
    server?.close();
    server?.closeAllConnections();
    rmSync(folder, { recursive: true });
  });

  test("what is to be published: an archive and a bill of materials for each platform, a manifest, and true checksums of all", () => {
    const names = [
      ...platforms.flatMap(({ name, archive }) => [`${first}-${name}.${archive}`, `${first}-${name}.cdx.json`]),
      `${first}.yaml`,
    ].sort();
    assert.deepEqual(readdirSync(made).sort(), ["SHA256SUMS", ...names]);
    assert.deepEqual([...sums(made).keys()], names);
    for (const [name, sum] of sums(made))
      assert.equal(
        createHash("sha256")
          .update(readFileSync(join(made, name)))
          .digest("hex"),
        sum,
        name,
      );
  });

  for (const { name, os, arch, archive, suffix } of platforms)
    test(`${name}: regular files, those that the manifest names, an executable of that format and processor`, () => {
      const names = unpack(join(made, `${first}-${name}.${archive}`), unpacked(name));
      const manifest = load(readFileSync(join(made, `${first}.yaml`), "utf8")) as Manifest;
      const own = manifest.spec.platforms.find(
        ({ selector }) => selector.matchLabels.os === os && selector.matchLabels.arch === arch,
      );
      assert.deepEqual(
        own?.files.map(({ from }) => from),
        [...names],
      );
      assert.equal(own?.bin, `${executableName(first)}${suffix}`);
      assert.deepEqual([...names], [...names].sort());
      const format = formatOf(readFileSync(join(unpacked(name), own?.bin ?? "")));
      const machine = arch === "amd64" ? "x64" : "arm64";
      if (os === "windows") assert.deepEqual(format, { format: "PE", machine, certificate: 0 });
      else assert.deepEqual(format, { format: os === "linux" ? "ELF" : "Mach-O", machine });
      const bill = JSON.parse(readFileSync(join(unpacked(name), "bill-of-materials.cdx.json"), "utf8"));
      const terms = readFileSync(join(unpacked(name), "THIRD-PARTY-LICENSES.txt"), "utf8");
      for (const component of bill.components)
        assert.ok(terms.includes(`${component.name} ${component.version} (`), component.name);
      assert.equal(
        bill.components.some((each: { name: string }) => each.name === "libatomic"),
        os === "linux",
      );
    });

  for (const { name } of platforms.filter(({ os }) => os === "darwin"))
    test(`${name}: an ad-hoc signature that is true of every page, by our reading and by the signer's`, () => {
      const path = join(unpacked(name), executableName(first));
      const file = readFileSync(path);
      const { pages, offset, limit, ...rest } = readSignature(file);
      assert.deepEqual(rest, { identity: executableName(first), adHoc: true, hardened: false, wrong: 0 });
      assert.ok(pages > 20_000);
      assert.deepEqual([limit, offset % 16], [offset, 0]);
      assert.match(
        execFileSync(fileOf("quill", "bin/quill"), ["describe", path], { encoding: "utf8" }),
        /Flags: +adhoc/,
      );
      file[1_000_000] = (file[1_000_000] ?? 0) ^ 1;
      assert.equal(readSignature(file).wrong, 1, "one changed bit is seen");
    });

  test("linux-arm64 runs, from code that was compiled for it", {
    skip: !hasTool("qemu-aarch64-static") && "no qemu-aarch64-static here",
  }, () => {
    const run = (argv: readonly string[]) =>
      spawnSync(
        "qemu-aarch64-static",
        ["-L", "/usr/aarch64-linux-gnu", join(unpacked("linux-arm64"), executableName(first)), ...argv],
        {
          encoding: "utf8",
          env: { KUBECTL_MESH_LOADED: "yes" },
        },
      );
    const { status, stdout, stderr } = run(["--version"]);
    assert.deepEqual([status, stdout], [0, `${first} ${version}\n`]);
    assert.match(stderr, /^main\.js rejected=false /m);
    assert.equal(run(["--bogus"]).status, 2);
  });

  test("two releases of one commit have the same bytes, but for the code compiled beforehand", async () => {
    const again = join(folder, "again");
    assert.equal(commitOf(), commit, "no release of one commit: the tree was changed meanwhile");
    const elsewhere = join(folder, "another temporary folder");
    mkdirSync(elsewhere);
    const foreign = platforms.filter(({ os }) => os !== "linux").map(({ name }) => name);
    const options = ["--uri", `${address}/{archive}`, "--no-code"];
    await release(again, [...options, ...foreign.slice(1).flatMap((name) => ["--platform", name]), first], {
      TMPDIR: elsewhere,
    });
    for (const [name, sum] of sums(again)) if (!name.endsWith(".yaml")) assert.equal(sum, sums(made).get(name), name);
    const [second = ""] = others;
    await release(again, [...options, "--platform", "linux-x64", second], { TMPDIR: elsewhere });
    for (const [name, sum] of sums(again)) if (!name.endsWith(".yaml")) assert.equal(sum, sums(more).get(name), name);
  });

  for (const plugin of plugins)
    test(`${plugin}: Krew's index would take the manifest: installed from it on each platform it names`, async () => {
      const manifest = join(folderOf(plugin), `${plugin}.yaml`);
      const { code, stdout, stderr } = await runToEnd(
        fileOf("krew", "bin/validate-krew-manifest"),
        ["-manifest", manifest],
        process.env,
        {
          env: { PATH: pathWithKrew() },
        },
      );
      assert.equal(code, 0, stdout + stderr);
      assert.match(
        stdout + stderr,
        new RegExp(`all ${plugin === first ? platforms.length : 1} spec\\.platforms installed fine`),
      );
    });

  describe("installed", () => {
    const root = join(folder, "krew");
    let mesh: Mesh;
    let linked = "";
    let environment: NodeJS.ProcessEnv;
    const kubectl = (...argv: readonly string[]): Promise<Result> => mesh.runKubectl(argv, { env: environment });
    const done = async (...argv: readonly string[]): Promise<string> => {
      const { code, stdout, stderr } = await kubectl(...argv);
      assert.equal(code, 0, `kubectl ${argv.join(" ")}: ${stdout}${stderr}`);
      return stdout;
    };

    before(async () => {
      mesh = await upMesh({ revisions: { "1-19": "1.19.0", "1-20": "1.20.0" } });
      await mesh.setTag("prod-stable", "1-19");
      environment = {
        KREW_ROOT: root,
        KREW_NO_UPGRADE_CHECK: "1",
        PATH: [join(root, "bin"), pathWithKrew()].join(delimiter),
      };
    });
    after(() => mesh?.down());

    for (const plugin of plugins)
      test(`${plugin}: installed by kubectl krew, found by kubectl, exit codes through`, async () => {
        const own = join(folderOf(plugin), plugin);
        await done("krew", "install", `--manifest=${own}.yaml`, `--archive=${own}-linux-x64.tar.gz`);
        const link = join(root, "bin", executableName(plugin));
        assert.equal(
          realpathSync(link),
          realpathSync(join(root, "store", plugin, `v${version}`, executableName(plugin))),
        );
        assert.equal(await done(plugin, "--version"), `${plugin} ${version}\n`);
        assert.match(await done(plugin, "--help"), new RegExp(`Usage: kubectl ${plugin} \\[flags\\]`));
        assert.equal((await kubectl(plugin, "--bogus")).code, 2);
        assert.equal((await kubectl(plugin, ...(await leastArguments(plugin, "no-such-namespace", "1-20")))).code, 3);
        const { stderr } = await mesh.runKubectl([plugin, "--version"], { env: { ...environment, LD_DEBUG: "libs" } });
        assert.match(
          stderr,
          new RegExp(`calling init: .*/store/${plugin}/v[^/]*/libatomic\\.so\\.1`),
          "its own libatomic, not the machine's",
        );
      });

    test("mesh-revisions shows, and mesh-migrate moves, on a real mesh", async () => {
      const namespace = await mesh.createNamespace({ "istio.io/rev": "1-19" });
      await mesh.apply([deployment({ namespace, name: "web", replicas: 2 })]);
      await mesh.waitReady(namespace);
      const revision = async (): Promise<string> => {
        const shown = JSON.parse(await done("mesh-revisions", "-n", namespace, "-o", "json"));
        return JSON.stringify(shown.namespaces[0].running ?? shown.namespaces[0]);
      };
      assert.match(await revision(), /1-19/);
      await done("mesh-migrate", "-n", namespace, "--to", "1-20");
      assert.doesNotMatch(await revision(), /1-19/);
      assert.match(await revision(), /1-20/);
      assert.equal((await kubectl("mesh-migrate", "-n", namespace, "--to", "1-21")).code, 3);
    });

    test("Tab offers nothing until it is linked, then flags, namespaces, revisions and tags", async () => {
      const offered = async (...words: readonly string[]): Promise<readonly string[]> =>
        (await done("__complete", "mesh-migrate", ...words)).trim().split("\n");
      assert.deepEqual(await offered("-n", ""), [":0"]);
      linked = await done("mesh-migrate", "completion");
      execFileSync("sh", ["-s"], { input: linked });
      assert.equal(
        realpathSync(join(root, "bin", "kubectl_complete-mesh_migrate")),
        realpathSync(join(root, "bin", "kubectl-mesh_migrate")),
      );

      assert.deepEqual(await offered("--dry-run", ""), ["none", "client", "server", ":4"]);
      assert.ok((await offered("--al")).some((line) => line.startsWith("--allow-downtime\t")));
      // Slow machines may miss the 300 ms, which is no fault.
      await eventually("the tag and the revisions", async () => {
        const lines = await offered("--to", "");
        // The first revision that is installed gets the tag "default".
        const all = ["1-19\trevision", "1-20\trevision", "default\ttag of 1-19", "prod-stable\ttag of 1-19", ":4"];
        return lines.join() === all.join();
      });
      await eventually(
        "the revisions alone",
        async () => (await offered("-A", "--from", "1-2")).join() === ["1-20\trevision", ":4"].join(),
      );
      const namespace = await mesh.createNamespace({ "istio.io/rev": "prod-stable" }, "kitchen");
      await eventually("the namespace", async () =>
        (await offered("-n", "default,kit")).includes(`default,${namespace}\tistio.io/rev=prod-stable`),
      );
    });

    test("Tab is silent where there is no cluster, and no later than a person waits", async () => {
      const { code, stdout, stderr } = await mesh.runKubectl(["__complete", "mesh-migrate", "-n", ""], {
        env: { ...environment, KUBECONFIG: "/nonexistent" },
      });
      assert.deepEqual([code, stdout], [0, ":4\n"]);
      // kubectl's own words.
      assert.match(stderr, /^(\[Debug\] .*\n)*Completion ended with directive: \w+\n$/);
    });

    test("Tab also asks the script in the archive, where its folder is on the PATH", async () => {
      const path = [unpacked("linux-x64"), dirname(fileOf("kubernetes", "bin/kubectl")), process.env.PATH].join(
        delimiter,
      );
      const { stdout } = await mesh.runKubectl(["__complete", first, "-o", "ya"], { env: { PATH: path } });
      assert.equal(stdout, "yaml\n:4\n");
    });

    test("Krew brings the new version in the place of an older one, from an index, and takes it away again", async () => {
      const index = olderIndex(first);
      const git = (...argv: readonly string[]): void =>
        void execFileSync("git", ["-c", "user.name=t", "-c", "user.email=t@localhost", ...argv], {
          cwd: index,
          stdio: "pipe",
        });
      git("init", "-q");
      git("add", ".");
      git("commit", "-qm", "older");
      await done("krew", "index", "add", "default", index);
      for (const plugin of plugins) await done("krew", "uninstall", plugin);
      execFileSync("sh", ["-c", linked.match(/^# .*?: (rm .*)$/m)?.[1] ?? "false"]);
      await done("krew", "install", first);
      assert.equal(await done(first, "--version"), "the older one\n");

      cpSync(join(made, `${first}.yaml`), join(index, "plugins", `${first}.yaml`));
      git("commit", "-qam", "newer");
      await done("krew", "upgrade");
      assert.equal(await done(first, "--version"), `${first} ${version}\n`);
      assert.match(
        realpathSync(join(root, "bin", executableName(first))),
        new RegExp(`/v${version.replaceAll(".", "\\.")}/[^/]+$`),
      );

      await done("krew", "uninstall", first);
      assert.ok(!existsSync(join(root, "bin", executableName(first))));
      assert.match((await kubectl(first, "--version")).stderr, /unknown command/);
    });
  });
});

interface Manifest {
  readonly spec: {
    version: string;
    platforms: {
      readonly selector: { readonly matchLabels: { readonly os: string; readonly arch: string } };
      uri: string;
      sha256: string;
      readonly bin: string;
      files: readonly { readonly from: string; readonly to: string }[];
    }[];
  };
}

/** An index with a version 0.0.1 of a plugin, which says what it is and no more. */
function olderIndex(plugin: string): string {
  const archive = pack(
    "tar.gz",
    [
      { name: executableName(plugin), bytes: Buffer.from("#!/bin/sh\necho the older one\n"), executable: true },
      { name: "LICENSE", bytes: Buffer.from("none"), executable: false },
    ],
    0,
  );
  writeFileSync(join(folder, "older.tar.gz"), archive);
  const manifest = load(readFileSync(join(made, `${plugin}.yaml`), "utf8")) as Manifest;
  manifest.spec.version = "v0.0.1";
  for (const each of manifest.spec.platforms) {
    each.uri = `${address}/older.tar.gz`;
    each.sha256 = createHash("sha256").update(archive).digest("hex");
    each.files = [executableName(plugin), "LICENSE"].map((from) => ({ from, to: "." }));
  }
  const index = join(folder, "index");
  mkdirSync(join(index, "plugins"), { recursive: true });
  writeFileSync(join(index, "plugins", `${plugin}.yaml`), dump(manifest));
  return index;
}
