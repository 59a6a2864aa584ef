// The main script of an executable: runs the program's parts ("assets") from compiled code, and loads Node's modules at
// their first use. Plain CommonJS, because it is embedded unchanged (scripts/build.ts).
"use strict";
const vm = require("node:vm");
const { pathToFileURL } = require("node:url");

// Modules that take milliseconds to load and are plain objects. They are loaded at first use, so that `--version` does
// not load TLS.
const heavy = new Set(
  ["child_process", "crypto", "dns", "http", "http2", "https", "net", "readline", "tls", "zlib"].flatMap((name) => [
    name,
    `node:${name}`,
  ]),
);

// An import asks them whether they are ES modules; this does not count as a use.
const atFirstUse = (id) => new Proxy({}, { get: (_, key) => (key === "__esModule" ? undefined : require(id)[key]) });

/**
 * Starts the program. `read(name)` returns an asset's bytes or undefined; `compiled(name, script, size)` is called for
 * each script.
 */
const start = (read, entry, compiled) => {
  const loaded = new Map();
  const load = (id) => {
    if (heavy.has(id)) return atFirstUse(id);
    if (!id.startsWith("./")) return require(id);
    const name = id.slice(2);
    const known = loaded.get(name);
    if (known) return known.exports;
    const module = { exports: {} };
    loaded.set(name, module);
    // Latin-1 without a copy into UTF-16: the bundles are ASCII.
    const source = read(name).latin1Slice();
    const script = new vm.Script(source, { filename: name, cachedData: read(`${name}.cache`) });
    compiled(name, script, source.length);
    script.runInThisContext()(module.exports, load, module, __filename, __dirname, pathToFileURL(__filename).href);
    return module.exports;
  };
  load(`./${entry}`);
};

// The current folder may be deleted, and packages read it while they load.
const { cwd } = process;
process.cwd = () => {
  try {
    return cwd();
  } catch {
    return "/";
  }
};

const { isSea, getRawAsset, getAssetKeys } = require("node:sea");
if (isSea()) {
  const keys = new Set(getAssetKeys());
  const read = (name) => (keys.has(name) ? Buffer.from(getRawAsset(name)) : undefined);
  // For the tests of the executables: what was loaded, and whether from compiled code.
  const lists = process.env.KUBECTL_MESH_LOADED === "yes";
  const tell = (text) => process._rawDebug(text);
  if (lists)
    process.on("exit", () =>
      tell(process.moduleLoadList.filter((name) => heavy.has(name.replace("NativeModule ", ""))).join("\n")),
    );
  start(
    read,
    "main.js",
    lists ? (name, script, size) => tell(`${name} rejected=${script.cachedDataRejected} size=${size}`) : () => {},
  );
} else module.exports = { start };
