/**
 * The real programs: what each is built from, where the built ones are kept, and how missing ones are built.
 *
 * They are built from Go modules pinned by `go/<folder>/go.mod` and `go.sum`, into a folder outside the repository
 * named by the checksum of all that goes into the build. What is there already is used as it is, without a call of
 * `go`.
 */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { withLock } from "./lock.ts";
import { type Program, programs } from "./program-list.ts";

/** Everything that can be built. */
export const programNames: readonly string[] = [...programs.keys()];

/**
 * Makes sure that the named programs are there, building those that are not, one after the other.
 * Throws where a name is unknown, `go` is missing or a build fails.
 */
export async function ensureBuilt(names: readonly string[], report: (line: string) => void = () => {}): Promise<void> {
  for (const name of names) {
    const target = folderOf(name);
    if (fs.existsSync(target)) continue;
    fs.mkdirSync(path.dirname(target), { recursive: true });
    await withLock(`${target}.lock`, async () => {
      if (!fs.existsSync(target)) await build(name, target, report);
    });
  }
}

/** Path of a built program's file: `fileOf("kubernetes", "bin/kubectl")`, `fileOf("kwok", "crds")`. Build it first. */
export function fileOf(name: string, file: string): string {
  return path.join(folderOf(name), file);
}

function programNamed(name: string): Program {
  const program = programs.get(name);
  if (program === undefined) throw new Error(`no program is called "${name}"; there are ${programNames.join(", ")}`);
  return program;
}

const goFolder = path.join(import.meta.dirname, "..", "go");

function folderOf(name: string): string {
  const program = programNamed(name);
  const source = path.join(goFolder, program.folder);
  const hash = createHash("sha256").update(JSON.stringify([program, process.platform, process.arch]));
  for (const file of fs.readdirSync(source).sort()) hash.update(file).update(fs.readFileSync(path.join(source, file)));
  return cached(name, hash.digest("hex"));
}

/** Where something built is kept, outside the repository: by its name and the checksum of all that goes into it. */
export function cached(name: string, checksum: string): string {
  const cache = process.env.XDG_CACHE_HOME ?? path.join(os.homedir(), ".cache");
  return path.join(cache, "kubectl-mesh", `${name}-${checksum.slice(0, 12)}`);
}

async function build(name: string, target: string, report: (line: string) => void): Promise<void> {
  const program = programNamed(name);
  const started = performance.now();
  report(`building ${name} from Go modules`);
  const draft = `${target}.${process.pid}`;
  fs.mkdirSync(path.join(draft, "bin"), { recursive: true });
  try {
    const output = `${path.join(draft, "bin")}${path.sep}${program.packages[0] === "." ? name : ""}`;
    if (program.packages.length > 0) {
      await go(program.folder, [
        "build",
        "-buildvcs=false",
        "-trimpath",
        "-o",
        output,
        "-ldflags",
        program.ldflags,
        ...(program.tags === undefined ? [] : ["-tags", program.tags]),
        ...program.packages,
      ]);
    }
    for (const [folder, from] of Object.entries(program.files ?? {})) {
      const module = JSON.parse(
        await go(program.folder, ["mod", "download", "-json", await pinned(program.folder, from.module)]),
      ) as {
        Dir: string;
      };
      copyWritable(path.join(module.Dir, from.path), path.join(draft, folder));
    }
    fs.renameSync(draft, target);
  } finally {
    fs.rmSync(draft, { recursive: true, force: true });
  }
  report(`built ${name} in ${Math.round((performance.now() - started) / 1000)} s`);
}

async function pinned(folder: string, module: string): Promise<string> {
  return (await go(folder, ["list", "-m", module])).trim().replace(" ", "@");
}

function copyWritable(from: string, to: string): void {
  fs.mkdirSync(to, { recursive: true });
  for (const entry of fs.readdirSync(from, { withFileTypes: true })) {
    const [source, copy] = [path.join(from, entry.name), path.join(to, entry.name)];
    if (entry.isDirectory()) copyWritable(source, copy);
    else fs.writeFileSync(copy, fs.readFileSync(source));
  }
}

function go(folder: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn("go", args, {
      cwd: path.join(goFolder, folder),
      env: { ...process.env, CGO_ENABLED: "0", GOWORK: "off" },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let [stdout, stderr] = ["", ""];
    child.stdout.on("data", (chunk) => {
      stdout += chunk;
    });
    child.stderr.on("data", (chunk) => {
      stderr = (stderr + chunk).slice(-8000);
    });
    child.on("error", (error: NodeJS.ErrnoException) =>
      reject(
        error.code === "ENOENT"
          ? new Error(
              "the real mesh is built with Go, and there is no `go` on the PATH; install Go 1.26 or newer (https://go.dev/dl)",
            )
          : error,
      ),
    );
    child.on("close", (code) =>
      code === 0 ? resolve(stdout) : reject(new Error(`go ${args[0]} in test/real/go/${folder} failed:\n${stderr}`)),
    );
  });
}
