/** The last changes to an executable, after the program was put into it. */
import { signAdHoc } from "./mach-o.ts";
import type { Platform } from "./platforms.ts";
import { tool } from "./tools.ts";

/** Changes the file in place. `identity` is the name in the signature of macOS. */
export const finish = ({ os }: Platform, path: string, identity: string): void => {
  // The first folder in which the loader looks for libatomic. It must be last, because putting the program in moves the
  // table that patchelf changes.
  if (os === "linux") tool("patchelf", ["--set-rpath", "$ORIGIN", path]);
  if (os === "darwin") signAdHoc(path, identity);
};
