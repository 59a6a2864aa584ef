/** What a check is: a record; and the four ways in which it speaks. */

import type { Finding } from "../../mesh/finding.ts";
import type { ObjectRef } from "../../mesh/model.ts";
import { refArgument } from "../../mesh/object-ref.ts";
import type { Facts } from "../plan/moves.ts";

export interface Check {
  /** Kebab-case; stands in each of its findings, and `--skip-check` takes it where a finding proposes it. */
  readonly id: string;
  /** What is so when nothing is found. */
  readonly title: string;
  readonly run: (facts: Facts) => readonly Finding[];
}

type Accept = Finding["accept"];
type Speak = (check: string, object: string, message: string, remedy?: string, accept?: Accept) => Finding;

const speak =
  (severity: Finding["severity"]): Speak =>
  (check, object, message, remedy, accept) => ({ check, severity, object, message, remedy, accept });

export const blocker = speak("blocker");
export const unknown = speak("unknown");
export const warning = speak("warning");
export const note = speak("note");

/** Accepts that the object stays as it is. */
export const leave = (ref: ObjectRef): Accept => ({ flag: "--leave", value: refArgument(ref) });

/** Accepts that the object is down for a while. */
export const allowDowntime = (ref: ObjectRef): Accept => ({ flag: "--allow-downtime", value: refArgument(ref) });

/** Accepts whatever the check finds. */
export const skipCheck = (id: string): Accept => ({ flag: "--skip-check", value: id });
