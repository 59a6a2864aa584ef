// node warm.cjs FOLDER ARGUMENT…: runs the program of FOLDER with these arguments, as the executable would. At the end
// it writes, beside each part, the code that V8 has compiled, together with that of earlier runs. The code contains
// only functions that ran, so each command needs a run.
"use strict";
const fs = require("node:fs");
const path = require("node:path");
const v8 = require("node:v8");
const { start } = require("./loader.cjs");

const [folder, ...argv] = process.argv.slice(2);
const scripts = new Map();
const read = (name) => {
  // V8 checks a code cache against this flag: it must be as in the executable whenever code is compiled or written.
  v8.setFlagsFromString("--flush-bytecode");
  const file = path.join(folder, name);
  return fs.existsSync(file) ? fs.readFileSync(file) : undefined;
};
const keep = () => {
  v8.setFlagsFromString("--flush-bytecode");
  for (const [name, script] of scripts) fs.writeFileSync(path.join(folder, `${name}.cache`), script.createCachedData());
};
process.on("exit", keep);
process.argv = [process.argv[0], process.argv[0], ...argv];
start(read, "main.js", (name, script) => {
  if (script.cachedDataRejected) throw new Error(`${name}: V8 does not accept the code that it wrote`);
  scripts.set(name, script);
  // Keeps compiled functions until they are written.
  v8.setFlagsFromString("--no-flush-bytecode");
});
