/**
 * Bundles a plugin into parts: `main.js` and one for each `import()` and for what they share. First as ES modules,
 * because esbuild splits only those; then each part to CommonJS, because code that V8 has compiled can be kept for
 * classic scripts only.
 */
import { basename } from "node:path";
import { build, type Metafile, transform } from "esbuild";
import { drawnHelp } from "./drawn-help.ts";
import { textWidth } from "./text-width.ts";

export interface Bundle {
  /** The sources by name; each source is one function expression, which loader.cjs calls. */
  readonly parts: ReadonlyMap<string, string>;
  /**
   * The packages of which a part contains something, by their path in package-lock.json (`node_modules/js-yaml`),
   * sorted.
   */
  readonly packages: readonly string[];
}

export const bundle = async (entry: string, commit: string | undefined): Promise<Bundle> => {
  const { outputFiles, metafile } = await build({
    entryPoints: { main: entry },
    outdir: "dist",
    bundle: true,
    splitting: true,
    write: false,
    metafile: true,
    platform: "node",
    format: "esm",
    target: "node26",
    minify: true,
    legalComments: "none",
    chunkNames: "[name]-[hash]",
    define: {
      "import.meta.main": "true",
      "import.meta.url": "__url",
      MESH_COMMIT: commit === undefined ? "undefined" : JSON.stringify(commit),
    },
    plugins: [textWidth, drawnHelp(entry)],
    logLevel: "warning",
  });
  const parts = outputFiles.map(async ({ path, text }) => {
    const name = basename(path);
    const { code } = await transform(text, {
      format: "cjs",
      platform: "node",
      target: "node26",
      minify: true,
      charset: "ascii",
      // Not .mjs, for which the default export of a part would be all of its exports. `import()` becomes a require,
      // which vm.Script can do.
      sourcefile: name,
      supported: { "dynamic-import": false },
    });
    return [name, `(function(exports,require,module,__filename,__dirname,__url){${code}\n})`] as const;
  });
  return { parts: new Map(await Promise.all(parts)), packages: packagesOf(metafile) };
};

const packagesOf = ({ outputs }: Metafile): readonly string[] => {
  const files = Object.values(outputs).flatMap(({ inputs }) => Object.entries(inputs));
  const packages = files
    .filter(([, { bytesInOutput }]) => bytesInOutput > 0)
    .flatMap(([file]) => /^.*\bnode_modules\/(@[^/]+\/)?[^/]+/.exec(file)?.[0] ?? []);
  return [...new Set(packages)].sort();
};
