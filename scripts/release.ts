/**
 * `npm run release [-- --snapshot] [--platform NAME]… [PLUGIN…]`: makes the archives of all plugins for all platforms,
 * their Krew manifests, bills of materials and SHA256SUMS, in dist/release. Needs Linux x64 (Debian 12: apt-get install
 * llvm patchelf osslsigncode libatomic1 libatomic1-arm64-cross), and Go 1.26 for the signature of macOS. The same
 * commit gives the same bytes, except for the compiled code: `--no-code` leaves that out.
 */
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import manifest from "../package.json" with { type: "json" };
import { ensureBuilt } from "../test/real/mesh/programs.ts";
import { type Bundle, bundle } from "./bundle.ts";
import { assemble, commitOf, warm } from "./executable.ts";
import { executableName, pluginNames } from "./plugins.ts";
import { type Entry, pack } from "./release/archive.ts";
import { billOfMaterials } from "./release/bill-of-materials.ts";
import { componentsOf, licencesText } from "./release/components.ts";
import { finish } from "./release/finish.ts";
import { type Archive, checkSource, krewManifest, readSource } from "./release/krew.ts";
import { type Platform, platforms } from "./release/platforms.ts";
import { refuseUnfit } from "./release/refusal.ts";
import { prepareRuntime, type Runtime } from "./release/runtimes.ts";
import { hasTool, tool } from "./release/tools.ts";
import { type WarmMesh, warmMesh } from "./warm-mesh.ts";

const { version, license, homepage } = manifest;

interface Wish {
  readonly plugins: readonly string[];
  readonly platforms: readonly Platform[];
  /** Also from a tree with uncommitted changes, and of a version that is released already. */
  readonly snapshot: boolean;
  /** With compiled code, on platforms where it can be made. */
  readonly code: boolean;
  readonly out: string;
  /** Used instead of that of krew-manifest.yaml. */
  readonly uri: string | undefined;
}

const readWish = (): Wish => {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      snapshot: { type: "boolean", default: false },
      "no-code": { type: "boolean", default: false },
      platform: { type: "string", multiple: true, default: [] },
      out: { type: "string", default: "dist/release" },
      uri: { type: "string" },
    },
  });
  return {
    plugins: chosen(pluginNames(), positionals, (name) => name, "plugin"),
    platforms: chosen(platforms, values.platform, ({ name }) => name, "platform"),
    snapshot: values.snapshot,
    code: !values["no-code"],
    out: resolve(values.out),
    uri: values.uri,
  };
};

/** The named ones; all without a name. */
const chosen = <T>(
  all: readonly T[],
  names: readonly string[],
  nameOf: (one: T) => string,
  what: string,
): readonly T[] => {
  const unknown = names.find((name) => all.every((one) => nameOf(one) !== name));
  if (unknown !== undefined) throw new Error(`there is no ${what} ${unknown}: ${all.map(nameOf).join(", ")}`);
  return names.length === 0 ? all : all.filter((one) => names.includes(nameOf(one)));
};

/** The time of every file of the release, in seconds: https://reproducible-builds.org/docs/source-date-epoch/ */
const releaseTime = (): number => Number(process.env.SOURCE_DATE_EPOCH ?? tool("git", ["log", "-1", "--format=%ct"]));

/**
 * The command that runs the runtime of a platform on this machine, to compile code for it; undefined if there is none.
 */
const runnerOf = ({ name }: Platform, { path }: Runtime): readonly [string, ...string[]] | undefined => {
  if (name === "linux-x64") return [path];
  const qemu = "qemu-aarch64-static";
  return name === "linux-arm64" && hasTool(qemu) ? [qemu, "-L", "/usr/aarch64-linux-gnu", path] : undefined;
};

