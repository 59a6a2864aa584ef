/**
 * Bundles a plugin into parts: `main.js` and one for each `import()` and for what they share. First as ES modules,
 * because esbuild splits only those; then each part to CommonJS, because code that V8 has compiled can be kept for
 * classic scripts only.
 */
import { basename } from "node:path";
import { type BuildOptions, build, type Metafile, type Plugin, transform } from "esbuild";
import { drawnHelp } from "./drawn-help.ts";

export interface Bundle {
  /** The sources by name; each source is one function expression, which loader.cjs calls. */
  readonly parts: ReadonlyMap<string, string>;
  /**
   * The packages of which a part contains something, by their path in package-lock.json (`node_modules/js-yaml`),
   * sorted.
   */
  readonly packages: readonly string[];
}

const common = {
  bundle: true,
  write: false,
  metafile: true,
  platform: "node",
  target: "node26",
  minify: true,
  legalComments: "none",
  logLevel: "warning",
} as const satisfies BuildOptions;

/** Of Node's importers, vm.Script can do `require` alone: `import()` becomes one. */
const supported = { "dynamic-import": false };

/** Bundles the program that begins with the file `entry`. `commit` is what `--version -o json` says. */
export const bundle = async (entry: string, commit: string | undefined): Promise<Bundle> => {
  const { outputFiles, metafile } = await build({
    ...common,
    entryPoints: { main: entry },
    outdir: "dist",
    splitting: true,
    format: "esm",
    chunkNames: "[name]-[hash]",
    define: {
      "import.meta.main": "true",
      "import.meta.url": "__url",
      MESH_COMMIT: commit === undefined ? "undefined" : JSON.stringify(commit),
    },
    plugins: [drawnHelp(entry), clientNodeApart],
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
      // Not .mjs, for which the default export of a part would be all of its exports.
      sourcefile: name,
      supported,
    });
    return [name, wrapped(code)] as const;
  });
  const own = { parts: new Map(await Promise.all(parts)), packages: packagesOf(metafile) };
  const imports = Object.values(metafile.outputs).flatMap((output) => output.imports);
  if (!imports.some(({ path }) => path === `./${clientNodePart}`)) return own;
  const client = await clientNode();
  return {
    parts: new Map([...own.parts, ...client.parts]),
    packages: [...new Set([...own.packages, ...client.packages])].sort(),
  };
};

const wrapped = (code: string): string => `(function(exports,require,module,__filename,__dirname,__url){${code}\n})`;

const [clientNodePackage, clientNodePart] = ["@kubernetes/client-node", "client-node.js"];

/** client-node is ten times as large as a plugin, and the same in all of them: a part of its own, made once. */
const clientNodeApart: Plugin = {
  name: "client-node-apart",
  setup({ onResolve }) {
    onResolve({ filter: new RegExp(`^${clientNodePackage}$`) }, ({ kind }) =>
      kind === "dynamic-import" ? { path: `./${clientNodePart}`, external: true } : undefined,
    );
  },
};

let clientNodeMade: Promise<Bundle> | undefined;
const clientNode = (): Promise<Bundle> => {
  clientNodeMade ??= makeClientNode();
  return clientNodeMade;
};

const makeClientNode = async (): Promise<Bundle> => {
  const { outputFiles, metafile } = await build({
    ...common,
    stdin: { contents: `export * from "${clientNodePackage}";`, resolveDir: import.meta.dirname },
    format: "cjs",
    charset: "ascii",
    define: { "import.meta.url": "__url" },
    supported,
  });
  const parts = outputFiles.map(({ text }) => [clientNodePart, wrapped(text)] as const);
  return { parts: new Map(parts), packages: packagesOf(metafile) };
};

const packagesOf = ({ outputs }: Metafile): readonly string[] => {
  const files = Object.values(outputs).flatMap(({ inputs }) => Object.entries(inputs));
  const packages = files
    .filter(([, { bytesInOutput }]) => bytesInOutput > 0)
    .flatMap(([file]) => /^.*\bnode_modules\/(@[^/]+\/)?[^/]+/.exec(file)?.[0] ?? []);
  return [...new Set(packages)].sort();
};
