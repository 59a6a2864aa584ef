/** What is done to an executable once the program is in it. */
import { signAdHoc } from "./mach-o.ts";
import type { Platform } from "./platforms.ts";
import { tool } from "./tools.ts";

/** Changes the file in place. `identity` is the name in macOS's signature. */
export const finish = ({ os }: Platform, path: string, identity: string): void => {
  // Where the loader looks for libatomic first. Not before: what is put in afterwards moves the table that patchelf has
  // moved.
  if (os === "linux") tool("patchelf", ["--set-rpath", "$ORIGIN", path]);
  if (os === "darwin") signAdHoc(path, identity);
};
