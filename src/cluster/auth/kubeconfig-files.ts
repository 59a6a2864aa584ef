/** Finds, reads and merges the kubeconfig files. */
import { closeSync, fstatSync, openSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, dirname, isAbsolute, join, resolve, sep } from "node:path";
import { boolYaml11Tag, CORE_SCHEMA, load, mergeTag } from "js-yaml";
import { ClusterError } from "../cluster-error.ts";
import { printable } from "../printable.ts";
import type { ClusterEntry, ContextEntry, ExecEntry, Kubeconfig, UserEntry } from "./kubeconfig.ts";
import { type Fields, readFields } from "./kubeconfig-fields.ts";

const sizeLimit = 10 * 1024 * 1024;

/**
 * Reads and merges what `--kubeconfig` (`explicit`) or else KUBECONFIG or else `~/.kube/config` name. An entry is
 * taken whole from the first file that has it; missing files are skipped, but an explicit one is an error. Throws
 * `ClusterError` (config) that names the file and the field.
 */
export function loadKubeconfig(explicit: string | undefined, env: NodeJS.ProcessEnv): Kubeconfig {
  const files = explicit
    ? [explicit]
    : env.KUBECONFIG
      ? [...new Set(env.KUBECONFIG.split(delimiter))].filter(Boolean)
      : [join(env.HOME || homedir(), ".kube", "config")];
  const read = files.flatMap((file) => readKubeconfig(file, file === explicit) ?? []);
  const merged = <T>(pick: (one: Kubeconfig) => ReadonlyMap<string, T>): ReadonlyMap<string, T> =>
    new Map(read.toReversed().flatMap((one) => [...pick(one)]));
  return {
    files,
    currentContext: read.find((one) => one.currentContext !== undefined)?.currentContext,
    contexts: merged((one) => one.contexts),
    clusters: merged((one) => one.clusters),
    users: merged((one) => one.users),
  };
}

function readKubeconfig(file: string, required: boolean): Kubeconfig | undefined {
  const content = readSmallFile(file, required);
  if (content === undefined) return undefined;
  let document: unknown;
  try {
    document = isBlank(content) ? {} : load(content, { schema, json: true });
  } catch (cause) {
    // The parser's message quotes the lines around the fault, which may hold a token.
    const line = (cause as { mark?: { line?: number } }).mark?.line;
    throw new ClusterError(
      `kubeconfig ${printable(file)} is not YAML${line === undefined ? "" : ` (line ${line + 1})`}`,
      {
        reason: "config",
        hint: "Check it with `kubectl config view`.",
      },
    );
  }
  const fields = readFields(document, `kubeconfig ${file}`);
  const kind = fields.text("kind");
  const apiVersion = fields.text("apiVersion");
  if ((kind !== undefined && kind !== "Config") || (apiVersion !== undefined && apiVersion !== "v1")) {
    throw new ClusterError(
      `kubeconfig ${printable(file)} is a ${printable(`${apiVersion ?? ""} ${kind ?? ""}`)}, not a v1 Config`,
      {
        reason: "config",
      },
    );
  }
  const folder = dirname(resolve(file));
  return {
    files: [file],
    currentContext: fields.text("current-context"),
    contexts: named(fields, "contexts", "context", readContext),
    clusters: named(fields, "clusters", "cluster", (entry) => readCluster(entry, folder)),
    users: named(fields, "users", "user", (entry) => readUser(entry, folder)),
  };
}

