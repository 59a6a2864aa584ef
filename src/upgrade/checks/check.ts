/** What a check is, and how it says what it finds. */
import type { Finding } from "../../mesh/finding.ts";
import type { ObjectRef } from "../../mesh/model.ts";
import { refArgument } from "../../mesh/object-ref.ts";

export type Severity = Finding["severity"];

type Accept = NonNullable<Finding["accept"]>;

/** What is known of a check without running it: lists, documentation and `--skip-check` are made of these records. */
export interface CheckRecord {
  /** Kebab-case and stable: each finding carries it, and `--skip-check` takes it where a finding offers that. */
  readonly id: string;
  /** What holds when the check finds nothing. */
  readonly title: string;
  /** The gravest severity of its findings. */
  readonly severity: Severity;
  /** What it is about; its page of the documentation. */
  readonly category:
    | "request"
    | "versions"
    | "control-planes"
    | "target"
    | "injection"
    | "namespaces"
    | "gateways"
    | "workloads"
    | "availability"
    | "node-agents"
    | "ownership"
    | "unmoved"
    | "rollback"
    | "cleanup";
  /** The flags that accept its findings; absent: nothing accepts them. */
  readonly accepts?: readonly Accept["flag"][];
}

/** `F`: the facts that it judges, gathered before. */
export interface Check<F> extends CheckRecord {
  readonly run: (facts: F) => readonly Observation[];
}

/** What a check says of one object: a finding without the id, which the engine adds. */
export interface Observation extends Omit<Finding, "check" | "accept"> {
  /** `--skip-check`, or `--skip` of a check that only a preflight runs: with the id of the check. */
  readonly accept: Accept | "--skip-check" | "--skip" | undefined;
}

/** The section of the documentation that explains a check, as a path in this repository. */
export const pageOf = ({ id, category }: CheckRecord): string => `docs/checks/${category}.md#${id}`;

/** The finding of a check: what it says, with its id. */
export const observe = (
  { id }: Pick<CheckRecord, "id">,
  { severity, object, message, remedy, accept }: Observation,
): Finding => ({
  check: id,
  severity,
  object,
  message,
  remedy,
  accept: typeof accept === "string" ? { flag: accept, value: id } : accept,
});

/** Of a check whose severity it is: on which object, what is wrong, how to fix it, and the flag that accepts it. */
const maker =
  (severity: Severity) =>
  (object: string, message: string, remedy?: string, accept?: Observation["accept"]): Observation => ({
    severity,
    object,
    message,
    remedy,
    accept,
  });

/** What is refused: exit code 3. */
export const blocker = maker("blocker");
/** Severity `unknown`: evidence is missing, exit code 5. */
export const cannotTell = maker("unknown");
/** What may go wrong and stops nothing. */
export const warning = maker("warning");
/** What is good to know. */
export const note = maker("note");

/** Accepts that the object stays as it is. */
export const leave = (ref: ObjectRef): Accept => ({ flag: "--leave", value: refArgument(ref) });

/** Accepts that the operator to which the object belongs may take its restart back. */
export const restartOwned = (ref: ObjectRef): Accept => ({ flag: "--restart-owned", value: refArgument(ref) });

/** Accepts that the object is down for a while. */
export const allowDowntime = (ref: ObjectRef): Accept => ({ flag: "--allow-downtime", value: refArgument(ref) });
