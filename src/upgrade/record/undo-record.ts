/** The undo record of a namespace, and the commands that go back and on: text in, text out. */
import type { ObjectRef } from "../../mesh/model.ts";
import type { FromRevision, MigrationRequest, RevisionLabels, Target, UndoRecord } from "../plan/plan.ts";

export interface Malformed {
  readonly malformed: string;
}

/** The record as it stands in the annotation. */
export const undoText = (record: UndoRecord): string => JSON.stringify(record);

/**
 * Reads the annotation's text; a text that is no whole record of this form says what is wrong with it. Unknown fields
 * are ignored.
 */
export const parseUndoRecord = (text: string): UndoRecord | Malformed => {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { malformed: "it is not JSON" };
  }
  const record = fields(value);
  if (record.version !== 1) {
    return {
      malformed:
        typeof record.version === "number"
          ? `it is of form ${record.version}, and this release knows form 1`
          : "it has no version",
    };
  }
  const { run, stamp, namespaceUid, state } = record;
  const target = targetOf(fields(record.target));
  const before = labelsOf(fields(record.before));
  const from = fromOf(fields(record.from));
  if (!isText(run) || !isText(stamp) || !isText(namespaceUid))
    return { malformed: "its run, stamp or namespaceUid is missing" };
  if (state !== "open" && state !== "done") return { malformed: "its state is neither open nor done" };
  if (!target || !before || !from)
    return { malformed: `its ${!target ? "target" : !before ? "before" : "from"} is incomplete` };
  return { version: 1, run, target, stamp, namespaceUid, before, from, state };
};

export const isMalformed = (record: UndoRecord | Malformed): record is Malformed => "malformed" in record;

const fields = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};

const isText = (value: unknown): value is string => typeof value === "string" && value !== "";

const targetOf = ({ label, revision, tag }: Readonly<Record<string, unknown>>): Target | undefined =>
  isText(label) && isText(revision) && (tag === undefined || isText(tag)) ? { label, revision, tag } : undefined;

const fromOf = ({ revision, deploymentUid }: Readonly<Record<string, unknown>>): FromRevision | undefined =>
  isText(revision) && (deploymentUid === undefined || isText(deploymentUid)) ? { revision, deploymentUid } : undefined;

/** Both labels have to be there: `null` is absent, and a missing field is a damaged record. */
const labelsOf = (value: Readonly<Record<string, unknown>>): RevisionLabels | undefined => {
  const { "istio-injection": injection, "istio.io/rev": revision } = value;
  const isLabel = (label: unknown): label is string | null => label === null || typeof label === "string";
  return isLabel(injection) && isLabel(revision)
    ? { "istio-injection": injection, "istio.io/rev": revision }
    : undefined;
};

/** What to put back in one namespace: its labels, and the workloads that have pods on the target. */
export interface GoBack {
  readonly namespace: string;
  readonly labels: RevisionLabels;
  readonly restart: readonly ObjectRef[];
}

/**
 * The command that puts namespaces back: all labels first, then the restarts, as a line for a POSIX shell. `flags` are
 * the connection flags as they were given (`["--context", "prod"]`). `undefined` when there is nothing to put back.
 * Argo Rollouts have no `kubectl rollout restart`; their `spec.restartAt` is set to the time at which the command is
 * run.
 */
export const goBackCommand = (namespaces: readonly GoBack[], flags: readonly string[]): string | undefined => {
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
  (["istio-injection", "istio.io/rev"] as const)
    .map((key) => (labels[key] === null ? `${key}-` : shellWord(`${key}=${labels[key]}`)))
    .join(" ");

const restartCommands = (kubectl: string, refs: readonly ObjectRef[]): readonly string[] => {
  const words = refs
    .filter((ref) => ref.kind !== "Rollout")
    .map((ref) => shellWord(`${ref.kind.toLowerCase()}/${ref.name}`));
  const now = `'{"spec":{"restartAt":"'"$(date -u +%Y-%m-%dT%H:%M:%SZ)"'"}}'`;
  return [
    ...(words.length === 0 ? [] : [`${kubectl} rollout restart ${words.join(" ")}`]),
    ...refs
      .filter((ref) => ref.kind === "Rollout")
      .map((ref) => `${kubectl} patch rollouts.argoproj.io ${shellWord(ref.name)} --type merge -p ${now}`),
  ];
};

/**
 * The command that plans again from today's mesh and goes on: the same request, with `extra` flags (e.g. what a refusal
 * proposes) added.
 */
export const goOnCommand = (
  request: MigrationRequest,
  flags: readonly string[],
  extra: readonly string[] = [],
): string => {
  const repeated = (flag: string, values: readonly string[]): readonly string[] =>
    values.flatMap((value) => [flag, value]);
  const words = [
    "kubectl",
    "mesh-migrate",
    ...flags,
    ...(request.namespaces === "all" ? ["-A"] : ["-n", request.namespaces.join(",")]),
    "--to",
    request.to,
    ...(request.from === undefined ? [] : ["--from", request.from]),
    ...(request.selector === undefined ? [] : ["-l", request.selector]),
    ...repeated("--leave", request.leave),
    ...repeated("--allow-downtime", request.allowDowntime),
    ...repeated("--skip-check", request.skipCheck),
    ...extra,
  ];
  return words.map(shellWord).join(" ");
};

/** One word of a POSIX shell, quoted where it needs to be. */
export const shellWord = (text: string): string =>
  /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
