/** What kind of executable a file is, and for which processor, by its own headers. */

export interface Format {
  readonly format: "ELF" | "Mach-O" | "PE";
  readonly machine: string;
  /** Only of PE: the size of the certificate table; 0 is none. */
  readonly certificate?: number;
}

const elf = new Map([
  [62, "x64"],
  [183, "arm64"],
]);
const machO = new Map([
  [0x01000007, "x64"],
  [0x0100000c, "arm64"],
]);
const pe = new Map([
  [0x8664, "x64"],
  [0xaa64, "arm64"],
]);

export const formatOf = (file: Buffer): Format => {
  if (file.toString("latin1", 0, 4) === "\x7fELF")
    return { format: "ELF", machine: elf.get(file.readUInt16LE(18)) ?? "unknown" };
  if (file.readUInt32LE(0) === 0xfeedfacf)
    return { format: "Mach-O", machine: machO.get(file.readUInt32LE(4)) ?? "unknown" };
  const header = file.readUInt32LE(0x3c);
  if (file.toString("latin1", 0, 2) !== "MZ" || file.toString("latin1", header, header + 4) !== "PE\0\0")
    throw new Error(`no executable: begins with ${file.toString("hex", 0, 4)}`);
  // The optional header begins at 24; of PE32+, the data directories at 112 within, the certificate table being the
  // fifth.
  return {
    format: "PE",
    machine: pe.get(file.readUInt16LE(header + 4)) ?? "unknown",
    certificate: file.readUInt32LE(header + 24 + 112 + 4 * 8 + 4),
  };
};
