/** Runs the release as its maintainers do, and unpacks what it made. */
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";

/** A time before all commits of ours, so that it shows whether the archives heed it. */
export const releaseTime = Date.UTC(2026, 0, 2, 3, 4, 4) / 1000;

/** `npm run release -- --snapshot --out FOLDER …`, to its end. */
export const release = async (
  out: string,
  argv: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<string> => {
  const child = spawn(process.execPath, ["scripts/release.ts", "--snapshot", "--out", out, ...argv], {
    stdio: ["ignore", "inherit", "pipe"],
    env: { ...process.env, SOURCE_DATE_EPOCH: String(releaseTime), ...env },
  });
  const [said, [code]] = await Promise.all([text(child.stderr), once(child, "exit")]);
  assert.equal(code, 0, said);
  return said;
};

/** Unpacks an archive with another's program, and gives back the names in it. */
export const unpack = (archive: string, into: string): readonly string[] => {
  mkdirSync(into, { recursive: true });
  if (archive.endsWith(".zip")) {
    execFileSync("unzip", ["-q", archive, "-d", into]);
    return execFileSync("unzip", ["-Z1", archive], { encoding: "utf8" }).trim().split("\n");
  }
  execFileSync("tar", ["-xzf", archive, "-C", into]);
  // -rwxr-xr-x 0/0 12345 2026-01-02 03:04:04 NAME
  const listed = execFileSync("tar", ["--utc", "--full-time", "-tvzf", archive], { encoding: "utf8" })
    .trim()
    .split("\n");
  for (const line of listed)
    assert.match(line, /^-r..r-.r-. 0\/0 +\d+ 2026-01-02 03:04:04 \S+$/, "a regular file, of nobody, of that time");
  return listed.map((line) => line.replace(/.* /, ""));
};

export const sums = (folder: string): ReadonlyMap<string, string> =>
  new Map(
    readFileSync(join(folder, "SHA256SUMS"), "utf8")
      .trim()
      .split("\n")
      .map((line) => {
        const [sum = "", name = ""] = line.split("  ");
        return [name, sum];
      }),
  );
