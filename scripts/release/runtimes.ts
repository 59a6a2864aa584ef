/**
 * The runtime of each platform, prepared for a program. The runtimes come from npm packages with a checksum in
 * package-lock.json. npm installs only the package for this machine, so the packages are downloaded here and compared
 * with their checksums.
 */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { chmodSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { locked } from "./lock.ts";
import type { Platform } from "./platforms.ts";
import { tool } from "./tools.ts";

export interface Runtime {
  /** The executable, for `assemble`. */
  readonly path: string;
  /** Files that must be in the same folder, by their names. */
  readonly beside: ReadonlyMap<string, string>;
}

/**
 * V8 needs libatomic, a part of GCC that small installations do not have. The archive contains Debian's: from
 * libatomic1 and from libatomic1-arm64-cross, both of Debian 12. They need glibc 2.14 and 2.17.
 */
const libatomic: ReadonlyMap<Platform["name"], { readonly path: string; readonly sha256: string }> = new Map([
  [
    "linux-x64",
    {
      path: "/usr/lib/x86_64-linux-gnu/libatomic.so.1",
      sha256: "107ab9f7661a1c47cddfb5cd1def99ec537a50a9a537fbe38cdde1b34b8ba280",
    },
  ],
  [
    "linux-arm64",
    {
      path: "/usr/aarch64-linux-gnu/lib/libatomic.so.1",
      sha256: "0dd9f242f351a1ff12756f632e2cd74e54b784edd0367d21028fef95bf5df60e",
    },
  ],
]);

/**
 * Downloads and prepares a runtime in `folder`, which nothing else may use. Throws if the package is not the one of
 * package-lock.json, or if a tool is missing.
 */
export const prepareRuntime = (platform: Platform, folder: string): Runtime => {
  mkdirSync(folder, { recursive: true });
  const original = unpack(platform.runtime, platform.file, folder);
  const path = join(folder, `runtime${platform.suffix}`);
  const beside = new Map<string, string>();
  // Symbols must be removed before the program is put in: strip breaks the file afterwards.
  if (platform.os === "windows") tool("osslsigncode", ["remove-signature", "-in", original, "-out", path]);
  else tool("llvm-strip", ["-o", path, original]);
  const library = libatomic.get(platform.name);
  if (library !== undefined) {
    checkLibrary(library);
    beside.set("libatomic.so.1", library.path);
  }
  chmodSync(path, 0o755);
  return { path, beside };
};

/** Throws if the bytes do not match the integrity in package-lock.json. Exported for its test. */
export const checkIntegrity = (name: string, bytes: Uint8Array, integrity: string): void => {
  const [algorithm = "", expected] = integrity.split("-");
  const found = createHash(algorithm).update(bytes).digest("base64");
  if (found !== expected) throw new Error(`${name} is not the package of package-lock.json: ${algorithm}-${found}`);
};

const unpack = (name: string, file: string, folder: string): string => {
  const { version, integrity } = locked(`node_modules/${name}`);
  // npm takes it from its own cache if it is there.
  execFileSync("npm", ["pack", "--silent", "--prefer-offline", "--pack-destination", folder, `${name}@${version}`], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  const archive = join(folder, `${name}-${version}.tgz`);
  checkIntegrity(`${name}@${version}`, readFileSync(archive), integrity);
  execFileSync("tar", ["-xzf", archive, "-C", folder, `package/${file}`]);
  return join(folder, "package", file);
};

const checkLibrary = ({ path, sha256 }: { readonly path: string; readonly sha256: string }): void => {
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(path);
  } catch {
    throw new Error(`${path} is missing: apt-get install libatomic1 libatomic1-arm64-cross`);
  }
  const found = createHash("sha256").update(bytes).digest("hex");
  if (found !== sha256)
    throw new Error(`${path} is not the one of Debian 12 that was reviewed (sha256 ${found}): release on Debian 12`);
};
