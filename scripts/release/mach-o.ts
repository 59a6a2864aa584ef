/** The ad-hoc signature, which macOS on arm64 demands of every program; made on Linux. */
import { readFileSync, writeFileSync } from "node:fs";
import { fileOf } from "../../test/real/mesh/programs.ts";
import { tool } from "./tools.ts";

/**
 * Signs a Mach-O executable in place. quill (github.com/anchore/quill) must be built: `npm run mesh:build -- quill`.
 */
export const signAdHoc = (path: string, identity: string): void => {
  writeFileSync(path, padded(readFileSync(path)));
  tool(fileOf("quill", "bin/quill"), ["sign", "--ad-hoc", "--identity", identity, path]);
};

const header = 32;
const [segment64, commandCount] = [0x19, 16];

/**
 * Adds zeros at the end of a 64-bit Mach-O, inside its last segment, so that the signature begins at a multiple of 16,
 * as Apple's tools demand. Layout: `<mach-o/loader.h>`, mach_header_64 and segment_command_64. Exported for its test.
 */
export const padded = (file: Buffer): Buffer => {
  if (file.readUInt32LE(0) !== 0xfeedfacf) throw new Error("not a 64-bit Mach-O");
  const padding = -file.length & 15;
  const result = Buffer.concat([file, Buffer.alloc(padding)]);
  let at = header;
  for (let left = file.readUInt32LE(commandCount); left > 0; left--) {
    if (file.readUInt32LE(at) === segment64 && file.toString("latin1", at + 8, at + 18) === "__LINKEDIT") {
      const [memory, offset, size] = [
        file.readBigUInt64LE(at + 32),
        file.readBigUInt64LE(at + 40),
        file.readBigUInt64LE(at + 48),
      ];
      if (offset + size !== BigInt(file.length) || size + BigInt(padding) > memory)
        throw new Error("the Mach-O does not end with its segment __LINKEDIT, or that has no room");
      result.writeBigUInt64LE(size + BigInt(padding), at + 48);
      return result;
    }
    at += file.readUInt32LE(at + 4);
  }
  throw new Error("the Mach-O has no segment __LINKEDIT");
};
