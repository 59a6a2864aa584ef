/**
 * What etcd holds of a mesh that was just installed, kept in the cache, so that the next mesh of the same options
 * starts from there. The file's name is the checksum of all that shapes its content; a file that is wanted again and
 * cannot be read is as good as none. Etcd is stopped while its files are read: they are those of a process killed at
 * that instant, from which etcd starts by itself (its write-ahead log is written before anything is answered).
 */
import { createHash } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import v8 from "node:v8";
import zlib from "node:zlib";
import { isStopped, type Running } from "./process.ts";
import { cacheFolder, fileOf } from "./programs.ts";

/** A file of etcd's folder. The zeros at its end are left out: etcd writes files of 64 MB that are empty at first. */
interface Kept {
  readonly name: string;
  readonly size: number;
  readonly start: Uint8Array;
}

/** At most so many bytes are kept; what was used longest ago goes first. One snapshot has some 300 kB. */
const limit = 500_000_000;

/**
 * Where the snapshot of a mesh is kept, whether it is there or not. `shape` is what the mesh was asked to be, as JSON
 * can tell it; `programs` are those that it is made with.
 */
export function snapshotFile(shape: object, programs: readonly string[]): string {
  const hash = createHash("sha256").update(JSON.stringify(shape));
  for (const program of programs) hash.update(path.basename(fileOf(program, "")));
  const sources = fs.readdirSync(import.meta.dirname).sort();
  for (const source of sources) hash.update(source).update(fs.readFileSync(path.join(import.meta.dirname, source)));
  return path.join(cacheFolder(), `${prefix}${hash.digest("hex").slice(0, 16)}`);
}

const prefix = "snapshot-";

/** Writes etcd's folder from a snapshot. False, and no folder, where there is none that can be read. */
export function restoreSnapshot(file: string, folder: string): boolean {
  if (!fs.existsSync(file)) return false;
  try {
    for (const { name, size, start } of v8.deserialize(zlib.zstdDecompressSync(fs.readFileSync(file))) as Kept[]) {
      const target = path.join(folder, name);
      fs.mkdirSync(path.dirname(target), { recursive: true, mode: 0o700 });
      fs.writeFileSync(target, start, { mode: 0o600 });
      fs.truncateSync(target, size);
    }
    fs.utimesSync(file, new Date(), new Date());
    return true;
  } catch (error) {
    console.log(`${file} is thrown away: ${(error as Error).message}`);
    fs.rmSync(file, { force: true });
    fs.rmSync(folder, { recursive: true, force: true });
    return false;
  }
}

/** Keeps what etcd has in its folder now. */
export async function saveSnapshot(file: string, folder: string, etcd: Running): Promise<void> {
  const files: { readonly name: string; readonly bytes: Buffer }[] = [];
  etcd.child.kill("SIGSTOP");
  try {
    while (!isStopped(etcd.pid)) await sleep(1);
    for (const entry of fs.readdirSync(folder, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile() || entry.name.endsWith(".tmp")) continue; // *.tmp: the next file of the log, empty yet
      const source = path.join(entry.parentPath, entry.name);
      files.push({ name: path.relative(folder, source), bytes: fs.readFileSync(source) });
    }
  } finally {
    etcd.child.kill("SIGCONT");
  }
  const kept = files.map(({ name, bytes }): Kept => ({ name, size: bytes.length, start: withoutZeros(bytes) }));
  const { ZSTD_c_checksumFlag, ZSTD_c_compressionLevel } = zlib.constants;
  const params = { [ZSTD_c_checksumFlag]: 1, [ZSTD_c_compressionLevel]: 1 };
  const draft = `${file}.${process.pid}`;
  fs.writeFileSync(draft, zlib.zstdCompressSync(v8.serialize(kept), { params }), { mode: 0o600 });
  fs.renameSync(draft, file);
  prune(path.dirname(file));
}

/** The bytes without the blocks of zeros at their end. */
function withoutZeros(bytes: Buffer): Buffer {
  let end = bytes.length;
  while (end >= zeros.length && bytes.subarray(end - zeros.length, end).equals(zeros)) end -= zeros.length;
  return bytes.subarray(0, end);
}

const zeros = Buffer.alloc(4096);

function prune(folder: string): void {
  const found = fs.readdirSync(folder).filter((name) => name.startsWith(prefix));
  const files = found.flatMap((name) => {
    const stat = fs.statSync(path.join(folder, name), { throwIfNoEntry: false }); // others prune too
    return stat === undefined ? [] : [{ file: path.join(folder, name), size: stat.size, used: stat.mtimeMs }];
  });
  let sum = 0;
  for (const { file, size } of files.sort((a, b) => b.used - a.used)) {
    sum += size;
    if (sum > limit) fs.rmSync(file, { force: true });
  }
}
