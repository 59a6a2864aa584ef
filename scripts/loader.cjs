// The main script of an executable: runs the program's parts ("assets") from compiled code, and of Node's modules loads
// what is used. Plain CommonJS, because it is embedded as it stands (scripts/build.ts).
"use strict";
const vm = require("node:vm");
const { pathToFileURL } = require("node:url");

// Modules that take milliseconds to load and are plain objects: loaded at first use, so that `--version` is not charged
// for TLS.
const heavy = new Set(
  ["child_process", "crypto", "dns", "http", "http2", "https", "net", "readline", "tls", "zlib"].flatMap((name) => [
    name,
    `node:${name}`,
  ]),
);

// That they are no ES modules is asked of them when they are imported, which is no use yet.
const atFirstUse = (id) => new Proxy({}, { get: (_, key) => (key === "__esModule" ? undefined : require(id)[key]) });

/**
 * Starts the program. `read(name)` gives an asset's bytes or undefined; `compiled(name, script, size)` is told of each
 * script.
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

// The current folder may be gone, and packages ask for it while they load.
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
