// node warm.cjs FOLDER ARGUMENT…: runs the program of FOLDER with these arguments as the executable would, and leaves
// beside each of its parts the code that V8 has compiled by then, on top of what earlier runs left. Only functions that
// ran are in it, so one run a command.
"use strict";
const fs = require("node:fs");
const path = require("node:path");
const v8 = require("node:v8");
const { start } = require("./loader.cjs");

const [folder, ...argv] = process.argv.slice(2);
const scripts = new Map();
const read = (name) => {
  // The flag is part of what V8 checks a cache against: as the executable has it whenever something is compiled or
  // written.
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
  if (script.cachedDataRejected) throw new Error(`${name}: V8 does not take the code it wrote`);
  scripts.set(name, script);
  // What ran once stays compiled until it is written down.
  v8.setFlagsFromString("--no-flush-bytecode");
});
