/**
 * Archives whose bytes depend on their contents only: entries sorted by name, one time for all, no owner, regular files
 * only.
 */
import { crc32, deflateRawSync, gzipSync } from "node:zlib";

export interface Entry {
  readonly name: string;
  readonly bytes: Buffer;
  readonly executable: boolean;
}

/** `at` in seconds since 1970. */
export const pack = (kind: "tar.gz" | "zip", entries: readonly Entry[], at: number): Buffer => {
  const sorted = [...entries].sort((a, b) => (a.name < b.name ? -1 : 1));
  return kind === "zip" ? zip(sorted, at) : gzipSync(tar(sorted, at));
};

/** ustar: https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html, "ustar Interchange Format". */
const tar = (entries: readonly Entry[], at: number): Buffer =>
  Buffer.concat([
    ...entries.flatMap(({ name, bytes, executable }) => {
      if (Buffer.byteLength(name) > 100) throw new Error(`${name}: the name is too long for the archive`);
      const header = Buffer.alloc(512);
      const octal = (value: number, offset: number, digits: number) =>
        header.write(value.toString(8).padStart(digits, "0"), offset);
      header.write(name, 0);
      octal(modeOf(executable), 100, 7);
      octal(0, 108, 7);
      octal(0, 116, 7);
      octal(bytes.length, 124, 11);
      octal(at, 136, 11);
      header.write("        ", 148);
      header.write("0", 156);
      header.write("ustar\x0000", 257);
      octal(
        header.reduce((sum, byte) => sum + byte, 0),
        148,
        6,
      );
      header.write("\0 ", 154);
      return [header, bytes, Buffer.alloc(-bytes.length & 511)];
    }),
    Buffer.alloc(1024),
  ]);

const modeOf = (executable: boolean): number => (executable ? 0o755 : 0o644);

/** https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT, 4.3. */
const zip = (entries: readonly Entry[], at: number): Buffer => {
  const files: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const { name, bytes, executable } of entries) {
    const packed = deflateRawSync(bytes);
    // The same in the file's own header and in the directory: version 2.0, UTF-8, deflated, time, checksum, sizes,
    // length of the name.
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt16LE(0x0800, 2);
    common.writeUInt16LE(8, 4);
    common.writeUInt32LE(dosTime(at), 6);
    common.writeUInt32LE(crc32(bytes), 10);
    common.writeUInt32LE(packed.length, 14);
    common.writeUInt32LE(bytes.length, 18);
    common.writeUInt16LE(Buffer.byteLength(name), 22);
    const entry = Buffer.alloc(14);
    // The Unix mode, and the offset of the file.
    entry.writeUInt32LE((0o100000 | modeOf(executable)) * 0x10000, 6);
    entry.writeUInt32LE(offset, 10);
    directory.push(Buffer.from("PK\x01\x02\x14\x03", "latin1"), common, entry, Buffer.from(name));
    const file = [Buffer.from("PK\x03\x04", "latin1"), common, Buffer.from(name), packed];
    files.push(...file);
    offset += file.reduce((sum, part) => sum + part.length, 0);
  }
  const listed = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.write("PK\x05\x06", "latin1");
  end.writeUInt16LE(entries.length, 8);
  end.writeUInt16LE(entries.length, 10);
  end.writeUInt32LE(listed.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...files, listed, end]);
};

/** The time in UTC, in steps of two seconds, from 1980 on. */
const dosTime = (at: number): number => {
  const time = new Date(Math.max(at, Date.UTC(1980, 0, 1) / 1000) * 1000);
  const day = ((time.getUTCFullYear() - 1980) << 9) | ((time.getUTCMonth() + 1) << 5) | time.getUTCDate();
  return ((day << 16) | (time.getUTCHours() << 11) | (time.getUTCMinutes() << 5) | (time.getUTCSeconds() >> 1)) >>> 0;
};
