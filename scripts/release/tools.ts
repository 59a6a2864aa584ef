/** The programs that a release needs. */
import { spawnSync } from "node:child_process";

/** The Debian package of each command. */
const packages: ReadonlyMap<string, string> = new Map([
  ["llvm-strip", "llvm"],
  ["patchelf", "patchelf"],
  ["osslsigncode", "osslsigncode"],
]);

/** Runs a program and returns its output. Throws if it is missing or fails. */
export const tool = (command: string, argv: readonly string[]): string => {
  const { status, stdout, stderr, error } = spawnSync(command, argv, { encoding: "utf8" });
  if (error && "code" in error && error.code === "ENOENT")
    throw new Error(`${command} is missing: apt-get install ${packages.get(command) ?? command}`);
  if (error) throw error;
  if (status !== 0) throw new Error(`${command} ${argv.join(" ")} failed:\n${stderr}${stdout}`);
  return stdout;
};

/** Whether the machine has a command. */
export const hasTool = (command: string): boolean =>
  spawnSync(command, ["--version"], { stdio: "ignore" }).error === undefined;
