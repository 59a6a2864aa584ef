/** `npm run mesh:down [-- NAME…]`: stops the named meshes, or the only one that runs. */
import { folderOfMesh, removeMesh, runningMeshes } from "./mesh/lifetime.ts";

const named = process.argv.slice(2);
const running = runningMeshes();
const unknown = named.filter((name) => !running.includes(name));
if (unknown.length > 0 || (named.length === 0 && running.length > 1)) {
  const which = running.length === 0 ? "none runs" : `these run: ${running.join(" ")}`;
  console.error(
    unknown.length > 0
      ? `mesh:down: no mesh is called ${unknown.join(", ")}; ${which}`
      : `mesh:down: which one? ${which}`,
  );
  process.exitCode = 2;
} else {
  for (const name of named.length > 0 ? named : running) {
    await removeMesh(folderOfMesh(name));
    console.error(`the mesh "${name}" is down`);
  }
}
