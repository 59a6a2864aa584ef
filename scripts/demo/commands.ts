/** Runs a plugin with kubectl if there is one, else its executable. */
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { executableName } from "../plugins.ts";

/** How plugins are run on this machine. */
export interface Caller {
  /** One sentence that says which of the two it is. */
  readonly says: string;
  /** Program and arguments of `["mesh-migrate", "-n", "a", …]`. */
  command(words: readonly [string, ...string[]]): readonly [string, ...string[]];
}

/** `path` has the form of the variable PATH. */
export function callerOn(path: string): Caller {
  const kubectl = path
    .split(delimiter)
    .map((folder) => join(folder, "kubectl"))
    .find(canRun);
  if (kubectl) return { says: `${kubectl} finds the plugins on PATH.`, command: (words) => ["kubectl", ...words] };
  return {
    says: "There is no kubectl on PATH: the plugins run without it, as it would call them.",
    command: ([plugin, ...rest]) => [executableName(plugin), ...rest],
  };
}

const canRun = (file: string): boolean => {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
};
