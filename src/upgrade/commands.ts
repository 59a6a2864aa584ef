/** The commands that a result proposes to a person: one that continues, and those that roll back. */

import type { ObjectRef } from "../mesh/model.ts";
import { askingPatch, type RestartWay } from "../mesh/operators/restart-way.ts";
import { labelEntries, type RevisionLabels } from "../mesh/revision-labels.ts";
import type { MigrationRequest } from "./plan/migration-request.ts";
import type { RollbackRequest } from "./rollback/rollback-request.ts";

/** What a rollback of one namespace restores: its labels, and the workloads that have pods on the target. */
export interface GoBack {
  readonly namespace: string;
  readonly labels: RevisionLabels;
  readonly restart: readonly (ObjectRef & { readonly way?: RestartWay | undefined })[];
}

/**
 * The command that rolls these namespaces back, or this tag with everything behind it. `flags`: those of the user for the connection and for the mesh
 * (`["--context", "prod", "--istio-namespace", "mesh"]`). `undefined` without a namespace.
 */
export const goBackCommand = (
  namespaces: readonly string[],
  flags: readonly string[],
  tag?: string,
): string | undefined =>
  namespaces.length === 0 && tag === undefined
    ? undefined
    : ["kubectl", "mesh-rollback", ...flags, ...(tag === undefined ? ["-n", namespaces.join(",")] : ["--tag", tag])]
        .map(shellWord)
        .join(" ");

/**
 * The same with kubectl alone, for a machine without the plugin: all labels first, then the restarts, as one line for a POSIX shell. `flags`
 * are the connection flags of the user (`["--context", "prod"]`). `undefined` when there is nothing to roll back.
 * `kubectl rollout restart` does not support Argo Rollouts: the command sets their `spec.restartAt` to the time of its
 * run. An operator is asked as the suite asks it.
 */
export const goBackKubectlCommand = (namespaces: readonly GoBack[], flags: readonly string[]): string | undefined => {
  const kubectl = ["kubectl", ...flags.map(shellWord)].join(" ");
  const commands = [
    ...namespaces.map(
      ({ namespace, labels }) =>
        `${kubectl} label namespace ${shellWord(namespace)} ${labelArguments(labels)} --overwrite`,
    ),
    ...namespaces.flatMap(({ namespace, restart }) =>
      restartCommands(`${kubectl} -n ${shellWord(namespace)}`, restart),
    ),
  ];
  return commands.length === 0 ? undefined : commands.join(" && ");
};

const labelArguments = (labels: RevisionLabels): string =>
  labelEntries(labels)
    .map(([key, value]) => (value === null ? `${key}-` : shellWord(`${key}=${value}`)))
    .join(" ");

const restartCommands = (kubectl: string, restarted: GoBack["restart"]): readonly string[] => {
  const refs = restarted.filter(({ way }) => way === undefined);
  const ways = new Map(restarted.flatMap(({ way }) => (way ? [[way.uid, way]] : [])));
  const words = refs
    .filter((ref) => ref.kind !== "Rollout")
    .map((ref) => shellWord(`${ref.kind.toLowerCase()}/${ref.name}`));
  const now = `'{"spec":{"restartAt":"'"$(date -u +%Y-%m-%dT%H:%M:%SZ)"'"}}'`;
  return [
    ...(words.length === 0 ? [] : [`${kubectl} rollout restart ${words.join(" ")}`]),
    ...refs
      .filter((ref) => ref.kind === "Rollout")
      .map((ref) => `${kubectl} patch rollouts.argoproj.io ${shellWord(ref.name)} --type merge -p ${now}`),
    ...[...ways.values()].map((way) => `${kubectl} patch ${askCommand(way)}`),
  ];
};

/** The stamp is the time at which the command is run. */
const askCommand = ({ by, uid, resource: { plural, group }, object }: RestartWay): string => {
  const [before = "", after = ""] = JSON.stringify(askingPatch(by, uid, "STAMP")).split('"STAMP"');
  const patch = `${shellWord(`${before}"`)}"$(date -u +%Y-%m-%dT%H:%M:%SZ)"${shellWord(`"${after}`)}`;
  return `${plural}.${group} ${shellWord(object.name)} --type merge -p ${patch}`;
};

/**
 * The command that continues a migration: the same request again, with `extra` flags (e.g. those that a refusal
 * proposes). It makes a new plan from the mesh as it is then.
 */
export const goOnCommand = (
  request: MigrationRequest,
  flags: readonly string[],
  extra: readonly string[] = [],
): string => {
  const words = [
    "kubectl",
    "mesh-migrate",
    ...flags,
    ...(request.tag !== undefined
      ? ["--tag", request.tag]
      : request.namespaces === "all"
        ? ["-A"]
        : ["-n", request.namespaces.join(",")]),
    "--to",
    request.to,
    ...(request.from === undefined ? [] : ["--from", request.from]),
    ...(request.selector === undefined ? [] : ["-l", request.selector]),
    ...(request.outdated ? ["--outdated"] : []),
    ...repeated("--leave", request.leave),
    ...repeated("--allow-downtime", request.allowDowntime),
    ...repeated("--restart-owned", request.restartOwned),
    ...repeated("--ends-by-itself", request.endsByItself),
    ...repeated("--skip-check", request.skipCheck),
    ...repeated(
      "--set-label",
      Object.entries(request.setLabels ?? {}).map(([key, value]) => `${key}=${value}`),
    ),
    ...proofWords(request),
    ...extra,
  ];
  return words.map(shellWord).join(" ");
};

/** The command that goes on with a rollback: the same request again. It makes a new plan from the mesh as it is then. */
export const rollbackCommand = (
  request: RollbackRequest,
  flags: readonly string[],
  extra: readonly string[] = [],
): string => {
  const { namespaces, tag, run, toBefore, pin, leave, allowDowntime, endsByItself } = request;
  const words = [
    "kubectl",
    "mesh-rollback",
    ...flags,
    ...(tag !== undefined
      ? ["--tag", tag]
      : namespaces !== "all"
        ? ["-n", namespaces.join(",")]
        : run === undefined
          ? ["-A"]
          : []),
    ...(run === undefined ? [] : ["--run", run]),
    ...(toBefore === undefined ? [] : ["--to-before", toBefore]),
    ...(pin ? ["--pin"] : []),
    ...repeated("--leave", leave),
    ...repeated("--allow-downtime", allowDowntime),
    ...proofWords(request),
    ...repeated("--ends-by-itself", endsByItself),
    ...extra,
  ];
  return words.map(shellWord).join(" ");
};

const repeated = (flag: string, values: readonly string[]): readonly string[] =>
  values.flatMap((value) => [flag, value]);

/** The flag that takes the weaker proof, where it was given. */
export const proofWords = ({ proof }: Pick<MigrationRequest, "proof">): readonly string[] =>
  proof === undefined ? [] : ["--proof", proof];

/** A text as one word of a POSIX shell, quoted where necessary. */
export const shellWord = (text: string): string =>
  /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
