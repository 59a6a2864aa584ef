/**
 * Reads a Mach-O's code signature and holds every page against it, as macOS does when it runs the file (Apple's
 * `cs_blobs.h`).
 */
import { createHash } from "node:crypto";

export interface Signature {
  readonly identity: string;
  readonly adHoc: boolean;
  /** Hardened runtime: then V8 would need entitlements to compile. */
  readonly hardened: boolean;
  /** Where the signature begins, and where what it covers ends. */
  readonly offset: number;
  readonly limit: number;
  readonly pages: number;
  /** Pages whose hash is another than the one signed. */
  readonly wrong: number;
}

const [machO64, codeSignature, superBlob, codeDirectory] = [0xfeedfacf, 0x1d, 0xfade0cc0, 0xfade0c02];

export const readSignature = (file: Buffer): Signature => {
  if (file.readUInt32LE(0) !== machO64) throw new Error("not a 64-bit Mach-O");
  const offset = signatureOffset(file);
  if (file.readUInt32BE(offset) !== superBlob) throw new Error("no signature where the load command says");
  for (let i = 0; i < file.readUInt32BE(offset + 8); i++) {
    const blob = offset + file.readUInt32BE(offset + 16 + 8 * i);
    if (file.readUInt32BE(blob) === codeDirectory) return readDirectory(file, blob, offset);
  }
  throw new Error("the signature has no code directory");
};

const signatureOffset = (file: Buffer): number => {
  let at = 32;
  for (let left = file.readUInt32LE(16); left > 0; left--) {
    if (file.readUInt32LE(at) === codeSignature) return file.readUInt32LE(at + 8);
    at += file.readUInt32LE(at + 4);
  }
  throw new Error("the Mach-O is not signed");
};

const readDirectory = (file: Buffer, at: number, offset: number): Signature => {
  const word = (index: number): number => file.readUInt32BE(at + 12 + 4 * index);
  const [flags, hashes, name, pages, limit] = [word(0), word(1), word(2), word(4), word(5)];
  const [hashSize = 0, hashType, , pageShift = 0] = file.subarray(at + 36, at + 40);
  if (hashType !== 2) throw new Error(`the pages are not hashed by SHA-256 but by ${hashType}`);
  const pageSize = 2 ** pageShift;
  let wrong = pages === Math.ceil(limit / pageSize) ? 0 : 1;
  for (let i = 0; i < pages; i++) {
    const page = file.subarray(i * pageSize, Math.min((i + 1) * pageSize, limit));
    const signed = file.subarray(at + hashes + i * hashSize, at + hashes + (i + 1) * hashSize);
    if (!createHash("sha256").update(page).digest().equals(signed)) wrong++;
  }
  const nameAt = at + name;
  return {
    identity: file.toString("latin1", nameAt, file.indexOf(0, nameAt)),
    adHoc: (flags & 0x2) !== 0,
    hardened: (flags & 0x10000) !== 0,
    offset,
    limit,
    pages,
    wrong,
  };
};
