/** What other programs read in our archives. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { type Entry, pack } from "../../scripts/release/archive.ts";

const folder = mkdtempSync(join(tmpdir(), "archive-"));
after(() => rmSync(folder, { recursive: true }));

const entry = (name: string, bytes: Buffer, executable = false): Entry => ({ name, bytes, executable });
const entries: readonly Entry[] = [
  entry("kubectl-mesh_x", Buffer.from("#!/bin/sh\n".repeat(1000)), true),
  entry("LICENSE", Buffer.alloc(512, "L")),
  entry("empty", Buffer.alloc(0)),
  entry("bytes", Buffer.from(Array.from({ length: 70_000 }, (_, i) => (i * i) % 251))),
];
const at = Date.UTC(2026, 10, 23, 5, 36, 52) / 1000;

const unpackers = {
  "tar.gz": (archive: string) => execFileSync("tar", ["-xzf", archive, "-C", folder]),
  zip: (archive: string) => execFileSync("python3", ["-m", "zipfile", "-e", archive, folder]),
} as const;

for (const kind of ["tar.gz", "zip"] as const) {
  test(`${kind}: unpacked by another's program, all is as it was`, {
    skip: kind === "zip" && !hasPython() && "no python3",
  }, () => {
    const archive = join(folder, `a.${kind}`);
    writeFileSync(archive, pack(kind, entries, at));
    unpackers[kind](archive);
    for (const { name, bytes, executable } of entries) {
      assert.deepEqual(readFileSync(join(folder, name)), bytes, name);
      // Python's unpacker leaves modes out.
      if (kind === "tar.gz") {
        assert.equal(statSync(join(folder, name)).mode & 0o777, executable ? 0o755 : 0o644);
        assert.equal(statSync(join(folder, name)).mtimeMs / 1000, at);
      }
      rmSync(join(folder, name));
    }
  });

  test(`${kind}: the same entries in any order give the same bytes, another time gives others`, () => {
    assert.deepEqual(pack(kind, entries.toReversed(), at), pack(kind, entries, at));
    assert.notDeepEqual(pack(kind, entries, at + 2), pack(kind, entries, at));
  });
}

test("zip: times and modes, as another's program reads them", { skip: !hasPython() && "no python3" }, () => {
  const archive = join(folder, "b.zip");
  writeFileSync(archive, pack("zip", entries, at));
  const program =
    "import sys, zipfile\nfor i in zipfile.ZipFile(sys.argv[1]).infolist(): print(i.filename, oct(i.external_attr >> 16), i.date_time)";
  const said = execFileSync("python3", ["-c", program, archive], { encoding: "utf8" }).trim().split("\n");
  const time = "(2026, 11, 23, 5, 36, 52)";
  assert.deepEqual(said, [
    `LICENSE 0o100644 ${time}`,
    `bytes 0o100644 ${time}`,
    `empty 0o100644 ${time}`,
    `kubectl-mesh_x 0o100755 ${time}`,
  ]);
});

test("tar.gz: a name that does not fit is refused", () => {
  assert.throws(() => pack("tar.gz", [entry("x".repeat(101), Buffer.alloc(0))], at), /too long/);
});

function hasPython(): boolean {
  try {
    execFileSync("python3", ["--version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}
