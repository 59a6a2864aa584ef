/**
 * `npm run mesh:build [-- NAME…]`: builds the real programs that are not built yet; all of them where none is named.
 */
import { ensureBuilt, programNames } from "./mesh/programs.ts";

const names = process.argv.slice(2);
try {
  await ensureBuilt(names.length > 0 ? names : programNames, (line) => console.error(line));
} catch (error) {
  console.error(`mesh:build: ${(error as Error).message}`);
  process.exitCode = 1;
}