/** Only white space and comments, which are no document in YAML. */
function isBlank(content: string): boolean {
  return content.split("\n").every((line) => /^\s*(#|$)/.test(line));
}

// What client-go reads is YAML 1.1 on its way to JSON: `yes` is true, `<<` merges, dates are text.
const schema = CORE_SCHEMA.withTags(boolYaml11Tag, mergeTag);

const unreadable: ReadonlyMap<string, string> = new Map([
  ["ENOENT", "there is no such file"],
  ["EISDIR", "it is a folder"],
  ["EACCES", "permission denied"],
]);

function readSmallFile(file: string, required: boolean): string | undefined {
  let handle: number | undefined;
  try {
    handle = openSync(file, "r");
    if (fstatSync(handle).size > sizeLimit)
      throw new ClusterError(`kubeconfig ${printable(file)} is larger than 10 MiB`, { reason: "config" });
    return readFileSync(handle, "utf8");
  } catch (cause) {
    if (cause instanceof ClusterError) throw cause;
    const { code } = cause as NodeJS.ErrnoException;
    if (code === "ENOENT" && !required) return undefined;
    throw new ClusterError(`cannot read kubeconfig ${printable(file)}: ${unreadable.get(code ?? "") ?? code}`, {
      reason: "config",
      hint: "Check --kubeconfig and the KUBECONFIG variable.",
    });
  } finally {
    if (handle !== undefined) closeSync(handle);
  }
}

function named<T>(fields: Fields, list: string, key: string, read: (entry: Fields) => T): ReadonlyMap<string, T> {
  const found = new Map<string, T>();
  for (const item of fields.list(list)) {
    const name = item.text("name") ?? "";
    if (found.has(name))
      throw new ClusterError(`${printable(fields.where)} has two ${list} named "${printable(name)}"`, {
        reason: "config",
      });
    found.set(name, read(item.fields(key) ?? readFields({}, item.where)));
  }
  return found;
}

function readContext(entry: Fields): ContextEntry {
  return { cluster: entry.text("cluster"), user: entry.text("user"), namespace: entry.text("namespace") };
}

function readCluster(entry: Fields, folder: string): ClusterEntry {
  const extension = entry.list("extensions").find((item) => item.text("name") === "client.authentication.k8s.io/exec");
  return {
    server: entry.text("server"),
    tlsServerName: entry.text("tls-server-name"),
    insecure: entry.flag("insecure-skip-tls-verify"),
    caFile: absolute(entry.text("certificate-authority"), folder),
    caData: entry.data("certificate-authority-data"),
    proxyUrl: entry.text("proxy-url"),
    disableCompression: entry.flag("disable-compression"),
    execConfig: extension?.raw("extension"),
  };
}

function readUser(entry: Fields, folder: string): UserEntry {
  const extra = entry.fields("as-user-extra");
  const provider = entry.fields("auth-provider");
  const config = provider?.fields("config");
  const exec = entry.fields("exec");
  return {
    certificateFile: absolute(entry.text("client-certificate"), folder),
    certificateData: entry.data("client-certificate-data"),
    keyFile: absolute(entry.text("client-key"), folder),
    keyData: entry.data("client-key-data"),
    token: entry.text("token"),
    tokenFile: absolute(entry.text("tokenFile"), folder),
    username: entry.text("username"),
    password: entry.text("password"),
    as: entry.text("as"),
    asUid: entry.text("as-uid"),
    asGroups: entry.texts("as-groups"),
    asExtra: new Map(extra?.keys().map((key) => [key, extra.texts(key)])),
    exec: exec && readExec(exec, folder),
    authProvider: provider && {
      name: provider.text("name") ?? "",
      config: new Map(config?.keys().map((key) => [key, config.text(key) ?? ""])),
    },
  };
}

function readExec(entry: Fields, folder: string): ExecEntry {
  const command = entry.text("command");
  const apiVersion = entry.text("apiVersion");
  return {
    apiVersion,
    // A bare name is looked up on the PATH; anything with a separator lies beside the kubeconfig.
    command: command?.includes(sep) ? absolute(command, folder) : command,
    args: entry.texts("args"),
    env: entry.list("env").map((item) => [item.text("name") ?? "", item.text("value") ?? ""] as const),
    installHint: entry.text("installHint"),
    provideClusterInfo: entry.flag("provideClusterInfo"),
    interactiveMode:
      entry.text("interactiveMode") ??
      (apiVersion === "client.authentication.k8s.io/v1beta1" ? "IfAvailable" : undefined),
  };
}

function absolute(path: string | undefined, folder: string): string | undefined {
  return path === undefined || isAbsolute(path) ? path : join(folder, path);
}