const makeArchive = async (
  plugin: string,
  { parts, packages }: Bundle,
  platform: Platform,
  runtime: Runtime,
  {
    code,
    mesh,
    at,
    work,
    out,
  }: {
    readonly code: boolean;
    readonly mesh: WarmMesh;
    readonly at: number;
    readonly work: string;
    readonly out: string;
  },
): Promise<Archive> => {
  const folder = join(work, `${plugin}-${platform.name}`);
  mkdirSync(folder);
  for (const [name, source] of parts) writeFileSync(join(folder, name), source);
  const runner = code ? runnerOf(platform, runtime) : undefined;
  if (runner) await warm(folder, mesh, runner);
  const executable = `${executableName(plugin)}${platform.suffix}`;
  await assemble(folder, runtime.path, join(folder, executable));
  finish(platform, join(folder, executable), executableName(plugin));

  const components = componentsOf(platform, packages);
  const bill = billOfMaterials({ name: plugin, version, license }, components, at);
  const file = (name: string, bytes: string | Buffer, isExecutable = false): Entry => ({
    name,
    bytes: Buffer.from(bytes),
    executable: isExecutable,
  });
  const entries = [
    file(executable, readFileSync(join(folder, executable)), true),
    ...(platform.os === "windows"
      ? []
      : [file(executable.replace("-", "_complete-"), completionScript(executable), true)]),
    ...[...runtime.beside].map(([name, path]) => file(name, readFileSync(path))),
    file("LICENSE", readFileSync("LICENSE")),
    file("README.md", readFileSync("README.md")),
    file("THIRD-PARTY-LICENSES.txt", licencesText(components)),
    file("bill-of-materials.cdx.json", bill),
  ];
  const name = `${plugin}-${platform.name}.${platform.archive}`;
  const bytes = pack(platform.archive, entries, at);
  writeFileSync(join(out, name), bytes);
  writeFileSync(join(out, `${plugin}-${platform.name}.cdx.json`), bill);
  rmSync(folder, { recursive: true });
  const size = (count: number): string => `${(count / 1e6).toFixed(1)} MB`;
  console.error(
    `${name}: ${size(entries[0]?.bytes.length ?? 0)}, packed ${size(bytes.length)}${runner ? "" : ", without compiled code"}`,
  );
  return { platform, name, sha256: sha256(bytes), files: entries.map((entry) => entry.name).sort() };
};

/** kubectl runs a program with this name: https://kubernetes.io/docs/tasks/extend-kubectl/kubectl-plugins/ */
const completionScript = (executable: string): string => `#!/bin/sh\nexec ${executable} __complete "$@"\n`;

const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

const writeSums = (out: string): void => {
  const names = readdirSync(out).sort();
  writeFileSync(
    join(out, "SHA256SUMS"),
    names.map((name) => `${sha256(readFileSync(join(out, name)))}  ${name}\n`).join(""),
  );
};

const release = async (wish: Wish): Promise<void> => {
  if (!wish.snapshot) refuseUnfit(version, homepage);
  const source = readSource();
  checkSource(source, pluginNames());
  if (process.platform !== "linux" || process.arch !== "x64") throw new Error("a release is made on Linux x64");
  await ensureBuilt(["quill"], (line) => console.error(line));
  rmSync(wish.out, { recursive: true, force: true });
  mkdirSync(wish.out, { recursive: true });
  const work = mkdtempSync(join(tmpdir(), "kubectl-mesh-release-"));
  await using mesh = await warmMesh();
  try {
    const archives = new Map<string, Archive[]>(wish.plugins.map((plugin) => [plugin, []]));
    const bundles = new Map<string, Bundle>();
    for (const plugin of wish.plugins) bundles.set(plugin, await bundle(`plugins/${plugin}.ts`, commitOf()));
    const at = releaseTime();
    for (const platform of wish.platforms) {
      const runtime = prepareRuntime(platform, join(work, platform.name));
      for (const [plugin, parts] of bundles)
        archives.get(plugin)?.push(await makeArchive(plugin, parts, platform, runtime, { ...wish, mesh, at, work }));
      rmSync(join(work, platform.name), { recursive: true });
    }
    for (const [plugin, own] of archives)
      writeFileSync(
        join(wish.out, `${plugin}.yaml`),
        krewManifest({ ...source, uri: wish.uri ?? source.uri }, plugin, version, own),
      );
    writeSums(wish.out);
  } finally {
    rmSync(work, { recursive: true });
  }
};

try {
  await release(readWish());
} catch (error) {
  console.error(`error: ${(error as Error).message}`);
  process.exitCode = 1;
}
