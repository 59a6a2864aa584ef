/**
 * `npm run mesh:build [-- NAME…]`: builds the real programs that are not built yet, two at once, and the images of a mesh
 * with traffic (`images`); all of them where none is named.
 */
import { istioVersions } from "./mesh/program-list.ts";
import { ensureBuilt, programNames } from "./mesh/programs.ts";
import { ensureImages } from "./traffic/images.ts";

const images = "images";
const named = process.argv.slice(2);
const wanted = named.length > 0 ? named : [...programNames, ...(process.platform === "linux" ? [images] : [])];
const report = (line: string) => console.error(line);

/** Builds the next until none is left. A link uses one core, and a download none. */
const lane = async (names: Iterator<string>): Promise<void> => {
  for (let next = names.next(); !next.done; next = names.next()) await ensureBuilt([next.value], report);
};

try {
  const names = wanted.filter((name) => name !== images).values();
  await Promise.all([lane(names), lane(names)]);
  if (wanted.includes(images)) await ensureImages(istioVersions, report);
} catch (error) {
  console.error(`mesh:build: ${(error as Error).message}`);
  process.exitCode = 1;
}
