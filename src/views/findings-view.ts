/** Findings and refusals, as a person reads them. */
import type { Finding } from "../mesh/finding.ts";
import { safe } from "../mesh/safe.ts";
import { shellWord } from "../upgrade/commands.ts";

const severities = ["blocker", "unknown", "warning", "note"] as const satisfies readonly Finding["severity"][];

/** Findings, worst first, each with the object, what is wrong and `→ remedy`. Empty text without any. */
export const findingsView = (findings: readonly Finding[]): string =>
  severities
    .flatMap((severity) => findings.filter((finding) => finding.severity === severity))
    .map(line)
    .join("");

/**
 * The findings, and at the end the command with the flags that accept what can be accepted by naming it, where that is
 * enough to go on:
 * `command` is what was typed, with `kubectl` in front.
 */
export function refusalView(findings: readonly Finding[], command: string): string {
  const accepted = acceptingCommand(findings, command);
  const rest = findings.filter((finding) => finding.severity === "blocker" && finding.accept === undefined).length;
  const last =
    accepted === undefined
      ? ""
      : `\n${rest === 0 ? "to accept this and go on:" : `to accept the rest, once ${rest === 1 ? "what cannot be accepted is" : `the ${rest} that cannot be accepted are`} mended:`}\n  ${accepted}\n`;
  return `${findingsView(findings)}${last}`;
}

/** The command with a flag for each blocker that naming accepts; undefined where there is none such. */
export function acceptingCommand(findings: readonly Finding[], command: string): string | undefined {
  const accepts = findings.flatMap(({ severity, accept }) =>
    severity === "blocker" && accept !== undefined ? [`${accept.flag} ${shellWord(accept.value)}`] : [],
  );
  return accepts.length === 0 ? undefined : [command, ...new Set(accepts)].join(" ");
}

const line = ({ severity, check, object, message, remedy }: Finding): string =>
  `${severity}: ${safe(object)}: ${safe(message)} [${safe(check)}]\n${remedy === undefined ? "" : `  → ${safe(remedy)}\n`}`;
